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
from restore.ops.pad import mirrored
from restore.room import let_go

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
    frame: int = 0,
    empty: Callable[[tuple[int, ...]], Tensor] = torch.empty,
    progress: Progress = no_progress,
) -> Tensor:
    """Apply ``run`` to a (1,C,H,W) picture tile by tile and join the results on the host.

    ``run`` takes (1,C,h,w) and gives (1,C',scale*h,scale*w). The picture is continued by mirroring, tile by tile: by
    ``frame`` pixels on all sides, then at the bottom and the right until both sides are multiples of ``multiple``; none
    of that is in the result, (1,C',scale*H,scale*W), for which ``empty`` makes room. ``core`` and ``overlap`` are input
    pixels and are rounded up to the multiple. When memory runs out the core is halved and the tile tried again;
    DeviceError when not even the smallest tile fits.
    """
    core, overlap = _up(core, multiple), _up(overlap, multiple)
    while True:
        try:
            return _run_cores(image, run, scale, core, overlap, multiple, frame, empty, progress)
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
    image: Tensor,
    run: Callable[[Tensor], Tensor],
    scale: int,
    core: int,
    overlap: int,
    multiple: int,
    frame: int,
    empty: Callable[[tuple[int, ...]], Tensor],
    progress: Progress,
) -> Tensor:
    height, width = image.shape[-2:]
    tall, wide = (_up(side + 2 * frame, multiple) for side in (height, width))
    result: Tensor | None = None
    for row in spans(tall, core, overlap):
        for column in spans(wide, core, overlap):
            down, own_rows = _kept(row, height, frame, scale)
            across, own_columns = _kept(column, width, frame, scale)
            if down.start < down.stop and across.start < across.stop:
                tile = run(mirrored(image, (row.start, row.stop), (column.start, column.stop), frame))
                if result is None:
                    result = empty((1, tile.shape[1], scale * height, scale * width))
                result[..., down, across].copy_(tile[..., own_rows, own_columns])
                let_go()
            progress((row.core_start * wide + (row.core_stop - row.core_start) * column.core_stop) / (tall * wide))
    if result is None:
        raise ValueError("an empty picture has no tiles")
    return result


def _kept(span: Span, size: int, frame: int, scale: int) -> tuple[slice, slice]:
    """The part of a core within a picture of ``size`` pixels: where it lies in the result, and in the tile's."""
    first, last = (min(max(edge - frame, 0), size) for edge in (span.core_start, span.core_stop))
    before = span.start - frame
    return slice(scale * first, scale * last), slice(scale * (first - before), scale * (last - before))


def _up(value: int, multiple: int) -> int:
    return max(-(-value // multiple), 1) * multiple
