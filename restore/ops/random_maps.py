"""What is random about damage, as maps beside a picture: grain, blotches, streaks, and one mood of the whole."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

RANDOM_MAPS: Final = 5
"""How many maps there are."""
_BLOTCH_PX: Final = 16
_STREAK_PX: Final = 96
"""About how long a streak keeps its value."""


def random_maps(count: int, height: int, width: int, rng: torch.Generator) -> Tensor:
    """(count,5,height,width) float32 of about unit size, all of it drawn from ``rng``, which is on the host.

    A network that only sees pixels could make grain of its first map; blotches, long scratches and how faded the whole
    picture is must look alike over many pixels, so it is told of those too. The maps, in this order: a number for each
    pixel; one that changes smoothly within 16 pixels; one that keeps its value down a column, and one along a row, for
    some 96 pixels; one for the whole picture.

    >>> maps = random_maps(1, 8, 12, torch.Generator().manual_seed(0))
    >>> maps.shape, bool((maps[:, 4] == maps[0, 4, 0, 0]).all())
    (torch.Size([1, 5, 8, 12]), True)
    """

    def smooth(down_px: int, right_px: int) -> Tensor:
        rows, columns = -(-height // down_px) + 1, -(-width // right_px) + 1
        rows, columns = (height if down_px == 1 else rows), (width if right_px == 1 else columns)
        nodes = torch.randn(count, 1, rows, columns, generator=rng)
        size = (height if down_px == 1 else (rows - 1) * down_px, width if right_px == 1 else (columns - 1) * right_px)
        return F.interpolate(nodes, size=size, mode="bilinear", align_corners=True)[..., :height, :width]

    grain = torch.randn(count, 1, height, width, generator=rng)
    blotches = smooth(_BLOTCH_PX, _BLOTCH_PX)
    columns, rows = smooth(_STREAK_PX, 1), smooth(1, _STREAK_PX)
    mood = torch.randn(count, 1, 1, 1, generator=rng).expand(-1, -1, height, width)
    return torch.cat([grain, blotches, columns, rows, mood], dim=1)
