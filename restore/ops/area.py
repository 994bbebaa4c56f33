"""Work on a part of a picture only."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from restore.ops.rows import row_bands

_NEARLY: Final = 4 / 255
"""As near to black or white as this is black or white: a mask saved as JPEG has ringing that nobody drew."""


def area_of(mask: Tensor) -> Tensor:
    """(1,1,H,W) in [0,1], how much each pixel is worked on, from a mask's pixels (3,H,W): white is 1, black is 0.

    >>> area_of(torch.tensor([0.01, 0.5, 1.0]).view(1, 1, 3).expand(3, 1, 3)).flatten().tolist()
    [0.0, 0.5, 1.0]
    """
    area = mask.new_empty(1, 1, *mask.shape[-2:])
    for rows in row_bands(*mask.shape[-2:]):
        light = mask[:, rows].mean(dim=0)[None, None].clamp(0, 1)
        area[..., rows, :] = torch.where(light <= _NEARLY, 0.0, torch.where(light >= 1 - _NEARLY, 1.0, light))
    return area


def within(area: Tensor, restored: Tensor, source: Tensor) -> Tensor:
    """``restored`` where ``area`` (1,1,H,W) is 1, ``source`` where it is 0, both to the bit; mixed in between.

    Changes ``restored`` in place and gives it back.
    """
    for rows in row_bands(*restored.shape[-2:]):
        restored[..., rows, :] = torch.lerp(source[..., rows, :], restored[..., rows, :], area[..., rows, :])
    return restored
