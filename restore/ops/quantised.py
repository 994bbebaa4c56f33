"""What a JPEG still says for certain: each coefficient of its brightness was rounded, and is known to half a step."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from restore.ops.color import luma
from restore.ops.dct import BLOCK_PX, block_coefficients, dct_matrix
from restore.ops.rows import row_bands

_BAND_ROWS: Final = 256
_STEP_TO_TELL: Final = 6.0
"""Grey levels; coarser steps than this tell a block of such a JPEG from any other."""
_LEAST_HEIGHT: Final = 0.2
"""Steps; smaller coefficients are near a whole step, 0, in any picture and prove nothing."""
_MOST_OFF: Final = 0.15
"""Steps, root mean square: a block whose coefficients are further from whole steps was not made in these steps, or has
lost much to black or white. Coefficients that have nothing to do with the steps are 0.29 off."""
_LEAST_COEFFICIENTS: Final = 8


def keep_to_steps(restored: Tensor, source: Tensor, table: Tensor) -> Tensor:
    """Bring ``restored`` (1,3,H,W), in place, to the nearest brightness that could have become ``source`` as a JPEG.

    ``source`` (1,3,H,W) in [0,1] is the decoded JPEG, whole or cut at multiples of 8; ``table`` (8,8) its steps of
    brightness in grey levels. In a JPEG each coefficient of an 8x8 block stands for all that round to it, so the photo
    lies within half a step of it; a result that lies outside is moved to the border. The truth is inside, and so is
    the whole way to it: no result gets farther from it by this (projection onto a convex set). Blocks that do not
    consist of such steps stay as they are: another table, another grid, noise added since, or cut at the edge.
    Red, green and blue are moved alike, so colours stay.
    Source: Bovik and others' "quantisation constraint set"; Zakhor, "Iterative procedures for reduction of blocking
    effects in transform image coding", 1992.
    """
    steps = table.to(restored)
    if int((steps >= _STEP_TO_TELL).sum()) < _LEAST_COEFFICIENTS:
        return restored
    height, width = (side // BLOCK_PX * BLOCK_PX for side in restored.shape[-2:])
    for rows in row_bands(height, width, rows=_BAND_ROWS, step=BLOCK_PX):
        restored[..., rows, :width] += _correction(restored[..., rows, :width], source[..., rows, :width], steps)
    return restored


def _correction(restored: Tensor, source: Tensor, steps: Tensor) -> Tensor:
    """(1,1,h,w): what is to be added to a band of whole blocks."""
    found, made = (block_coefficients(luma(image)[0] * 255 - 128) / steps for image in (source, restored))
    nearest = found.round()
    proof = (steps >= _STEP_TO_TELL) & (found.abs() > _LEAST_HEIGHT)
    proofs = proof.sum(dim=(-2, -1))
    off = ((found - nearest).square() * proof).sum(dim=(-2, -1)) / proofs.clamp_min(1)
    kept = torch.minimum(torch.maximum(made, nearest - 0.5), nearest + 0.5)
    change = (kept - made) * steps * ((proofs > 0) & (off < _MOST_OFF**2))[..., None, None]
    dct = dct_matrix().to(change)
    blocks = dct.T @ change @ dct
    return blocks.permute(0, 1, 3, 2, 4).reshape(1, 1, *source.shape[-2:]) / 255
