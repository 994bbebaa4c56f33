"""A Photo goes into a file whole or not at all."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from restore.errors import ConfigError, ImageError, OutputError
from restore.io.encode import Recipe, encode, encode_into, plan_encoding
from restore.io.formats import FORMATS, format_named, format_of, writable
from restore.io.mapped import nameless_file
from restore.io.metadata import stripped
from restore.io.photo import Photo, Strip
from restore.io.read import photo_size
from restore.io.remote import Remote
from restore.io.whole import give_usual_permissions, write_whole
from restore.room import in_file

Sealed = Callable[[int, str], None]
"""Is told the bytes of a file and their SHA-256 in hexadecimal."""

STRIPS: Final = ("none", "gps", "all")
_PART_BYTES: Final = 1 << 24
"""A large file is handed on in such parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """What a person asked for; None keeps to the source."""

    format: str | None = None
    """A word like jpg, png, tiff; None: by the file name, else like the source."""
    quality: int | None = None
    """1..100 for lossy formats; None: like the source, from 85 to 95."""
    depth: int | None = None
    """8 or 16 bits per channel."""
    strip: Strip = "none"
    overwrite: bool = False
    sidecar: bool = False
    """Whether the recipe is to lie beside the result too, see :mod:`restore.io.sidecar`."""

    def __post_init__(self) -> None:
        if self.format is not None:
            format_named(self.format)
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise ConfigError(f"--quality must be 1 to 100, got {self.quality}")
        if self.depth not in (None, 8, 16):
            raise ConfigError(f"--depth must be 8 or 16, got {self.depth}")
        if self.strip not in STRIPS:
            raise ConfigError(f"--strip must be one of {', '.join(STRIPS)}, got {self.strip!r}")


def _chosen_format(photo: Photo, options: WriteOptions, path: Path | None = None) -> str:
    """The option, else what the file name promises, else the source's format where that can hold the photo."""
    asked = format_named(options.format) if options.format else None
    if path is None:
        return asked or writable(photo.format, alpha=photo.alpha is not None)
    named = format_of(path)
    if named is None or named not in FORMATS:
        raise ConfigError(f"{path}: no picture can be written under this suffix; end the name with .jpg, .png or .tif")
    if asked and asked != named:
        suffix = FORMATS[asked].suffixes[0]
        raise ConfigError(f"{path}: the name says {named}, the option says {asked}; name it {path.stem}{suffix}")
    return named


def _recipe(photo: Photo, options: WriteOptions, path: Path | None = None) -> Recipe:
    return plan_encoding(photo, _chosen_format(photo, options, path), depth=options.depth, quality=options.quality)


def encode_photo(photo: Photo, options: WriteOptions) -> tuple[bytes, str]:
    """The bytes of a whole file, and the format really used.

    Without a format asked for, it is the source's; PNG where that cannot hold the photo (a GIF, or transparency for
    a JPEG). Transparency that goes into a JPEG by request is laid on white. Colours return into the photo's profile,
    which is embedded. ConfigError: an option does not fit the format. ImageError: too many pixels for it.
    """
    ready = stripped(photo, options.strip)
    recipe = _recipe(ready, options)
    return encode(ready, recipe), recipe.format


def output_notes(photo: Photo, options: WriteOptions, path: Path | None = None) -> tuple[str, ...]:
    """What a file written with these options (and under this name) cannot hold, in words."""
    return _recipe(stripped(photo, options.strip), options, path).notes


def suffix_for(photo_format: str, path: Path, options: WriteOptions, alpha: bool) -> str:
    """The suffix of the result of the source ``path``: its own while the format stays, so .JPG stays .JPG.

    >>> suffix_for("JPEG", Path("a.JPG"), WriteOptions(), False), suffix_for("GIF", Path("a.gif"), WriteOptions(), True)
    ('.JPG', '.png')
    """
    chosen = format_named(options.format) if options.format else writable(photo_format, alpha=alpha)
    return path.suffix if format_of(path) == chosen else FORMATS[chosen].suffixes[0]


def write_photo(photo: Photo, path: Path, options: WriteOptions, *, sealed: Sealed | None = None) -> None:
    """Write ``photo`` under ``path``, whose folders are made.

    The file appears only when it is complete and has been opened again: it is built under a hidden name beside its
    target and renamed; ``sealed`` is called in between, when the file is whole on the disk. OutputError: it exists and
    ``overwrite`` is off. ImageError: no room, no permission, or what was written cannot be read back.
    """
    _refuse_to_overwrite(path, overwrite=options.overwrite)
    ready = stripped(photo, options.strip)
    recipe, size = _recipe(ready, options, path), (photo.height, photo.width)
    if not in_file(ready.pixels.data_ptr()):
        _write_whole([encode(ready, recipe)], path, size, overwrite=options.overwrite, sealed=sealed)
        return
    with _faults_named(path), nameless_file() as file:
        encode_into(file, ready, recipe)
        file.seek(0)
        _write_whole(iter(partial(file.read, _PART_BYTES), b""), path, size, overwrite=options.overwrite, sealed=sealed)


def keeps_bytes(photo: Photo, path: Path | None, options: WriteOptions) -> bool:
    """Whether the file of an unchanged photo is what these options (and this name) ask for, to the byte.

    >>> import torch
    >>> photo = Photo(pixels=torch.zeros(3, 1, 1), alpha=None, gray=False, depth=8, format="JPEG", mode="RGB")
    >>> keeps_bytes(photo, Path("a.jpg"), WriteOptions()), keeps_bytes(photo, Path("a.png"), WriteOptions())
    (True, False)
    """
    as_asked = options.quality is None and options.depth in (None, photo.depth) and options.strip == "none"
    return as_asked and _chosen_format(photo, options, path) == photo.format


def write_copy(
    source: Path | bytes, path: Path, size: tuple[int, int], *, overwrite: bool, sealed: Sealed | None = None
) -> None:
    """The file ``source``, or its bytes, under another name, whole or not at all; the rest as for :func:`write_photo`.

    ``size`` is the picture's (height, width). ImageError also when ``source`` cannot be read any more.
    """
    _refuse_to_overwrite(path, overwrite=overwrite)
    data = _bytes_again(source) if isinstance(source, Path) else source
    _write_whole([data], path, size, overwrite=overwrite, sealed=sealed)


def _bytes_again(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as fault:
        raise ImageError(f"{source}: it could be read before and cannot be now; is it still there?") from fault


def _write_whole(
    parts: Iterable[bytes], path: Path, size: tuple[int, int], *, overwrite: bool, sealed: Sealed | None
) -> None:
    """Bytes of a picture of ``size`` = (height, width) under ``path``, whole or not at all."""
    digest, count = hashlib.sha256(), 0

    def told() -> Iterator[bytes]:
        nonlocal count
        for part in parts:
            if sealed is not None:
                digest.update(part)
            count += len(part)
            yield part

    def ready(written: Path | bytes) -> None:
        if photo_size(written) != size:
            raise ImageError(f"{path}: what was written cannot be read back; check the disk and try again")
        if sealed is not None:
            sealed(count, digest.hexdigest())
        _refuse_to_overwrite(path, overwrite=overwrite)  # it may have come while we were at work

    with _faults_named(path):
        if isinstance(path, Remote):
            path.forget()
            data = b"".join(told())
            ready(data)
            path.put(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, told(), ready)


def place_file(
    built: Path,
    path: Path,
    *,
    overwrite: bool,
    written: tuple[int, str] | None = None,
    sealed: Sealed | None = None,
) -> None:
    """Give a file that was ``built`` beside ``path`` by somebody else its name; the rest as for :func:`write_photo`.

    ``written`` are its bytes and their SHA-256, which ``sealed`` is told.
    """
    with _faults_named(path):
        if isinstance(path, Remote):
            path.forget()
    _refuse_to_overwrite(path, overwrite=overwrite)
    if sealed is not None and written is not None:
        sealed(*written)
    with _faults_named(path):
        if isinstance(path, Remote):
            assert isinstance(built, Remote)
            built.place(path)
            return
        if path.exists():
            give_usual_permissions(built, path)
        built.replace(path)


def exists_already(path: Path) -> OutputError:
    """The refusal to overwrite."""
    return OutputError(f"{path}: this file exists already; add --overwrite to replace it, or choose another name")


def _refuse_to_overwrite(path: Path, *, overwrite: bool) -> None:
    with _faults_named(path):  # asking fails where a network disk went away
        there = path.exists()
    if there and not overwrite:
        raise exists_already(path)


@contextmanager
def _faults_named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise _unwritable(path, fault) from fault


def _unwritable(path: Path, fault: OSError) -> ImageError:
    match fault.errno:
        case _ if isinstance(path, Remote):
            cure = f"{fault.strerror or fault}; check the address, the rights and the connection"
        case errno.ENOSPC | errno.EDQUOT:
            cure = "the disk is full; make room there or choose another folder with -o"
        case errno.EROFS:
            cure = "the disk is read-only; choose another folder with -o"
        case errno.EACCES | errno.EPERM:
            cure = "writing is not permitted there; choose another folder with -o"
        case errno.ENAMETOOLONG:
            cure = "the name is too long; choose a shorter one with -o"
        case errno.ENOTDIR | errno.EEXIST:
            cure = "a part of its folder is a file; choose another folder with -o"
        case _:
            cure = f"{fault.strerror or fault}; check the disk or choose another folder with -o"
    return ImageError(f"{path}: cannot be written: {cure}")
