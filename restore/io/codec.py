"""A JPEG file in memory, there and back: the damage it does, made on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.errors import ConfigError, ImageError

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]

_FACTORS: Final[Mapping[str, int]] = {
    "4:4:4": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    "4:2:2": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    "4:2:0": cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
}


def jpeg_round_trip(array: NDArray[np.uint8], quality: int, subsampling: Subsampling = "4:2:0") -> NDArray[np.uint8]:
    """What is left of a picture after being saved as JPEG and opened again.

    ``array`` is (H,W,3) RGB uint8, and so is the result; ``quality`` is libjpeg's, 1 to 100. Raises ConfigError for
    other arrays, qualities or subsamplings, and ImageError if the codec refuses (over 65 500 pixels a side).
    """
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise ConfigError(f"a picture for JPEG must be (H,W,3) uint8, got {array.shape} {array.dtype}")
    if not 1 <= quality <= 100:
        raise ConfigError(f"JPEG quality must be 1 to 100, got {quality}")
    if subsampling not in _FACTORS:
        raise ConfigError(f"unknown JPEG subsampling {subsampling!r}; known: {', '.join(_FACTORS)}")
    settings = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, _FACTORS[subsampling]]
    try:
        _, data = cv2.imencode(".jpg", cv2.cvtColor(array, cv2.COLOR_RGB2BGR), settings)
    except cv2.error as problem:
        raise ImageError(f"cannot make a JPEG of {array.shape[1]}x{array.shape[0]} pixels: {problem}") from problem
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if decoded is None:
        raise ImageError(f"cannot read back a JPEG of {array.shape[1]}x{array.shape[0]} pixels")
    return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB), dtype=np.uint8)
