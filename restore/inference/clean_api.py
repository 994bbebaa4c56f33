"""The one-line Python interface to auto, denoise, dejpeg and deblur: a photo in, the same kind of photo out."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np

from restore.errors import ConfigError
from restore.inference.auto import auto_restore
from restore.inference.clean import Cleaner
from restore.inference.kinds import as_photo, like
from restore.inference.verbs import Fix
from restore.io.convert import PilImage
from restore.io.photo import Photo
from restore.tasks import Condition

Kept = TypeVar("Kept", bytes, "np.ndarray[Any, Any]", PilImage, Photo)


@overload
def denoise(
    photo: str | Path,
    strength: float = ...,
    *,
    noise: float | None = ...,
    grain: float = ...,
    device: str = ...,
    size: str = ...,
    weights: str | Path | None = ...,
) -> PilImage: ...
@overload
def denoise(
    photo: Kept,
    strength: float = ...,
    *,
    noise: float | None = ...,
    grain: float = ...,
    device: str = ...,
    size: str = ...,
    weights: str | Path | None = ...,
) -> Kept: ...
def denoise(
    photo: object,
    strength: float = 100.0,
    *,
    noise: float | None = None,
    grain: float = 0.0,
    device: str = "auto",
    size: str = "fast",
    weights: str | Path | None = None,
) -> object:
    """Take noise out of a photo and give back the same kind of thing, as :func:`restore.upscale` does.

    ``strength`` is 0 (unchanged) to 100; ``noise`` its level in grey levels, 0 to 50, None to measure it; ``grain``
    puts so many grey levels of gray grain on the result. ``weights`` is a file to use instead of the bundled ones.
    Raises ImageError, ConfigError, WeightsError, DeviceError.
    """
    fix = Fix(verb="denoise", strength=strength, grain=grain)
    return _cleaned(photo, fix, Condition(noise=noise), _cleaner(device, size, weights))


@overload
def dejpeg(
    photo: str | Path,
    strength: float = ...,
    *,
    quality_was: float | None = ...,
    grain: float = ...,
    device: str = ...,
    size: str = ...,
    weights: str | Path | None = ...,
) -> PilImage: ...
@overload
def dejpeg(
    photo: Kept,
    strength: float = ...,
    *,
    quality_was: float | None = ...,
    grain: float = ...,
    device: str = ...,
    size: str = ...,
    weights: str | Path | None = ...,
) -> Kept: ...
def dejpeg(
    photo: object,
    strength: float = 100.0,
    *,
    quality_was: float | None = None,
    grain: float = 0.0,
    device: str = "auto",
    size: str = "fast",
    weights: str | Path | None = None,
) -> object:
    """Take JPEG damage out of a photo and give back the same kind of thing; see :func:`denoise`.

    ``quality_was`` is the quality, 1 to 100, at which it was saved; None: as its file tells, or as the network judges.
    """
    fix = Fix(verb="dejpeg", strength=strength, grain=grain)
    return _cleaned(photo, fix, Condition(jpeg=quality_was), _cleaner(device, size, weights))


@overload
def deblur(
    photo: str | Path,
    strength: float = ...,
    *,
    blur: float | None = ...,
    motion: tuple[float, float] | None = ...,
    detail: float = ...,
    grain: float = ...,
    device: str = ...,
    size: str = ...,
    weights: str | Path | None = ...,
) -> PilImage: ...
@overload
def deblur(
    photo: Kept,
    strength: float = ...,
    *,
    blur: float | None = ...,
    motion: tuple[float, float] | None = ...,
    detail: float = ...,
    grain: float = ...,
    device: str = ...,
    size: str = ...,
    weights: str | Path | None = ...,
) -> Kept: ...
def deblur(
    photo: object,
    strength: float = 100.0,
    *,
    blur: float | None = None,
    motion: tuple[float, float] | None = None,
    detail: float = 0.0,
    grain: float = 0.0,
    device: str = "auto",
    size: str = "fast",
    weights: str | Path | None = None,
) -> object:
    """Sharpen a photo that is a little blurred and give back the same kind of thing; see :func:`denoise`.

    ``blur`` is the blur's standard deviation in pixels, 0 to 4; None: it is measured. ``motion`` instead is the length
    in pixels, 1 to 19, of the streaks that a moving camera left, and their direction in degrees: 0 level, 45 rising to
    the right. ``detail``, 0 to 100, is how much texture that the photo does not hold is invented. ConfigError for both
    blurs at once and for another detail.
    """
    if blur is not None and motion is not None:
        raise ConfigError("blur and motion are two shapes of one thing; give one of them")
    fix = Fix(verb="deblur", strength=strength, grain=grain, detail=detail)
    known = Condition(blur=blur) if motion is None else Condition.of_motion(*motion)
    return _cleaned(photo, fix, known, _cleaner(device, size, weights))


@overload
def auto(
    photo: str | Path, strength: float = ..., *, device: str = ..., size: str = ..., weights: str | Path | None = ...
) -> PilImage: ...
@overload
def auto(
    photo: Kept, strength: float = ..., *, device: str = ..., size: str = ..., weights: str | Path | None = ...
) -> Kept: ...
def auto(
    photo: object,
    strength: float = 100.0,
    *,
    device: str = "auto",
    size: str = "fast",
    weights: str | Path | None = None,
) -> object:
    """Take out of a photo what is found wrong with it and give back the same kind of thing; see :func:`denoise`.

    What :func:`restore.inspect` suggests is done, in one pass; a photo for which it suggests nothing comes back as it
    was.
    """
    result, _ = auto_restore(_cleaner(device, size, weights), as_photo(photo), strength)
    return like(photo, result)


def _cleaned(photo: object, fix: Fix, known: Condition, cleaner: Cleaner) -> object:
    result, _ = cleaner(as_photo(photo), fix, known)
    return like(photo, result)


@lru_cache(maxsize=2)
def _cleaner(device: str, size: str, weights: str | Path | None) -> Cleaner:
    return Cleaner(device=device, size=size, weights=weights)
