"""Small pictures of photos for a page, as JPEGs that together stay within a number of bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from restore.io.photo import Photo
from restore.io.write import WriteOptions, encode_photo
from restore.ops.bands import resized_bands

AREA_PX: Final = 480 * 360
"""The largest small picture."""
SIDE_PX: Final = 960
"""And its longest side, of a panorama."""
LEAST_PX: Final = 32 * 32
"""The smallest; what is over the bytes even so is left out."""
QUALITIES: Final = (84, 76, 68, 60)
"""Of a JPEG; the size is chosen so that the last will do, then the best that still does is taken."""
_SPARE: Final = 0.9
"""Bytes fall a little slower than pixels."""
_ROOM: Final = 2
"""So many times the side of the small picture is left by plain averaging, which costs little; bicubic does the rest."""


def small_of(photo: Photo, area: int = AREA_PX) -> Photo:
    """The photo in sRGB with at most ``area`` pixels and none of its metadata, laid on white where it is transparent.

    It is never enlarged.
    """
    factor = min(1.0, math.sqrt(area / (photo.height * photo.width)), SIDE_PX / max(photo.height, photo.width))
    size = max(int(photo.height * factor), 1), max(int(photo.width * factor), 1)
    pixels = _reduced(photo.pixels.detach()[None], size)
    if photo.alpha is not None:
        alpha = _reduced(photo.alpha.detach()[None, None], size)
        pixels = torch.lerp(torch.ones_like(pixels), pixels, alpha)
    return Photo(
        pixels=pixels[0], alpha=None, gray=photo.gray, depth=8, format="JPEG", mode="RGB", subsampling="4:2:0",
        name=photo.name,
    )  # fmt: skip


def small_jpegs(photos: Sequence[Photo], most_bytes: int) -> tuple[bytes, ...]:
    """The pictures as JPEGs of at most ``most_bytes`` together, made as large as that lets them be, then as good.

    All get one quality and one number of pixels at most, so that they can be compared. Empty when not even the
    smallest pictures are small enough.

    >>> gray = Photo(pixels=torch.full((3, 90, 120), 0.5), alpha=None, gray=True, depth=8, format="PNG", mode="L")
    >>> [data[:2] for data in small_jpegs([gray, gray], 8000)], small_jpegs([gray], 10)
    ([b'\\xff\\xd8', b'\\xff\\xd8'], ())
    """
    area = float(min(max(photo.height * photo.width for photo in photos), AREA_PX))
    while True:
        shrunken = [small_of(photo, int(area)) for photo in photos]
        files = _jpegs(shrunken, QUALITIES[-1])
        if _size(files) <= most_bytes:
            better = (found for quality in QUALITIES[:-1] if _size(found := _jpegs(shrunken, quality)) <= most_bytes)
            return next(better, files)
        if area <= LEAST_PX:
            return ()
        area = max(area * (most_bytes / _size(files)) * _SPARE, LEAST_PX)


def _size(files: Sequence[bytes]) -> int:
    return sum(map(len, files))


def _jpegs(photos: Sequence[Photo], quality: int) -> tuple[bytes, ...]:
    return tuple(encode_photo(photo, WriteOptions(format="jpeg", quality=quality))[0] for photo in photos)


def shrunk(planes: Tensor, height: int, width: int) -> Tensor:
    """(C,H,W) at another size, in [0,1]; the antialiased bicubic, a band of rows at a time."""
    if planes.shape[-2:] == (height, width):
        return planes.clamp(0, 1)
    bands = [band for _, band in resized_bands(planes[None], height, width, torch.float32)]
    return torch.cat(bands, dim=-2)[0].clamp(0, 1)


def _reduced(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """(1,C,H,W) in another, smaller size, in [0,1]: averaged to about twice that, then as :func:`shrunk` does it."""
    block = [max(int(have / want) // _ROOM, 1) for have, want in zip(planes.shape[-2:], size, strict=True)]
    if max(block) > 1:
        planes = avg_pool2d(planes.float(), block)
    return shrunk(planes[0].cpu(), *size)[None]
