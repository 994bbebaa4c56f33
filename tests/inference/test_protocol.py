"""Damage made for measuring: known strengths, the same every time, and told to the network as it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.errors import ConfigError
from restore.inference.protocol import Damage


def photo() -> torch.Tensor:
    return torch.from_numpy(data.astronaut()[:96, 180:300] / 255.0).permute(2, 0, 1)[None]


def psnr(one: torch.Tensor, other: torch.Tensor) -> float:
    return -10 * math.log10(float((one - other).square().mean()))


def whole(image: torch.Tensor) -> bool:
    grey = image * 255
    return bool((grey - grey.round()).abs().max() < 1e-6) and float(image.min()) >= 0 and float(image.max()) <= 1


@pytest.mark.parametrize("sigma", [15, 25, 50])
def test_noise_as_papers_measure_it_is_neither_clipped_nor_rounded(sigma: float) -> None:
    spoilt = Damage(noise=sigma, rounded=False).spoil(photo())
    assert psnr(spoilt, photo()) == pytest.approx(20 * math.log10(255 / sigma), abs=0.1)
    assert float(spoilt.max()) > 1
    legacy = np.random.RandomState(0).normal(0, sigma, (96, 120, 3))
    np.testing.assert_allclose((spoilt - photo())[0].permute(1, 2, 0).numpy() * 255, legacy, atol=1e-9)


def test_noise_as_a_file_holds_it_is() -> None:
    assert whole(Damage(noise=25).spoil(photo()))
    assert whole(Damage(noise=25, rounded=False, jpeg=50).spoil(photo()))


def test_a_gray_photo_gets_gray_noise_and_a_gray_jpeg() -> None:
    gray = photo().mean(dim=1, keepdim=True).mul(255).round().div(255).expand(1, 3, 96, 120)
    for damage in (Damage(noise=20, rounded=False), Damage(jpeg=20)):
        spoilt = damage.spoil(gray)
        assert torch.equal(spoilt[:, 0], spoilt[:, 2])
        assert not torch.equal(spoilt, gray)


def test_a_second_jpeg_off_the_grid_of_the_first_does_more_than_one_alone() -> None:
    one, two = (Damage(jpeg=30, first_jpeg=first).spoil(photo()) for first in (None, 10))
    assert two.shape == photo().shape
    assert psnr(two, photo()) < psnr(one, photo()) - 0.5


def test_a_jpeg_is_pillows(tmp_path) -> None:
    """Both are libjpeg; the decoders may round differently."""
    path = tmp_path / "photo.jpg"
    Image.fromarray((photo()[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)).save(
        path, quality=20, subsampling=2
    )
    with Image.open(path) as opened:
        pillows = torch.from_numpy(np.asarray(opened) / 255.0).permute(2, 0, 1)[None]
    assert float((Damage(jpeg=20).spoil(photo()) - pillows).abs().max()) <= 2.01 / 255


def test_blur_comes_before_noise() -> None:
    soft = Damage(blur=1.6).spoil(photo())
    noisy = Damage(blur=1.6, noise=10, rounded=False).spoil(photo())
    assert float((noisy - soft).std()) * 255 == pytest.approx(10, rel=0.05)
    assert whole(soft)


def test_a_network_is_told_the_worse_quality_and_the_spread_of_the_blur() -> None:
    told = Damage(noise=10, first_jpeg=15, jpeg=60).condition
    assert (told.noise, told.jpeg, told.blur) == (10, 15, 0)
    assert Damage(blur=1.6).condition.blur == pytest.approx(1.6)
    assert Damage(motion=14).condition.blur == pytest.approx(14 / math.sqrt(24), rel=0.06)
    assert Damage().condition.jpeg == 100


def test_the_same_damage_is_the_same_every_time_and_none_is_none() -> None:
    damage = Damage(noise=10, motion=5, jpeg=50)
    assert torch.equal(damage.spoil(photo()), damage.spoil(photo()))
    assert torch.equal(Damage().spoil(photo()), photo())


@pytest.mark.parametrize(
    "wrong", [{"blur": 5}, {"motion": 25}, {"blur": 1, "motion": 5}, {"first_jpeg": 0}, {"noise": -1}]
)
def test_damage_that_cannot_be_made_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Damage(**wrong)  # type: ignore[arg-type]
