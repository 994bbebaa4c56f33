"""How blurred a photo is: the standard deviation of the Gaussian blur that makes edges as wide as its sharpest ones.

An edge between two tones, blurred by s, has a slope of 1 / sqrt(s^2 + a^2) where it is seen through a Gaussian of a.
Seen through two of them, the ratio of both slopes gives s and leaves the contrast out. Only the strongest edges are
asked: a photo that is soft by nature, like a sky, has none and is not called blurred, and of a photo with little depth
of field it is the part in focus that counts.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

from restore.ops.color import luma
from restore.ops.pad import mirror_pad

_NEAR: Final = 1.0
_FAR: Final = 2.0
"""Standard deviations in pixels of the two Gaussians."""
_REACH: Final = 3.5
"""Standard deviations after which a Gaussian is cut off."""
_STRONGEST: Final = 1000
"""So many edge points are asked, per million pixels looked at, and at least a few hundred."""
_LEAST_POINTS: Final = 150
_FAINTEST: Final = 3.0
"""Grey levels per pixel; edges with a weaker slope are not asked."""
_OVER_NOISE: Final = 5.0
"""Nor those with a slope that noise reaches by so many standard deviations."""
_BORDER_PX: Final = 8
SHARP: Final = 0.6
"""What edges measure in sharp photos, in pixels: lenses, sensors and shrinking have a blur of their own."""
MAX_BLUR: Final = 4.0


@lru_cache(maxsize=2)
def _kernels(sigma: float) -> tuple[Tensor, Tensor]:
    """A Gaussian of sum 1 and its derivative, of slope 1 on a slope of 1; odd lengths."""
    reach = math.ceil(_REACH * sigma)
    line = torch.arange(-reach, reach + 1, dtype=torch.float32)
    smooth = torch.exp(-line.square() / (2 * sigma * sigma))
    smooth = smooth / smooth.sum()
    slope = line * smooth
    return smooth, slope / (slope * line).sum()


def _along(planes: Tensor, kernel: Tensor, dim: int) -> Tensor:
    """Correlate (N,1,h,w) with a kernel along one dimension; mirrored at the border."""
    reach = len(kernel) // 2
    padded = mirror_pad(planes, *((reach, reach, 0, 0) if dim == -2 else (0, 0, reach, reach)))
    result = torch.zeros(())
    for number, weight in enumerate(kernel.tolist()):
        result = torch.add(result, padded.narrow(dim, number, planes.shape[dim]), alpha=weight)
    return result


def _slopes(planes: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Downward and rightward slope seen through a Gaussian, in grey levels per pixel."""
    smooth, slope = _kernels(sigma)
    return _along(_along(planes, smooth, -1), slope, -2), _along(_along(planes, smooth, -2), slope, -1)


def _ridges(down: Tensor, right: Tensor, size: Tensor) -> Tensor:
    """Where the slope is steepest along its own direction: (N,1,h,w) bool, never near the border."""
    padded = mirror_pad(size, 1, 1, 1, 1)
    height, width = size.shape[-2:]
    towards = ((torch.atan2(down, right) / (torch.pi / 4)).round().long()) % 4
    ridge = torch.zeros_like(size, dtype=torch.bool)
    for number, (step_down, step_right) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        after = padded[..., 1 + step_down :, 1 + step_right :][..., :height, :width]
        before = padded[..., 1 - step_down :, 1 - step_right :][..., :height, :width]
        ridge |= (towards == number) & (size >= after) & (size > before)
    inside = torch.zeros_like(ridge)
    inside[..., _BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = True
    return ridge & inside


def edge_width(parts: Tensor, noise: float = 0.0) -> float | None:
    """Standard deviation in pixels of the median of the strongest edges of (N,3,h,w) in [0,1]; None with too few edges.

    ``noise`` in grey levels makes weak edges useless. A line thinner than the blur measures a little less.
    """
    if min(parts.shape[-2:]) <= 3 * _BORDER_PX:
        return None
    planes = luma(parts) * 255
    down, right = _slopes(planes, _FAR)
    size = torch.hypot(down, right)
    faintest = max(_FAINTEST, _OVER_NOISE * noise / (math.sqrt(8 * math.pi) * _FAR**2))
    strong = _ridges(down, right, size) & (size > faintest)
    far = size[strong]
    if len(far) < _LEAST_POINTS:
        return None
    near_down, near_right = _slopes(planes, _NEAR)
    near = (near_down * down + near_right * right)[strong] / far
    count = max(4 * _LEAST_POINTS, int(_STRONGEST * planes.numel() / 1e6))
    order = far.argsort(descending=True)[:count]
    ratio = (near[order] / far[order]).square().clamp(min=1 + 1e-3)
    variance = float(((_FAR**2 - ratio * _NEAR**2) / (ratio - 1)).quantile(0.5))
    return math.sqrt(max(variance, 0.0))


def blur_of(width: float | None) -> float | None:
    """The blur in pixels, 0 to 4, that widened the edges of a sharp photo to ``width``; None for None.

    >>> blur_of(0.5), round(blur_of(1.0), 2), blur_of(9.0)
    (0.0, 0.8, 4.0)
    """
    return None if width is None else min(math.sqrt(max(width * width - SHARP * SHARP, 0.0)), MAX_BLUR)
