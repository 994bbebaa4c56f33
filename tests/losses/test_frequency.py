"""Losses on spectra, computed by hand on single waves."""

from __future__ import annotations

import pytest
import torch

from restore.losses.frequency import fft_l1, focal_frequency

SIDE = 16


def wave(height: float, period: float) -> torch.Tensor:
    place = torch.arange(SIDE, dtype=torch.float64)
    return (height * torch.cos(2 * torch.pi * place / period)).expand(1, 1, SIDE, SIDE)


def test_a_single_wrong_wave_costs_half_its_squared_height_in_the_focal_loss() -> None:
    clean = torch.rand(1, 1, SIDE, SIDE, dtype=torch.float64)
    assert focal_frequency(clean + wave(0.2, 4), clean).item() == pytest.approx(0.2**2 / 2)


def test_of_two_wrong_waves_the_smaller_counts_by_its_share_of_the_larger() -> None:
    clean = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.float64)
    both = focal_frequency(clean + wave(0.2, 4) + wave(0.1, 8), clean).item()
    assert both == pytest.approx(0.2**2 / 2 + 0.5 * 0.1**2 / 2)


def test_each_picture_of_a_batch_has_its_own_worst_frequency() -> None:
    errors = torch.cat([wave(0.2, 4), wave(0.01, 8)])
    assert focal_frequency(errors, torch.zeros_like(errors)).item() == pytest.approx((0.2**2 + 0.01**2) / 4)


def test_the_spectrum_of_a_wave_has_two_lines() -> None:
    clean = torch.rand(1, 1, SIDE, SIDE, dtype=torch.float64)
    # each line is height * SIDE / 2 high and real; there are 2 * SIDE^2 numbers
    assert fft_l1(clean + wave(0.2, 4), clean).item() == pytest.approx(0.2 * SIDE / (2 * SIDE**2))


def test_the_focal_weight_is_not_differentiated() -> None:
    clean = torch.rand(1, 1, 5, 6, dtype=torch.float64)
    restored = torch.rand(1, 1, 5, 6, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(focal_frequency(restored, clean), restored)
    spectrum = torch.fft.fft2(restored.detach() - clean, norm="ortho")
    weight = spectrum.abs() / spectrum.abs().max()
    expected = torch.fft.ifft2(2 * weight * spectrum, norm="ortho").real / clean.numel()
    assert torch.allclose(slope, expected)


def test_the_gradient_of_the_plain_spectrum_is_right() -> None:
    restored = torch.rand(1, 1, 5, 6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda image: fft_l1(image, torch.full_like(image, 0.5)), restored)
