"""What is decided for a photo, and that nothing else is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data, filters
from torch import nn

import restore
from restore.inference.auto import auto_restore, decide
from restore.inference.clean import Cleaner
from restore.io.convert import photo_from_array
from restore.io.photo import Photo
from restore.io.read import read_photo
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network that changes whatever it gets."""
    path = tmp_path_factory.mktemp("clean") / "mine.safetensors"
    torch.manual_seed(5)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    save_weights(path, network.state_dict(), Card(name="mine", task="clean", scale=1, size="fast", generator=shape))
    return path


@pytest.fixture(scope="module")
def cleaner(weights: Path) -> Cleaner:
    return Cleaner(device="cpu", weights=weights)


def noisy(level: float) -> Photo:
    grain = np.random.default_rng(0).normal(0, level, data.coffee().shape)
    return photo_from_array((data.coffee() + grain).clip(0, 255).round().astype(np.uint8))


def saved(path: Path, quality: int, array: np.ndarray | None = None) -> Photo:
    Image.fromarray(data.coffee() if array is None else array).save(path, quality=quality)
    return read_photo(path)


def test_a_good_photo_comes_back_to_the_bit_with_what_was_looked_for(cleaner: Cleaner) -> None:
    photo = photo_from_array(data.coffee())
    result, report = auto_restore(cleaner, photo)
    assert torch.equal(result.pixels, photo.pixels)
    assert (report.task, report.done, report.weights) == ("auto", (), ())
    assert report.found is not None
    assert report.notes == (f"nothing needed: {report.found}",)


def test_noise_is_taken_out_at_the_level_that_was_added(cleaner: Cleaner) -> None:
    result, report = auto_restore(cleaner, noisy(20))
    assert report.done == ("denoise",)
    assert report.condition.noise == pytest.approx(20, abs=1.5)
    assert (report.condition.jpeg, report.condition.blur) == (100, 0)
    assert not torch.equal(result.pixels, noisy(20).pixels)


def test_a_bad_jpeg_is_told_as_its_file_says_and_nothing_else(tmp_path: Path) -> None:
    decision = decide(saved(tmp_path / "a.jpg", 25))
    assert decision.steps == ("dejpeg",)
    assert decision.condition == restore.Condition(noise=0, jpeg=25, blur=0)


def test_a_good_jpeg_with_noise_in_it_is_told_with_the_noise(tmp_path: Path) -> None:
    array = np.asarray(noisy(20).pixels.permute(1, 2, 0) * 255).round().astype(np.uint8)
    decision = decide(saved(tmp_path / "a.jpg", 92, array))
    assert decision.steps == ("denoise",)
    assert decision.condition.jpeg == 92  # not bad enough to be undone, yet it has changed the noise
    assert decision.condition.noise == pytest.approx(20, abs=2)


def test_a_soft_photo_is_sharpened() -> None:
    soft = filters.gaussian(data.coffee(), 2, channel_axis=2, preserve_range=True).round().astype(np.uint8)
    decision = decide(photo_from_array(soft))
    assert decision.steps == ("deblur",)
    assert decision.condition.blur == pytest.approx(2, abs=0.4)


def test_where_the_area_is_zero_nothing_changes(cleaner: Cleaner) -> None:
    photo = noisy(20)
    area = torch.zeros(1, 1, photo.height, photo.width)
    area[..., 300:] = 1
    result, report = auto_restore(cleaner, photo, area=area)
    assert torch.equal(result.pixels[..., :300], photo.pixels[..., :300])
    assert not torch.equal(result.pixels[..., 300:], photo.pixels[..., 300:])
    assert report.covered == pytest.approx(0.5)


def test_one_line_of_python_gives_back_the_same_kind(weights: Path) -> None:
    good = data.coffee()[:200, :200]
    assert np.array_equal(restore.auto(good, weights=weights, device="cpu"), good)
    bad = np.asarray(noisy(25).pixels.permute(1, 2, 0) * 255).round().astype(np.uint8)
    result = restore.auto(bad, weights=weights, device="cpu")
    assert isinstance(result, np.ndarray)
    assert (result.shape, result.dtype) == (bad.shape, np.uint8)
    assert (result != bad).any()
    assert np.array_equal(restore.auto(bad, 0, weights=weights, device="cpu"), bad)
