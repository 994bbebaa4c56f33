"""The colour lock: whatever a network invents, broad areas keep the colours of the photo."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

CELL_PX: Final = 8
"""Side, in pixels of the photo, of the areas whose colours are compared."""
REACH_CELLS: Final = 2
"""Areas on each side that are averaged with one, so that noise in the photo is not followed."""
LOCK_REACH_PX: Final = (REACH_CELLS + 2) * CELL_PX
"""A pixel's shift depends on nothing farther away: on the cells around it, and on those that each is averaged with."""
_BAND_ROWS: Final = 512


def lock_colour(restored: Tensor, source: Tensor) -> Tensor:
    """Shift ``restored`` (1,3,sH,sW) smoothly, in place, until its broad colours are those of ``source`` (1,3,H,W).

    s is whole. Only differences wider than about forty pixels of the photo are moved, so detail and grain stay what
    they are: back-projection of the lowest frequencies alone. Works on the host in bands of rows.
    """
    scale = restored.shape[-1] // source.shape[-1]
    cell = CELL_PX * scale
    drift = F.avg_pool2d(source, CELL_PX, ceil_mode=True) - F.avg_pool2d(restored, cell, ceil_mode=True)
    side = 2 * REACH_CELLS + 1
    shift = F.avg_pool2d(drift, side, stride=1, padding=REACH_CELLS, count_include_pad=False)
    height, width = restored.shape[-2:]
    for top in range(0, height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, height)
        restored[..., top:bottom, :] += _enlarged(shift, cell, top, bottom)[..., :width]
    return restored


def _enlarged(field: Tensor, factor: int, top: int, bottom: int) -> Tensor:
    """Rows [top, bottom) of (1,C,h,w) enlarged ``factor`` times by straight lines between the middles of its cells."""
    last = field.shape[-2] - 1
    position = ((torch.arange(top, bottom) + 0.5) / factor - 0.5).clamp(0, last)
    above = position.floor().long().clamp(max=max(last - 1, 0))
    share = (position - above).view(-1, 1)
    rows = field[..., above, :] * (1 - share) + field[..., (above + 1).clamp(max=last), :] * share
    return F.interpolate(rows, size=(bottom - top, field.shape[-1] * factor), mode="bilinear", align_corners=False)
