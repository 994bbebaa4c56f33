"""Toned photos: sepia, cyanotype or plain gray in three channels, where the brightness alone decides the colour.

Such a photo is worked on as a gray one and toned again afterwards, so that no colour appears that it never had.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.color import luma
from restore.ops.rows import row_bands
from restore.room import let_go

CELL_PX: Final = 8
"""Colours are judged by the means of squares of this side, so that noise hardly counts."""
_LEAST_CELLS: Final = 64
"""In a smaller picture nothing can be judged: it is taken for a coloured one."""
_KNOTS: Final = 33
"""The tone is a line through so many points from black to white."""
_SMOOTHNESS: Final = 1e-4
"""Weight of the curve's bends against each cell's error; it also fills brightnesses that the photo does not have."""
_USUAL_LEVELS: Final = 4.0
"""Root mean square of what a tone may leave unexplained, in grey levels."""
_LARGEST_LEVELS: Final = 18.0
"""One cell that is farther off makes it a coloured photo: a red flower in the snow.

Measured: of 80 colour photos two are within both limits, nearly gray ones with 1 and 4 levels (1.4 and 5); the next
have 3 and 38, 4 and 26. Three of four old prints are (0.3 to 2.3 and 1 to 17); the fourth has coloured stains.
"""
_NOISE_MARGIN: Final = 4.0
"""Standard deviations by which noise alone may move a cell."""
_GAUSSIAN_MAD: Final = 0.6745
_BAND_ROWS: Final = 64
"""A multiple of the cells; so many rows are looked at at once."""
_FIRST_LOOK_PX: Final = 1_000_000
"""About so many pixels are looked at first."""
_CELLS_WIDE_PX: Final = 1 << 13
"""Of a wider picture, cells are judged by columns of so many pixels, a multiple of theirs."""
_CELLS: Final = 1 << 18
"""Of a picture with more than so many cells, 17 megapixels, the equations are added up part by part."""


@dataclass(frozen=True, slots=True)
class Tone:
    """The colour of each brightness: what red, green and blue have more than the luma, at each knot."""

    offsets: Tensor
    """(knots,3) float64; weighed as luma is, the three add up to 0."""

    def colour(self, gray: Tensor, *, in_place: bool = False) -> Tensor:
        """(1,3,H,W) of that luma, (1,1,H,W) or the mean of (1,3,H,W), which ``in_place`` becomes the result.

        Beyond black and white the offsets stay as they are there.
        """
        table = self.offsets.to(gray.dtype)
        result = gray if in_place else gray.new_empty(1, 3, *gray.shape[-2:])
        height, width = gray.shape[-2:]
        for rows in row_bands(height, width, rows=_BAND_ROWS):  # of the whole, the places alone would take as much
            band = gray[0, :, rows].mean(dim=0)
            below, share = _position(band)
            for channel, line in zip(result[0], table.T, strict=True):
                channel[rows] = band + torch.lerp(line[below], line[below + 1], share)
        return result


def tone_of(image: Tensor) -> Tone | None:
    """The tone of (1,3,H,W) in [0,1], or None if it has colours of its own, or is too small to tell.

    Of a large picture a part is looked at first: one that shows colours there, as nearly all do, is done with.
    """
    height, width = (side // CELL_PX * CELL_PX for side in image.shape[-2:])
    if height * width < _LEAST_CELLS * CELL_PX**2:
        return None
    bands = [image[..., top : min(top + _BAND_ROWS, height), :width] for top in range(0, height, _BAND_ROWS)]
    some = bands[:: math.ceil(height * width / _FIRST_LOOK_PX)]
    noise = _colour_noise(torch.cat(some, dim=-2)) / CELL_PX
    tone = _tone(some, noise)
    return tone if tone is None or len(some) == len(bands) else _tone(bands, noise)


def _tone(bands: Sequence[Tensor], noise: float) -> Tone | None:
    """The tone of (1,3,h,W) parts of a picture whose cells have so much noise in grey levels, or None."""
    count = 0
    normal, right = torch.zeros(_KNOTS, _KNOTS, dtype=torch.float64), torch.zeros(_KNOTS, 3, dtype=torch.float64)
    for matrix, offsets in _equations(bands):
        count += len(matrix)
        normal += matrix.T @ matrix
        right += matrix.T @ offsets
    bends = torch.eye(_KNOTS, dtype=torch.float64).diff(n=2, dim=0)
    normal += _SMOOTHNESS * count * bends.T @ bends
    knots = torch.linalg.solve(normal + 1e-9 * torch.eye(_KNOTS, dtype=torch.float64), right)
    total = largest = 0.0
    for matrix, offsets in _equations(bands):
        off = (offsets - matrix @ knots).square().sum(dim=1) * 255**2
        total, largest = total + float(off.sum()), max(largest, float(off.max()) ** 0.5)
    usual = total / count
    toned = usual <= _USUAL_LEVELS**2 + noise**2 and largest <= _LARGEST_LEVELS + _NOISE_MARGIN * noise
    return Tone(knots) if toned else None


def _equations(bands: Sequence[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """What :func:`_cells` finds in the bands, float64, of about ``_CELLS`` cells at a time."""
    each = max(1, bands[0].shape[-2] // CELL_PX * (bands[0].shape[-1] // CELL_PX))
    step = max(1, _CELLS // each)
    for first in range(0, len(bands), step):
        found = map(_cells, bands[first : first + step])
        matrix, offsets = (torch.cat(kind).double() for kind in zip(*found, strict=True))
        yield matrix, offsets
        let_go()


def _colour_noise(image: Tensor) -> float:
    """Grey levels, over all three offsets, of what differs from pixel to pixel: half in red against green and so on."""
    height, width = (side - side % 2 for side in image.shape[-2:])
    inner = image[..., :height, :width]
    offsets = inner - luma(inner)
    diagonal = 0.5 * (
        offsets[..., ::2, ::2] - offsets[..., 1::2, ::2] - offsets[..., ::2, 1::2] + offsets[..., 1::2, 1::2]
    )
    levels = diagonal[0].flatten(1).abs().median(dim=1).values * (255 / _GAUSSIAN_MAD)
    return float(levels.square().sum().sqrt())


def _position(gray: Tensor) -> tuple[Tensor, Tensor]:
    """The knot below each brightness (int64), and the share of the way to the next one."""
    place = gray.clamp(0, 1) * (_KNOTS - 1)
    below = place.floor().clamp(max=_KNOTS - 2)
    return below.long(), place - below


def _cells(image: Tensor) -> tuple[Tensor, Tensor]:
    """Of each cell of (1,3,h,w): how much each knot counts (cells,knots), and its mean offsets (cells,3); float32.

    Pixel by pixel and then averaged, so that a cell across an edge lies on a bent curve as any other does.
    """
    width = image.shape[-1]
    if width > _CELLS_WIDE_PX:
        height = image.shape[-2] // CELL_PX
        parts = [_cells(image[..., left : left + _CELLS_WIDE_PX]) for left in range(0, width, _CELLS_WIDE_PX)]
        kinds = zip(*parts, strict=True)
        matrix, offsets = (torch.cat([k.reshape(height, -1, k.shape[-1]) for k in kind], 1) for kind in kinds)
        return matrix.flatten(0, 1), offsets.flatten(0, 1)
    gray = luma(image)
    below, share = _position(gray)
    hats = torch.zeros(1, _KNOTS, *gray.shape[-2:])
    hats.scatter_(1, below, 1 - share).scatter_(1, below + 1, share)
    matrix, offsets = (F.avg_pool2d(planes, CELL_PX)[0].flatten(1).T for planes in (hats, image - gray))
    return matrix, offsets
