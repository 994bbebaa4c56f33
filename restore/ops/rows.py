"""Walking down a picture in bands of rows, so that what is made of it on the way takes the memory of one band."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import torch
from torch import Tensor

from restore.room import trim

BAND_PX: Final = 1 << 21
"""About so many pixels are worked on at once, at most."""
LEAST_ROWS: Final = 32
"""More than twice what any of our filters looks up or down."""

Empty = Callable[[tuple[int, ...]], Tensor]
"""Makes room for a float32 tensor of a shape on the host; what stands there is anything."""


def row_bands(height: int, width: int, rows: int = 512, step: int = 1) -> Iterator[slice]:
    """The rows of a picture from the top in bands of up to ``rows``, fewer where it is wide, a multiple of ``step``.

    After each band, pages of pictures that are kept in files are let go (:mod:`restore.room`).

    >>> list(row_bands(5, 100, rows=2)), [band.stop for band in row_bands(100, 1 << 20, step=24)]
    ([slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)], [24, 48, 72, 96, 100])
    """
    count = min(rows, max(BAND_PX // max(1, width), LEAST_ROWS))
    count = max(1, count // step) * step
    for top in range(0, height, count):
        yield slice(top, min(top + count, height))
        trim()


def copied(image: Tensor, empty: Empty = torch.empty) -> Tensor:
    """A copy of (...,H,W) float32 on the host."""
    copy = empty(tuple(image.shape))
    for rows in row_bands(*image.shape[-2:]):
        copy[..., rows, :] = image[..., rows, :]
    return copy
