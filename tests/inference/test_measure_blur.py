"""Blur, on drawn edges whose width is known in closed form, and on photos."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor

from restore.inference.measure_blur import MAX_BLUR, SHARP, blur_of, edge_width, is_one_sided
from restore.ops.blur import blur, disc_kernels, gaussian_kernels, motion_kernels


def edges(sigma: float, angle: float) -> Tensor:
    """(1,3,200,200): stripes 40 pixels wide whose borders are error functions of that standard deviation."""
    down, right = torch.meshgrid(torch.arange(200.0), torch.arange(200.0), indexing="ij")
    across = right * math.cos(angle) + down * math.sin(angle)
    wave = sum((-1) ** k * torch.special.erf((across - 40 * k) / (sigma * 2**0.5)) for k in range(-8, 9))
    return (0.5 + 0.2 * wave).expand(1, 3, -1, -1)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("angle", [0.0, 0.5, math.pi / 2])
def test_the_width_of_a_drawn_edge_is_measured(sigma: float, angle: float) -> None:
    assert edge_width(edges(sigma, angle)) == pytest.approx(sigma, rel=0.05, abs=0.1)


@pytest.mark.parametrize("photo", ["astronaut", "coffee", "rocket", "chelsea"])
@pytest.mark.parametrize("sigma", [1.5, 2.5, 3.5])
def test_the_blur_of_a_photo_is_found_within_half_a_pixel(photo: str, sigma: float) -> None:
    pixels = torch.from_numpy(getattr(data, photo)()).permute(2, 0, 1)[None].float() / 255
    small = torch.nn.functional.avg_pool2d(pixels, 2)
    assert blur_of(edge_width(blur(small, gaussian_kernels(torch.tensor([sigma]))))) == pytest.approx(sigma, abs=0.5)


def test_a_picture_without_edges_is_not_called_blurred() -> None:
    slope = torch.linspace(0.1, 0.9, 200).expand(1, 3, 200, 200)
    assert edge_width(slope) is None
    assert edge_width(torch.full((1, 3, 100, 100), 0.5)) is None
    assert edge_width(torch.rand(1, 3, 20, 20)) is None
    assert blur_of(None) is None


def test_noise_is_not_taken_for_edges() -> None:
    noise = np.random.default_rng(0).normal(128, 20, (1, 3, 200, 200))
    assert edge_width(torch.from_numpy(noise / 255).float(), noise=20) is None


def test_the_blur_of_sharp_photos_is_nothing_and_no_blur_is_beyond_the_largest() -> None:
    assert blur_of(SHARP) == 0
    assert blur_of(100.0) == MAX_BLUR


@pytest.mark.parametrize("photo", ["astronaut", "coffee", "chelsea"])  # rocket has edges in few directions
@pytest.mark.parametrize("degrees", [0.0, 30.0, -60.0, 90.0])
def test_edges_across_a_movement_are_wider_than_those_along_it(photo: str, degrees: float) -> None:
    pixels = torch.from_numpy(getattr(data, photo)()).permute(2, 0, 1)[None].float() / 255
    small = torch.nn.functional.avg_pool2d(pixels, 2)
    assert is_one_sided(blur(small, motion_kernels(torch.tensor([10.0]), torch.tensor([math.radians(degrees)]))))


@pytest.mark.parametrize("photo", ["astronaut", "coffee", "rocket", "chelsea"])
def test_edges_of_a_sharp_photo_and_of_an_evenly_soft_one_are_as_wide_in_every_direction(photo: str) -> None:
    pixels = torch.from_numpy(getattr(data, photo)()).permute(2, 0, 1)[None].float() / 255
    assert not is_one_sided(pixels)
    for kernels in (gaussian_kernels(torch.tensor([1.6])), disc_kernels(torch.tensor([3.0]))):
        assert not is_one_sided(blur(pixels, kernels))


def test_stripes_in_one_direction_say_nothing_about_movement() -> None:
    assert not is_one_sided(edges(2.0, 0.3))
