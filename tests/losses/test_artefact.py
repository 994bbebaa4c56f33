"""LDL's map of artefacts, beside the same written with NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restore.losses.artefact import artefact, artefact_map


def pictures(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(seed)
    target = torch.rand(2, 3, 12, 15, generator=rng, dtype=torch.float64)
    noise = torch.randn(2, 2, 3, 12, 15, generator=rng, dtype=torch.float64) * 0.1
    return target + noise[0], target, target + noise[1]


def test_the_map_is_local_variance_times_the_fifth_root_of_the_patchs_variance() -> None:
    restored, target, average = pictures()
    found = artefact_map(restored, target, average)
    for number in range(2):
        error = np.abs((target - restored)[number].numpy()).sum(axis=0)
        steadier = np.abs((target - average)[number].numpy()).sum(axis=0)
        padded = np.pad(error, 3, mode="reflect")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7))
        expected = windows.var(axis=(2, 3), ddof=1) * error.var(ddof=1) ** (1 / 5)
        expected[error < steadier] = 0
        assert found[number, 0].numpy() == pytest.approx(expected, abs=1e-12)


def test_nothing_is_watched_where_this_network_is_nearer_than_its_average() -> None:
    restored, target, _ = pictures()
    assert artefact(restored, target, target + 5).item() == 0


def test_a_constant_error_is_no_artefact() -> None:
    _, target, _ = pictures()
    assert artefact(target + 0.3, target, target).item() == pytest.approx(0, abs=1e-12)


def test_the_loss_is_l1_under_the_map_and_only_the_l1_is_differentiated() -> None:
    restored, target, _ = pictures()
    restored.requires_grad_()
    weight = artefact_map(restored, target, target)
    (slope,) = torch.autograd.grad(artefact(restored, target, target), restored)
    assert torch.allclose(slope, weight * (restored - target).sign().detach() / restored.numel())
