"""OpenCV's fillings, as they are measured."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from restore.errors import ConfigError
from restore.io.classical_fill import WAYS, fill_classically


def offered() -> list[str]:
    """The ways that the OpenCV at hand has."""
    return [way for way in WAYS if "xphoto" in vars(cv2) or not way.startswith("fsr")]


@pytest.mark.parametrize("way", offered())
def test_a_hole_in_a_plain_colour_gets_that_colour_and_the_rest_stays(way: str) -> None:
    plain = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    spoilt, hole = plain.copy(), np.zeros((20, 30), bool)
    hole[5:10, 8:20] = True
    spoilt[hole] = 0
    assert np.abs(fill_classically(spoilt, hole, way).astype(int) - plain).max() <= 2
    noisy = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert np.array_equal(fill_classically(noisy, hole, way)[~hole], noisy[~hole])


def test_other_ways_and_other_arrays_are_refused() -> None:
    picture, hole = np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), bool)
    with pytest.raises(ConfigError, match="known: telea, ns, fsr, fsr-fast"):
        fill_classically(picture, hole, "patchmatch")
    with pytest.raises(ConfigError, match="holes"):
        fill_classically(picture, hole[:3], "ns")
    with pytest.raises(ConfigError, match="uint8"):
        fill_classically(picture.astype(np.uint16), hole, "ns")  # type: ignore[arg-type]


@pytest.mark.parametrize("way", ["fsr", "fsr-fast"])
def test_an_opencv_without_contributed_modules_is_told_by_the_name_of_the_package(way: str, monkeypatch) -> None:
    monkeypatch.delattr(cv2, "xphoto", raising=False)
    with pytest.raises(ConfigError, match="pip install opencv-contrib-python"):
        fill_classically(np.zeros((4, 5, 3), np.uint8), np.zeros((4, 5), bool), way)


@pytest.mark.parametrize(("way", "number"), [("fsr", 1), ("fsr-fast", 2)])
def test_contributed_modules_are_told_what_is_known_and_only_holes_are_taken(way, number, monkeypatch) -> None:
    """Against a stand-in with the documented call: 0 in the mask is what is to be filled."""

    def inpaint(picture: np.ndarray, known: np.ndarray, result: np.ndarray, kind: int) -> None:
        assert kind == number
        result[...] = picture[known > 0].mean(axis=0).round()

    module = SimpleNamespace(inpaint=inpaint, INPAINT_SHIFTMAP=0, INPAINT_FSR_BEST=1, INPAINT_FSR_FAST=2)
    monkeypatch.setattr(cv2, "xphoto", module, raising=False)
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    hole = np.zeros((20, 30), bool)
    hole[5:10, 8:20] = True
    filled = fill_classically(picture, hole, way)
    assert np.array_equal(filled[~hole], picture[~hole])
    assert np.abs(filled[hole] - picture[~hole].mean(axis=0)).max() <= 0.5
