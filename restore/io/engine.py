"""Conversions by the colour engine (LittleCMS), 8 bits a channel: for profiles that are tables, and for CMYK."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Literal

import numpy as np
from PIL import Image, ImageCms

from restore.io.icc import needs_engine
from restore.io.stored import Raster

Kind = Literal["lut", "cmyk"]
MODES = {"lut": "RGB", "cmyk": "CMYK"}


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


def plain(raster: Raster, icc: bytes | None) -> Raster:
    """The numbers in sRGB where only the engine understands them (CMYK, 8-bit RGB by tables), else as they are.

    A CMYK picture without a usable profile is converted roughly.
    """
    kind: Kind = "cmyk" if raster.family == "cmyk" else "lut"
    usable = icc is not None and needs_engine(icc, raster.family, raster.depth) and can_convert(icc, kind)
    if not usable and raster.family != "cmyk":
        return raster
    colour = np.ascontiguousarray(raster.array[..., : 4 if kind == "cmyk" else 3])
    image = Image.frombuffer(MODES[kind], colour.shape[1::-1], colour.tobytes())
    converted = into_srgb(image, icc, kind) if usable and icc is not None else image.convert("RGB")
    if raster.layout == "RGBA":
        return Raster(np.concatenate([np.asarray(converted), raster.array[..., 3:]], axis=2), "RGBA")
    return Raster(np.asarray(converted), "RGB")
