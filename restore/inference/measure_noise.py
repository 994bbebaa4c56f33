"""How strong the noise of a photo is: white noise of the same strength, in grey levels.

What a photo shows and what is noise differ in three ways. Noise fills the flat parts of a photo evenly. It is as strong
in the finest detail as in the next coarser, while what a photo shows is many times weaker there. And noise differs
between red, green and blue, while what a photo shows is nearly the same in all three. Strong noise is cut at black and
white; a camera's noise grows with the brightness. Both are undone before the mean level is told.

Scaling and cameras make noise coarse: smoothed, it is weak in the finest detail and as strong as ever in the photo at
half size. There only the third difference tells it from what a photo shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.inference.measure_coded_noise import LUMA_SHARE, coded_noise
from restore.inference.measure_jpeg import Trace
from restore.ops.blur import REACH_PX, gaussian_kernels
from restore.ops.clipped import unclipped_sigma

_BLOCK_PX: Final = 16
"""Noise is looked for in squares of this side."""
_FLATTEST_SHARE: Final = 0.1
"""In this share of the squares of like brightness there is the least to see."""
_LEAST_SQUARES: Final = 8
_LEAST_FLAT: Final = 4
_BRIGHTNESSES: Final = 8
_FLAT_FACTOR: Final = 4.0
"""Squares that show so many times more than the flattest tenth of all squares are not flat."""
_DARKEST: Final = 3.0
_BRIGHTEST: Final = 252.0
_COARSER: Final = 4.0
"""What a photo shows has at least so many times more power in the coarser of the two bands."""
_EVEN: Final = 1.4
"""Flat squares hold about so many times more than the emptiest tenth of all squares of their brightness, by chance."""
_UNEVEN: Final = 2.2
"""If they hold so many times more, it is no noise, which would be in all squares."""
_LARGEST_SHARE: Final = 1.15
"""Of the fine band, that is noise: a little more than all of it, so that chance makes no bias."""
_SURE: Final = 0.3
"""Squares where the strength of cut noise can be told less surely are left out."""
_LEVEL_SPREAD: Final = 15.0
"""Grey levels; brightnesses that differ by less tell nothing about how noise grows with the brightness."""
_GRAY: Final = 1.5
"""Grey levels between the channels' means of all squares of a gray photo."""
CODED_BELOW: Final = 93
"""From a JPEG below this quality on, the finest detail is gone, noise included, and others have to tell."""
_COLOURLESS: Final = 0.5
"""Noise whose colours were kept at half size differs by less than this share of it between red, green and blue."""
MAX_NOISE: Final = 50.0
_LEAST_COARSE: Final = 5.0
"""Grey levels; fine texture of clean photos reads up to 4.5."""
_COARSE_PX: Final = 1 << 17
"""Pixels; a smaller photo may have no flat squares left at half size."""
_COARSE_RATIO: Final = 0.7
"""Noise is coarse if a photo shows more than so much of it at half size; of white noise it is half."""
_EXCESS: Final = 1.15
"""And if it is so many times stronger than the finest detail tells."""
_EVERYWHERE: Final = 8.0
"""Coarse noise of cameras differs between dark and bright by up to six times."""
_ROUND: Final = 1.25
"""It differs as much between neighbours side by side as above one another; of 20 photos with some, up to 1.1 times."""
_DRAWN: Final = 0.01
"""Squared grey levels; a frame that was drawn around a photo holds less, and says nothing about the photo."""
_FINEST, _COARSEST = 0.45, 0.95
"""Pixels that noise is smoothed by. Finer is white; how much coarser it is, is hardly told by the finest detail, and of
1.2 pixels it reads a quarter too low."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The noise of a photo."""

    level: float
    """Standard deviation in grey levels of 255, 0 to 50."""
    coarse: bool
    """Whether it is smoother than white noise, and stronger than its finest detail tells."""


class _Squares:
    """Measures of all squares of (N,3,h,w) in grey levels: (3,squares) unless said otherwise."""

    def __init__(self, parts: Tensor) -> None:
        fine, half = _split(parts)
        coarse, quarter = _split(half)
        self.mean = _pooled(parts, _BLOCK_PX)
        self.fine = _pooled(fine.square(), _BLOCK_PX // 2)
        self.coarse = _pooled((2 * coarse).square(), _BLOCK_PX // 4)
        red, green, blue = fine.unbind(dim=1)
        shared = torch.stack([red * green, green * blue, blue * red], dim=1)
        self.shared = _pooled(shared, _BLOCK_PX // 2)
        smooth = _pooled(quarter.square(), _BLOCK_PX // 4) - _pooled(quarter, _BLOCK_PX // 4).square()
        self.shown = smooth.clamp(min=0).sum(dim=0)
        """(squares,): what is to be seen in a square, in the coarse detail that noise hardly reaches."""


@dataclass(frozen=True, slots=True, eq=False)
class _Flat:
    """The flattest squares of one brightness."""

    index: Tensor
    emptiest: float
    """Power of the fine band in the emptiest tenth of all squares of that brightness."""


def _split(planes: Tensor) -> tuple[Tensor, Tensor]:
    """The diagonal Haar band, orthonormal, and the means of 2x2 pixels: (N,C,h/2,w/2) of (N,C,h,w)."""
    height, width = (side // 2 * 2 for side in planes.shape[-2:])
    one, two = planes[..., :height:2, :width:2], planes[..., :height:2, 1:width:2]
    three, four = planes[..., 1:height:2, :width:2], planes[..., 1:height:2, 1:width:2]
    return 0.5 * (one - two - three + four), 0.25 * (one + two + three + four)


def _pooled(planes: Tensor, side: int) -> Tensor:
    """Means of squares of (N,C,h,w): (C,squares)."""
    return F.avg_pool2d(planes, side).transpose(0, 1).flatten(1)


def measure_noise(parts: Tensor, trace: Trace | None = None, *, halved: bool = False) -> Noise:
    """Noise of (N,3,h,w) in [0,1], white or coarse; arguments as for :func:`noise_level`.

    Coarse noise is seen from 5 grey levels on, in colour photos of 360 x 360 pixels or more.
    """
    fine, coarse = noise_level(parts, trace, halved=halved), coarse_level(parts)
    coded = trace is not None and trace.quality < CODED_BELOW  # then the finest detail is not what was measured
    if coarse < _LEAST_COARSE or coarse < (1.0 if coded else _EXCESS) * fine:
        return Noise(fine, coarse=False)
    return Noise(coarse, coarse=True)


def noise_level(parts: Tensor, trace: Trace | None = None, *, halved: bool = False) -> float:
    """Standard deviation of the noise of (N,3,h,w) in [0,1], in grey levels of 255: 0 to 50.

    Of noise that grows with the brightness it is the mean level (by its square) over the photo. ``trace`` tells of the
    JPEG that the photo is or was: noise that a JPEG has smoothed is told as strong as it was before, as far as any of
    it is left; ``halved`` tells that its colours may have been kept at half size for another reason. 0 for photos
    under 32 pixels.
    """
    if min(parts.shape[-2:]) < 2 * _BLOCK_PX:
        return 0.0
    if trace is not None and trace.quality < CODED_BELOW:
        return min(coded_noise(parts, trace), MAX_NOISE)
    squares = _Squares(parts * 255)
    gray = bool((squares.mean - squares.mean.mean(dim=0)).abs().max() < _GRAY)
    groups = _flat_groups(squares)
    by_scale = _mean_level([_by_scale(squares, flat) for flat in groups], squares)
    if gray:
        return min(by_scale, MAX_NOISE)
    by_colour = _mean_level([_by_colour(squares, flat) for flat in groups], squares)
    if (halved or trace is not None) and by_colour < _COLOURLESS * by_scale:
        by_scale /= LUMA_SHARE
    return min(max(by_scale, by_colour), MAX_NOISE)


def coarse_level(parts: Tensor) -> float:
    """Standard deviation of coarse noise in (N,3,h,w) in [0,1], in grey levels: 0 to 50; 0 where noise is white.

    0 for small photos and for gray ones, too, and where it is a texture that shows: see :func:`_is_grain`.
    """
    if min(parts.shape[-2:]) < 4 * _BLOCK_PX or parts[:, 0].numel() < _COARSE_PX:
        return 0.0
    fine, half = (_colour_level(image) for image in (parts, F.avg_pool2d(parts, 2)))
    if half <= _COARSE_RATIO * fine or not _is_grain(F.avg_pool2d(parts, 2)):
        return 0.0
    ratios, strengths = _coarseness()
    place = int(torch.searchsorted(ratios, half / max(fine, 1e-3)))
    return min(half * float(strengths[min(place, len(strengths) - 1)]), MAX_NOISE)


def _colour_level(parts: Tensor) -> float:
    """Noise in (N,3,h,w) by what differs between red, green and blue alone, the mean of all brightnesses."""
    squares = _Squares(parts * 255)
    rows = [row for flat in _flat_groups(squares) for row in _by_colour(squares, flat)]
    if not rows:
        return 0.0
    return math.sqrt(sum(variance * weight for _, variance, weight in rows) / sum(weight for *_, weight in rows))


def _is_grain(parts: Tensor) -> bool:
    """Whether what differs between the channels of (N,3,h,w) is like noise: at every brightness, and without direction.

    Bricks, weaves and tiles fill the flattest squares of their brightness, but leave out others, or run one way.
    """
    squares = _Squares(parts * 255)
    between = (parts - parts.roll(1, dims=1)) * 255
    rightward = F.pad((between[..., 1:] - between[..., :-1]).square(), (0, 1))
    downward = F.pad((between[..., 1:, :] - between[..., :-1, :]).square(), (0, 0, 0, 1))
    sides = [_pooled(steps, _BLOCK_PX) for steps in (rightward, downward)]
    powers, leanings = [], []
    for flat in _flat_groups(squares):
        variances = [variance for _, variance, _ in _by_colour(squares, flat)]
        if not variances or min(variances) < _DRAWN:
            continue
        powers.append(sum(variances) / len(variances))
        across, down = (float(side[:, flat.index].quantile(0.5)) for side in sides)
        leanings.append(math.log(max(across, _DRAWN) / max(down, _DRAWN)))
    if not powers:
        return False
    leaning = sum(power * lean for power, lean in zip(powers, leanings, strict=True)) / sum(powers)
    return max(powers) < _EVERYWHERE**2 * min(powers) and abs(leaning) < math.log(_ROUND)


@lru_cache(maxsize=1)
def _coarseness() -> tuple[Tensor, Tensor]:
    """For noise smoothed by more and more: what half size shows over what full size does, rising; strength over half.

    By how alike noise is one, two and three pixels apart, and the diagonal Haar filter at both sizes.
    """
    lines = gaussian_kernels(torch.linspace(_FINEST, _COARSEST, 51))[:, REACH_PX]
    one, two, three = (
        (lines[:, apart:] * lines[:, : lines.shape[1] - apart]).sum(dim=1) / lines.square().sum(dim=1)
        for apart in (1, 2, 3)
    )
    full, half = 1 - one, 0.5 + 0.25 * one - 0.5 * two - 0.25 * three
    return half / full, 1 / half


def _flat_groups(squares: _Squares) -> list[_Flat]:
    """The flattest squares of each brightness."""
    brightness = squares.mean.mean(dim=0)
    usable = (brightness > _DARKEST) & (brightness < _BRIGHTEST)
    if int(usable.sum()) < _LEAST_SQUARES:
        return []
    limit = _FLAT_FACTOR * float(squares.shown[usable].quantile(_FLATTEST_SHARE)) + 0.5
    bins = (brightness / 256 * _BRIGHTNESSES).long().clamp(0, _BRIGHTNESSES - 1)
    groups: list[_Flat] = []
    for number in range(_BRIGHTNESSES):
        here = (usable & (bins == number)).nonzero().flatten()
        count = max(_LEAST_SQUARES, int(_FLATTEST_SHARE * len(here)))
        flattest = here[squares.shown[here].argsort()[:count]]
        flattest = flattest[squares.shown[flattest] <= limit]
        if len(here) >= _LEAST_SQUARES and len(flattest) >= _LEAST_FLAT:
            emptiest = squares.fine[:, here].mean(dim=0).quantile(_FLATTEST_SHARE)
            groups.append(_Flat(flattest, float(emptiest)))
    return groups


Measured = list[tuple[float, float, float]]
"""Brightness, variance of the noise and weight, for each channel of a group of squares."""


def _by_scale(squares: _Squares, flat: _Flat) -> Measured:
    """Noise is what the fine band holds, less what the coarser one shows to be the photo's own; and it is even."""
    fine, coarse = squares.fine[:, flat.index], squares.coarse[:, flat.index]
    share = (_COARSER - coarse / fine.clamp(min=1e-6)) / (_COARSER - 1)
    rises = float(fine.mean(dim=0).quantile(0.5)) / max(flat.emptiest, 1e-6)
    even = min(max((_UNEVEN - rises) / (_UNEVEN - _EVEN), 0.0), 1.0)
    return _variances(squares.mean[:, flat.index], fine * share.clamp(0, _LARGEST_SHARE) * even)


def _by_colour(squares: _Squares, flat: _Flat) -> Measured:
    """Noise is what the fine band of a channel does not share with the others."""
    fine = squares.fine[:, flat.index]
    power = fine.mean(dim=1)
    shared = squares.shared[:, flat.index].mean(dim=1) / (power * power.roll(-1)).sqrt().clamp(min=1e-3)
    alone = 1 - float(shared.mean().clamp(0, 1))
    return [
        (mean, variance * alone, weight) for mean, variance, weight in _variances(squares.mean[:, flat.index], fine)
    ]


def _variances(mean: Tensor, fine: Tensor) -> Measured:
    measured: Measured = []
    for level, power in zip(mean, fine, strict=True):
        strength, sure = unclipped_sigma(level, power.clamp(min=0).sqrt())
        told = sure > _SURE
        if int(told.sum()) >= _LEAST_FLAT:
            variance = float(strength[told].quantile(0.5)) ** 2
            weight = int(told.sum()) * float(sure[told].quantile(0.5)) ** 2
            measured.append((float(level[told].mean()), variance, weight))
    return measured


def _mean_level(groups: list[Measured], squares: _Squares) -> float:
    """The root of the mean variance over the photo, by a line through the variances at each brightness."""
    table = torch.tensor([row for group in groups for row in group], dtype=torch.float64)
    if not len(table):
        return 0.0
    level, variance, weight = table.T
    weight = weight / (variance + 0.5).square()
    weight = weight / weight.sum()
    middle, average = float((weight * level).sum()), float((weight * variance).sum())
    apart = level - middle
    slope = float((weight * apart * (variance - average)).sum()) / (
        float((weight * apart.square()).sum()) + _LEVEL_SPREAD**2
    )
    slope = min(max(slope, 0.0), average / max(middle, 1e-3))
    return math.sqrt(max(average + slope * (float(squares.mean.mean()) - middle), 0.0))
