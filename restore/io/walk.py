"""What a person names (files, folders, patterns) becomes a list of pictures."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from restore.errors import ConfigError, ImageError
from restore.io.address import is_address
from restore.io.formats import PHOTO_SUFFIXES
from restore.io.naming import OwnOutputs
from restore.io.remote import Remote

SYSTEM_FOLDERS: Final = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN"})
"""Folders that systems put among the photos: shadow files and thumbnails."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file, and its place below what was named, which an output folder mirrors."""

    path: Path
    place: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which files of a folder are taken."""

    own_outputs: OwnOutputs
    recursive: bool = True
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    output: Path | None = None
    """A folder that is not read again when it lies inside the one being read."""

    def takes(self, place: Path) -> bool:
        """By ``include`` and ``exclude``: patterns for the name or the place in the folder, in either case."""
        names = (place.name.lower(), place.as_posix().lower())
        wanted = not self.include or any(fnmatchcase(name, p.lower()) for p in self.include for name in names)
        return wanted and not any(fnmatchcase(name, p.lower()) for p in self.exclude for name in names)


def is_folder(path: Path) -> bool:
    """Like Path.is_dir, but False where we may not look or the name is impossible."""
    try:
        return path.is_dir()
    except OSError:
        return False


def resolved(path: Path) -> Path:
    """Like Path.resolve, but a link that leads to itself stays what it is: it will be said when it is read."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):
        return path.absolute()


def check_exists(path: Path) -> None:
    """ImageError when there is nothing under this name, or we may not look."""
    try:
        if path.exists():
            return
    except OSError as fault:
        raise ImageError(
            f"{path}: cannot be reached ({fault.strerror or fault}); check the name and permissions"
        ) from fault
    if isinstance(path, Remote):
        raise ImageError(f"{path}: there is no such file or folder, or nobody answers there; check the address")
    raise ImageError(f"{path}: there is no such file or folder; check the name")


def is_pattern(word: str) -> bool:
    """The word is no existing file and holds *, ? or [."""
    if is_address(word):
        if "*" in word:
            raise ConfigError(
                f"{word}: addresses hold no patterns; name the folder, and give --include with the pattern"
            )
        return False
    return glob.has_magic(word) and not os.path.lexists(word)


def matches(pattern: str, chosen: Filter) -> tuple[list[Found], list[Path]]:
    """Pictures and ignored files under a pattern; folders it matches are walked. ImageError when nothing matches."""
    root = _fixed_part(pattern)
    paths = [Path(name) for name in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207 - passes by hidden folders
    if not paths:
        raise ImageError(f"{pattern}: no file matches; check the pattern and the folder")
    if "**" in Path(pattern).parts:
        paths = [path for path in paths if not is_folder(path)]  # their files match by themselves
    found: list[Found] = []
    ignored: list[Path] = []
    for path in paths:
        place = path.relative_to(root)
        if SYSTEM_FOLDERS.intersection(place.parts) or _inside_output(path, root, chosen):
            continue
        if is_folder(path):
            inner, rest = walk(path, chosen)
            found += [Found(item.path, place / item.place) for item in inner]
            ignored += rest
        elif _is_source(path, {other.name for other in paths if other.parent == path.parent}, place, chosen):
            found.append(Found(path, place))
        else:
            ignored.append(path)
    return found, ignored


def _inside_output(path: Path, root: Path, chosen: Filter) -> bool:
    output = chosen.output.resolve() if chosen.output else None
    return output is not None and output != root.resolve() and output in resolved(path).parents


def _fixed_part(pattern: str) -> Path:
    parts = Path(pattern).parts
    magic = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:magic])


def walk(folder: Path, chosen: Filter) -> tuple[list[Found], list[Path]]:
    """Pictures and ignored files of a folder, sorted; ImageError names a folder that cannot be opened."""
    found, ignored = [], []
    for path, siblings in (_remote_files if isinstance(folder, Remote) else _files)(folder, chosen):
        place = path.relative_to(folder)
        if not chosen.takes(place):
            continue
        if _is_source(path, siblings, place, chosen):
            found.append(Found(path, place))
        else:
            ignored.append(path)
    return found, ignored


def _is_source(path: Path, siblings: set[str], place: Path, chosen: Filter) -> bool:
    return (
        path.suffix.lower() in PHOTO_SUFFIXES
        and not path.name.startswith(".")
        and not chosen.own_outputs.holds(path.name, siblings - {path.name})
        and chosen.takes(place)
        and not _is_no_file(path)
    )


def _is_no_file(path: Path) -> bool:
    """Whether it is a pipe or a device, which might be waited for without end."""
    if isinstance(path, Remote):
        return False
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:  # it will be said when it is read
        return False


def _files(folder: Path, chosen: Filter) -> Iterator[tuple[Path, set[str]]]:
    def refuse(fault: OSError) -> None:
        where = fault.filename or folder
        raise ImageError(
            f"{where}: this folder cannot be opened ({fault.strerror or fault}); change its permissions, "
            "or leave it out with --exclude"
        ) from fault

    output = chosen.output.resolve() if chosen.output else None
    for parent, folders, names in os.walk(folder, onerror=refuse):
        here = Path(parent)
        folders[:] = sorted(
            name
            for name in folders
            if chosen.recursive
            and not name.startswith(".")
            and name not in SYSTEM_FOLDERS
            and (here / name).resolve() != output
            and not _left_out((here / name).relative_to(folder), chosen)
        )
        visible = {name for name in names if not name.startswith(".")}
        for name in sorted(visible):
            yield here / name, visible


def _remote_files(folder: Path, chosen: Filter) -> Iterator[tuple[Path, set[str]]]:
    """The same of a folder in a bucket or on a server: all names come in one listing."""
    assert isinstance(folder, Remote)
    try:
        places = [Path(place) for place in folder.look_through()]
    except OSError as fault:
        raise ImageError(
            f"{folder}: this folder cannot be looked into ({fault.strerror}); check the address"
        ) from fault
    visible: dict[Path, set[str]] = {}
    for place in places:
        if not place.name.startswith("."):
            visible.setdefault(place.parent, set()).add(place.name)
    entered = {parent for parent in visible if _is_entered(folder, parent, chosen)}
    for place in sorted(places, key=lambda place: (place.parent.parts, place.name)):
        if place.parent in entered and place.name in visible[place.parent]:
            yield folder / place, visible[place.parent]


def _is_entered(folder: Remote, parent: Path, chosen: Filter) -> bool:
    """Whether files in ``folder / parent`` are looked at."""
    ways = [way for way in (parent, *parent.parents) if way.parts]
    hidden = any(way.name.startswith(".") or way.name in SYSTEM_FOLDERS or _left_out(way, chosen) for way in ways)
    return not hidden and (chosen.recursive or not ways) and chosen.output not in [folder / way for way in ways]


def _left_out(place: Path, chosen: Filter) -> bool:
    return bool(chosen.exclude) and not Filter(own_outputs=chosen.own_outputs, exclude=chosen.exclude).takes(place)
