"""Noise that was cut at black and white, beside drawn numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restore.ops.clipped import clipped_moments, unclipped_sigma


@pytest.mark.parametrize(("mean", "sigma"), [(5, 12), (128, 50), (250, 25), (-10, 30)])
def test_moments_of_cut_noise_are_those_of_drawn_numbers(mean: float, sigma: float) -> None:
    drawn = np.random.default_rng(0).normal(mean, sigma, 400_000).clip(0, 255)
    told = clipped_moments(torch.tensor(float(mean)), torch.tensor(float(sigma)))
    assert told[0].item() == pytest.approx(drawn.mean(), abs=0.1)
    assert told[1].item() == pytest.approx(drawn.std(), rel=0.01)


@pytest.mark.parametrize(("mean", "sigma"), [(10.0, 12.0), (60.0, 50.0), (128.0, 3.0), (240.0, 20.0)])
def test_the_strength_before_the_cut_comes_back(mean: float, sigma: float) -> None:
    left = clipped_moments(torch.tensor([mean]), torch.tensor([sigma]))
    strength, sure = unclipped_sigma(*left)
    assert strength.item() == pytest.approx(sigma, rel=0.03)
    assert 0 < sure.item() <= 1.01


def test_where_nothing_was_cut_nothing_is_added() -> None:
    strength, sure = unclipped_sigma(torch.tensor([128.0, 128.0]), torch.tensor([0.1, 7.0]))
    assert strength.tolist() == pytest.approx([0.1, 7.0], rel=0.01)
    assert sure.tolist() == pytest.approx([1.0, 1.0], abs=0.02)
