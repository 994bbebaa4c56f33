"""The colour lock moves broad colours back and leaves everything else alone."""

from __future__ import annotations

import pytest
import torch
from skimage import data
from torch.nn import functional as F

from restore.ops.lock import lock_colour


def photo(height: int = 200, width: int = 264) -> torch.Tensor:
    return torch.from_numpy(data.coffee()[:height, :width].copy()).permute(2, 0, 1)[None].float() / 255


def doubled(image: torch.Tensor) -> torch.Tensor:
    return F.interpolate(image, scale_factor=2, mode="nearest")


def mean_drift(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a.mean((0, 2, 3)) - b.mean((0, 2, 3))).abs().max() * 255)


def test_a_faithful_result_is_not_touched() -> None:
    source = photo()
    assert torch.allclose(lock_colour(doubled(source), source), doubled(source), atol=1e-6)


def test_a_cast_over_the_whole_picture_is_taken_out_to_the_last_bit_of_a_level() -> None:
    source = photo()
    cast = doubled(source) + torch.tensor([0.02, -0.01, 0.005]).view(1, 3, 1, 1)
    locked = lock_colour(cast.clone(), source)
    assert torch.allclose(locked, doubled(source), atol=1e-5)


def test_a_cast_that_changes_slowly_is_taken_out_too() -> None:
    source = photo()
    slope = torch.linspace(-0.03, 0.03, 2 * source.shape[-1]).expand(1, 3, 2 * source.shape[-2], -1)
    locked = lock_colour(doubled(source) + slope, source)
    assert mean_drift(doubled(source) + slope.abs(), doubled(source)) > 3
    assert float((locked - doubled(source)).abs().mean() * 255) < 0.3


def test_detail_that_the_network_added_stays() -> None:
    source = photo()
    detail = torch.rand(1, 3, 400, 528, generator=torch.Generator().manual_seed(0)) * 0.1 - 0.05
    locked = lock_colour(doubled(source) + detail, source)
    kept = (locked - doubled(source)).std() / detail.std()
    assert float(kept) == pytest.approx(1, abs=0.01)
    assert mean_drift(locked, source) < 0.02


@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (8, 8), (9, 17), (301, 5)])
def test_pictures_of_any_size_are_taken(shape: tuple[int, int]) -> None:
    source = torch.rand(1, 3, *shape)
    locked = lock_colour(doubled(source) + 0.01, source)
    assert torch.allclose(locked, doubled(source), atol=1e-5)


@pytest.mark.parametrize("reach", [2, 4])
def test_noise_of_the_source_is_followed_as_little_as_the_mean_of_an_area_follows_it(reach: int) -> None:
    # The mean of n pixels of noise has a standard deviation of 1 / sqrt(n) of theirs.
    truth = torch.full((1, 3, 800, 800), 0.5)
    noise = torch.randn(truth.shape, generator=torch.Generator().manual_seed(0)) * 50 / 255
    shift = lock_colour(truth.clone(), truth + noise, reach) - truth
    side = 8 * (2 * reach + 1)
    assert float(shift[..., 100:-100, 100:-100].std() * 255) == pytest.approx(50 / side, rel=0.15)
