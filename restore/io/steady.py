"""Files that others may be writing to: what state they are in, and reading them only if they hold still."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from restore.errors import ImageError
from restore.io.photo import Photo
from restore.io.read import DEFAULT_MAX_MEGAPIXELS, read_photo, unreadable


@dataclass(frozen=True, slots=True)
class FileState:
    """Size and time of the last change: two files that agree in both are taken for the same."""

    size: int
    """Bytes."""
    mtime_ns: int
    """Nanoseconds since 1970."""


def state_of(path: Path) -> FileState | None:
    """The state of a file; None where there is none, or it cannot be asked."""
    try:
        facts = path.stat()
    except (OSError, ValueError):  # ValueError: a zero character in the name
        return None
    return FileState(facts.st_size, facts.st_mtime_ns)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits; ImageError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise unreadable(path, fault) from fault


def read_steady(path: Path, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> Photo:
    """Read a photo with its hash as :func:`read_photo` does, but refuse one that was changed meanwhile.

    Such a file is still being copied or saved: it may well open, with half of its picture missing. ImageError.
    """
    before = state_of(path)
    try:
        photo = read_photo(path, max_megapixels=max_megapixels, hashed=True)
    except ImageError as error:
        if before is None or state_of(path) == before:
            raise
        raise _changed(path) from error
    if state_of(path) != before:
        raise _changed(path)
    return photo


def _changed(path: Path) -> ImageError:
    return ImageError(f"{path}: it was changed or taken away while it was read; run again once it is complete")
