"""Conversions by the colour engine (LittleCMS), 8 bits a channel: for profiles that are tables, and for CMYK."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Literal

from PIL import Image, ImageCms

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
