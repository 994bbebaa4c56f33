"""Making a picture fit a network's grid, and cutting it back."""

from __future__ import annotations

import torch
from torch import Tensor


def mirror_index(size: int, before: int, after: int) -> Tensor:
    """Positions that extend a line of ``size`` pixels by mirroring it, the edge pixel repeated.

    >>> mirror_index(3, 2, 4).tolist()
    [1, 0, 0, 1, 2, 2, 1, 0, 0]
    """
    position = torch.arange(-before, size + after).remainder(2 * size)
    return torch.where(position < size, position, 2 * size - 1 - position)


def mirror_pad(image: Tensor, top: int, bottom: int, left: int, right: int) -> Tensor:
    """Extend (B,C,H,W) by mirroring; works for any amount and any size down to one pixel."""
    if top or bottom:
        image = image.index_select(-2, mirror_index(image.shape[-2], top, bottom).to(image.device))
    if left or right:
        image = image.index_select(-1, mirror_index(image.shape[-1], left, right).to(image.device))
    return image


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Mirror (B,C,H,W) at the bottom and right until both sides are multiples of ``multiple``."""
    height, width = image.shape[-2:]
    return mirror_pad(image, 0, -height % multiple, 0, -width % multiple)
