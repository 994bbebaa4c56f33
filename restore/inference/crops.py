"""Three places of a photo that tell most about what a restoration does to it, chosen by measurement."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import EllipsisType
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.color import luma, on_white
from restore.ops.pad import mirror_index, mirror_pad
from restore.tasks import CLEAN, Condition

LARGEST_PX: Final = 256
"""Side of a place; a photo with no longer side is shown whole."""
SMALLEST_PX: Final = 128
"""Places are made smaller, down to this, until three of them fit into the photo beside each other."""
COUNT: Final = 3
DAMAGE: Final = "where damage shows most"
DETAIL: Final = "the finest detail"
BETWEEN: Final = "edges and what lies between"
WHOLE: Final = "the whole photo"
_CELL_PX: Final = 16
"""Photos are measured, and places begin, in steps of so many pixels; a multiple of the blocks of a JPEG."""
_BLOCK_PX: Final = 8
_BAND_CELLS: Final = 16
"""So many rows of cells are looked at at once."""
_ALL_PX: Final = 1 << 22
"""Of a photo of up to so many pixels every cell is measured, of a larger one every second or fourth row of them."""
_DARK, _BRIGHT = 2.0, 253.0
"""Grey levels beyond which nothing of a pixel can be told: it is clipped."""
_TEXTURE: Final = 2.0
"""Grey levels of mean gradient at which the borders of blocks show half as much as on a plain surface."""
_BLOCKS_WEIGHT: Final = 2.0
"""A step along a whole line shows more than noise of as many grey levels."""
_GRADIENT_OF_NOISE: Final = 2 / math.pi**0.5
"""Mean difference of neighbouring pixels in white noise, in its standard deviations."""
_STEP: Final = 2.0
"""Grey levels; higher steps count as this one for where blocks begin, so that no few edges of the photo decide."""
_OCTAVES: Final = 1.0
"""How far, in factors of two, the place in between may be off the middle of the other two; chosen by eye."""


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a photo, in pixels, and what it is there for."""

    top: int
    left: int
    height: int
    width: int
    why: str

    @property
    def place(self) -> tuple[EllipsisType, slice, slice]:
        """To index (...,H,W) with."""
        return (..., slice(self.top, self.top + self.height), slice(self.left, self.left + self.width))

    def overlaps(self, other: Crop) -> bool:
        """Whether the two share a pixel."""
        down = self.top < other.top + other.height and other.top < self.top + self.height
        return down and self.left < other.left + other.width and other.left < self.left + self.width


@dataclass(frozen=True, slots=True)
class _Scores:
    """Of each cell that was measured of a photo, (1,1,rows,columns); a clipped cell has none."""

    every: int
    """Which rows of cells these are: all (1), every second or every fourth."""
    damage: Tensor
    gradient: Tensor
    """Mean difference of neighbouring pixels, in grey levels."""
    contrast: Tensor
    """Standard deviation of what is coarser than noise, in grey levels."""


@torch.no_grad()
def choose_crops(pixels: Tensor, condition: Condition = CLEAN, alpha: Tensor | None = None) -> tuple[Crop, ...]:
    """Up to three places of (3,H,W) in [0,1] that do not overlap, all of one size: damage, finest detail, in between.

    Damage: the kind that ``condition`` tells of (all kinds, if it tells of none that shows on plain surfaces), where
    the photo is plain. Detail: the highest mean gradient. In between: the strongest edges where the gradient is near
    the middle of the other two. What is clipped, or transparent by its ``alpha`` (H,W), counts for nothing. Small
    photos have smaller and fewer places, down to the photo itself; the same photo always has the same ones.
    """
    height, width = pixels.shape[-2:]
    if max(height, width) <= LARGEST_PX:
        return (Crop(0, 0, height, width, WHOLE),)
    scores = _scores(pixels, condition, alpha)
    best: tuple[Crop, ...] = ()
    for side in range(LARGEST_PX, SMALLEST_PX - 1, -_CELL_PX):
        found = _chosen(scores, height, width, side)
        if len(found) > len(best):
            best = found
        if len(best) == COUNT:
            break
    return best


def _chosen(scores: _Scores, height: int, width: int, side: int) -> tuple[Crop, ...]:
    """As many places of that side as there is room for, the most telling first."""
    high, wide = min(side, height), min(side, width)
    kernel = math.ceil(high / (_CELL_PX * scores.every)), math.ceil(wide / _CELL_PX)
    damage, gradient, contrast = (
        F.avg_pool2d(score, kernel, stride=1)[0, 0] for score in (scores.damage, scores.gradient, scores.contrast)
    )
    top = (torch.arange(damage.shape[0]) * _CELL_PX * scores.every).clamp(max=height - high)
    left = (torch.arange(damage.shape[1]) * _CELL_PX).clamp(max=width - wide)
    free = torch.ones_like(damage, dtype=torch.bool)
    found: list[Crop] = []
    level: list[float] = []
    for why in (DAMAGE, DETAIL, BETWEEN):
        if not bool(free.any()):
            break
        score = {DAMAGE: damage, DETAIL: gradient, BETWEEN: _between(gradient, contrast, level)}[why]
        row, column = divmod(int(torch.where(free, score, -1.0).argmax()), damage.shape[1])
        crop = Crop(int(top[row]), int(left[column]), high, wide, why)
        found.append(crop)
        level.append(float(gradient[row, column]))
        free &= ((top - crop.top).abs() >= high)[:, None] | ((left - crop.left).abs() >= wide)[None]
    return tuple(found)


def _between(gradient: Tensor, contrast: Tensor, level: list[float]) -> Tensor:
    """Contrast, the less of it counts the farther the gradient is from the middle of ``level``, in octaves."""
    logs = (gradient + 1).log2()
    middle = sum(math.log2(value + 1) for value in level) / max(len(level), 1)
    return contrast * torch.exp(-0.5 * ((logs - middle) / _OCTAVES).square())


def _scores(pixels: Tensor, condition: Condition, alpha: Tensor | None) -> _Scores:
    every = next((step for step in (1, 2) if pixels[0].numel() <= _ALL_PX * step), 4)
    parts = [_measured(cells) for cells in _rows_of_cells(pixels, alpha, every)]
    columns = (torch.cat(kind).transpose(0, 2) for kind in zip(*parts, strict=True))
    noise, gradient, contrast, light, clear, *steps = columns
    blocks = (_strongest_phase(steps[0]) + _strongest_phase(steps[1])) / (1 + gradient / _TEXTURE)
    noisy, blocky = condition.noise != CLEAN.noise, condition.jpeg != CLEAN.jpeg
    if not noisy and not blocky:
        noisy = blocky = True
    damage = noisy * noise + blocky * _BLOCKS_WEIGHT * blocks
    seen = 4 * light * (1 - light)  # on dark and on bright surfaces the same damage shows less
    return _Scores(every, damage * seen * clear, gradient * clear, contrast * clear)


def _rows_of_cells(pixels: Tensor, alpha: Tensor | None, every: int) -> Iterator[Tensor]:
    """Luma of (3,H,W) on white in grey levels: some of its rows of cells, two pixels around each, (N,1,20,w+4)."""
    height, width = pixels.shape[-2:]
    rows = mirror_index(height, 2, 2 + -height % _CELL_PX).unfold(0, _CELL_PX + 4, _CELL_PX * every)
    for first in range(0, len(rows), _BAND_CELLS):
        index = rows[first : first + _BAND_CELLS]
        chosen = (..., index.flatten(), slice(None))
        band = 255 * luma(on_white(pixels[chosen], None if alpha is None else alpha[chosen])[None])
        cells = band.reshape(len(index), 1, _CELL_PX + 4, width)
        yield mirror_pad(cells, 0, 0, 2, 2 + -width % _CELL_PX)


def _measured(padded: Tensor) -> tuple[Tensor, ...]:
    """Noise, gradient, contrast, light in [0,1] and share that is not clipped of each cell, (N,1,1,columns), and the
    steps between columns and between rows by the eight places where blocks may begin, (N,8,1,columns) each."""
    inner = padded[..., 2:-2, 2:-2]
    across = padded[..., 2:-2, 1:] - padded[..., 2:-2, :-1]
    down = padded[..., 1:, 2:-2] - padded[..., :-1, 2:-2]
    here = (..., slice(2, -1))
    gradient = F.avg_pool2d(across[here].abs() + down[..., 2:-1, :].abs(), _CELL_PX) / 2
    diagonal = (inner - padded[..., 3:-1, 2:-2] - padded[..., 2:-2, 3:-1] + padded[..., 3:-1, 3:-1]) / 2
    fine = F.avg_pool2d(diagonal.square(), _CELL_PX)
    means = F.avg_pool2d(inner, _CELL_PX // 4)
    coarse = (F.avg_pool2d(means.square(), 4) - F.avg_pool2d(means, 4).square()).clamp(min=0)
    sigma = fine.sqrt()
    plain = (fine / (fine + 4 * coarse + 1)).square()  # of white noise, coarse is a 16th of fine
    alone = (_GRADIENT_OF_NOISE * sigma / (gradient + 0.1)).clamp(max=1)
    noise = sigma * plain * alone.square()
    clear = 1 - F.avg_pool2d(((inner <= _DARK) | (inner >= _BRIGHT)).float(), _CELL_PX)
    steps = (_steps(across), _steps(down.transpose(-2, -1)).transpose(-2, -1))
    light = F.avg_pool2d(inner, _CELL_PX) / 255
    return noise, gradient, coarse.sqrt(), light, clear.square(), *steps


def _steps(across: Tensor) -> Tensor:
    """By how much (N,1,h,w+3) differences stand out of those beside them: (N,8,rows,columns) by their place in a block,
    of which the first is between the first two pixels."""
    size = across.abs()
    out = size[..., 2:-1] - (size[..., 1:-2] + size[..., 3:]) / 2
    return torch.cat([F.avg_pool2d(out[..., shift::_BLOCK_PX], (_CELL_PX, 2)) for shift in range(_BLOCK_PX)], dim=1)


def _strongest_phase(steps: Tensor) -> Tensor:
    """Of (1,8,rows,columns) the place in the blocks that stands out most in the whole photo: (1,1,rows,columns)."""
    phase = int(steps.clamp(-_STEP, _STEP).mean(dim=(0, 2, 3)).argmax())
    return steps[:, phase : phase + 1].clamp(min=0)
