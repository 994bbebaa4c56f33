"""Structural similarity, in the form that papers on restoration report."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import ConfigError
from restore.metrics.psnr import check_pair

WINDOW_PX: Final = 11
"""Side of the Gaussian window (Wang et al. 2004)."""

SIGMA_PX: Final = 1.5
K1: Final = 0.01
K2: Final = 0.03


def ssim(restored: Tensor, target: Tensor, *, peak: float) -> Tensor:
    """Structural similarity of every image: 1 where equal, lower where structure is lost.

    Both images are (B,C,H,W), at least 11 by 11 pixels; ``peak`` is the largest value that a pixel can have. The
    result is (B,), float64, at most 1. An 11 x 11 Gaussian window (sigma 1.5), population moments, K = (0.01, 0.03),
    only windows that lie inside the image, per channel, then the mean. Raises ConfigError for other shapes.
    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", 2004.

    >>> photo = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    >>> ssim(photo, photo, peak=1.0)
    tensor([1.], dtype=torch.float64)
    """
    check_pair(restored, target, peak)
    if min(restored.shape[-2:]) < WINDOW_PX:
        size = f"{restored.shape[-1]}x{restored.shape[-2]}"
        raise ConfigError(f"SSIM needs at least {WINDOW_PX}x{WINDOW_PX} pixels, got {size}")
    batch, channels, height, width = restored.shape
    one = restored.double().reshape(-1, 1, height, width)
    other = target.double().reshape(-1, 1, height, width)
    mean_one, mean_other = _blur(one), _blur(other)
    power = _blur(one * one) + _blur(other * other) - mean_one**2 - mean_other**2
    shared = _blur(one * other) - mean_one * mean_other
    light, contrast = (K1 * peak) ** 2, (K2 * peak) ** 2
    above = (2 * mean_one * mean_other + light) * (2 * shared + contrast)
    below = (mean_one**2 + mean_other**2 + light) * (power + contrast)
    return (above / below).reshape(batch, channels, -1).mean(dim=(1, 2))


def _blur(planes: Tensor) -> Tensor:
    """Gaussian mean over each window inside (N,1,H,W) planes: (N,1,H-10,W-10)."""
    place = torch.arange(WINDOW_PX, dtype=planes.dtype, device=planes.device) - WINDOW_PX // 2
    weights = torch.exp(-(place**2) / (2 * SIGMA_PX**2))
    weights = weights / weights.sum()
    return F.conv2d(F.conv2d(planes, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))
