"""Parts of a photo that stand for all of it, so that large photos are measured as quickly as small ones."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

WHOLE_PX: Final = 1 << 20
"""Photos of up to so many pixels are measured as a whole, larger ones by parts of about as many together."""
_PART_PX: Final = 256
_GRID_PX: Final = 16
"""Parts begin at multiples of this, so that the blocks of a JPEG lie alike in all of them."""


def sample(pixels: Tensor) -> Tensor:
    """(N,3,h,w) of (3,H,W): the photo itself, or parts of it that are evenly spread.

    >>> sample(torch.zeros(3, 300, 400)).shape, sample(torch.zeros(3, 3000, 4000)).shape
    (torch.Size([1, 3, 300, 400]), torch.Size([15, 3, 256, 256]))
    """
    height, width = pixels.shape[-2:]
    if height * width <= WHOLE_PX:
        return pixels[None]
    high, wide = min(height, _PART_PX), min(width, _PART_PX)
    count = WHOLE_PX // (high * wide)
    rows = min(max(1, round(math.sqrt(count * height / width))), height // high, count)
    columns = min(count // rows, width // wide)
    return torch.stack(
        [pixels[:, top : top + high, left : left + wide] for top in _starts(height, high, rows)
         for left in _starts(width, wide, columns)]
    )  # fmt: skip


def _starts(side: int, part: int, count: int) -> list[int]:
    """Where parts begin along a side: evenly spread, each in the middle of its share."""
    return [int((number + 0.5) * side / count - part / 2) // _GRID_PX * _GRID_PX for number in range(count)]
