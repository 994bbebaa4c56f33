"""Masks of holes to learn from: of many shapes and sizes, no two alike, the same for the same seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from restore.datasets import hole_shapes as shapes
from restore.ops.draw import Canvas

Shape = Callable[[Canvas, np.random.Generator], None]

FINE: Final[Sequence[Shape]] = (
    shapes.scratch,
    shapes.scratch,
    shapes.cable,
    shapes.crack,
    shapes.hair,
    shapes.dust,
    shapes.writing,
)
WIDE: Final[Sequence[Shape]] = (
    shapes.stroke,
    shapes.stroke,
    shapes.stroke,
    shapes.ring,
    shapes.blob,
    shapes.box,
    shapes.stain,
    shapes.tear,
)
LEAST_SHARE: Final = 0.01
MOST_SHARE: Final = 0.47
"""Of the picture: the largest mask has no more holes than this."""
_FINE_CHANCE: Final = 0.75
_MIXED_CHANCE: Final = 0.2
"""So often a mask of one sort has shapes of the other too."""
_FINE_SHARES, _WIDE_SHARES = (0.01, 0.15), (0.03, 0.45)
_MOST_KINDS: Final = 3
"""A mask has scratches and dust, but not one of everything."""
_MOST_TRIES: Final = 400
_HELD_SEED: Final = 20_240
"""Masks to validate with come from seeds that training never uses: it draws its own from 0 to 2^62."""


def draw_masks(count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
    """(count,1,height,width) float32 of 0 and 1, on the generator's device; 1 is a hole.

    Between 1 % and 47 % of each is hole, three of four fine (scratches, dust, writing), the others wide.
    """
    seed = int(torch.randint(1 << 62, (), generator=rng, device=rng.device))
    numbers = np.random.default_rng(seed)
    drawn = np.stack([_mask(height, width, numbers) for _ in range(count)])
    return torch.from_numpy(drawn).to(rng.device, torch.float32)[:, None]


def held_mask(number: int, height: int, width: int) -> Tensor:
    """(1,1,height,width) of 0 and 1: a mask to validate with, always the same for the same number and size.

    Even numbers are fine, odd ones wide.
    """
    numbers = np.random.default_rng([_HELD_SEED, number])
    drawn = _filled(height, width, numbers, fine=number % 2 == 0)
    return torch.from_numpy(drawn).to(torch.float32)[None, None]


def _mask(height: int, width: int, rng: np.random.Generator) -> Canvas:
    return _filled(height, width, rng, fine=rng.uniform() < _FINE_CHANCE)


def _filled(height: int, width: int, rng: np.random.Generator, *, fine: bool) -> Canvas:
    """Shapes of a few kinds, one after the other, until the share of hole is what was drawn."""
    if fine:
        least, most = _FINE_SHARES
        share = math.exp(rng.uniform(math.log(least), math.log(most)))
    else:
        share = rng.uniform(*_WIDE_SHARES)
    sort, other = (FINE, WIDE) if fine else (WIDE, FINE)
    kinds = [sort[place] for place in rng.integers(0, len(sort), rng.integers(1, _MOST_KINDS + 1)).tolist()]
    if rng.uniform() < _MIXED_CHANCE:
        kinds.append(other[int(rng.integers(len(other)))])
    canvas = np.zeros((height, width), dtype=bool)
    for _ in range(_MOST_TRIES):
        if canvas.mean() >= share:
            break
        before = canvas.copy()
        kinds[int(rng.integers(len(kinds)))](canvas, rng)
        if canvas.mean() > max(1.5 * share, share + 0.04):
            canvas = before
    if not LEAST_SHARE <= canvas.mean() <= MOST_SHARE:
        return _filled(height, width, rng, fine=fine)
    return canvas
