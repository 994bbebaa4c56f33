"""Grain on request: fine gray noise like that which was taken away, so that a cleaned photo does not look like wax."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.ops.color import luma
from restore.ops.octaves import REACH_PX, octaves, padded_octaves
from restore.ops.pad import mirror_index, mirror_pad
from restore.ops.rows import Empty, row_bands
from restore.room import let_go

MOST_GRAIN: Final = 50.0
"""Grey levels."""
_SAMPLE_PX: Final = 1024
"""The character of what was taken away is measured in a square of this side, in the middle."""
_LEAST_LEVELS: Final = 0.25
"""Grey levels; if less was taken away, there is nothing to be like, and the grain is white."""
_TURNS: Final = 20
_DRAWN: Final = 1 << 22
"""So many numbers are drawn at once, at least; a multiple of 16."""


def check_grain(grain: float) -> None:
    """ConfigError unless it is a number of grey levels from 0 to 50."""
    if not 0 <= grain <= MOST_GRAIN or math.isnan(grain):
        raise ConfigError(f"grain is a number from 0 to {MOST_GRAIN:g} grey levels, got {grain:g}")


def add_grain(
    image: Tensor, grain: float, rng: torch.Generator, *, like: Tensor | None = None, empty: Empty = torch.empty
) -> Tensor:
    """Add gray grain to (1,3,H,W) in [0,1], in place, and give it back.

    ``grain`` is its standard deviation in mid-gray, in grey levels; towards black and white it fades, as on film, so
    that nothing is cut off there. ``like`` (1,3,h,w) is what was taken away: the grain is as coarse as that (fine to
    middle; broad blotches are never made), measured where edges do not count; None: white. The same ``rng`` state
    gives the same grain. ``empty`` makes room for a third of what the image takes. ConfigError for grain out of range.
    """
    check_grain(grain)
    if grain == 0:
        return image
    shares = _character(like)
    level = grain / 255 / _loudness(shares)
    height, width = image.shape[-2:]
    white = _white_noise((1, 1, height, width), rng, empty)
    surroundings = mirror_index(height, REACH_PX, REACH_PX)
    for rows in row_bands(height, width):
        index = surroundings[rows.start : rows.stop + 2 * REACH_PX]
        around = mirror_pad(white.index_select(-2, index), 0, 0, REACH_PX, REACH_PX)
        light = luma(image[..., rows, :]).clamp(0, 1)
        image[..., rows, :] += level * _mixed(around, shares) * 2 * (light * (1 - light)).sqrt()
    return image


def _white_noise(shape: tuple[int, ...], rng: torch.Generator, empty: Empty) -> Tensor:
    """As ``torch.randn(shape, generator=rng)``, part by part: torch draws by sixteens, and the last sixteen anew."""
    noise = empty(shape)
    flat = noise.view(-1)
    starts = range(0, max(1, len(flat) - _DRAWN + 1), _DRAWN)
    for start in starts:
        stop = len(flat) if start == starts[-1] else start + _DRAWN
        flat[start:stop].normal_(generator=rng)
        let_go()
    return noise


def middle_of(image: Tensor) -> Tensor:
    """The part (1,3,h,w) of an image that ``like`` of :func:`add_grain` is looked at; a view."""
    top, left = (max(0, (side - _SAMPLE_PX) // 2) for side in image.shape[-2:])
    return image[..., top : top + _SAMPLE_PX, left : left + _SAMPLE_PX]


def _mixed(around: Tensor, shares: tuple[float, float, float]) -> Tensor:
    fine, middle, broad = padded_octaves(around)
    return shares[0] * fine + shares[1] * middle + shares[2] * broad


def _character(like: Tensor | None) -> tuple[float, float, float]:
    """How each band of white noise is to be weighed so that fine and middle band are as loud as they are in ``like``.

    Bands overlap, so the weights are found by turning each one up or down, a few times, by what is missing in its band.
    """
    if like is None:
        return 1.0, 1.0, 1.0
    sample = luma(middle_of(like))
    wanted = [float(band.abs().median()) * 255 for band in octaves(sample)[:2]]
    if sum(wanted) < _LEAST_LEVELS:
        return 1.0, 1.0, 1.0
    fine = middle = 1.0
    for _ in range(_TURNS):
        ours = [float(band.square().sum().sqrt()) for band in octaves(_answer((fine, middle, 0.0)))[:2]]
        fine, middle = fine * wanted[0] / ours[0], middle * wanted[1] / ours[1]
    return fine, middle, 0.0


def _loudness(shares: tuple[float, float, float]) -> float:
    """Standard deviation of white noise of 1 whose bands are weighed so: the energy of one pixel's answer."""
    return float(_answer(shares).square().sum().sqrt())


def _answer(shares: tuple[float, float, float]) -> Tensor:
    """What becomes of one white pixel, with room around it for the bands of that."""
    side = 6 * REACH_PX + 1
    pixel = torch.zeros(1, 1, side, side)
    pixel[..., side // 2, side // 2] = 1
    return _mixed(pixel, shares)
