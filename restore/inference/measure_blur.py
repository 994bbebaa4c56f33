"""How blurred a photo is: the standard deviation of the Gaussian blur that makes edges as wide as its sharpest ones.

An edge between two tones, blurred by s, has a slope of 1 / sqrt(s^2 + a^2) where it is seen through a Gaussian of a.
Seen through two of them, the ratio of both slopes gives s and leaves the contrast out. Only the strongest edges are
asked: a photo that is soft by nature, like a sky, has none and is not called blurred, and of a photo with little depth
of field it is the part in focus that counts.

A camera that moved widens the edges that lie across its way and leaves those along it alone: their widths, by the
direction in which they look, tell that it moved, but hardly how far.
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
_DIRECTIONS: Final = 12
"""Edges are sorted into so many directions, over half a turn."""
_LEAST_DIRECTIONS: Final = 7
_LEAST_EACH: Final = 40
_LEAST_EDGES: Final = 600
_ASKED_SHARE: Final = 1 / 3
"""Of the edges of each direction, the strongest."""
_WIDEST: Final = 30.0
"""Squared pixels; beyond, it is no edge."""
_MOVED_VARIANCE: Final = 1.5
"""Squared pixels by which the variance of edges has to swing: a movement of more than six pixels."""
_MOVED_SHARE: Final = 0.55
"""Of the mean variance; round blur, however uneven the photo, swings by at most a quarter."""


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
    edges = _edges(parts, noise)
    if edges is None:
        return None
    strength, variances, _ = edges
    count = max(4 * _LEAST_POINTS, int(_STRONGEST * parts[:, :1].numel() / 1e6))
    order = strength.argsort(descending=True)[:count]
    return math.sqrt(max(float(variances[order].quantile(0.5)), 0.0))


def is_one_sided(parts: Tensor, noise: float = 0.0) -> bool:
    """Whether edges of (N,3,h,w) in [0,1] are much wider where they look one way than across it; ``noise`` as above.

    So they are where the camera moved by more than six pixels, straight or nearly so. A movement of length L towards p
    adds L^2 / 12 * cos(t - p)^2 to the variance of edges that look towards t: a wave of two periods to a turn over a
    constant, which is fitted to the medians of twelve directions. False where there are too few edges.
    """
    edges = _edges(parts, noise)
    if edges is None or len(edges[0]) < _LEAST_EDGES:
        return False
    strength, variances, towards = edges
    bins = (towards / math.pi * _DIRECTIONS).long().clamp(max=_DIRECTIONS - 1)
    rows, widths, weights = [], [], []
    for number in range(_DIRECTIONS):
        here = bins == number
        count = int(here.sum())
        if count < _LEAST_EACH:
            continue
        order = strength[here].argsort(descending=True)[: max(_LEAST_EACH, int(count * _ASKED_SHARE))]
        width = float(variances[here][order].quantile(0.4).clamp(0, _WIDEST))
        turn = 2 * math.pi * (number + 0.5) / _DIRECTIONS
        rows.append([1.0, math.cos(turn), math.sin(turn)])
        widths.append([width])
        weights.append([math.sqrt(min(count, 10 * _LEAST_EACH)) / (1 + width)])
    if len(rows) < _LEAST_DIRECTIONS:
        return False
    weight = torch.tensor(weights, dtype=torch.float64)
    wave = torch.linalg.lstsq(torch.tensor(rows).double() * weight, torch.tensor(widths).double() * weight).solution
    mean, across, askew = (float(part) for part in wave.flatten())
    return math.hypot(across, askew) >= max(_MOVED_VARIANCE, _MOVED_SHARE * mean)


def _edges(parts: Tensor, noise: float) -> tuple[Tensor, Tensor, Tensor] | None:
    """Of all points on edges: slope in grey levels per pixel, variance in squared pixels, and where it looks, 0 to pi.

    None where there are too few. Angles count from the right downwards.
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
    ratio = (near / far).square().clamp(min=1 + 1e-3)
    return far, (_FAR**2 - ratio * _NEAR**2) / (ratio - 1), torch.atan2(down[strong], right[strong]) % math.pi


def blur_of(width: float | None) -> float | None:
    """The blur in pixels, 0 to 4, that widened the edges of a sharp photo to ``width``; None for None.

    >>> blur_of(0.5), round(blur_of(1.0), 2), blur_of(9.0)
    (0.0, 0.8, 4.0)
    """
    return None if width is None else min(math.sqrt(max(width * width - SHARP * SHARP, 0.0)), MAX_BLUR)
