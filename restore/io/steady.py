"""Files that others may be writing to: what state they are in, and reading them only if they hold still."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from restore.errors import ImageError
from restore.io.decoded import unreadable
from restore.io.photo import Photo
from restore.io.read import DEFAULT_MAX_MEGAPIXELS, read_photo
from restore.io.remote import Remote


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


def read_steady(
    path: Path, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS, read: Callable[..., Photo] | None = None
) -> Photo:
    """Read a photo with its hash as ``read`` does (:func:`read_photo`), but refuse one that was changed meanwhile.

    Such a file is still being copied or saved: it may well open, with half of its picture missing. ImageError.
    """
    if isinstance(path, Remote):
        return _read_remote(path, read or read_photo, max_megapixels)
    before = state_of(path)
    try:
        photo = (read or read_photo)(path, max_megapixels=max_megapixels, hashed=True)
    except ImageError as error:
        if before is None or state_of(path) == before:
            raise
        raise _changed(path) from error
    if state_of(path) != before:
        raise _changed(path)
    return photo


def _read_remote(path: Remote, read: Callable[..., Photo], max_megapixels: float) -> Photo:
    """The same of a file in a bucket or on a server: what one request brings is one version, whoever writes there."""
    try:
        data = path.read_bytes()
    except OSError as fault:
        raise unreadable(path, fault) from fault
    try:
        return replace(read(data, max_megapixels=max_megapixels, hashed=True), name=path.name)
    except ImageError as error:
        raise ImageError(str(error).replace("<bytes>", str(path))) from error


def _changed(path: Path) -> ImageError:
    return ImageError(f"{path}: it was changed or taken away while it was read; run again once it is complete")
