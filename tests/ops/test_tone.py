"""Toned photos are told from coloured ones, and their tone comes back as it was."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.ops.color import luma
from restore.ops.tone import tone_of

SEPIA = torch.tensor([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
"""The matrix that picture programs call sepia; its reds are cut off at white."""


def photo(name: str = "coffee") -> torch.Tensor:
    return torch.from_numpy(getattr(data, name)()[:256, :320].copy()).permute(2, 0, 1)[None].float() / 255


def sepia(image: torch.Tensor) -> torch.Tensor:
    """Drawn as a file of 8 bits holds it."""
    return (torch.einsum("dc,bchw->bdhw", SEPIA, image).clamp(0, 1) * 255).round() / 255


def cyanotype(image: torch.Tensor) -> torch.Tensor:
    """Blue in the shadows, white in the lights: a tone that is no multiple of the brightness."""
    gray = luma(image)
    return torch.cat([gray**1.6, gray**1.1, 0.25 + 0.75 * gray], dim=1)


def coded(image: torch.Tensor, quality: int) -> torch.Tensor:
    file = io.BytesIO()
    levels = (image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    Image.fromarray(levels).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)[None].float() / 255


def noisy(image: torch.Tensor, sigma: float) -> torch.Tensor:
    grain = torch.randn(image.shape, generator=torch.Generator().manual_seed(1)) * sigma / 255
    return ((image + grain).clamp(0, 1) * 255).round() / 255


@pytest.mark.parametrize("toned", [sepia, cyanotype, lambda image: luma(image).expand(-1, 3, -1, -1)])
def test_the_colour_of_a_toned_photo_is_that_of_its_brightness(toned) -> None:
    picture = toned(photo())
    tone = tone_of(picture)
    assert tone is not None
    again = tone.colour(luma(picture))
    assert float((again - picture).abs().mean() * 255) < 0.6
    assert float((again - picture).abs().flatten().quantile(0.99) * 255) < 3


@pytest.mark.parametrize(
    ("damage", "levels"), [(lambda p: noisy(p, 10), 1), (lambda p: noisy(p, 30), 3), (lambda p: coded(p, 40), 1)]
)
def test_noise_and_jpeg_do_not_hide_the_tone(damage, levels: float) -> None:
    picture = sepia(photo())
    tone = tone_of(damage(picture))
    assert tone is not None
    assert float((tone.colour(luma(picture)) - picture).abs().mean() * 255) < levels


def test_what_is_put_back_has_the_brightness_that_was_asked_for() -> None:
    tone = tone_of(sepia(photo()))
    assert tone is not None
    gray = torch.rand(1, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(luma(tone.colour(gray)), gray, atol=1e-5)


@pytest.mark.parametrize("name", ["coffee", "astronaut", "chelsea", "rocket"])
def test_a_coloured_photo_is_not_toned_with_and_without_noise(name: str) -> None:
    assert tone_of(photo(name)) is None
    assert tone_of(noisy(photo(name), 30)) is None


def test_one_small_coloured_thing_makes_it_a_coloured_photo() -> None:
    picture = sepia(photo())
    picture[..., 100:116, 100:116] = torch.tensor([0.8, 0.1, 0.1]).view(1, 3, 1, 1)
    assert tone_of(picture) is None


def test_a_picture_too_small_to_tell_is_taken_for_a_coloured_one() -> None:
    assert tone_of(sepia(photo())[..., :40, :40]) is None
