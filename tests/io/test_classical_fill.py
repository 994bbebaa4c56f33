"""OpenCV's fillings, as they are measured."""

from __future__ import annotations

import numpy as np
import pytest

from restore.errors import ConfigError
from restore.io.classical_fill import WAYS, fill_classically


@pytest.mark.parametrize("way", WAYS)
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
    with pytest.raises(ConfigError, match="known: telea, ns"):
        fill_classically(picture, hole, "patchmatch")
    with pytest.raises(ConfigError, match="holes"):
        fill_classically(picture, hole[:3], "ns")
    with pytest.raises(ConfigError, match="uint8"):
        fill_classically(picture.astype(np.uint16), hole, "ns")  # type: ignore[arg-type]
