"""Blur on purpose: kernels of a lens out of focus, of a moved camera and of plain softness, one for each picture."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.pad import mirror_pad

REACH_PX: Final = 10
"""Kernels are squares that look so far to each side; what lies beyond is cut off."""
_SIDE: Final = 2 * REACH_PX + 1


def _grid(like: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels below and right of the middle, each (1,21,21)."""
    line = torch.arange(-REACH_PX, REACH_PX + 1, device=like.device, dtype=torch.float32)
    down, right = torch.meshgrid(line, line, indexing="ij")
    return down[None], right[None]


def _normal(kernel: Tensor) -> Tensor:
    return kernel / kernel.sum(dim=(1, 2), keepdim=True)


def gaussian_kernels(sigma: Tensor) -> Tensor:
    """(B,21,21), each of sum 1, for standard deviations (B,) in pixels; 0 changes nothing."""
    down, right = _grid(sigma)
    spread = sigma.clamp(min=1e-3).view(-1, 1, 1)
    return _normal(torch.exp(-(down.square() + right.square()) / (2 * spread.square())))


def disc_kernels(radius: Tensor) -> Tensor:
    """(B,21,21), each of sum 1: a lens out of focus, for radii (B,) in pixels; soft at the rim, 0 changes nothing."""
    down, right = _grid(radius)
    distance = (down.square() + right.square()).sqrt()
    return _normal((radius.view(-1, 1, 1) + 0.5 - distance).clamp(0, 1))


def motion_kernels(length: Tensor, angle: Tensor) -> Tensor:
    """(B,21,21), each of sum 1: a straight movement of (B,) pixels, ``angle`` (B,) in radians from the horizontal."""
    down, right = _grid(length)
    cos, sin = angle.cos().view(-1, 1, 1), angle.sin().view(-1, 1, 1)
    along, across = right * cos + down * sin, down * cos - right * sin
    ends = (length.view(-1, 1, 1) / 2 + 0.5 - along.abs()).clamp(0, 1)
    return _normal(ends * (1 - across.abs()).clamp(0, 1))


def motion_length(spread: Tensor) -> Tensor:
    """(B,): how far a straight movement went, in pixels, whose kernel has a spread of (B,) pixels; 0 for less than one.

    >>> round(float(motion_length(spread_px(motion_kernels(torch.tensor([9.0]), torch.tensor([0.5]))))))
    9
    """
    return (24 * spread.square() - _SOFT_RIM).clamp(min=0).sqrt()


_SOFT_RIM: Final = 3.0
"""What the soft ends and sides of a straight line of pixels add: 12 times their variances of 1/12 and 1/6."""


def spread_px(kernels: Tensor) -> Tensor:
    """(B,): the standard deviation in pixels of each of (B,21,21) kernels, the mean of both axes by their squares.

    >>> [round(float(spread), 2) for spread in spread_px(gaussian_kernels(torch.tensor([0.0, 1.6])))]
    [0.0, 1.6]
    """
    down, right = _grid(kernels)
    return ((kernels * (down.square() + right.square())).sum(dim=(1, 2)) / 2).sqrt()


def blur(image: Tensor, kernels: Tensor) -> Tensor:
    """Each of (B,C,H,W) under its own kernel of (B,21,21); beyond the border the picture is mirrored. Not rounded."""
    batch, channels, height, width = image.shape
    padded = mirror_pad(image, *(REACH_PX,) * 4).reshape(1, batch * channels, height + _SIDE - 1, width + _SIDE - 1)
    weights = kernels.to(image.dtype).repeat_interleave(channels, dim=0)[:, None]
    return F.conv2d(padded, weights, groups=batch * channels).view(batch, channels, height, width)
