"""LDL: a closer watch on pixels where the network seems to invent."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW_PX: Final = 7
"""Side of the window in which an error's variance is taken."""

PATCH_POWER: Final = 1 / 5
"""Exponent of the variance over the whole patch."""


def artefact(restored: Tensor, target: Tensor, average: Tensor) -> Tensor:
    """L1, weighted by a map of likely artefacts: one scalar, 0 when restored and target are equal.

    All are (B,3,H,W) in [0,1], at least 4 pixels a side; ``average`` is what the averaged generator makes of the same
    input. Source: Liang, Zeng, Zhang, "Details or artifacts: a locally discriminative learning approach to realistic
    image super-resolution", CVPR 2022. The map is not differentiated: it says where to look, not what to lower.
    """
    weight = artefact_map(restored, target, average)
    return (weight * (restored - target)).abs().mean()


def artefact_map(restored: Tensor, target: Tensor, average: Tensor) -> Tensor:
    """Where errors of ``restored`` are restless, times how restless the whole patch is: (B,1,H,W), >= 0.

    The error is the sum of absolute differences over the channels. The map is its variance in windows of 7 pixels
    (mirrored at the border) times the fifth root of its variance over the patch, and 0 where the averaged generator is
    farther off than this one: there the training is moving the right way.
    """
    with torch.no_grad():
        error = (target - restored).abs().sum(dim=1, keepdim=True)
        steadier = (target - average).abs().sum(dim=1, keepdim=True)
        patch = error.var(dim=(1, 2, 3), keepdim=True) ** PATCH_POWER
        around = F.pad(error, [WINDOW_PX // 2] * 4, mode="reflect")
        mean, power = (F.avg_pool2d(plane, WINDOW_PX, stride=1) for plane in (around, around**2))
        count = WINDOW_PX**2
        local = (power - mean**2).clamp(min=0) * (count / (count - 1))
        return torch.where(error < steadier, torch.zeros_like(error), patch * local)
