"""Three bands that add up to the picture, each answering as its formula says."""

from __future__ import annotations

import math

import pytest
import torch

from restore.ops.octaves import octaves


def wave(size: int, count: int) -> torch.Tensor:
    """(1,1,8,size): ``count`` half periods along a line mirrored at its ends; symmetric kernels only weaken it."""
    place = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    return torch.cos(math.pi * count * place).expand(1, 1, 8, size)


@pytest.mark.parametrize("shape", [(1, 1), (2, 9), (40, 31)])
def test_the_bands_add_up_to_the_picture(shape: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(sum(octaves(picture)), picture, atol=1e-12)


@pytest.mark.parametrize("count", [0, 1, 7, 20, 40, 63])
def test_each_band_answers_to_a_wave_as_its_formula_says(count: int) -> None:
    size = 64
    w = math.pi * count / size
    first, second = math.cos(w / 2) ** 4, math.cos(w) ** 4
    shares = (1 - first, first * (1 - second), first * second)
    picture = wave(size, count)
    for band, share in zip(octaves(picture), shares, strict=True):
        assert torch.allclose(band, share * picture, atol=1e-12)
