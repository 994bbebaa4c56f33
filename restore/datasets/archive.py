"""One tar shard of photos: opened, checked, and read in any order.

The format is webdataset's: a plain tar file, in which the files of one sample share their name up to the first dot.
``0001.jpg`` is a good photo; ``0001.hq.webp`` and ``0001.lq.png`` are a pair. Files that are no photos are passed over.
"""

from __future__ import annotations

import io
import tarfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Event, Lock
from typing import BinaryIO, Final

from restore.datasets.fetch import fetched
from restore.errors import ImageError, PairingError
from restore.io.decode import open_header
from restore.io.formats import PHOTO_SUFFIXES
from restore.io.metadata import header_orientation

_SHOWN: Final = 20
"""Problems listed by name in one message; more are counted."""


@dataclass(frozen=True, slots=True)
class Member:
    """Where one file lies in its shard, in bytes."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One training photo of a shard and, in a paired set, its damaged partner."""

    hq: Member
    lq: Member | None


class Shard:
    """An open shard; read from several threads at once. The file is closed when nobody holds the shard any more."""

    def __init__(self, name: str, file: BinaryIO, samples: Sequence[Sample], skipped: Sequence[str]) -> None:
        self.name: Final = name
        self.samples: Final = samples
        """The usable ones, at least one, in the order of the file."""
        self.skipped: Final = skipped
        """Photos that cannot be used, each with the reason."""
        self._file = file
        self._lock = Lock()
        weakref.finalize(self, file.close)

    @property
    def paired(self) -> bool:
        """Whether each photo has a damaged partner."""
        return self.samples[0].lq is not None

    def read(self, member: Member) -> bytes:
        """The bytes of one file."""
        with self._lock:
            self._file.seek(member.offset)
            return self._file.read(member.size)


def open_shard(name: str, *, scale: int, patch_px: int, stop: Event) -> Shard:
    """The shard at a path or URL, its table of contents read and the size of every photo looked at.

    Photos smaller than ``patch_px`` and unreadable ones are left out and told in ``Shard.skipped``. PairingError: this
    is no whole tar file, samples lack a partner, damaged photos are not 1/``scale`` the size of theirs, or nothing
    usable is left. ConfigError and TrainingError as fetch.fetched, which ``stop`` breaks off.
    """
    file = fetched(name, stop)
    try:
        usable, skipped = _sorted_out(name, file, _samples(name, _members(name, file)), scale, patch_px)
    except BaseException:
        file.close()
        raise
    return Shard(name, file, usable, skipped)


def _sorted_out(
    name: str, file: BinaryIO, samples: Sequence[Sample], scale: int, patch_px: int
) -> tuple[list[Sample], list[str]]:
    usable, skipped, problems = [], [], []
    for sample in samples:
        try:
            high = _size(name, file, sample.hq)
            low = high if sample.lq is None else _size(name, file, sample.lq)
        except ImageError as error:
            skipped.append(str(error))
            continue
        if min(high) < patch_px:
            side = f"{high[1]}x{high[0]} is smaller than the training patch of {patch_px} pixels"
            skipped.append(f"{name}/{sample.hq.name}: {side}")
        elif sample.lq is not None and (low[0] * scale, low[1] * scale) != high:
            problems.append(
                f"{sample.lq.name}: {low[1]}x{low[0]} times {scale} is {low[1] * scale}x{low[0] * scale}, "
                f"but its partner {sample.hq.name} has {high[1]}x{high[0]}"
            )
        else:
            usable.append(sample)
    _refuse(name, problems)
    if not usable:
        raise PairingError(f"{name}: none of its {len(samples)} photos can be used, for example {skipped[0]}")
    return usable, skipped


def _members(name: str, file: BinaryIO) -> list[tarfile.TarInfo]:
    """The table of contents; PairingError unless the tar file is whole up to its end mark."""
    again = "make or copy it anew"
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:") as archive:
            members = archive.getmembers()
    except tarfile.TarError as error:
        raise PairingError(f"{name}: not a plain tar file, or cut short ({error}); {again}") from error
    last = members[-1] if members else None
    end = last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE if last else 0
    file.seek(end)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # tarfile takes a torn header for the end
        after = last.name if last else "its start"
        raise PairingError(f"{name}: damaged or cut short after {after}; {again}")
    return [member for member in members if member.isfile()]


def _samples(name: str, members: Sequence[tarfile.TarInfo]) -> list[Sample]:
    groups: dict[str, dict[str, Member]] = {}
    problems = []
    for member in members:
        path = PurePosixPath(member.name)
        stem, _, suffixes = path.name.lower().partition(".")
        if not stem or path.suffix.lower() not in PHOTO_SUFFIXES:
            continue
        role = "lq" if suffixes.startswith("lq.") else "hq"
        group = groups.setdefault(str(path.with_name(path.name[: len(stem)])), {})
        if role in group:
            problems.append(f"{member.name}: a second photo of the sample that has {group[role].name}")
        group[role] = Member(member.name, member.offset_data, member.size)
    if not groups:
        raise PairingError(f"{name}: no photos in it (looked for {', '.join(sorted(PHOTO_SUFFIXES))})")
    paired = any("lq" in group for group in groups.values())
    for group in groups.values() if paired else ():
        if missing := {"hq", "lq"} - group.keys():
            (only,) = group.values()
            problems.append(f"{only.name}: no {missing.pop()} partner, as other samples have")
    _refuse(name, problems)
    return [Sample(group["hq"], group.get("lq")) for group in groups.values()]


def _size(name: str, file: BinaryIO, member: Member) -> tuple[int, int]:
    """(height, width) of the upright photo; ImageError when it is none."""
    file.seek(member.offset)
    with open_header(io.BytesIO(file.read(member.size)), f"{name}/{member.name}") as image:
        width, height = image.size
        return (width, height) if header_orientation(image) >= 5 else (height, width)


def _refuse(name: str, problems: list[str]) -> None:
    if problems:
        shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
        more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise PairingError(f"{name}: {count} to mend before training can go on:\n{shown}{more}")
