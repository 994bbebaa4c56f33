"""PSNR that also counts what JPEG's blocks print on a picture."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.metrics.psnr import check_pair

BLOCK_PX: Final = 8
"""JPEG codes squares of this side, from the upper left corner of the picture."""


def psnr_b(restored: Tensor, target: Tensor, *, peak: float) -> Tensor:
    """PSNR-B of every image, in dB: PSNR whose squared error grows where the block borders of a result stand out.

    Both images are (B,C,H,W), more than 8 pixels a side, with values up to ``peak``; the result is (B,), float64, at
    most the PSNR of the channels. To the squared error comes how much larger the mean squared step across block borders
    is than the one between other neighbours, times 3 / log2(shorter side); nothing where it is not larger. Per channel,
    then the mean of the decibels, as published test scripts take colour photos. ConfigError for other shapes.
    Source: Yim and Bovik, "Quality assessment of deblocked images", IEEE Transactions on Image Processing, 2011.

    >>> slope = torch.arange(16.0).expand(1, 1, 16, 16) / 16
    >>> round(psnr_b(slope + 0.1, slope, peak=1.0).item(), 4)
    20.0
    """
    check_pair(restored, target, peak)
    if min(restored.shape[-2:]) <= BLOCK_PX:
        size = f"{restored.shape[-1]}x{restored.shape[-2]}"
        raise ConfigError(f"PSNR-B needs more than {BLOCK_PX}x{BLOCK_PX} pixels, got {size}")
    error = ((restored.double() - target.double()) ** 2).mean(dim=(2, 3))
    return (10.0 * torch.log10(peak * peak / (error + _blockiness(restored.double())))).mean(dim=1)


def _blockiness(image: Tensor) -> Tensor:
    """(B,C): the blocking effect factor of (B,C,H,W)."""
    border, inner, border_count, inner_count = image.new_zeros(image.shape[:2]), image.new_zeros(image.shape[:2]), 0, 0
    for steps in (image.diff(dim=3), image.diff(dim=2).transpose(2, 3)):
        crosses = (torch.arange(1, steps.shape[3] + 1, device=image.device) % BLOCK_PX) == 0
        squares = steps.square().sum(dim=2)
        border += squares[..., crosses].sum(dim=2)
        inner += squares[..., ~crosses].sum(dim=2)
        border_count += int(crosses.sum()) * steps.shape[2]
        inner_count += int((~crosses).sum()) * steps.shape[2]
    excess = border / border_count - inner / inner_count
    return excess.clamp(min=0) * math.log2(BLOCK_PX) / math.log2(min(image.shape[-2:]))
