"""A picture in all eight ways that it can lie, and back."""

from __future__ import annotations

from typing import Final

from torch import Tensor

WAYS: Final = 8
_HALF_TURN_FIRST: Final = (0, 2, 1, 3, 4, 6, 5, 7)
"""Quarter turns by number: the half turn comes first, for two; then the others, and all of them mirrored."""


def turned(image: Tensor, way: int) -> Tensor:
    """(...,H,W) in one of eight ways: a view, of (...,W,H) after odd quarter turns. Way 0 is as it is.

    >>> import torch
    >>> turned(torch.arange(4).view(2, 2), 1).tolist()
    [[3, 2], [1, 0]]
    """
    number = _HALF_TURN_FIRST[way]
    return (image.transpose(-2, -1) if number >= WAYS // 2 else image).rot90(number, (-2, -1))


def turned_back(image: Tensor, way: int) -> Tensor:
    """The inverse of :func:`turned`."""
    number = _HALF_TURN_FIRST[way]
    image = image.rot90(-number, (-2, -1))
    return image.transpose(-2, -1) if number >= WAYS // 2 else image
