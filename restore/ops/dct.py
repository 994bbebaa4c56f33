"""The cosine transform of JPEG's blocks."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

BLOCK_PX: Final = 8
"""JPEG codes squares of this side."""


@lru_cache(maxsize=1)
def dct_matrix() -> Tensor:
    """Orthonormal 8-point cosine transform, (8,8) float32: rows are frequencies.

    >>> matrix = dct_matrix()
    >>> bool((matrix @ matrix.T - torch.eye(8)).abs().max() < 1e-6)
    True
    """
    frequency = torch.arange(BLOCK_PX, dtype=torch.float64)[:, None]
    matrix = torch.cos((2 * torch.arange(BLOCK_PX, dtype=torch.float64) + 1) * frequency * math.pi / (2 * BLOCK_PX))
    matrix[0] *= math.sqrt(0.5)
    return (matrix * math.sqrt(2 / BLOCK_PX)).float()


def block_coefficients(planes: Tensor, top: int = 0, left: int = 0) -> Tensor:
    """Coefficients of all whole blocks of (B,H,W) planes whose grid begins ``top``, ``left``: (B,h,w,8,8), same range.

    >>> flat = block_coefficients(torch.ones(1, 17, 16), top=1)
    >>> tuple(flat.shape), round(flat[0, 0, 0, 0, 0].item(), 4), round(flat.abs().sum().item(), 4)
    ((1, 2, 2, 8, 8), 8.0, 32.0)
    """
    inside = planes[:, top:, left:]
    rows, columns = (side // BLOCK_PX for side in inside.shape[-2:])
    cut = inside[:, : rows * BLOCK_PX, : columns * BLOCK_PX]
    blocks = cut.reshape(len(planes), rows, BLOCK_PX, columns, BLOCK_PX).permute(0, 1, 3, 2, 4)
    dct = dct_matrix().to(planes)
    return dct @ blocks @ dct.T
