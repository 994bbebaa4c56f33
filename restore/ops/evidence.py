"""Where does a result show detail that its photo does not support: invented, or taken away? A map, and one number.

Both pictures are compared as luma, at the photo's resolution and in windows of about 12 photo pixels (cells of 4x4,
averaged over 3x3 neighbours with binomial weights). ``p`` is the photo, ``up`` and ``down`` are the exact bicubic:

* ``q = down(up(p))`` is what a faithful enlargement shrinks to, ``r = down(result)``, and ``b`` is r brought between p
  and q, pixel by pixel: the photo, up to what enlarging and shrinking softens. At the same size q = p = b.
* ``fine``: mean square of ``result - up(p + r - q)``, the part of the result that no enlargement of a picture of the
  photo's size holds. Nothing for bicubic itself.
* ``added = max(0, var(r) - cov(r, b))`` and ``removed = max(0, var(b) - cov(r, b))``: by the orthogonality of what is
  independent, all the energy of something laid over the photo is in the first, of something taken out in the second.
* ``shape``, 0 to 1: how much the change ``r - b`` resembles itself two pixels further in the best of eight directions.
  White noise does not, a line or an edge does; so noise may go without a trace, structure may not.
* ``held = max(0, cov(r, b))``: the local contrast that both have.

The map is ``(fine + added + shape * removed) / (fine + added + removed + held + FLOOR^2)``: the share of the local
energy that is not the photo's. 0 is all from the photo. Changes of colour or brightness alone are not seen.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import ConfigError
from restore.ops.bands import resized_rows, rows_needed
from restore.ops.color import luma
from restore.room import trim

CELL_PX: Final = 4
"""Side of a cell in pixels of the photo."""
FLOOR: Final = 2 / 255
"""Contrast that hardly shows: texture of so many grey levels on a flat area lights the map up by a half."""
_STEPS: Final = ((0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (2, -1), (2, -2), (1, -2))
"""Down and right: two pixels in each of eight directions, half a turn. One pixel would take the noise of a camera for
structure, which its own processing has smeared over neighbours."""
_CHANCE: Final = 0.25
"""White noise resembles itself so much in the best of eight directions in 1 of 20 windows: 2.7 standard deviations,
each 1 / sqrt(114), where 114 = (4 * 8 / 3)^2 is the number of pixels that a window's weights amount to."""
_BAND_PX: Final = 1 << 21
"""About as many pixels of the result are looked at at once. Smaller bands would be mostly margin."""
_MARGIN_PX: Final = 4
"""Rows above and below a band that its pixels depend on: 2 for the directions, 3 for the kernel."""
_FINE: Final = 5
"""Place of the fine energy among the statistics."""


Size = tuple[int, int]
"""(height, width)."""


def evidence_map(photo: Tensor, result: Tensor) -> Tensor:
    """How much of each place of ``result`` its photo does not support: (1,1,sH,sW) in [0,1], 0 is all supported.

    ``photo`` is (1,3,H,W) and ``result`` (1,3,sH,sW), RGB with nominal [0,1], s >= 1 and not necessarily whole.
    Raises ConfigError for other shapes, and for a result that is smaller than its photo.
    """
    return spread(evidence_cells(photo, result), _size(photo), _size(result))


def unsupported_share(photo: Tensor, result: Tensor) -> float:
    """The mean of the map, 0 to 1: of the local contrast, on average over the area, what the photo does not support.

    >>> photo = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    >>> unsupported_share(photo, photo)
    0.0
    """
    return float(evidence_cells(photo, result).mean())


def evidence_cells(photo: Tensor, result: Tensor) -> Tensor:
    """The map with one value for each cell of 4x4 photo pixels: (1,1,ceil(H/4),ceil(W/4)). Raises ConfigError.

    Walks down both pictures in bands of rows, so that it needs little more memory than they take.
    """
    _check(photo, result)
    height = photo.shape[-2]
    pixels_per_row = result.shape[-1] * result.shape[-2] / height
    rows = max(1, round(_BAND_PX / pixels_per_row / CELL_PX)) * CELL_PX
    height_cells, width_cells = (-(-side // CELL_PX) for side in _size(photo))
    cells = torch.empty(1, 1, height_cells, width_cells)  # at once: of many small ones, memory is full of holes
    done = 0
    held: tuple[Tensor, Tensor] | None = None  # a band waits for the row of cells below it; above is its neighbour's
    with torch.no_grad():
        for top in range(0, height, rows):
            band = _statistics(photo, result, top, min(top + rows, height))
            if held is not None:
                done = _put(cells, done, *held, band[..., :1, :])
            held = held[1][..., -1:, :] if held else band[..., :0, :], band
            trim()
        assert held is not None
        _put(cells, done, *held, held[1][..., :0, :])
        return cells


def _put(cells: Tensor, done: int, above: Tensor, means: Tensor, below: Tensor) -> int:
    """Put the map of a band's cells, with one row of cells above and below or none at the edges, after ``done`` rows.

    Gives how many rows are done then.
    """
    found = _unsupported(torch.cat([above, means, below], dim=-2))
    count = means.shape[-2]
    cells[..., done : done + count, :] = found[..., above.shape[-2] : above.shape[-2] + count, :]
    return done + count


def spread(cells: Tensor, photo_size: Size, size: Size) -> Tensor:
    """Cells of a photo of that (height, width) as a map of ``size``, by straight lines between the cells' middles."""
    for dim, photo_side, side in ((-2, photo_size[0], size[0]), (-1, photo_size[1], size[1])):
        last = cells.shape[dim] - 1
        place = ((torch.arange(side) + 0.5) * (photo_side / side / CELL_PX) - 0.5).clamp(0, last)
        before = place.floor().long()
        share = (place - before).view((-1, 1) if dim == -2 else (1, -1))
        here, there = (cells.index_select(dim, index) for index in (before, (before + 1).clamp(max=last)))
        cells = torch.lerp(here, there, share)
    return cells


def _statistics(photo: Tensor, result: Tensor, top: int, bottom: int) -> Tensor:
    """Means over the cells of photo rows [top, bottom): of b, r, b^2, r^2, br, the fine energy, and of the change times
    itself two pixels further in each direction; (1,14,cells,cells)."""
    size, target = _size(photo), _size(result)
    low, high = max(top - _MARGIN_PX, 0), min(bottom + _MARGIN_PX, size[0])
    wide_low, wide_high = rows_needed(target[0], size[0], low, high)
    start, end = rows_needed(size[0], target[0], wide_low, wide_high)
    source = luma(photo[..., start:end, :].float())
    enlarged = resized_rows(source, start, size, target, (wide_low, wide_high))
    light = luma(result[..., wide_low:wide_high, :].float())
    softened, shrunken = (resized_rows(large, wide_low, target, size, (low, high)) for large in (enlarged, light))
    source = source[..., low - start : high - start, :]
    base = shrunken.clamp(min=torch.minimum(source, softened), max=torch.maximum(source, softened))

    lines = _edges(size[0], target[0], top, bottom)
    explained = resized_rows(shrunken - softened, low, size, target, (lines[0], lines[-1]))
    own = (..., slice(lines[0] - wide_low, lines[-1] - wide_low), slice(None))
    beyond = (light[own] - enlarged[own]).sub_(explained)
    fine = _mean_squares(beyond, lines, _edges(size[1], target[1], 0, size[1]))

    own = (..., slice(top - low, bottom - low), slice(None))
    b, r = base[own] - 0.5, shrunken[own] - 0.5  # squares of small numbers lose less to rounding
    means = [_cells(part) for part in (b, r, b * b, r * r, b * r)]
    return torch.cat([*means, fine, *_echoes(shrunken - base, top - low, bottom - low)], dim=1)


def _echoes(change: Tensor, top: int, bottom: int) -> list[Tensor]:
    """Means over the cells of rows [top, bottom) of the change times itself two pixels further in each direction."""
    width = change.shape[-1]
    wide = F.pad(change, (2, 2, 0, 2))  # beyond the border nothing changes
    here = wide[..., top:bottom, 2 : 2 + width]
    return [
        _cells(here * wide[..., top + down : bottom + down, 2 + right : 2 + right + width]) for down, right in _STEPS
    ]


def _cells(plane: Tensor) -> Tensor:
    """Means over squares of CELL_PX; those at the bottom and the right may be smaller."""
    return F.avg_pool2d(plane, CELL_PX, ceil_mode=True)


def _mean_squares(plane: Tensor, lines: list[int], columns: list[int]) -> Tensor:
    """Mean square between lines and columns of (1,1,H,W), whose first row is the first line; changes ``plane``."""
    energy = plane.square_()
    spans = [(first - lines[0], last - first) for first, last in pairwise(lines)]
    rows = torch.cat([energy.narrow(-2, *span).mean(dim=-2, keepdim=True) for span in spans], dim=-2)
    sums = F.pad(rows.double().cumsum(dim=-1), (1, 0))[..., columns]
    return (sums.diff(dim=-1) / torch.tensor(columns).diff()).to(plane)


def _edges(source: int, target: int, first: int, last: int) -> list[int]:
    """Where the cells of photo lines [first, last) begin and end in the result.

    >>> _edges(10, 15, 0, 10)
    [0, 6, 12, 15]
    """
    places = [*range(first, last, CELL_PX), last]
    return [min(math.ceil(place * target / source - 0.5), target) for place in places]


def _smoothed(cells: Tensor) -> Tensor:
    """Each cell averaged with its neighbours by the weights 1, 2, 1 along both axes; the edge counts twice. float64."""
    cells = cells.double()
    for before, dim in (((0, 0, 1, 1), -2), ((1, 1, 0, 0), -1)):
        wide, count = F.pad(cells, before, mode="replicate"), cells.shape[dim]
        cells = (wide.narrow(dim, 0, count) + 2 * cells + wide.narrow(dim, 2, count)) / 4
    return cells


def _unsupported(means: Tensor) -> Tensor:
    """The map, (1,1,h,w), from the means over the cells (1,14,h,w)."""
    b, r, bb, rr, br, fine = (_smoothed(means[:, place : place + 1]) for place in range(_FINE + 1))
    shared = br - b * r
    added, removed = (rr - r * r - shared).clamp(min=0), (bb - b * b - shared).clamp(min=0)
    change = rr + bb - 2 * br - (r - b).square()
    echo = _smoothed(means[:, _FINE + 1 : _FINE + 2])
    for place in range(_FINE + 2, means.shape[1]):  # one by one: together they would take as much as the photo
        echo = torch.maximum(echo, _smoothed(means[:, place : place + 1]))
    echo -= (r - b).square()
    shape = ((echo / change.clamp(min=FLOOR**2 / 100) - _CHANCE) / (1 - _CHANCE)).clamp(0, 1)
    held: Tensor = shared.clamp(min=0)
    return (fine + added + shape * removed) / (fine + added + removed + held + FLOOR**2)


def _size(image: Tensor) -> Size:
    return image.shape[-2], image.shape[-1]


def _check(photo: Tensor, result: Tensor) -> None:
    for image in (photo, result):
        if image.ndim != 4 or image.shape[:2] != (1, 3) or image.numel() == 0:
            raise ConfigError(f"an image must be (1,3,H,W), got {tuple(image.shape)}")
    (tall, wide), (height, width) = _size(result), _size(photo)
    if tall < height or wide < width:
        raise ConfigError(f"the result ({wide}x{tall}) is smaller than its photo ({width}x{height})")
