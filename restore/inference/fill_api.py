"""The one-line Python interface to filling holes: a photo and a mask in, the same kind of photo out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.inference.fill import DEFAULT_REGRAIN, Filler
from restore.inference.fill_mask import ALPHA, FillMask
from restore.inference.kinds import as_photo, like
from restore.inference.masks import check_size, white_of
from restore.io.convert import PilImage
from restore.io.photo import Photo
from restore.ops.hole import grown

Kept = TypeVar("Kept", bytes, "np.ndarray[Any, Any]", PilImage, Photo)
Mask = str | Path | PilImage | np.ndarray[Any, Any]


@overload
def inpaint(
    photo: str | Path,
    mask: Mask,
    *,
    grow: int = ...,
    feather: int = ...,
    regrain: float = ...,
    invert: bool = ...,
    device: str = ...,
    size: str = ...,
    weights: str | Path | None = ...,
) -> PilImage: ...
@overload
def inpaint(
    photo: Kept,
    mask: Mask,
    *,
    grow: int = ...,
    feather: int = ...,
    regrain: float = ...,
    invert: bool = ...,
    device: str = ...,
    size: str = ...,
    weights: str | Path | None = ...,
) -> Kept: ...
def inpaint(
    photo: object,
    mask: Mask,
    *,
    grow: int = 0,
    feather: int = 0,
    regrain: float = DEFAULT_REGRAIN,
    invert: bool = False,
    device: str = "auto",
    size: str = "fast",
    weights: str | Path | None = None,
) -> object:
    """Fill holes in a photo and give back the same kind of thing, as :func:`restore.upscale` does.

    ``mask`` has the photo's size and is white (True, or from half of its range on) where to fill: a path, a PIL image,
    or an (H,W) array of bool or uint8; "alpha" fills what is transparent. ``grow`` makes the holes so many pixels
    larger, ``feather`` fades the filling in over so many pixels inside them, ``regrain``, 0 to 100, is how much of the
    grain around them fillings get, ``invert`` fills what is black instead. All else stays to the bit. Raises
    ImageError, ConfigError, WeightsError, DeviceError.
    """
    opened = as_photo(photo)
    filler = _filler(device, size, weights)
    if isinstance(mask, str) and mask == ALPHA:
        if invert:
            raise ConfigError("invert is for a mask; what is transparent is filled as it is")
        hole = FillMask(alpha=True, grow=grow).of(opened)
    else:
        hole = own_mask(mask, opened, grow=grow, invert=invert)
    result, _ = filler(opened, hole, feather=feather, regrain=regrain, opaque=isinstance(mask, str) and mask == ALPHA)
    return like(photo, result)


def own_mask(mask: Mask, photo: Photo, *, grow: int = 0, invert: bool = False) -> Tensor:
    """(1,1,H,W) of 0 and 1: what a person has marked in a photo. ConfigError for another size, ImageError."""
    if isinstance(mask, str | Path):
        return FillMask(mask=Path(mask), grow=grow, invert=invert).of(photo)
    white = _white(mask)
    check_size("mask", (white.shape[-2], white.shape[-1]), (photo.height, photo.width))
    return grown((white < 0.5) if invert else (white >= 0.5), grow)


def _white(mask: PilImage | np.ndarray[Any, Any]) -> Tensor:
    """(1,1,H,W) in [0,1]; ConfigError for an array of another kind."""
    if not isinstance(mask, np.ndarray):
        return white_of(as_photo(mask))
    if mask.ndim != 2 or mask.dtype not in (np.bool_, np.uint8):
        raise ConfigError(f"a mask is an (H,W) array of bool or uint8, got {mask.shape} {mask.dtype}")
    values = torch.from_numpy(np.ascontiguousarray(mask))[None, None].to(torch.float32)
    return values if mask.dtype == np.bool_ else values / 255


@lru_cache(maxsize=2)
def _filler(device: str, size: str, weights: str | Path | None) -> Filler:
    return Filler(device=device, size=size, weights=weights)
