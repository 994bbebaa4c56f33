"""Toned photos: sepia, cyanotype or plain gray in three channels, where the brightness alone decides the colour.

Such a photo is worked on as a gray one and toned again afterwards, so that no colour appears that it never had.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.color import luma

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


@dataclass(frozen=True, slots=True)
class Tone:
    """The colour of each brightness: what red, green and blue have more than the luma, at each knot."""

    offsets: Tensor
    """(knots,3) float64; weighed as luma is, the three add up to 0."""

    def colour(self, gray: Tensor) -> Tensor:
        """(1,3,H,W) of that luma (1,1,H,W); beyond black and white the offsets stay as they are there."""
        table = self.offsets.to(gray.dtype)
        result = gray.new_empty(1, 3, *gray.shape[-2:])
        for top in range(0, gray.shape[-2], _BAND_ROWS):  # of the whole at once, the places alone would take as much
            band = gray[0, 0, top : top + _BAND_ROWS]
            below, share = _position(band)
            for channel, line in zip(result[0], table.T, strict=True):
                channel[top : top + _BAND_ROWS] = band + torch.lerp(line[below], line[below + 1], share)
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
    matrix, offsets = (torch.cat(kind).double() for kind in zip(*map(_cells, bands), strict=True))
    bends = torch.eye(_KNOTS, dtype=torch.float64).diff(n=2, dim=0)
    normal = matrix.T @ matrix + _SMOOTHNESS * len(matrix) * bends.T @ bends
    knots = torch.linalg.solve(normal + 1e-9 * torch.eye(_KNOTS, dtype=torch.float64), matrix.T @ offsets)
    off = (offsets - matrix @ knots).square().sum(dim=1) * 255**2
    usual, largest = float(off.mean()), float(off.max()) ** 0.5
    toned = usual <= _USUAL_LEVELS**2 + noise**2 and largest <= _LARGEST_LEVELS + _NOISE_MARGIN * noise
    return Tone(knots) if toned else None


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
    gray = luma(image)
    below, share = _position(gray)
    hats = torch.zeros(1, _KNOTS, *gray.shape[-2:])
    hats.scatter_(1, below, 1 - share).scatter_(1, below + 1, share)
    matrix, offsets = (F.avg_pool2d(planes, CELL_PX)[0].flatten(1).T for planes in (hats, image - gray))
    return matrix, offsets
