"""Bicubic resizing band by band: the same numbers as ``ops.resize``, with a few rows in memory at a time.

A block of neighbouring pixels is made from few source pixels, so each pass is a row of small matrix products, which
processors do ten times as fast as gathering the source pixels one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

from restore.ops.resize import taps
from restore.room import trim

BAND_PX: Final = 1 << 20
"""About as many pixels of the larger picture are looked at at once."""
BLOCK_PX: Final = 16
"""So many pixels of the smaller picture, in a line, make one product; more would multiply by zeros mostly."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Neighbouring target pixels [first, last) of a line, and the source pixels [low, high) that they are made from."""

    first: int
    last: int
    low: int
    high: int
    weight: Tensor
    """(last - first, high - low), float64."""


def resized_bands(image: Tensor, height: int, width: int, dtype: torch.dtype) -> Iterator[tuple[int, Tensor]]:
    """``resize(image, height, width)`` in bands of rows from the top: the first row of each, and its pixels.

    ``image`` is (B,C,H,W), any range; the bands are (B,C,rows,width), computed in ``dtype``.
    """
    blocks = _blocks(image.shape[-2], height)
    tall, wide = max(image.shape[-2], height), max(image.shape[-1], width)
    count = max(1, round(BAND_PX * len(blocks) / (tall * wide)))
    for start in range(0, len(blocks), count):
        rows = [_rows(image, block, dtype) for block in blocks[start : start + count]]
        yield blocks[start].first, _columns(torch.cat(rows, dim=-2), width)
        trim()


def rows_needed(source: int, target: int, first: int, last: int) -> tuple[int, int]:
    """Which rows [low, high) of a picture of ``source`` rows make rows [first, last) of the one with ``target`` rows.

    >>> rows_needed(10, 20, 6, 8), rows_needed(10, 10, 6, 8)
    ((1, 6), (6, 8))
    """
    index, _ = taps(source, target)
    here = index[first:last]
    return int(here.min()), int(here.max()) + 1


def resized_rows(
    strip: Tensor, top: int, size: tuple[int, int], target: tuple[int, int], rows: tuple[int, int]
) -> Tensor:
    """Rows [first, last) of a picture of ``size`` = (height, width) resized to ``target``: (B,C,last-first,width).

    ``strip`` (B,C,rows,width) are the picture's rows from ``top``; those of :func:`rows_needed` must be among them.

    >>> line = torch.arange(8.0).view(1, 1, 8, 1)
    >>> resized_rows(line[..., 2:, :], 2, (8, 1), (8, 1), (3, 5)).flatten().tolist()
    [3.0, 4.0]
    """
    first, last = rows
    if size[0] == target[0]:
        lines = strip[..., first - top : last - top, :]
    else:
        side = _side(size[0], target[0])
        blocks = [_block(size[0], target[0], start, min(start + side, last)) for start in range(first, last, side)]
        parts = [block.weight.to(strip) @ strip[..., block.low - top : block.high - top, :] for block in blocks]
        lines = torch.cat(parts, dim=-2)
    return lines if size[1] == target[1] else _columns(lines, target[1])


def _rows(image: Tensor, block: _Block, dtype: torch.dtype) -> Tensor:
    return block.weight.to(image.device, dtype) @ image[..., block.low : block.high, :].to(dtype)


def _columns(image: Tensor, width: int) -> Tensor:
    result = image.new_empty(*image.shape[:-1], width)
    for block in _blocks(image.shape[-1], width):
        result[..., block.first : block.last] = image[..., block.low : block.high] @ block.weight.to(image).T
    return result


@lru_cache(maxsize=16)
def _blocks(source: int, target: int) -> tuple[_Block, ...]:
    """A line of ``source`` pixels resized to ``target`` pixels, block by block."""
    side = _side(source, target)
    return tuple(_block(source, target, first, min(first + side, target)) for first in range(0, target, side))


def _side(source: int, target: int) -> int:
    return max(1, round(BLOCK_PX * max(1.0, target / source)))


def _block(source: int, target: int, first: int, last: int) -> _Block:
    index, weight = taps(source, target)
    here, much = index[first:last], weight[first:last]
    low, high = int(here.min()), int(here.max()) + 1
    dense = torch.zeros(here.shape[0], high - low, dtype=torch.float64).scatter_add_(1, here - low, much)
    return _Block(first, first + here.shape[0], low, high, dense)
