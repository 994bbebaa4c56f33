"""The colour lock: whatever a network invents, broad areas keep the colours of the photo."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.rows import row_bands

CELL_PX: Final = 8
"""Side, in pixels of the photo, of the areas whose colours are compared."""
REACH_CELLS: Final = 2
"""Areas on each side that are averaged with one, so that noise in the photo is not followed."""


def lock_reach_px(reach: int = REACH_CELLS) -> int:
    """A pixel's shift depends on nothing farther away: on the cells around it, and on those each is averaged with."""
    return (reach + 2) * CELL_PX


def lock_colour(restored: Tensor, source: Tensor, reach: int = REACH_CELLS) -> Tensor:
    """Shift ``restored`` (1,3,sH,sW) smoothly, in place, until its broad colours are those of ``source`` (1,3,H,W).

    s is whole. Only differences wider than ``2 * reach + 1`` cells (about forty pixels of the photo) are moved, so
    detail and grain stay what they are: back-projection of the lowest frequencies alone. The stronger the noise and the
    compression of the source, the wider it takes for its colours to be known better than the network knows them. Works
    on the host in bands of rows.
    """
    scale = restored.shape[-1] // source.shape[-1]
    cell = CELL_PX * scale
    drift = _cells(source, CELL_PX) - _cells(restored, cell)
    side = 2 * reach + 1
    shift = F.avg_pool2d(drift, side, stride=1, padding=reach, count_include_pad=False)
    height, width = restored.shape[-2:]
    for rows in row_bands(height, width):
        restored[..., rows, :] += _enlarged(shift, cell, rows.start, rows.stop)[..., :width]
    return restored


def _cells(image: Tensor, side: int) -> Tensor:
    """Means of (1,C,H,W) over squares; those at the bottom and the right may be smaller."""
    height, width = image.shape[-2:]
    cells = image.new_empty(*image.shape[:2], -(-height // side), -(-width // side))
    for rows in row_bands(height, width, step=side):
        cells[..., rows.start // side : -(-rows.stop // side), :] = F.avg_pool2d(
            image[..., rows, :], side, ceil_mode=True
        )
    return cells


def _enlarged(field: Tensor, factor: int, top: int, bottom: int) -> Tensor:
    """Rows [top, bottom) of (1,C,h,w) enlarged ``factor`` times by straight lines between the middles of its cells."""
    last = field.shape[-2] - 1
    position = ((torch.arange(top, bottom) + 0.5) / factor - 0.5).clamp(0, last)
    above = position.floor().long().clamp(max=max(last - 1, 0))
    share = (position - above).view(-1, 1)
    rows = field[..., above, :] * (1 - share) + field[..., (above + 1).clamp(max=last), :] * share
    return F.interpolate(rows, size=(bottom - top, field.shape[-1] * factor), mode="bilinear", align_corners=False)
