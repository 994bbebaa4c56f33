"""Tones, on pictures drawn for each."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from restore.inference.measure_tone import clipped_shares, has_bands, tone_of
from restore.ops.color import luma


def photo(name: str) -> Tensor:
    return torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None].float() / 255


def noisy(picture: Tensor, level: float) -> Tensor:
    return (picture + torch.randn(picture.shape, generator=torch.Generator().manual_seed(0)) * level / 255).clamp(0, 1)


@pytest.mark.parametrize("level", [0, 15])
@pytest.mark.parametrize("name", ["astronaut", "coffee", "rocket", "chelsea"])
def test_colour_gray_and_sepia_are_told_apart_even_under_noise(name: str, level: float) -> None:
    colour = photo(name)
    gray = luma(colour).expand(-1, 3, -1, -1)
    sepia = 0.1 + gray * torch.tensor([0.85, 0.72, 0.5]).view(1, 3, 1, 1)
    tones = [tone_of(noisy(picture, level), level) for picture in (colour, gray, sepia)]
    assert tones == ["colour", "gray", "sepia"]


def test_gray_noise_on_a_gray_photo_stays_gray() -> None:
    gray = luma(photo("coffee"))
    assert tone_of(noisy(gray, 25).expand(-1, 3, -1, -1), 25) == "gray"


def test_black_and_white_are_counted() -> None:
    picture = torch.full((1, 3, 10, 10), 0.5)
    picture[..., :2, :] = 0
    picture[..., 9:, :] = 1
    picture[:, 0, 5, 5] = 1  # one channel alone loses no detail
    assert clipped_shares(picture) == pytest.approx((0.2, 0.1))


@pytest.mark.parametrize("turned", [False, True])
def test_a_slope_in_few_levels_has_bands_and_one_in_all_levels_has_none(turned: bool) -> None:
    slope = torch.linspace(20, 200, 600).expand(1, 3, 300, 600)
    fine, coarse = (slope.round() / 255, ((slope / 5).round() * 5) / 255)
    if turned:
        fine, coarse = fine.mT, coarse.mT
    assert has_bands(coarse)
    assert not has_bands(fine)
    assert not has_bands((noisy(coarse, 2) * 255).round() / 255)


def test_photos_have_no_bands() -> None:
    for name in ("astronaut", "coffee", "rocket", "chelsea"):
        assert not has_bands(photo(name))
    assert not has_bands(torch.from_numpy(np.zeros((1, 3, 4, 4), np.float32)))
