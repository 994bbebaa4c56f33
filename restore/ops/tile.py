"""Pictures of any size through a network in bounded memory.

Policy (how large a tile may be) is apart from mechanism (cutting, running and joining). Each tile carries as many
pixels of surroundings as the network looks far, and only its core is kept, so tiles equal the whole picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from restore.errors import DeviceError

OutOfMemory = (torch.OutOfMemoryError, MemoryError)
"""What running out of memory looks like; see :func:`ran_out_of_memory` for the CPU allocator's way."""


Progress = Callable[[float], None]
"""Is told the share of the work that is done, 0 to 1."""


def no_progress(_share: float) -> None:
    """For when nobody watches."""


@dataclass(frozen=True, slots=True)
class Span:
    """One tile along one axis: pixels [start, stop) are read, of which [core_start, core_stop) are kept."""

    start: int
    stop: int
    core_start: int
    core_stop: int


def spans(size: int, core: int, overlap: int) -> Iterator[Span]:
    """Cover ``size`` pixels by cores of at most ``core`` pixels, each exactly once, with ``overlap`` around them.

    >>> list(spans(10, 8, 2))
    [Span(start=0, stop=10, core_start=0, core_stop=8), Span(start=6, stop=10, core_start=8, core_stop=10)]
    """
    for first in range(0, size, core):
        last = min(first + core, size)
        yield Span(max(first - overlap, 0), min(last + overlap, size), first, last)


def run_tiled(
    image: Tensor,
    run: Callable[[Tensor], Tensor],
    *,
    scale: int,
    core: int,
    overlap: int,
    multiple: int,
    progress: Progress = no_progress,
) -> Tensor:
    """Apply ``run`` to a (1,C,H,W) picture tile by tile and join the results on the host.

    ``run`` takes (1,C,h,w) and gives (1,C',scale*h,scale*w); H and W must be multiples of ``multiple``. ``core`` and
    ``overlap`` are input pixels and are rounded up to the multiple. When memory runs out the core is halved and the
    tile tried again; DeviceError when not even the smallest tile fits.
    """
    core, overlap = _up(core, multiple), _up(overlap, multiple)
    while True:
        try:
            return _run_cores(image, run, scale, core, overlap, progress)
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError, as is the CPU's
            if not ran_out_of_memory(error):
                raise
            if core <= multiple:
                raise DeviceError(
                    f"not enough memory for one tile of {core + 2 * overlap} pixels; "
                    "close other programs, or use --device cpu"
                ) from error
        core = _up(core // 2, multiple)


def ran_out_of_memory(error: BaseException) -> bool:
    """Whether this is a lack of memory: torch's own class, Python's, or the plain error of torch's CPU allocator."""
    return isinstance(error, OutOfMemory) or "DefaultCPUAllocator" in str(error)


def _run_cores(  # noqa: PLR0917 - one caller, right above
    image: Tensor, run: Callable[[Tensor], Tensor], scale: int, core: int, overlap: int, progress: Progress
) -> Tensor:
    height, width = image.shape[-2:]
    result: Tensor | None = None
    for row in spans(height, core, overlap):
        for column in spans(width, core, overlap):
            tile = run(image[..., row.start : row.stop, column.start : column.stop])
            if result is None:
                result = torch.empty(1, tile.shape[1], scale * height, scale * width)
            target = result[..., scale * row.core_start : scale * row.core_stop, :]
            target[..., scale * column.core_start : scale * column.core_stop].copy_(_kept(tile, scale, row, column))
            progress((row.core_start * width + (row.core_stop - row.core_start) * column.core_stop) / (height * width))
    if result is None:
        raise ValueError("an empty picture has no tiles")
    return result


def _kept(tile: Tensor, scale: int, row: Span, column: Span) -> Tensor:
    top, left = scale * (row.core_start - row.start), scale * (column.core_start - column.start)
    height, width = scale * (row.core_stop - row.core_start), scale * (column.core_stop - column.core_start)
    return tile[..., top : top + height, left : left + width]


def _up(value: int, multiple: int) -> int:
    return max(-(-value // multiple), 1) * multiple
