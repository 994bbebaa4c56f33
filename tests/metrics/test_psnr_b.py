"""PSNR-B against closed forms."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from restore.errors import ConfigError
from restore.metrics.psnr import psnr
from restore.metrics.psnr_b import psnr_b

STEP, ERROR = 0.05, 0.01


def stairs(height: int, width: int, first: int) -> Tensor:
    """(1,1,H,W): flat from left to right but for a step up at column ``first`` and every eighth after it."""
    columns = (torch.arange(width, dtype=torch.float64) - first).div(8, rounding_mode="floor") + 1
    return (STEP * columns).expand(1, 1, height, width)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 26), (9, 40)])
def test_steps_at_the_block_borders_add_their_share_to_the_squared_error(height: int, width: int) -> None:
    across, down = height * ((width - 1) // 8), width * ((height - 1) // 8)
    effect = 3 / math.log2(min(height, width)) * STEP**2 * across / (across + down)
    restored = stairs(height, width, first=8)
    expected = -10 * math.log10(ERROR**2 + effect)
    assert psnr_b(restored, restored + ERROR, peak=1.0).item() == pytest.approx(expected, abs=1e-9)
    turned, target = (image.transpose(2, 3) for image in (restored, restored + ERROR))
    assert psnr_b(turned, target, peak=1.0).item() == pytest.approx(expected, abs=1e-9)


def test_steps_elsewhere_do_not_count() -> None:
    restored = stairs(32, 32, first=4)
    assert psnr_b(restored, restored + ERROR, peak=1.0).item() == pytest.approx(-20 * math.log10(ERROR), abs=1e-9)


def test_the_steps_of_the_result_count_and_not_those_of_the_truth() -> None:
    blocky, flat = stairs(32, 32, first=8), torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    assert psnr_b(flat, blocky, peak=1.0).item() == pytest.approx(psnr(flat, blocky, peak=1.0).item(), abs=1e-9)
    assert psnr_b(blocky, flat, peak=1.0).item() < psnr(blocky, flat, peak=1.0).item()


def test_of_colours_it_is_the_mean_of_the_channels_decibels() -> None:
    target = torch.zeros(1, 3, 16, 16, dtype=torch.float64)
    restored = target + torch.tensor([0.1, 0.01, 0.001], dtype=torch.float64).view(1, 3, 1, 1)
    assert psnr_b(restored, target, peak=1.0).item() == pytest.approx((20 + 40 + 60) / 3, abs=1e-9)
    assert psnr_b(255 * restored, 255 * target, peak=255).item() == pytest.approx(40, abs=1e-9)


def test_the_blocks_of_a_strong_jpeg_lower_it_and_noise_which_has_none_does_not(tmp_path: Path) -> None:
    photo = data.camera()[100:260, 180:340]
    Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=10)
    flat = np.full((320, 320), 128.0)
    noisy = flat + np.random.default_rng(0).normal(0, 8, flat.shape)
    losses = []
    for result, truth in ((np.asarray(Image.open(tmp_path / "photo.jpg")), photo), (noisy, flat)):
        restored, target = (torch.from_numpy(image.astype(np.float64))[None, None] for image in (result, truth))
        losses.append((psnr(restored, target, peak=255) - psnr_b(restored, target, peak=255)).item())
    assert losses[0] > 1
    assert 0 <= losses[1] < 0.1


def test_a_picture_without_a_block_border_is_refused() -> None:
    with pytest.raises(ConfigError, match="8x8"):
        psnr_b(torch.zeros(1, 1, 8, 40), torch.zeros(1, 1, 8, 40), peak=1.0)
