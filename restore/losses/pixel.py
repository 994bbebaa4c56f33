"""Losses that compare pixel with pixel, or one small sum of pixels with another."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.resize import taps

POOL_PX: Final = 8
"""Side of the squares over which ``low_pass`` averages; half of one is the step between them."""


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


def rmse(restored: Tensor, target: Tensor, eps: float = 1e-3) -> Tensor:
    """Root of the mean squared difference of each picture of (B,C,H,W), rounded within ``eps``; their mean, one scalar.

    Its best answer to an uncertain pixel is the mean, as PSNR counts it, where L1's is the median; and pictures with
    little damage weigh as much as those with much, which plain squares would let them drown in.

    >>> image = torch.full((2, 3, 4, 4), 0.5)
    >>> round(rmse(image, image + torch.tensor([0.0, 0.2]).view(2, 1, 1, 1), eps=0.0).item(), 4)
    0.1
    """
    return ((restored - target).square().mean(dim=(1, 2, 3)) + eps * eps).sqrt().mean()


def l1_where(restored: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference of two (B,C,H,W) images where ``mask`` (B,1,H,W) is 1: one scalar, 0 for no such place.

    Every picture counts the same, however few such places it has: what can be told of a wide hole is little, and its
    many pixels would drown what is learnt from scratches.

    >>> restored, target = torch.tensor([0.0, 0.5]).view(1, 1, 1, 2), torch.ones(1, 1, 1, 2)
    >>> l1_where(restored, target, torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)).item()
    0.5
    """
    inner = (1, 2, 3)
    count = (mask.sum(dim=inner) * restored.shape[1]).clamp_min(1)
    return (((restored - target).abs() * mask).sum(dim=inner) / count).mean()


def gradient(restored: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the steps between neighbours, along rows and along columns, halved.

    Both images are (B,C,H,W), at least 2 pixels a side; the result is one scalar, blind to a shift of brightness.
    Source: Mathieu et al., "Deep multi-scale video prediction beyond mean square error", ICLR 2016 (their gradient
    difference without the absolute values, so that the direction of an edge counts too).

    >>> round(gradient(torch.zeros(1, 3, 4, 4) + 0.2, torch.ones(1, 3, 4, 4)).item(), 4)
    0.0
    """
    error = restored - target
    return (error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()) / 2


def low_pass(restored: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the colours of squares of 8 pixels: colour stays put, grain is free.

    Both images are (B,C,H,W) in [0,1]; the squares overlap by half, and are smaller where the image is.

    >>> grain = torch.tensor([[0.1, -0.1], [-0.1, 0.1]]).repeat(1, 1, 8, 8)
    >>> round(low_pass(0.5 + grain, torch.full((1, 1, 16, 16), 0.5)).item(), 6)
    0.0
    """
    side = min(POOL_PX, *restored.shape[-2:])
    return F.avg_pool2d(restored - target, side, stride=max(1, side // 2)).abs().mean()


def consistency(restored: Tensor, lq: Tensor) -> Tensor:
    """Mean absolute difference of the result, shrunk again, and the picture that it was made from.

    ``restored`` is (B,C,sH,sW), ``lq`` (B,C,H,W), both in [0,1]. The shrinking is the antialiased bicubic of
    ``ops.resize``, as two matrix products, which is quicker to differentiate. Only where the damage was this shrinking
    alone is 0 the right answer: noise and JPEG in ``lq`` are not to be reproduced.
    """
    (tall, wide), (height, width) = restored.shape[-2:], lq.shape[-2:]
    rows = _shrinking(tall, height).to(restored.dtype).to(restored.device)
    columns = _shrinking(wide, width).to(restored.dtype).to(restored.device)
    return (rows @ restored @ columns.T - lq).abs().mean()


@lru_cache(maxsize=16)
def _shrinking(source: int, target: int) -> Tensor:
    """Bicubic resizing of ``source`` pixels to ``target`` as a (target, source) matrix, float64."""
    index, weight = taps(source, target)
    return torch.zeros(target, source, dtype=weight.dtype).scatter_add_(1, index, weight)


def grid(restored: Tensor, target: Tensor) -> Tensor:
    """How much of the error repeats every four pixels, as the seams of pixel shuffles do: one scalar, 0 for none.

    Both are (B,C,H,W) of at least 32 pixels a side. Within overlapping squares of 32 pixels the error is averaged over
    the places of equal position modulo 4; random texture averages out, a printed grid of period 2 or 4 stays.
    """
    return _seams(restored, target).abs().mean()


def grid_rms(restored: Tensor, target: Tensor, eps: float = 1e-5) -> Tensor:
    """As :func:`grid`, but the root mean square of it: one plain grid in one place weighs more than traces everywhere.

    What is left of random texture after averaging is nearly all that :func:`grid` sees of a batch where few patches
    have a grid.
    """
    return (_seams(restored, target).square().mean() + eps * eps).sqrt() - eps


def _seams(restored: Tensor, target: Tensor) -> Tensor:
    """(B,C,16,h,w): by how much each position modulo 4 differs from the mean of all, in each square."""
    height, width = (size // _PERIOD_PX * _PERIOD_PX for size in restored.shape[-2:])
    error = (restored - target)[..., :height, :width]
    places = F.pixel_unshuffle(error, _PERIOD_PX)
    pooled = F.avg_pool2d(places, _GRID_CELLS, stride=_GRID_CELLS // 2)
    means = pooled.reshape(*error.shape[:2], _PERIOD_PX**2, *pooled.shape[-2:])
    return means - means.mean(dim=2, keepdim=True)


_PERIOD_PX = 4
_GRID_CELLS = 8
"""Repetitions that are averaged over, along each side."""


def rmse_where(restored: Tensor, target: Tensor, mask: Tensor, eps: float = 1e-3) -> Tensor:
    """Root of the mean squared difference where ``mask`` (B,1,H,W) is 1, of each picture; their mean, one scalar.

    As :func:`rmse`, for holes: the mean of all that could be there, as PSNR counts it, where L1's answer is the median.

    >>> restored, target = torch.tensor([0.0, 0.5]).view(1, 1, 1, 2), torch.ones(1, 1, 1, 2)
    >>> rmse_where(restored, target, torch.tensor([0.0, 1.0]).view(1, 1, 1, 2), eps=0.0).item()
    0.5
    """
    inner = (1, 2, 3)
    count = (mask.sum(dim=inner) * restored.shape[1]).clamp_min(1)
    return ((((restored - target) * mask).square().sum(dim=inner) / count) + eps * eps).sqrt().mean()
