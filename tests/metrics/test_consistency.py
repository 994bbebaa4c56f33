"""Consistency and colour drift: closed forms, and bands that leave no trace."""

from __future__ import annotations

import math

import pytest
import torch
from skimage import data

from restore.errors import ConfigError
from restore.metrics.psnr import psnr
from restore.ops import consistency as module
from restore.ops.consistency import colour_drift, consistency
from restore.ops.resize import resize


def _photo(height: int, width: int) -> torch.Tensor:
    return torch.from_numpy(data.astronaut()[:height, :width].copy()).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize(("height", "width"), [(120, 90), (150, 135), (75, 60), (61, 47), (60, 45)])
def test_looking_band_by_band_gives_what_the_whole_picture_gives(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, restored = _photo(60, 45), _photo(height, width)
    whole = psnr(resize(restored.double(), 60, 45), source, peak=1.0).item()
    for pixels in (1, 700, 5000):
        monkeypatch.setattr(module, "BAND_PX", pixels)
        assert consistency(restored, source) == pytest.approx(whole, abs=1e-9)


def test_a_result_that_is_brighter_by_a_tenth_is_twenty_decibels_off() -> None:
    source, restored = torch.full((1, 3, 12, 10), 0.5), torch.full((1, 3, 48, 40), 0.6)
    assert consistency(restored, source) == pytest.approx(20.0, abs=1e-4)


def test_the_photo_itself_is_infinitely_consistent() -> None:
    source = _photo(40, 33)
    assert consistency(source, source) == math.inf


def test_bicubic_enlargement_is_consistent_and_a_shift_by_one_pixel_is_not() -> None:
    source = _photo(80, 70)
    enlarged = resize(source, 160, 140)
    assert consistency(enlarged, source) > consistency(enlarged.roll(1, dims=3), source) + 5


def test_drift_is_the_largest_difference_of_the_channel_means() -> None:
    source = _photo(50, 40)
    shifted = source.repeat_interleave(2, dim=2) + torch.tensor([1.0, -3.0, 2.0]).view(1, 3, 1, 1) / 255
    assert colour_drift(shifted, source) == pytest.approx(3.0, abs=1e-4)
    assert colour_drift(source, source) == 0.0


def test_drift_of_a_picture_of_many_pixels_keeps_its_precision() -> None:
    source = torch.full((1, 3, 2048, 1024), 0.3)
    assert colour_drift(source, torch.full((1, 3, 2, 2), 0.3)) == pytest.approx(0.0, abs=1e-9)


def test_a_result_smaller_than_its_source_and_other_shapes_are_refused() -> None:
    with pytest.raises(ConfigError, match="smaller"):
        consistency(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 5, 4))
    with pytest.raises(ConfigError, match="1,3,H,W"):
        colour_drift(torch.zeros(3, 4, 4), torch.zeros(1, 3, 5, 4))
