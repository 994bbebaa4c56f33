"""Losses that compare pixel with pixel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import torch
from torch import Tensor

PixelLoss = Callable[[Tensor, Tensor], Tensor]


def l1(restored: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of two (B,C,H,W) images: one scalar, 0 when they are equal."""
    return (restored - target).abs().mean()


def charbonnier(restored: Tensor, target: Tensor, eps: float = 1e-3) -> Tensor:
    """Smooth L1: like |x| far from zero, rounded within ``eps`` of it.

    Both images are (B,C,H,W) in [0,1]; the result is one scalar >= eps.
    Source: Charbonnier et al., "Two deterministic half-quadratic regularization algorithms", ICIP 1994.

    >>> image = torch.zeros(1, 3, 2, 2)
    >>> round(charbonnier(image, image).item(), 4)
    0.001
    """
    return torch.sqrt((restored - target) ** 2 + eps * eps).mean()


LOSSES: Final[Mapping[str, PixelLoss]] = {"l1": l1, "charbonnier": charbonnier}
