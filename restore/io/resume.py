"""What is left of a job: which photos are done and stay, which are done again, and what is not ours to replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from restore.errors import ConfigError, ImageError
from restore.io.folder import Job
from restore.io.journal import Journal, text_of
from restore.io.journal_rows import Record, Settings
from restore.io.remote import full_name
from restore.io.steady import FileState, sha256_of, state_of

EXISTS: Final = "exists; --overwrite replaces it"
NOT_OURS: Final = "was changed since it was written; --overwrite replaces it"
OTHER_SOURCE: Final = "was made from another photo of that name; --overwrite replaces it"
_SHOWN: Final = 8
"""Differences that are named; more are counted."""
_OWN: Final = ("version", "weights ")
"""How settings begin that may change though the options stay."""


@dataclass(slots=True)
class Left:
    """The photos of a plan, sorted."""

    todo: list[Job] = field(default_factory=list)
    before: list[Job] = field(default_factory=list)
    """Done before, and whole."""
    skipped: list[tuple[Job, str]] = field(default_factory=list)
    """Left alone, and why."""
    replaceable: set[Path] = field(default_factory=set)
    """Results of ours that are to be made anew, since their photos have changed."""


def sort_jobs(
    jobs: Sequence[Job],
    journal: Journal,
    settings: Settings,
    *,
    overwrite: bool,
    beside: Mapping[Path, Path] | None = None,
) -> Left:
    """Sort a plan by what the journal knows and what the disk holds.

    Done is what the journal calls done, made from the same bytes, and still on the disk as it was written. Sizes and
    times are compared first, hashes only where these differ. A result that somebody changed since is left alone unless
    ``overwrite``. ``beside`` names a picture that belongs to each result, if there are any: where it is missing, both
    are made anew. ConfigError when the journal has these photos from other settings: the difference is named.
    """
    records = journal.records()
    _refuse_other_settings(jobs, records, journal, settings)
    left = Left()
    for job in jobs:
        record, there = records.get(journal.key(job.target)), state_of(job.target)
        if there is None:
            left.todo.append(job)
        elif record is None or record.state not in ("done", "sealed") or record.living:
            _take(left, job, EXISTS, overwrite=overwrite or (record is not None and record.living))
        elif not _same(job.target, there, record.output, record.output_sha256):
            _take(left, job, EXISTS if record.state == "sealed" else NOT_OURS, overwrite=overwrite)
        else:
            _sort_written(left, job, record, there, journal, overwrite=overwrite)
    if beside:
        for job in [job for job in left.before if state_of(beside[job.target]) is None]:
            left.before.remove(job)
            left.todo.append(job)
            left.replaceable.add(job.target)
    return left


def _sort_written(left: Left, job: Job, record: Record, there: FileState, journal: Journal, *, overwrite: bool) -> None:
    """Of a result that is whole and ours: has its photo changed?"""
    found = state_of(job.source)
    if found is None or not _same(job.source, found, record.input, record.input_sha256):
        if record.source != text_of(full_name(job.source)) and not overwrite:
            left.skipped.append((job, OTHER_SOURCE))
            return
        left.todo.append(job)
        left.replaceable.add(job.target)
        return
    if record.state == "sealed" or (record.input, record.output) != (found, there):
        journal.adopt(job, found, there)
    left.before.append(job)


def _take(left: Left, job: Job, reason: str, *, overwrite: bool) -> None:
    if overwrite:
        left.todo.append(job)
    else:
        left.skipped.append((job, reason))


def _same(path: Path, now: FileState, then: FileState | None, sha256: str | None) -> bool:
    """Whether a file is what it was: by size and time, else by its bytes. One that cannot be read is not."""
    if then is None or now.size != then.size:
        return False
    if now == then:
        return True
    try:
        return sha256 is not None and sha256_of(path) == sha256
    except ImageError:
        return False


def _refuse_other_settings(
    jobs: Sequence[Job], records: Mapping[str, Record], journal: Journal, settings: Settings
) -> None:
    known = [record for job in jobs if (record := records.get(journal.key(job.target)))]
    for number in {record.settings for record in sorted(known, key=lambda record: record.at)}:
        then = journal.settings_of(number)
        if then != dict(settings):
            raise ConfigError(
                f"{journal.folder}: this job was begun with other settings, so it cannot be gone on with:\n"
                f"{difference(then, settings)}\n{_cure(then, settings)}"
            )


def _cure(then: Settings, now: Settings) -> str:
    """What to do about it. Where nobody has asked for anything else, restore itself has changed since."""
    rest = "leave out --resume: what exists is then skipped, or replaced with --overwrite"
    differing, version = _differing(then, now), then.get("version", "")
    updated = "version" in differing
    swapped = all(name in then and name in now for name in differing)  # else other weights were named
    if any(not name.startswith(_OWN) for name in differing) or not (updated or swapped):
        return f"give the old ones again, choose another folder with -o, or {rest}"
    what = "restore was updated" if updated else "weights were replaced"
    way = f'that version (pip install "restore-photos=={version}")' if updated else "the old weights in their place"
    return (
        f"your options are the same, but {what} since: finish the job with {way}, have all photos done anew in another "
        f"folder with -o, or {rest}, and the rest is done by what is installed now"
    )


def _differing(then: Settings, now: Settings) -> list[str]:
    return [name for name in sorted({*then, *now}) if then.get(name) != now.get(name)]


def difference(then: Settings, now: Settings) -> str:
    """What differs, a line each.

    >>> difference({"scale": "2", "noise": "5"}, {"scale": "4", "noise": "5"})
    '  scale: 2 -> 4'
    """
    names = _differing(then, now)
    lines = [f"  {name}: {then.get(name, 'not there')} -> {now.get(name, 'not there')}" for name in names[:_SHOWN]]
    more = len(names) - len(lines)
    return "\n".join([*lines, *([f"  and {more} more"] if more else [])])
