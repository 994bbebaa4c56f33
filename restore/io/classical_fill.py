"""OpenCV's two classical fillings: for measuring beside our own only, nothing in the house is restored with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.errors import ConfigError

RADIUS_PX: Final = 3
"""How far OpenCV looks around a pixel, as in its own tutorial."""
WAYS: Final[Mapping[str, int]] = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}
"""Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004; and Bertalmio et al.,
"Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting", 2001."""


def fill_classically(array: NDArray[np.uint8], hole: NDArray[np.bool_], way: str) -> NDArray[np.uint8]:
    """(H,W,3) uint8 with the holes of (H,W) filled in one of ``WAYS``; ConfigError for other arrays or another way."""
    if way not in WAYS:
        raise ConfigError(f"unknown classical filling {way!r}; known: {', '.join(WAYS)}")
    if array.dtype != np.uint8 or array.ndim != 3 or hole.shape != array.shape[:2]:
        raise ConfigError(f"a picture to fill is (H,W,3) uint8 with holes (H,W), got {array.shape} and {hole.shape}")
    filled = cv2.inpaint(np.ascontiguousarray(array), hole.astype(np.uint8), RADIUS_PX, WAYS[way])
    return np.asarray(filled, dtype=np.uint8)
