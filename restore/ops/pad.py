"""Making a picture fit a network's grid, and cutting it back."""

from __future__ import annotations

import torch
from torch import Tensor


def mirror_index(size: int, before: int, after: int) -> Tensor:
    """Positions that extend a line of ``size`` pixels by mirroring it, the edge pixel repeated.

    >>> mirror_index(3, 2, 4).tolist()
    [1, 0, 0, 1, 2, 2, 1, 0, 0]
    """
    return _within(torch.arange(-before, size + after), size)


def _within(places: Tensor, size: int) -> Tensor:
    """Where places on a line that goes on mirrored for ever lie within its ``size`` pixels."""
    place = places.remainder(2 * size)
    return torch.where(place < size, place, 2 * size - 1 - place)


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


def mirrored(image: Tensor, rows: tuple[int, int], columns: tuple[int, int], frame: int = 0) -> Tensor:
    """Rows and columns [first, last) of (B,C,H,W) in a mirrored frame of ``frame`` pixels, mirrored again beyond it.

    That part of ``mirror_pad(mirror_pad(image, *(frame,) * 4), ...)``, without making the whole; a view where it lies
    within the picture. Places count from the frame's first pixel and are not negative.
    """
    outside = []
    for dim, (first, last) in ((-2, rows), (-1, columns)):
        size = image.shape[dim]
        if frame <= first and last <= size + frame:
            image = image.narrow(dim, first - frame, last - first)
        else:
            outside.append((dim, _within(_within(torch.arange(first, last), size + 2 * frame) - frame, size)))
    for dim, index in outside:
        image = image.index_select(dim, index.to(image.device))
    return image
