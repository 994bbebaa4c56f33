"""A picture file becomes a Photo, or an ImageError that says what is wrong with it and what to do."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Final

from restore.errors import ConfigError, ImageError
from restore.io.alpha import bleed
from restore.io.decode import DECODE_FAULTS, check_size, decode, open_header, quiet, tiff_bits
from restore.io.metadata import Metadata, header_orientation, metadata_of
from restore.io.photo import Photo
from restore.io.profile import rendering_of
from restore.io.quality import Compression, compression_of
from restore.io.raster import Raster, into_house
from restore.io.recipe import recipe_of

DEFAULT_MAX_MEGAPIXELS: Final = 200.0


def read_photo(
    source: Path | str | bytes, *, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS, hashed: bool = False
) -> Photo:
    """Read the first picture of a file (a path, or its bytes); ``hashed`` notes the SHA-256 of these bytes.

    ImageError: the file is missing, a folder, empty, damaged, no picture, or has more than ``max_megapixels``
    million pixels, which guards against files that unpack to more than the memory holds.
    """
    if not max_megapixels > 0 or math.isnan(max_megapixels):
        raise ConfigError(f"--max-megapixels must be positive, got {max_megapixels:g}")
    path = None if isinstance(source, bytes) else Path(source)
    where = "<bytes>" if path is None else str(path)
    data = source if isinstance(source, bytes) else _bytes_of(Path(source))
    with open_header(io.BytesIO(data), where) as image:
        check_size(image, max_megapixels, where)
        mode, notes = image.mode, _frame_notes(data, where)
        raster = decode(image, data, where)
        if raster.depth == 16 and raster.layout != "L":
            mode = raster.layout  # Pillow has no name for it
        elif raster.layout == "CMYK" and tiff_bits(image) == 16:
            notes = (*notes, "16-bit CMYK is read with 8 bits per channel")
        metadata = metadata_of(image, data)
        compression = compression_of(image, data)
        icc = image.info.get("icc_profile")
    photo = photo_of(raster, metadata, icc, compression=compression, mode=mode, name=_name(path))
    before = recipe_of(photo)
    return replace(
        photo,
        notes=(*notes, *photo.notes, *([f"restored before ({before.words})"] if before else [])),
        sha256=hashlib.sha256(data).hexdigest() if hashed else None,
    )


def _name(path: Path | None) -> str:
    return "<bytes>" if path is None else path.name


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


def photo_of(
    raster: Raster, metadata: Metadata, icc: object, *, compression: Compression, mode: str, name: str
) -> Photo:
    """Stored numbers and metadata as a Photo: upright, in sRGB, colour bled under what is transparent."""
    rendering = rendering_of(icc if isinstance(icc, bytes) else None, raster.family, raster.depth)
    pixels, alpha = into_house(raster.turned(metadata.orientation), rendering)
    if alpha is not None:
        pixels = bleed(pixels, alpha)
    return Photo(
        pixels=pixels,
        alpha=alpha,
        gray=raster.family == "gray",
        depth=raster.depth,
        format=compression.format,
        mode=mode,
        quality=compression.quality,
        subsampling=compression.subsampling,
        lossless=compression.lossless,
        icc=rendering.icc,
        exif=metadata.exif,
        xmp=metadata.xmp,
        dpi=metadata.dpi,
        notes=(*metadata.notes, *((rendering.note,) if rendering.note else ())),
        name=name,
    )


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


def photo_size(path: Path) -> tuple[int, int]:
    """(height, width) of the upright picture, from the header only; ImageError when there is none."""
    try:
        with path.open("rb") as stream, open_header(stream, str(path)) as image:
            width, height = image.size
            turned = header_orientation(image) >= 5
    except OSError as fault:
        raise unreadable(path, fault) from fault
    return (width, height) if turned else (height, width)
