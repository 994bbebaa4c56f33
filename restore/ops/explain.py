"""Is what a restoration changed really the damage? The share of the change that the damage can have made."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.blur import blur
from restore.ops.color import LUMA_WEIGHTS, luma
from restore.ops.degrade import quantisation_tables
from restore.ops.rows import row_bands

BLOCK_PX: Final = 8
"""The change is looked at in JPEG's squares of this side."""
_ALLOWANCE: Final = 1.5
"""Noise in a square of 64 pixels has more energy than this times the expected in 1 of 200 squares."""
_ROUNDING: Final = 1 / 12
"""Variance, in squared grey levels, that rounding to 8 bits leaves in a photo."""


def explained_share(
    restored: Tensor, source: Tensor, *, noise: float, jpeg: float, kernel: Tensor | None, gray: bool
) -> float | None:
    """How much of the change from ``source`` to ``restored``, both (1,3,H,W) in [0,1], damage explains: 0 to 1.

    ``noise`` in grey levels (in gray pictures, ``gray``, it is the same in all channels), ``jpeg`` a quality, 100 for
    none, ``kernel`` (1,h,w) what the photo was blurred with, None for nothing. The result is blurred again; what then
    differs from the photo should be noise and rounding by JPEG. In each square of 8x8 pixels the luma of that
    difference may have the energy that such noise and such tables put there on average, with an allowance for chance;
    what goes beyond is detail that was lost or invented. The share is one minus the energy beyond over the energy of
    the whole change. It is no proof: fine texture weaker than the noise that was told passes for noise.
    None where nothing changed, or the picture is smaller than a square.
    """
    height, width = (side // BLOCK_PX * BLOCK_PX for side in source.shape[-2:])
    if not height * width:
        return None
    share = 1.0 if gray else sum(weight**2 for weight in LUMA_WEIGHTS)
    allowed = BLOCK_PX**2 * (noise**2 * share + _ROUNDING) + _coding_energy(jpeg)
    whole = beyond = 0.0
    for rows in row_bands(height, width, step=BLOCK_PX):
        ours, theirs = (luma(image[..., rows, :width]) for image in (restored, source))
        whole += float(_energies(theirs - ours).sum())
        if kernel is not None:
            ours = _blurred_rows(restored, kernel, rows.start, rows.stop)[..., :width]
        beyond += float((_energies(theirs - ours) - _ALLOWANCE * allowed).clamp(min=0).sum())
    return max(0.0, 1 - beyond / whole) if whole else None


def _blurred_rows(image: Tensor, kernel: Tensor, top: int, bottom: int) -> Tensor:
    """The luma (1,1,rows,W) of rows [top, bottom), blurred with the rows around them."""
    reach = kernel.shape[-1] // 2
    first, last = max(top - reach, 0), min(bottom + reach, image.shape[-2])
    return blur(luma(image[..., first:last, :]), kernel)[..., top - first : bottom - first, :]


def _energies(plane: Tensor) -> Tensor:
    """Sum of the squares, in grey levels, of each 8x8 square of (1,1,h,w)."""
    squares: Tensor = F.avg_pool2d(plane.square(), BLOCK_PX) * (255.0 * BLOCK_PX) ** 2
    return squares.double()


def _coding_energy(quality: float) -> float:
    """What rounding by JPEG's table for brightness leaves in a square: a twelfth of each step, squared."""
    if quality >= 100:
        return 0.0
    return float(quantisation_tables(torch.tensor([quality]))[0, 0].square().sum()) / 12
