"""OpenCV's classical fillings: for measuring beside our own only, nothing in the house is restored with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from restore.errors import ConfigError

RADIUS_PX: Final = 3
"""How far OpenCV looks around a pixel, as in its own tutorial."""
_PLAIN: Final[Mapping[str, int]] = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}
"""Telea, "An Image Inpainting Technique Based on the Fast Marching Method", 2004; and Bertalmio et al.,
"Navier-Stokes, Fluid Dynamics, and Image and Video Inpainting", 2001."""
_EXTRA: Final[Mapping[str, str]] = {"fsr": "INPAINT_FSR_BEST", "fsr-fast": "INPAINT_FSR_FAST"}
"""Frequency selective reconstruction: Genser et al., 2018, and Seiler et al., 2015. In OpenCV's contributed modules."""
WAYS: Final = (*_PLAIN, *_EXTRA)


def check_way(way: str) -> None:
    """ConfigError for an unknown way, and for one that this OpenCV does not have."""
    if way not in WAYS:
        raise ConfigError(f"unknown classical filling {way!r}; known: {', '.join(WAYS)}")
    if way in _EXTRA and "xphoto" not in vars(cv2):
        raise ConfigError(
            f"{way} is in OpenCV's contributed modules, which this OpenCV was built without; to measure it, replace "
            "opencv-python: pip uninstall opencv-python && pip install opencv-contrib-python"
        )


def fill_classically(array: NDArray[np.uint8], hole: NDArray[np.bool_], way: str) -> NDArray[np.uint8]:
    """(H,W,3) uint8 with the holes of (H,W) filled in one of ``WAYS``.

    ConfigError for other arrays, another way, or one that this OpenCV does not have.
    """
    check_way(way)
    if array.dtype != np.uint8 or array.ndim != 3 or hole.shape != array.shape[:2]:
        raise ConfigError(f"a picture to fill is (H,W,3) uint8 with holes (H,W), got {array.shape} and {hole.shape}")
    picture = np.ascontiguousarray(array)
    if way in _PLAIN:
        filled = cv2.inpaint(picture, hole.astype(np.uint8), RADIUS_PX, _PLAIN[way])
        return np.asarray(filled, dtype=np.uint8)
    result = np.zeros_like(picture)
    known = np.where(hole, 0, 255).astype(np.uint8)  # the other polarity than cv2.inpaint's
    contributed = vars(cv2)["xphoto"]
    contributed.inpaint(picture, known, result, getattr(contributed, _EXTRA[way]))
    return np.where(hole[..., None], result, picture)
