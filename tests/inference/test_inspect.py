"""What is measured from pixels, against noise of a known level."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.inference.inspect import condition_of, estimate_noise, shows_jpeg_grid
from restore.io.codec import jpeg_round_trip
from restore.io.convert import photo_from_array
from restore.io.read import read_photo

PHOTOS = {"astronaut": data.astronaut(), "coffee": data.coffee(), "rocket": data.rocket(), "cat": data.chelsea()}


def noisy(photo: np.ndarray, level: float) -> torch.Tensor:
    spoilt = photo + np.random.default_rng(0).normal(0, level, photo.shape)
    return torch.from_numpy(spoilt.clip(0, 255).round() / 255).permute(2, 0, 1).float()


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("level", [5, 10, 15, 25])
def test_the_noise_in_a_photo_is_found_within_a_fifth(name: str, level: float) -> None:
    assert estimate_noise(noisy(PHOTOS[name], level)) == pytest.approx(level, rel=0.2, abs=1)


def test_pure_noise_is_measured_as_what_it_is() -> None:
    assert estimate_noise(noisy(np.full((512, 512, 3), 128.0), 12)) == pytest.approx(12, rel=0.06)


def test_more_noise_gives_a_larger_figure() -> None:
    levels = [estimate_noise(noisy(PHOTOS["coffee"], level)) for level in (0, 2, 4, 8, 16, 32)]
    assert levels == sorted(levels)
    assert levels[0] < 1.5


def test_a_slope_a_flat_picture_and_a_tiny_one_hold_no_noise() -> None:
    slope = torch.linspace(0.1, 0.9, 200).expand(3, 200, 200)
    assert estimate_noise(slope) == 0
    assert estimate_noise(torch.full((3, 64, 64), 0.5)) == 0
    assert estimate_noise(torch.rand(3, 20, 20)) == 0
    assert estimate_noise(torch.zeros(3, 64, 64)) == 0


def test_the_condition_comes_from_the_pixels_and_from_the_file() -> None:
    buffer = io.BytesIO()
    Image.fromarray(data.coffee()).save(buffer, "JPEG", quality=60)
    told = condition_of(read_photo(buffer.getvalue()))
    assert told.jpeg == pytest.approx(60, abs=1)
    assert told.noise == 0


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("shift", [0, 3])
def test_a_picture_that_once_was_a_jpeg_is_known_by_its_grid_wherever_it_begins(name: str, shift: int) -> None:
    once = jpeg_round_trip(np.ascontiguousarray(PHOTOS[name]), 60)[shift:, shift:]
    assert shows_jpeg_grid(torch.from_numpy(once.copy()).permute(2, 0, 1).float() / 255)
    assert condition_of(photo_from_array(once)).jpeg is None


@pytest.mark.parametrize("name", PHOTOS)
def test_a_picture_without_a_grid_is_taken_for_what_it_is(name: str) -> None:
    halved = photo_from_array(np.asarray(Image.fromarray(PHOTOS[name]).reduce(2)))
    assert not shows_jpeg_grid(halved.pixels)
    assert condition_of(halved).jpeg == 100
    assert not shows_jpeg_grid(torch.full((3, 64, 64), 0.5))
    assert not shows_jpeg_grid(torch.rand(3, 20, 20))
