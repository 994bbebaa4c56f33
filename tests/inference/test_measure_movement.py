"""Movement, on photos that were moved on purpose: by the mean of many shifted copies, which needs no kernel of ours."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data
from torch import Tensor

from restore.inference.inspect import Findings, inspect
from restore.inference.measure_movement import movement
from restore.ops.blur import blur, disc_kernels, gaussian_kernels
from restore.tasks import CLEAN, Condition

PHOTOS = ("astronaut", "coffee", "rocket", "chelsea")


def small(name: str) -> np.ndarray:
    """(H,W,3) of half the size, in grey levels."""
    photo = getattr(data, name)()
    height, width = (side // 2 * 2 for side in photo.shape[:2])
    return photo[:height, :width].reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))


def shot(photo: np.ndarray, ways: np.ndarray, noise: float = 2.0) -> np.ndarray:
    """(H,W,3) of 8 bits: light gathered evenly at each of (N,2) places, downwards and rightwards, and some noise."""
    gathered = np.mean(
        [ndimage.shift(photo, (down, right, 0), order=1, mode="reflect") for down, right in ways], axis=0
    )
    return (gathered + np.random.default_rng(0).normal(0, noise, photo.shape)).clip(0, 255).round().astype(np.uint8)


def straight(length: float, degrees: float) -> np.ndarray:
    """(N,2) places on a straight line, degrees from level, rising to the right."""
    steps = np.linspace(-0.5, 0.5, 4 * math.ceil(length) + 1)[:, None] * length
    return steps * np.array([-math.sin(math.radians(degrees)), math.cos(math.radians(degrees))])


def as_parts(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("photo", PHOTOS)
@pytest.mark.parametrize(("length", "degrees"), [(5, -60), (7, 0), (9, 30), (12, 90), (15, 50)])
def test_how_far_the_camera_moved_and_where_to_is_found(photo: str, length: float, degrees: float) -> None:
    moved = movement(as_parts(shot(small(photo), straight(length, degrees))))
    assert moved is not None
    assert abs((moved.angle - degrees + 90) % 180 - 90) < 5
    assert moved.length == pytest.approx(length, abs=0.8)


@pytest.mark.parametrize("photo", PHOTOS)
def test_sharp_and_soft_and_coded_photos_have_not_been_moved(photo: str) -> None:
    pixels = as_parts(getattr(data, photo)())
    kernels = [gaussian_kernels(torch.tensor([spread])) for spread in (0.0, 1.2, 2.5)]
    kernels += [disc_kernels(torch.tensor([radius])) for radius in (2.2, 4.1)]
    for kernel in kernels:
        assert movement(blur(pixels, kernel)) is None


def test_flat_striped_and_tiny_pictures_say_nothing() -> None:
    stripes = 0.5 + 0.4 * torch.sin(torch.arange(400.0) * 0.7).expand(1, 3, 300, 400)
    assert movement(stripes) is None
    assert movement(torch.full((1, 3, 300, 400), 0.5)) is None
    assert movement(torch.rand(1, 3, 60, 400)) is None
    assert movement(torch.rand(1, 3, 300, 400)) is None


def test_a_moved_photo_is_said_to_be_moved_and_told_so() -> None:
    found = inspect(shot(small("astronaut"), straight(9, 30)))
    assert re.search(r"moved \(9 px at (29|30|31)°\)", found.words)
    assert "deblur" in found.suggested
    condition = found.condition
    assert condition.angle == pytest.approx(30, abs=2)
    assert condition.blur == pytest.approx(Condition.of_motion(9, 30).blur, abs=0.1)
    assert condition.noise == pytest.approx(2, abs=0.5)  # sharpening would bring out what is let pass otherwise


@pytest.mark.parametrize("photo", ["astronaut", "coffee", "chelsea"])
def test_a_movement_that_is_too_long_to_be_undone_is_seen_and_nothing_is_told(photo: str) -> None:
    found = inspect(shot(small(photo), straight(26, 30)))
    assert found.shaken
    assert (found.movement, found.condition.blur, found.condition.angle) == (None, None, None)


def test_a_shaken_photo_is_said_to_be_so_and_its_blur_is_left_to_the_network() -> None:
    shaken = Findings(noise=0.0, file_quality=None, seen_quality=None, twice=False, blur=None, shaken=True)
    assert "shaken" in shaken.words
    assert shaken.suggested == ()
    assert (shaken.condition.blur, shaken.condition.noise) == (None, CLEAN.noise)
