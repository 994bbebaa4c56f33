"""SSIM against scikit-image and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from skimage.filters import gaussian
from skimage.metrics import structural_similarity

from restore.errors import ConfigError
from restore.metrics.ssim import ssim

RADIUS = 5  # of the 11 x 11 window: only windows inside the image count


def _tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.reshape(*array.shape[:2], -1)).permute(2, 0, 1)[None]


def _papers_ssim(one: np.ndarray, other: np.ndarray, peak: float) -> float:
    """scikit-image's own map with the window of the papers, its border cut off."""
    settings = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": peak,
        "full": True,
    }
    planes = one.reshape(*one.shape[:2], -1), other.reshape(*one.shape[:2], -1)
    inside = (slice(RADIUS, -RADIUS), slice(RADIUS, -RADIUS))
    maps = [
        structural_similarity(planes[0][..., c], planes[1][..., c], **settings)[1] for c in range(planes[0].shape[2])
    ]
    return float(np.mean([each[inside].mean() for each in maps]))


def test_scikit_image_finds_the_same_value_for_gray_noise() -> None:
    photo = data.camera()[100:260, 200:341]
    noisy = np.clip(photo + np.random.default_rng(0).normal(0, 20, photo.shape), 0, 255).astype(np.uint8)
    assert ssim(_tensor(noisy), _tensor(photo), peak=255).item() == pytest.approx(
        _papers_ssim(photo, noisy, 255), abs=1e-9
    )


def test_scikit_image_finds_the_same_value_for_blurred_colour() -> None:
    photo = data.astronaut()[:120, 150:301] / 255.0
    blurred = gaussian(photo, 1.2, channel_axis=2)
    ours = ssim(_tensor(blurred), _tensor(photo), peak=1.0).item()
    assert ours == pytest.approx(_papers_ssim(photo, blurred, 1.0), abs=1e-9)
    assert 0.5 < ours < 0.99


def test_two_flat_images_are_compared_by_their_brightness_alone() -> None:
    dark, light, floor = 0.25, 0.5, 0.01**2
    expected = (2 * dark * light + floor) / (dark**2 + light**2 + floor)
    flat = torch.ones(1, 1, 20, 20, dtype=torch.float64)
    assert ssim(dark * flat, light * flat, peak=1.0).item() == pytest.approx(expected, abs=1e-7)


def test_it_is_one_for_equal_images_and_does_not_depend_on_the_order_or_on_the_unit() -> None:
    generator = torch.Generator().manual_seed(1)
    one, other = (torch.rand(2, 3, 24, 31, dtype=torch.float64, generator=generator) for _ in range(2))
    assert ssim(one, one, peak=1.0).tolist() == pytest.approx([1.0, 1.0], abs=1e-12)
    assert torch.allclose(ssim(one, other, peak=1.0), ssim(other, one, peak=1.0), atol=1e-12)
    assert torch.allclose(ssim(one, other, peak=1.0), ssim(255 * one, 255 * other, peak=255.0), atol=1e-9)


def test_an_image_smaller_than_the_window_is_refused() -> None:
    assert ssim(torch.zeros(1, 1, 11, 11), torch.zeros(1, 1, 11, 11), peak=1.0).item() == 1.0
    with pytest.raises(ConfigError, match="11x11"):
        ssim(torch.zeros(1, 1, 10, 40), torch.zeros(1, 1, 10, 40), peak=1.0)
