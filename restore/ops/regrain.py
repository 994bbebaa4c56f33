"""Grain for fillings: what is painted into a hole is smooth, and beside grain or texture that shows."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import ConfigError
from restore.ops.color import luma

FULL: Final = 100.0
"""Percent."""

_FINE_PX: Final = 1.0
"""What a Gaussian of this standard deviation takes away counts as grain."""
_WINDOW_PX: Final = 7
"""Side of the squares in which its strength is measured."""
_LEAST_KNOWN: Final = 0.5
"""Share of a square that must be known."""
_CELL_PX: Final = 4
_REACH_PX: Final = 16.0
"""Standard deviation in pixels of the surroundings whose grain counts, measured in cells of four pixels."""
_FLOOR: Final = (0.3 / 255) ** 2
"""Variance that no file of 8 bits goes below."""
_RIM: Final = 0.05
"""Known pixels that are so near to a hole, by the share of hole around them, do not count: fillings bleed into what is
fine there."""
_RAMP_PX: Final = 3
"""Within so many pixels of what is known, grain sets in by and by: there a filling still has some of its own, and what
is added to a scratch two pixels wide would be seen by nobody."""
_COARSEST_PX: Final = 1.2
_STEPS: Final = 13


def check_share(percent: float) -> float:
    """The percentage itself; ConfigError unless it is a number from 0 to 100."""
    if not 0 <= percent <= FULL:
        raise ConfigError(f"fillings get 0 to 100 percent of the grain around them, got {percent:g}")
    return percent


def regrain(filled: Tensor, hole: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Give the holes of (1,C,H,W), 1 or 3 channels in [0,1], grain like that of the even areas around them.

    ``hole`` (1,1,H,W) is 1 in a hole and 0 elsewhere; known pixels stay as they are, to the bit. ``share``, 0 to 1, is
    the part of the surroundings' variance that a filling is brought up to; one that has more is left alone. How strong
    it is, is told by the quietest squares around a hole (their harmonic mean, in which edges hardly count), and how
    coarse, by how alike neighbours are there. Gray grain; not clipped. The same ``rng`` state gives the same grain.
    """
    if share <= 0 or not bool(hole.any()):
        return filled
    brightness = luma(filled) if filled.shape[1] == 3 else filled
    fine = brightness - _smooth(brightness, _FINE_PX)
    known = ((hole == 0) & (_smooth(hole, _FINE_PX) <= _RIM)).to(fine)
    energy, trusted = _local(fine.square(), known)
    wanted = share * _quiet(energy, trusted)
    present, _ = _local(fine.square(), hole)
    missing = (wanted - present).clamp_min(0).sqrt() * _depth(hole)
    white = torch.randn(brightness.shape, generator=rng)
    coarse = _coarseness(fine, trusted / (energy + _FLOOR).square())
    return filled + missing * _smooth(white, coarse) / _loudness(coarse)


def _depth(hole: Tensor) -> Tensor:
    """(1,1,H,W): 0 outside holes, 1 deep inside, growing in equal steps from pixel to pixel."""
    depth, left = hole.clone(), hole
    for _ in range(_RAMP_PX - 1):
        left = -F.max_pool2d(-left, 3, stride=1, padding=1)
        depth += left
    return depth / _RAMP_PX


def _local(energy: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
    """Its mean over the pixels of ``where`` in the square around each pixel, and 1 where these are enough to go by."""
    around = (_WINDOW_PX // 2,) * 4
    count = F.avg_pool2d(F.pad(where, around), _WINDOW_PX, stride=1)
    total = F.avg_pool2d(F.pad(energy * where, around), _WINDOW_PX, stride=1)
    return total / count.clamp_min(1e-6), (count > _LEAST_KNOWN).to(energy)


def _quiet(energy: Tensor, trusted: Tensor) -> Tensor:
    """The harmonic mean of what can be trusted around each pixel; 0 where there is nothing such."""
    height, width = energy.shape[-2:]
    parts = torch.cat([trusted, trusted / (energy + _FLOOR)], dim=1)
    cells = F.avg_pool2d(parts, _CELL_PX, ceil_mode=True)
    near = _smooth(cells, _REACH_PX / _CELL_PX)
    count, inverse = near[:, :1], near[:, 1:]
    level = torch.where(count > 1e-4, count / inverse.clamp_min(1e-9) - _FLOOR, 0.0).clamp_min(0)
    whole = F.interpolate(level, scale_factor=_CELL_PX, mode="bilinear", align_corners=False)
    return whole[..., :height, :width]


def _coarseness(fine: Tensor, weight: Tensor) -> float:
    """Standard deviation in pixels of the Gaussian that makes white grain as coarse as what is fine in quiet places."""
    own = float((weight * fine.square()).sum())
    if own <= 0:
        return 0.0
    beside = float((weight[..., 1:] * fine[..., 1:] * fine[..., :-1]).sum())
    below = float((weight[..., 1:, :] * fine[..., 1:, :] * fine[..., :-1, :]).sum())
    alike = (beside + below) / 2 / own
    sizes = [_COARSEST_PX * step / (_STEPS - 1) for step in range(_STEPS)]
    return min(sizes, key=lambda size: abs(_likeness(size) - alike))


@lru_cache(maxsize=_STEPS)
def _likeness(coarse: float) -> float:
    """How alike neighbours are (correlation) in what is fine of white noise that was smoothed so."""
    answer = _answer(coarse)
    return float((answer[..., 1:] * answer[..., :-1]).sum() / answer.square().sum())


@lru_cache(maxsize=_STEPS)
def _loudness(coarse: float) -> float:
    """Standard deviation of what is fine of white noise of 1 that was smoothed so."""
    return float(_answer(coarse).square().sum().sqrt())


def _answer(coarse: float) -> Tensor:
    """What becomes of a single white pixel."""
    pixel = torch.zeros(1, 1, 25, 25)
    pixel[..., 12, 12] = 1
    smoothed = _smooth(pixel, coarse)
    return smoothed - _smooth(smoothed, _FINE_PX)


def _smooth(image: Tensor, spread: float) -> Tensor:
    """(B,C,H,W) blurred by a Gaussian of so many pixels; beyond the edge lies the edge again."""
    if spread == 0:
        return image
    reach = int(3 * spread + 0.5)
    taps = torch.arange(-reach, reach + 1, dtype=image.dtype, device=image.device)
    line = torch.exp(-taps.square() / (2 * spread * spread))
    line = line / line.sum()
    planes = image.flatten(0, 1)[:, None]
    padded = F.pad(planes, (reach, reach, reach, reach), mode="replicate")
    across = F.conv2d(padded, line.view(1, 1, 1, -1))
    return F.conv2d(across, line.view(1, 1, -1, 1)).view_as(image)
