"""Where in a large picture there is something to do: a few rectangles around it, with their surroundings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

CELL_PX: Final = 16
"""Things are told apart on squares of this side: what lies in one or in neighbouring squares is one thing."""
MOST: Final = 2000
"""Of more things than this, those near each other are put together unasked: to compare all would take too long."""
_NEAR_CELLS: Final = 32

Cells = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Crop:
    """Rows [top, bottom) and columns [left, right) of a picture, and which squares of it hold what it is there for."""

    top: int
    bottom: int
    left: int
    right: int
    cells: Tensor
    """(1,1,rows,columns) bool, squares of ``cell`` pixels from the top left corner on."""
    cell: int

    def of(self, image: Tensor) -> Tensor:
        """This part of (B,C,H,W); a view."""
        return image[..., self.top : self.bottom, self.left : self.right]

    def own(self, mask: Tensor) -> Tensor:
        """(1,1,h,w) bool: where ``mask`` (1,1,H,W) is not 0 and what is there belongs to this crop and to no other."""
        part = self.of(mask)
        here = self.cells.repeat_interleave(self.cell, dim=-2).repeat_interleave(self.cell, dim=-1)
        return here[..., : part.shape[-2], : part.shape[-1]] & (part != 0)

    @property
    def area(self) -> int:
        """Pixels in it."""
        return (self.bottom - self.top) * (self.right - self.left)


def crops_around(mask: Tensor, context_px: int, multiple: int = 1, *, largest_px: int = 2048**2) -> tuple[Crop, ...]:
    """Crops around all that is not 0 in ``mask`` (1,1,H,W), with ``context_px`` about it as far as the picture goes.

    What hangs together is in one crop and belongs to that one, though others may show it. Crops may overlap; they are
    joined where that is no more work, though never to more than ``largest_px`` pixels. They begin at multiples of
    ``multiple``, so that a network sees each pixel as it would in the whole picture. None for an empty mask.
    """
    height, width = mask.shape[-2:]
    cell = math.lcm(CELL_PX, multiple)
    labels, boxes = _things(F.max_pool2d((mask != 0).float(), cell, ceil_mode=True)[0, 0].numpy() > 0)
    around = np.array([-1, 1, -1, 1]) * -(-context_px // cell)
    most = np.repeat(labels.shape, 2)
    wholes = np.clip(boxes + around, 0, most)
    crops = []
    for group in _groups(wholes, largest_px // cell**2):
        top, bottom, left, right = _hull(wholes[group]).tolist()
        own = torch.from_numpy(np.isin(labels[top:bottom, left:right], group))[None, None]
        ends = min(cell * bottom, height), min(cell * right, width)
        crops.append(Crop(cell * top, ends[0], cell * left, ends[1], own, cell))
    return tuple(sorted(crops, key=lambda crop: (crop.top, crop.left)))


def _things(grid: NDArray[np.bool_]) -> tuple[Cells, Cells]:
    """The number of the thing in each square of (rows,columns), -1 for none, and the boxes (n,4) around the things.

    A thing is a group of true squares that hang together, over corners too.
    """
    labels = np.full(grid.shape, -1, dtype=np.int64)
    left = set(map(tuple, np.argwhere(grid).tolist()))
    boxes: list[list[int]] = []
    for first in sorted(left):
        if first not in left:
            continue
        left.remove(first)
        group = [first]
        for row, column in group:  # grows while it is walked through
            for place in [(row + down, column + along) for down in (-1, 0, 1) for along in (-1, 0, 1)]:
                if place in left:
                    left.remove(place)
                    group.append(place)
        rows, columns = np.array(group).T
        labels[rows, columns] = len(boxes)
        boxes.append([rows.min(), rows.max() + 1, columns.min(), columns.max() + 1])
    return labels, np.array(boxes, dtype=np.int64).reshape(-1, 4)


def _groups(boxes: Cells, largest: int) -> list[list[int]]:
    """Which of the boxes (n,4) are worked on together: where the box around them is no larger than they are in sum.

    No box becomes larger than ``largest`` by that.
    """
    if len(boxes) > MOST:
        blocks: dict[tuple[int, ...], list[int]] = {}
        for number, box in enumerate(boxes.tolist()):
            blocks.setdefault((box[0] // _NEAR_CELLS, box[2] // _NEAR_CELLS), []).append(number)
        groups = list(blocks.values())
    else:
        groups = [[number] for number in range(len(boxes))]
    hulls = np.array([_hull(boxes[group]) for group in groups], dtype=np.int64).reshape(-1, 4)
    alive, work, waiting = np.ones(len(groups), dtype=bool), _areas(hulls), list(range(len(groups)))
    while waiting:
        one = waiting.pop()
        if not alive[one]:
            continue
        both = np.concatenate([np.minimum(hulls, hulls[one]), np.maximum(hulls, hulls[one])], axis=1)[:, [0, 5, 2, 7]]
        joint = _areas(both)
        allowed = alive & ((joint <= largest) | (joint <= np.maximum(work, work[one])))
        allowed[one] = False
        saved = np.where(allowed, work + work[one] - joint, -1)
        best = int(saved.argmax())
        if saved[best] < 0:
            continue
        hulls[one], work[one], alive[best] = both[best], joint[best], False
        groups[one] = groups[one] + groups[best]
        waiting.append(one)
    kept = [groups[number] for number in np.flatnonzero(alive)]
    if kept and int(_areas(_hull(boxes)[None])[0]) <= min(largest, int(work[alive].sum())):
        return [sorted(number for group in kept for number in group)]
    return kept


def _hull(boxes: Cells) -> Cells:
    """(4,): the box around all of (n,4)."""
    ends: Cells = np.array([boxes[:, 0].min(), boxes[:, 1].max(), boxes[:, 2].min(), boxes[:, 3].max()])
    return ends


def _areas(boxes: Cells) -> Cells:
    """(n,): squares in each of (n,4)."""
    areas: Cells = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2])
    return areas
