"""Multi-scale structural similarity as a loss."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

LEVEL_WEIGHTS: Final = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the levels, finest first (Wang et al. 2003)."""

WINDOW_PX: Final = 11
SIGMA_PX: Final = 1.5
LIGHT: Final = 0.01**2
CONTRAST: Final = 0.03**2
"""The two constants of SSIM for values in [0,1]."""

FLOOR: Final = 1e-3
"""Similarities below this count as this much, so that their powers keep a gradient of sensible size."""


def ms_ssim(restored: Tensor, target: Tensor) -> Tensor:
    """1 - MS-SSIM over the colour channels: one scalar, 0 when the images are equal, at most 1.

    Both images are (B,C,H,W) in [0,1]. Each level halves the side by 2x2 means; there are five if the smallest still
    holds the window of 11 pixels (176 pixels a side), else as many as fit, their exponents scaled to the same sum.
    Images smaller than 11 pixels get a window of their own size. Only windows inside the image count.
    Source: Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", 2003.

    >>> photo = torch.rand(1, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    >>> ms_ssim(photo, photo).item()
    0.0
    """
    side = min(restored.shape[-2:])
    levels = min(len(LEVEL_WEIGHTS), max(1, int(math.log2(max(side / WINDOW_PX, 1))) + 1))
    exponents = [weight / math.fsum(LEVEL_WEIGHTS[:levels]) for weight in LEVEL_WEIGHTS[:levels]]
    product = restored.new_ones(())
    for level, exponent in enumerate(exponents):
        if level > 0:
            restored, target = F.avg_pool2d(restored, 2), F.avg_pool2d(target, 2)
        similarity = _similarity(restored, target, with_light=level == levels - 1)
        product = product * similarity.mean(dim=(2, 3)).clamp(min=FLOOR) ** exponent
    return 1 - product.mean()


def _similarity(restored: Tensor, target: Tensor, *, with_light: bool) -> Tensor:
    """Map of contrast and structure of each window, times that of brightness on request: (B,C,h,w)."""
    mean_one, power_one, shared = _blur(torch.cat([restored, restored**2, restored * target], 1)).chunk(3, 1)
    mean_other, power_other = _blur(torch.cat([target, target**2], 1)).chunk(2, 1)
    both = mean_one * mean_other
    squares = mean_one**2 + mean_other**2
    result = (2 * (shared - both) + CONTRAST) / (power_one + power_other - squares + CONTRAST)
    return result * (2 * both + LIGHT) / (squares + LIGHT) if with_light else result


def _blur(planes: Tensor) -> Tensor:
    """Gaussian mean over each window inside (B,C,H,W): 10 pixels less on each side."""
    size = min(WINDOW_PX, *planes.shape[-2:])
    place = torch.arange(size, dtype=planes.dtype, device=planes.device) - (size - 1) / 2
    weights = torch.exp(-(place**2) / (2 * SIGMA_PX**2))
    weights = (weights / weights.sum()).expand(planes.shape[1], 1, 1, size)
    groups = planes.shape[1]
    return F.conv2d(F.conv2d(planes, weights.mT.reshape(groups, 1, size, 1), groups=groups), weights, groups=groups)
