"""A picture file becomes a Photo, or an ImageError that says what is wrong with it and what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from restore.io.alpha import bleed
from restore.io.decoded import Decoded, decode_file
from restore.io.decoded import unreadable as unreadable  # noqa: PLC0414 - meant to be had from here, too
from restore.io.header import photo_size as photo_size  # noqa: PLC0414 - likewise
from restore.io.mapped import Planes, in_memory
from restore.io.photo import Photo
from restore.io.profile import rendering_of
from restore.io.raster import into_house
from restore.io.recipe import recipe_of
from restore.room import in_file, trim

DEFAULT_MAX_MEGAPIXELS: Final = 200.0


def read_photo(
    source: Path | str | bytes,
    *,
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
    hashed: bool = False,
    planes: Planes = in_memory,
) -> Photo:
    """Read the first picture of a file (a path, or its bytes); ``hashed`` notes the SHA-256 of these bytes.

    ``planes`` makes room for the pixels, see :mod:`restore.io.mapped`.

    ImageError: the file is missing, a folder, empty, damaged, no picture, or has more than ``max_megapixels``
    million pixels, which guards against files that unpack to more than the memory holds.
    """
    file = Path(source) if isinstance(source, str) else source
    decoded = decode_file(file, max_megapixels=max_megapixels, hashed=hashed, planes=planes)
    if in_file(decoded.raster.array.ctypes.data):
        trim()  # what the decoder took
    return photo_of_file(decoded, planes)


def photo_of_file(decoded: Decoded, planes: Planes = in_memory) -> Photo:
    """A decoded file as a Photo that notes how it was restored before; shares no memory with what was decoded."""
    photo = photo_of(decoded, planes)
    before = recipe_of(photo)
    return replace(photo, notes=(*photo.notes, f"restored before ({before.words})")) if before else photo


def photo_of(decoded: Decoded, planes: Planes = in_memory) -> Photo:
    """Stored numbers and metadata as a Photo: upright, in sRGB, colour bled under what is transparent."""
    raster, metadata, compression = decoded.raster, decoded.metadata, decoded.compression
    rendering = rendering_of(decoded.icc, decoded.family, raster.depth)
    pixels, alpha = into_house(raster.turned(metadata.orientation), rendering, planes)
    if alpha is not None:
        pixels = bleed(pixels, alpha)
    return Photo(
        pixels=pixels,
        alpha=alpha,
        gray=raster.family == "gray",
        depth=raster.depth,
        format=compression.format,
        mode=decoded.mode,
        quality=compression.quality,
        subsampling=compression.subsampling,
        lossless=compression.lossless,
        icc=rendering.icc,
        exif=metadata.exif,
        xmp=metadata.xmp,
        dpi=metadata.dpi,
        notes=(*decoded.notes, *metadata.notes, *((rendering.note,) if rendering.note else ())),
        sha256=decoded.sha256,
        name=decoded.name,
    )
