"""The one-line Python interface: a photo in, the same kind of photo out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from restore.inference.kinds import as_photo, like
from restore.inference.upscale import Target, Upscaler
from restore.io.convert import PilImage
from restore.io.photo import Photo
from restore.tasks import Condition

Kept = TypeVar("Kept", bytes, "np.ndarray[Any, Any]", PilImage, Photo)


@overload
def upscale(
    photo: str | Path,
    scale: float | None = ...,
    *,
    condition: Condition | None = ...,
    device: str = ...,
    size: str = ...,
    long_side: int | None = ...,
    detail: float | None = ...,
    project: bool | None = ...,
) -> PilImage: ...
@overload
def upscale(
    photo: Kept,
    scale: float | None = ...,
    *,
    condition: Condition | None = ...,
    device: str = ...,
    size: str = ...,
    long_side: int | None = ...,
    detail: float | None = ...,
    project: bool | None = ...,
) -> Kept: ...
def upscale(
    photo: object,
    scale: float | None = None,
    *,
    condition: Condition | None = None,
    device: str = "auto",
    size: str = "fast",
    long_side: int | None = None,
    detail: float | None = None,
    project: bool | None = None,
) -> object:
    """Enlarge a photo and give back the same kind of thing.

    ``photo`` is a path (gives a PIL image), the bytes of a picture file (gives the bytes of a file of the same format),
    a PIL image, a numpy array (H,W), (H,W,1..4) of uint8, uint16 or floats in [0,1], or a :class:`Photo`.
    ``scale`` is over 1 and up to 8; None means x4 up to 4 megapixels and x2 beyond; ``long_side`` in pixels instead.
    ``condition`` says what is known to be wrong with it: ``restore.CLEAN`` for a flawless picture; None to judge.
    ``detail``, 0 to 100, says how much texture may be invented; ``project`` makes the result agree with the photo when
    it is shrunk again. For None of either see :class:`restore.Upscaler`.
    Raises ImageError, ConfigError, WeightsError, DeviceError.
    """
    upscaler = _upscaler(device, size, detail, project)
    target = Target(scale=scale, long_side=long_side)
    result, _ = upscaler(as_photo(photo), target, condition)
    return like(photo, result)


@lru_cache(maxsize=2)
def _upscaler(device: str, size: str, detail: float | None, project: bool | None) -> Upscaler:
    return Upscaler(device=device, size=size, detail=detail, project=project)
