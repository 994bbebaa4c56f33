"""Random features: exact for a seed and a step, new every 500 steps, of a sensible size."""

from __future__ import annotations

import pytest
import torch
from skimage import data
from torch import Tensor

from restore.losses.trunk import REDRAW_STEPS, WIDTHS, Trunk, random_features, unit, unit_distance


def photo(side: int = 64) -> Tensor:
    return torch.from_numpy(data.astronaut()[100 : 100 + side, 150 : 150 + side].copy()).permute(2, 0, 1)[None] / 255


def spoilt(sigma: float, side: int = 64) -> Tensor:
    return photo(side) + sigma * torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(0))


def loss(restored: Tensor, *, seed: int = 0, step: int = 0) -> float:
    return random_features(restored, photo(), seed=seed, step=step).item()


def test_the_stages_have_their_widths_and_half_the_side_each() -> None:
    shapes = [tuple(features.shape) for features in Trunk()(photo(32))]
    assert shapes == [(1, width, 32 // 2**stage, 32 // 2**stage) for stage, width in enumerate(WIDTHS)]


def test_a_run_that_resumes_sees_the_same_network() -> None:
    before = torch.random.get_rng_state()
    early = loss(spoilt(0.1), step=3)
    assert loss(spoilt(0.1), step=REDRAW_STEPS) != early
    assert loss(spoilt(0.1), step=2 * REDRAW_STEPS) != early
    assert loss(spoilt(0.1), step=REDRAW_STEPS - 1) == early
    assert loss(spoilt(0.1), seed=1, step=3) != early
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_drawn_network_finds_more_noise_worse(seed: int) -> None:
    losses = [loss(spoilt(sigma), seed=seed) for sigma in (0, 0.02, 0.05, 0.1, 0.2)]
    assert losses == sorted(losses)
    assert losses[0] == 0
    assert losses[-1] > 5 * losses[1]


@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
def test_flat_patches_keep_a_finite_gradient(shade: float) -> None:
    flat = torch.full((2, 3, 32, 32), shade)
    for start in (flat, flat + 0.01):
        restored = start.clone().requires_grad_()
        (slope,) = torch.autograd.grad(random_features(restored, flat, seed=0, step=0), restored)
        assert slope.isfinite().all()
        assert slope.norm() < 10


def test_unit_vectors_have_length_one_and_none_stays_none() -> None:
    vectors = unit(torch.tensor([[3.0, 0.0], [4.0, 0.0]]).view(1, 2, 1, 2))
    assert vectors[0, :, 0].T.tolist() == [pytest.approx([0.6, 0.8]), [0.0, 0.0]]


def test_orthogonal_and_opposite_vectors_are_two_and_four_apart() -> None:
    right, up = torch.tensor([1.0, 0.0]).view(1, 2, 1, 1), torch.tensor([0.0, 1.0]).view(1, 2, 1, 1)
    assert unit_distance([right], [5 * up]).item() == pytest.approx(2, abs=1e-5)
    assert unit_distance([right, right], [-right, 3 * right]).item() == pytest.approx((4 + 0) / 2, abs=1e-5)
