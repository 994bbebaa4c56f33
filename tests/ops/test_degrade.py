"""Damage made on purpose, against the codec that makes it in real life."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.ops.degrade import add_noise, jpeg, quantisation_tables


def photo() -> torch.Tensor:
    return torch.from_numpy(data.astronaut()[:256, 100:356].copy()).permute(2, 0, 1)[None].float() / 255


def pillow_jpeg(image: torch.Tensor, quality: int, subsampling: int) -> torch.Tensor:
    buffer = io.BytesIO()
    array = image[0].mul(255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(array).save(buffer, "JPEG", quality=quality, subsampling=subsampling)
    return torch.from_numpy(np.asarray(Image.open(buffer)).copy()).permute(2, 0, 1)[None].float() / 255


def rms(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).mul(255).square().mean().sqrt())


@pytest.mark.parametrize("quality", [10, 30, 50, 75, 95])
@pytest.mark.parametrize("halved", [True, False])
def test_jpeg_does_nearly_what_libjpeg_does(quality: int, halved: bool) -> None:
    image = photo()
    real = pillow_jpeg(image, quality, 2 if halved else 0)
    ours = jpeg(image, torch.tensor([float(quality)]), subsample=torch.tensor([halved]))
    damage = rms(real, image)
    assert rms(ours, real) < 0.55 * damage  # the same damage, not merely as much of it
    assert rms(ours, image) == pytest.approx(damage, rel=0.06)


def test_the_quantisation_tables_are_the_ones_pillow_writes() -> None:
    for quality in (1, 25, 50, 80, 100):
        buffer = io.BytesIO()
        Image.new("RGB", (16, 16)).save(buffer, "JPEG", quality=quality)
        written = Image.open(buffer).quantization  # type: ignore[attr-defined]
        ours = quantisation_tables(torch.tensor([float(quality)]))[0].int()
        assert sorted(ours[0].flatten().tolist()) == sorted(written[0])
        assert sorted(ours[1].flatten().tolist()) == sorted(written[1])


def test_jpeg_takes_any_size_and_each_picture_its_own_quality() -> None:
    pair = torch.cat([photo()[..., :37, :53]] * 2)
    coded = jpeg(pair, torch.tensor([10.0, 95.0]), subsample=torch.tensor([True, False]))
    assert coded.shape == pair.shape
    assert rms(coded[:1], pair[:1]) > 2 * rms(coded[1:], pair[1:])


def test_noise_has_the_level_asked_for_and_comes_from_the_seed() -> None:
    grey = torch.full((2, 3, 128, 128), 0.5)

    def noisy(seed: int) -> torch.Tensor:
        return add_noise(grey, torch.tensor([0.0, 25.0]), torch.Generator().manual_seed(seed))

    assert torch.equal(noisy(1)[0], grey[0])
    assert float((noisy(1)[1] - 0.5).std() * 255) == pytest.approx(25, rel=0.02)
    assert torch.equal(noisy(1), noisy(1))
    assert not torch.equal(noisy(1), noisy(2))
