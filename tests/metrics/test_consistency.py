"""Consistency, projection and colour drift: closed forms, properties, and bands that leave no trace."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from skimage import data

from restore.errors import ConfigError
from restore.metrics.psnr import psnr
from restore.ops import bands as module
from restore.ops.consistency import colour_drift, consistency, project
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


# projection

SIZES = [(120, 90), (150, 135), (75, 60), (61, 47), (240, 180), (66, 50)]


def _textured(height: int, width: int, strength: float = 0.1) -> torch.Tensor:
    """A result with invented texture on all scales, as far off as no network would be."""
    rng = torch.Generator().manual_seed(3)
    coarse = resize(torch.rand(1, 3, height // 6, width // 6, generator=rng), height, width)
    fine = torch.rand(1, 3, height, width, generator=rng)
    return resize(_photo(60, 45), height, width) + strength * (fine + coarse - 1)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_step_of_the_projection_brings_a_result_nearer_to_its_photo(height: int, width: int) -> None:
    source, result = _photo(60, 45), _textured(height, width)
    agreement = [consistency(project(result.clone(), source, steps=steps), source) for steps in range(6)]
    assert agreement[0] == consistency(result, source)
    assert all(later > earlier + 0.5 for earlier, later in pairwise(agreement))


@pytest.mark.parametrize(("height", "width"), [(120, 90), (150, 135), (240, 180)])
def test_three_steps_gain_ten_decibels_and_hardly_show(height: int, width: int) -> None:
    source, result = _photo(60, 45), _textured(height, width, 0.05)
    projected = project(result.clone(), source)
    assert consistency(projected, source) > consistency(result, source) + 9
    assert (projected - result).abs().mean() < 4 / 255


def test_a_result_that_already_agrees_stays_as_it_is() -> None:
    truth = _photo(240, 180).double()
    source = resize(truth, 60, 45)
    assert torch.allclose(project(truth.clone(), source, steps=4), truth, atol=1e-12)


def test_detail_finer_than_the_photo_can_hold_stays_and_broad_changes_go() -> None:
    down, right = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    photo = torch.full((1, 3, 40, 40), 0.5)
    fine = 0.1 * torch.cos(math.pi * (down + right)).expand(1, 3, -1, -1)
    broad = 0.1 * torch.cos(2 * math.pi * right / 80).expand(1, 3, -1, -1)
    inside = (..., slice(16, -16), slice(16, -16))
    kept = project(0.5 + fine + broad, photo)
    assert (kept - 0.5 - fine)[inside].abs().max() < 0.1 * 0.02


def test_the_mean_colours_of_the_photo_come_back() -> None:
    source = _photo(60, 45)
    tinted = _textured(150, 135) + torch.tensor([0.02, -0.03, 0.01]).view(1, 3, 1, 1)
    drifts = [colour_drift(project(tinted.clone(), source, steps=steps), source) for steps in (0, 1, 3)]
    assert drifts[0] > 2
    assert drifts[2] < 0.05
    assert drifts[1] < 0.1 * drifts[0]


def test_colours_outside_srgb_are_neither_cut_off_nor_treated_differently() -> None:
    source, result = _photo(60, 45), _textured(120, 90)
    plain = project(result.clone(), source)
    wide = project(1.5 * result - 0.3, 1.5 * source - 0.3)
    assert wide.max() > 1
    assert wide.min() < 0
    assert torch.allclose(wide, 1.5 * plain - 0.3, atol=1e-5)


@pytest.mark.parametrize("pixels", [1, 5000])
def test_projecting_band_by_band_changes_nothing_and_happens_in_place(
    pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, result = _photo(60, 45), _textured(151, 113)
    whole = project(result.clone(), source)
    monkeypatch.setattr(module, "BAND_PX", pixels)
    assert project(result, source) is result
    assert torch.allclose(result, whole, atol=1e-6)


def test_a_result_smaller_than_its_photo_cannot_be_projected() -> None:
    with pytest.raises(ConfigError, match="smaller"):
        project(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 5, 4))
