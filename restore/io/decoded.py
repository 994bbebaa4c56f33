"""From a file to its numbers and all it tells, up to where torch is needed: what a process of its own can do."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path

from restore.errors import ConfigError, ImageError
from restore.io.decode import DECODE_FAULTS, check_size, decode, open_header, quiet, tiff_bits
from restore.io.engine import plain
from restore.io.mapped import Planes, in_memory
from restore.io.metadata import Metadata, metadata_of
from restore.io.quality import Compression, compression_of
from restore.io.stored import Family, Raster


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """One picture, decoded: numbers as they are stored, but for colours that only the colour engine understands."""

    raster: Raster
    """Not yet turned. Never CMYK, see :func:`restore.io.engine.plain`."""
    family: Family
    """What the colours were in the file."""
    metadata: Metadata
    compression: Compression
    mode: str
    """Pillow's name of the channels in the file."""
    icc: bytes | None
    name: str
    notes: tuple[str, ...] = ()
    sha256: str | None = None
    """Of the file's bytes, if it was asked for."""


def decode_file(
    source: Path | bytes, *, max_megapixels: float, hashed: bool = False, planes: Planes = in_memory
) -> Decoded:
    """Decode the first picture of a file (a path, or its bytes); ``hashed`` notes the SHA-256 of these bytes.

    ``planes`` makes room for the numbers of large ones, see :mod:`restore.io.mapped`.

    ImageError as of :func:`restore.io.read.read_photo`.
    """
    if not max_megapixels > 0 or math.isnan(max_megapixels):
        raise ConfigError(f"--max-megapixels must be positive, got {max_megapixels:g}")
    path = None if isinstance(source, bytes) else source
    where = "<bytes>" if path is None else str(path)
    data = source if isinstance(source, bytes) else _bytes_of(source)
    with open_header(io.BytesIO(data), where) as image:
        check_size(image, max_megapixels, where)
        mode, notes = image.mode, _frame_notes(data, where)
        raster = decode(image, data, where, planes)
        if raster.depth == 16 and raster.layout != "L":
            mode = raster.layout  # Pillow has no name for it
        elif raster.layout == "CMYK" and tiff_bits(image) == 16:
            notes = (*notes, "16-bit CMYK is read with 8 bits per channel")
        metadata = metadata_of(image, data)
        compression = compression_of(image, data)
        icc = image.info.get("icc_profile")
        icc = icc if isinstance(icc, bytes) else None
        return Decoded(
            raster=plain(raster, icc, planes),
            family=raster.family,
            metadata=metadata,
            compression=compression,
            mode=mode,
            icc=icc,
            name="<bytes>" if path is None else path.name,
            notes=notes,
            sha256=hashlib.sha256(data).hexdigest() if hashed else None,
        )


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise unreadable(path, fault) from fault
    except ValueError as fault:  # a zero character in the name
        raise ImageError(f"{path!s}: no file can have this name ({fault})") from fault


def unreadable(path: Path, fault: OSError) -> ImageError:
    """What to tell a person when a file cannot be opened."""
    match fault:
        case FileNotFoundError() | NotADirectoryError():
            return ImageError(f"{path}: there is no such file; check the name and the folder")
        case IsADirectoryError():
            return ImageError(f"{path}: this is a folder, not a picture; name the pictures in it")
        case PermissionError():
            return ImageError(f"{path}: reading is not permitted; change its permissions or copy it elsewhere")
    return ImageError(f"{path}: cannot be read ({fault.strerror or fault}); check the disk or the connection")


def _frame_notes(data: bytes, name: str) -> tuple[str, ...]:
    """Counts on a header of its own: Pillow walks to the last frame, and a damaged one would be where it stays."""
    with open_header(io.BytesIO(data), name) as image:
        try:
            with quiet():
                frames = getattr(image, "n_frames", 1)
        except DECODE_FAULTS:
            return ()  # a fault in the first picture shows when it is decoded
        several = image.format in ("TIFF", "MPO", "HEIF")
    if frames <= 1:
        return ()
    if several:
        return (f"the file holds {frames} pictures: only the first is used",)
    return (f"animated: only the first of {frames} frames is used",)
