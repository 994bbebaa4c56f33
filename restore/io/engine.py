"""Conversions by the colour engine (LittleCMS), 8 bits a channel: for profiles that are tables, and for CMYK."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from restore.io.icc import needs_engine
from restore.io.mapped import Planes, in_memory
from restore.io.stored import Raster
from restore.room import let_go

Kind = Literal["lut", "cmyk"]
MODES = {"lut": "RGB", "cmyk": "CMYK"}
_BAND_PX = 1 << 20
"""About so many pixels are converted at once."""


@lru_cache(maxsize=8)
def _transform(icc: bytes, kind: Kind, into_srgb: bool) -> ImageCms.ImageCmsTransform:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
    if into_srgb:
        return ImageCms.buildTransform(profile, srgb, MODES[kind], "RGB", intent, flags)
    return ImageCms.buildTransform(srgb, profile, "RGB", MODES[kind], intent, flags)


def can_convert(icc: bytes, kind: Kind) -> bool:
    """The profile works in both directions."""
    try:
        _transform(icc, kind, True)
        _transform(icc, kind, False)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return False
    return True


def into_srgb(image: Image.Image, icc: bytes, kind: Kind) -> Image.Image:
    """An RGB picture in sRGB from one in the profile's colours."""
    converted = ImageCms.applyTransform(image, _transform(icc, kind, True))
    assert converted is not None  # None is for conversion in place only
    return converted


def from_srgb(image: Image.Image, icc: bytes, kind: Kind) -> Image.Image:
    """A picture in the profile's colours (RGB or CMYK) from an RGB one in sRGB."""
    converted = ImageCms.applyTransform(image, _transform(icc, kind, False))
    assert converted is not None
    return converted


def plain(raster: Raster, icc: bytes | None, planes: Planes = in_memory) -> Raster:
    """The numbers in sRGB where only the engine understands them (CMYK, 8-bit RGB by tables), else as they are.

    A CMYK picture without a usable profile is converted roughly.
    """
    kind: Kind = "cmyk" if raster.family == "cmyk" else "lut"
    usable = icc is not None and needs_engine(icc, raster.family, raster.depth) and can_convert(icc, kind)
    if not usable and raster.family != "cmyk":
        return raster
    height, width = raster.array.shape[:2]
    alpha = raster.layout == "RGBA"
    array = planes((height, width, 4 if alpha else 3), np.uint8)
    step = max(1, _BAND_PX // max(1, width))
    for top in range(0, height, step):
        rows = slice(top, top + step)
        colour = np.ascontiguousarray(raster.array[rows, :, : 4 if kind == "cmyk" else 3])
        image = Image.frombuffer(MODES[kind], colour.shape[1::-1], colour.tobytes())
        converted = into_srgb(image, icc, kind) if usable and icc is not None else image.convert("RGB")
        array[rows, :, :3] = np.asarray(converted)
        if alpha:
            array[rows, :, 3:] = raster.array[rows, :, 3:]
        let_go()
    return Raster(array, "RGBA" if alpha else "RGB")
