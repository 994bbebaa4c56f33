"""Bicubic resizing exactly as MATLAB's imresize does it.

Every published super-resolution figure rests on this kernel: a = -0.5, stretched by 1/scale when it shrinks (so it
does not alias), borders mirrored with the edge pixel repeated. OpenCV (a = -0.75, no antialiasing) and
``torch.nn.functional.interpolate`` differ from it by whole decibels.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from restore.ops.rows import Empty, row_bands

_SUPPORT = 4.0
"""Width of the cubic kernel in source pixels when it enlarges."""
_TIE = 1e-9
"""Grey levels: halves must round up as they do in whole-number arithmetic, though x/255 is not exact in binary."""


def cubic(x: Tensor) -> Tensor:
    """Keys' cubic kernel with a = -0.5: 1 at 0, 0 at every other whole number and beyond 2.

    >>> cubic(torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0])).tolist()
    [1.0, 0.5625, 0.0, 0.0, 0.0]
    """
    d = x.abs()
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return torch.where(d <= 1, near, torch.where(d <= 2, far, torch.zeros_like(d)))


@lru_cache(maxsize=64)
def taps(source: int, target: int) -> tuple[Tensor, Tensor]:
    """Which source pixels make each target pixel, and how much each counts.

    Gives ``(index, weight)``, both (target, n): int64 positions in ``[0, source)``, and float64 weights that sum
    to 1 in each row.
    """
    scale = target / source
    stretch = min(scale, 1.0)
    width = _SUPPORT / stretch
    centre = torch.arange(target, dtype=torch.float64).add(0.5).div(scale).sub(0.5)
    first = torch.floor(centre - width / 2).long() + 1
    index = first[:, None] + torch.arange(math.ceil(width) + 1)
    weight = cubic((centre[:, None] - index) * stretch)
    weight = weight / weight.sum(dim=1, keepdim=True)
    used = (weight != 0).any(dim=0)
    mirrored = torch.cat([torch.arange(source), torch.arange(source - 1, -1, -1)])
    return mirrored[index[:, used].remainder(2 * source)], weight[:, used]


def _resize_along(  # noqa: PLR0917 - of this module alone
    image: Tensor, dim: int, size: int, source: int | None = None, first: int = 0, part: slice = slice(None)
) -> Tensor:
    """``part`` of the lines that a picture of ``source`` lines, here from line ``first`` on, has at another size."""
    index, weight = taps(source or image.shape[dim], size)
    index, weight = (index[part] - first).to(image.device), weight[part].to(image)
    shape = [1] * image.ndim
    shape[dim] = len(index)
    result = image.index_select(dim, index[:, 0]).mul_(weight[:, 0].view(shape))
    for tap in range(1, index.shape[1]):
        result.addcmul_(image.index_select(dim, index[:, tap]), weight[:, tap].view(shape))
    return result


def _round_to_8_bits(image: Tensor) -> Tensor:
    return image.mul(255).add_(0.5 + _TIE).floor_().clamp_(0, 255).div_(255)


def resized(image: Tensor, height: int, width: int, empty: Empty = torch.empty) -> Tensor:
    """``resize(image, height, width)`` of (B,C,H,W) float32, to the bit, a band of rows at a time.

    ``empty`` makes room for the result, which is the image itself where the size stays.
    """
    tall, wide = image.shape[-2:]
    if (tall, wide) == (height, width):
        return image
    result = empty((*image.shape[:2], height, width))
    index, _ = taps(tall, height)
    for rows in row_bands(height, max(width, wide)):
        first, last = int(index[rows].min()), int(index[rows].max()) + 1
        lines = image[..., first:last, :]
        if height / tall > width / wide:
            lines = _resize_along(lines, 3, width)
        lines = _resize_along(lines, 2, height, tall, first, rows) if height != tall else lines
        result[..., rows, :] = lines if lines.shape[-1] == width else _resize_along(lines, 3, width)
    return result


def resize(image: Tensor, height: int, width: int, *, quantise: bool = False) -> Tensor:
    """Resize to (height, width) pixels with the antialiased bicubic kernel.

    Image (B,C,H,W), floating, any range; the result has the same dtype and may overshoot the range a little.
    With ``quantise`` values (taken as [0,1]) are rounded to 1/255 after each of the two passes, as MATLAB does
    with uint8 pictures: use float64 to match it bit for bit.

    >>> resize(torch.full((1, 1, 6, 6), 0.5), 3, 12).unique().numpy().round(6).tolist()
    [0.5]
    """
    if height < 1 or width < 1:
        raise ValueError(f"a picture cannot have {height} x {width} pixels")
    rows_first = height / image.shape[-2] <= width / image.shape[-1]
    for dim, size in ((-2, height), (-1, width)) if rows_first else ((-1, width), (-2, height)):
        if image.shape[dim] != size:
            image = _resize_along(image, image.ndim + dim, size)
        if quantise:
            image = _round_to_8_bits(image)
    return image
