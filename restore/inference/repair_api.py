"""The one-line Python interface to mending prints: a photo in, the same kind of photo out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

import numpy as np

from restore.errors import ConfigError
from restore.inference.detect import Search
from restore.inference.fill import DEFAULT_REGRAIN
from restore.inference.fill_api import Mask, own_mask
from restore.inference.kinds import as_photo, like
from restore.inference.repair import Mend, Mender
from restore.io.convert import PilImage
from restore.io.photo import Photo

Kept = TypeVar("Kept", bytes, "np.ndarray[Any, Any]", PilImage, Photo)
Amount = float | Literal["auto", "off"]


@overload
def repair(
    photo: str | Path,
    mask: Mask | None = ...,
    *,
    auto: bool = ...,
    sensitivity: float = ...,
    grow: int = ...,
    regrain: float = ...,
    clean: bool = ...,
    tone: Amount = ...,
    device: str = ...,
    size: str = ...,
    weights: tuple[str | Path, ...] = ...,
) -> PilImage: ...
@overload
def repair(
    photo: Kept,
    mask: Mask | None = ...,
    *,
    auto: bool = ...,
    sensitivity: float = ...,
    grow: int = ...,
    regrain: float = ...,
    clean: bool = ...,
    tone: Amount = ...,
    device: str = ...,
    size: str = ...,
    weights: tuple[str | Path, ...] = ...,
) -> Kept: ...
def repair(
    photo: object,
    mask: Mask | None = None,
    *,
    auto: bool = True,
    sensitivity: float = 50.0,
    grow: int = 2,
    regrain: float = DEFAULT_REGRAIN,
    clean: bool = True,
    tone: Amount = "auto",
    device: str = "auto",
    size: str = "fast",
    weights: tuple[str | Path, ...] = (),
) -> object:
    """Mend an old print and give back the same kind of thing, as :func:`restore.upscale` does.

    Damage is found (``sensitivity`` 0 to 100, grown by ``grow`` pixels) and filled together with what is white in
    ``mask``, see :func:`restore.inpaint`, also for ``regrain``; with ``auto=False`` only that is filled. Then noise,
    JPEG damage and blur are taken out where they are found (``clean``), and fading is undone (``tone``: "auto", "off",
    or 0 to 100). ``weights`` are files to use instead of the bundled ones, for scratch, inpaint and clean. Raises
    ImageError, ConfigError, WeightsError, DeviceError.
    """
    if not auto and mask is None:
        raise ConfigError("with auto=False only what is white in a mask is filled; give one")
    opened = as_photo(photo)
    search = Search(sensitivity=sensitivity, grow=grow) if auto else None
    mend = Mend(search=search, regrain=regrain, clean=clean, tone=_strength(tone))
    own = None if mask is None else own_mask(mask, opened)
    result, _, _ = _mender(mend, device, size, tuple(weights))(opened, own)
    return like(photo, result)


def _strength(tone: Amount) -> float | None:
    if isinstance(tone, str):
        if tone not in ("auto", "off"):
            raise ConfigError(f"tone is 'auto', 'off', or a number from 0 to 100, got {tone!r}")
        return None if tone == "auto" else 0.0
    return float(tone)


@lru_cache(maxsize=1)
def _mender(mend: Mend, device: str, size: str, weights: tuple[str | Path, ...]) -> Mender:
    return Mender(mend, device=device, size=size, weights=weights)
