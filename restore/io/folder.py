"""The plan of a run: which photo goes into which file, settled before the first one is opened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from restore.errors import ConfigError, OutputError
from restore.io.formats import FORMATS, PHOTO_SUFFIXES, format_named, format_of
from restore.io.naming import OwnOutputs, checked_template, suffix_of_result
from restore.io.remote import Remote, path_of
from restore.io.walk import Filter, Found, check_exists, is_folder, is_pattern, matches, resolved, walk
from restore.io.write import exists_already

__all__ = ["PHOTO_SUFFIXES", "Job", "Plan", "find_photos", "plan_jobs"]

_HOW_TO_PART: Final = "leave one out with --exclude, or do not ask for one --format"


@dataclass(frozen=True, slots=True)
class Job:
    """One photo and the file that its result goes into."""

    source: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run will do: ``jobs``; ``skipped`` ones whose target exists; files ``ignored`` in folders; and those that
    are ``clashing``, with the reason, where that does not end the run."""

    jobs: tuple[Job, ...]
    skipped: tuple[Job, ...] = ()
    ignored: tuple[Path, ...] = ()
    folder: Path | None = None
    """Of the results of a batch, where they go into one."""
    clashing: tuple[tuple[Job, str], ...] = ()


def plan_jobs(
    inputs: Sequence[str],
    *,
    output: str | None,
    what: str | Callable[[Path], str],
    template: str = "{stem}_{what}{ext}",
    format: str | None = None,  # noqa: A002 - the option's name
    recursive: bool = True,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    overwrite: bool = False,
    forgiving: bool = False,
) -> Plan:
    """Settle the target of every photo among ``inputs`` (files, folders and patterns).

    Without ``output`` results stand beside their sources, named by ``template`` with ``what``: a word such as x4, or
    what gives the word for a photo. ``output`` is a folder when it ends with a slash, is one, or several inputs are
    given: names stay and the tree is mirrored (below each folder's own name when several folders are given). Else it
    is the one target file.

    An existing target is an OutputError for a single file and skipped in a batch. Two photos with one target, and a
    target that is a source, are OutputErrors, unless ``forgiving``: all but the first of such photos are then clashing.
    So they are anyway where nobody has asked for a ``format`` and a photo that changes its suffix (a GIF becomes a PNG)
    meets one of its own folder: of a whole folder, that is one photo's trouble.
    ImageError: a missing file or a folder that cannot be opened.
    """
    if not inputs:
        raise ConfigError("no photo given; name files, folders or patterns")
    template = checked_template(template)
    batch = is_batch(inputs)
    folder = _output_folder(output, batch=batch)
    word_of = (lambda _: what) if isinstance(what, str) else what
    own_outputs = OwnOutputs(template, what if isinstance(what, str) else "x4")
    chosen = Filter(own_outputs=own_outputs, recursive=recursive, include=include, exclude=exclude, output=folder)
    found, ignored = _collect(inputs, chosen)
    if output is not None and folder is None:
        jobs = [Job(found[0].path, _target_file(output, format))]
    else:
        jobs = [Job(item.path, _target(item, folder, word_of, template, format)) for item in found]
    _refuse_the_web(jobs)
    twins = () if format or not batch else tuple(_collisions(jobs, twins=True))
    left = [job for job in jobs if all(job is not twin for twin, _ in twins)]
    clashing = (*twins, *_collisions(left), *_own_sources(left))
    if clashing[len(twins) :] and not forgiving:
        raise OutputError(clashing[len(twins)][1])
    clashes = {job.source for job, _ in clashing}
    jobs = [job for job in jobs if job.source not in clashes]
    taken = set() if overwrite else {job.source for job in jobs if _is_there(job.target)}
    if taken and not batch:
        raise exists_already(jobs[0].target)
    todo = tuple(job for job in jobs if job.source not in taken)
    skipped = tuple(job for job in jobs if job.source in taken)
    return Plan(todo, skipped, tuple(ignored), folder if batch else None, clashing)


def is_batch(inputs: Sequence[str]) -> bool:
    """Whether these (at least one) are more than the name of a single photo."""
    return len(inputs) > 1 or is_folder(path_of(inputs[0])) or is_pattern(inputs[0])


def find_photos(
    inputs: Sequence[str], *, recursive: bool = True, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Every photo among ``inputs`` (files, folders and patterns), results of earlier runs too, and files left alone.

    Raises ConfigError for no inputs, ImageError for a missing file or a folder that cannot be opened.
    """
    if not inputs:
        raise ConfigError("no photo given; name files, folders or patterns")
    every = OwnOutputs("{stem}{ext}", "")
    found, ignored = _collect(inputs, Filter(own_outputs=every, recursive=recursive, include=include, exclude=exclude))
    return tuple(item.path for item in found), tuple(ignored)


def _output_folder(output: str | None, *, batch: bool) -> Path | None:
    if output is None:
        return None
    path = path_of(output)
    if not (output.endswith(("/", os.sep)) or is_folder(path) or batch):
        return None
    if path.exists() and not is_folder(path):
        raise OutputError(f"{output}: this is a file; results of several photos need a folder: choose another with -o")
    if isinstance(path, Remote):
        try:
            path.look_through()
        except OSError as fault:
            raise OutputError(f"{path}: no results can go there ({fault.strerror}); check the address") from fault
    return path


def _target_file(output: str, wanted: str | None) -> Path:
    path, named = path_of(output), format_of(path_of(output))
    if named is None:
        raise OutputError(
            f"{output}: no such folder, and no picture's suffix; end it with / for a folder, or with .jpg"
        )
    if named not in FORMATS or (wanted and format_named(wanted) != named):
        suffix = FORMATS[format_named(wanted)].suffixes[0] if wanted else ".png"
        raise OutputError(f"{output}: the result is not written as {named}; name it {path.stem}{suffix}")
    return path


def _target(
    item: Found, folder: Path | None, word_of: Callable[[Path], str], template: str, wanted: str | None
) -> Path:
    suffix = suffix_of_result(item.path, wanted)
    if folder is not None:
        return folder / item.place.with_name(item.path.stem + suffix)
    return item.path.with_name(template.format(stem=item.path.stem, what=word_of(item.path), ext=suffix))


def _collect(inputs: Sequence[str], chosen: Filter) -> tuple[list[Found], list[Path]]:
    """All pictures once, in the order given; files named one by one are taken without question."""
    named = [path_of(word) for word in inputs]
    several_folders = sum(is_folder(path) for path in named) > 1
    found: list[Found] = []
    ignored: list[Path] = []
    for word, path in zip(inputs, named, strict=True):
        if is_folder(path):
            inner, rest = walk(path, chosen)
            root = Path(path.resolve().name) if several_folders else Path()
            found += [Found(item.path, root / item.place) for item in inner]
        elif is_pattern(word):
            inner, rest = matches(word, chosen)
            found += inner
        else:  # a shell may have made the list from a pattern: results of the others in it are no sources
            check_exists(path)
            rest = [path] if chosen.own_outputs.holds(path.name, _names_beside(path, named)) else []
            found += [] if rest else [Found(path, Path(path.name))]
        ignored += rest
    places = [resolved(item.path) for item in found]
    unique = dict(zip(reversed(places), reversed(found), strict=True))
    return [item for item, place in zip(found, places, strict=True) if unique[place] is item], ignored


def _names_beside(path: Path, named: Sequence[Path]) -> set[str]:
    return {other.name for other in named if other.parent == path.parent and other.name != path.name}


def _is_there(target: Path) -> bool:
    """Whether something has that name, be it a link that leads nowhere."""
    if not isinstance(target, Remote):
        return os.path.lexists(target)
    try:
        return target.exists()
    except OSError:
        return False  # it will be said when the result is written


def _refuse_the_web(jobs: Sequence[Job]) -> None:
    for job in jobs:
        if isinstance(job.target, Remote) and str(job.target).startswith(("http://", "https://")):
            raise OutputError(f"{job.source}: no result can be put beside a photo on the web; give -o FOLDER/")


def _collisions(jobs: Sequence[Job], *, twins: bool = False) -> Iterator[tuple[Job, str]]:
    """Photos whose result another one has; of ``twins``: those that would change their suffix and meet one of their
    folder, which need not come before them."""
    sources: dict[str, Path] = {}
    for job in sorted(jobs, key=_changes_suffix) if twins else jobs:
        key = os.path.normcase(job.target.absolute())
        other = sources.setdefault(key, job.source)
        if other is not job.source and (not twins or (_changes_suffix(job) and other.parent == job.source.parent)):
            yield (
                job,
                f"{other} and {job.source} would both become {job.target}; rename one, "
                + ("or leave it out with --exclude" if twins else _HOW_TO_PART),
            )


def _changes_suffix(job: Job) -> bool:
    return job.source.suffix != job.target.suffix


def _own_sources(jobs: Sequence[Job]) -> Iterator[tuple[Job, str]]:
    sources = {_identity(job.source): job.source for job in jobs}
    for job in jobs:
        there = _identity(job.target)
        source = sources.get(there) if there is not None else None
        if source is not None:
            yield (
                job,
                f"{job.target}: the result would replace the photo {source}; choose another name or folder with -o",
            )


def _identity(path: Path) -> tuple[int, int] | None:
    """The same for all names of one file: through links of either kind; None where there is none, or none any more."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_dev, facts.st_ino
