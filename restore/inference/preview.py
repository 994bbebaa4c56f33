"""What a strength would do to a photo, shown in a few of its places, for the price of those places alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from restore.inference.clean import Cleaner
from restore.inference.crops import Crop
from restore.inference.kinds import with_result
from restore.inference.verbs import Fix, nothing_to_do
from restore.io.photo import Photo
from restore.ops.color import on_white
from restore.ops.octaves import REACH_PX
from restore.ops.strength import with_strength
from restore.ops.tile import Progress, no_progress
from restore.ops.tone import Tone, tone_of
from restore.tasks import Condition

Cells = tuple[Tensor, ...]
"""One place of a photo, as it is and then at each strength: (3,h,w) in [0,1] each, as a file would show it."""


@torch.no_grad()
def preview(
    cleaner: Cleaner,
    photo: Photo,
    fixes: Sequence[Fix],
    condition: Condition,
    crops: Sequence[Crop],
    *,
    progress: Progress = no_progress,
) -> tuple[Cells, ...]:
    """What ``cleaner(photo, fix, condition)`` would give in each of the ``crops``, for each of the ``fixes``.

    The fixes are of one verb and differ in strength; grain is not shown. ``condition`` is all that is known, of the
    whole photo: nothing is measured in the crops. The network runs once for each crop, on as much around it as network,
    colour lock and strength look at, from a place where tiles of the whole photo may begin too. So the cells equal the
    whole result's crops: on a processor to the rounding of float32 (measured: to the bit with trained weights, within
    1e-5 in any case), of which a file shows nothing. A GPU may compute parts of another size in another order, by as
    much as its precision allows. What is transparent is laid on white, and colours
    beyond sRGB end there. ``progress`` is told the share that is done, 0 to 1. Raises DeviceError.
    """
    tone = None if photo.gray else tone_of(photo.pixels[None])
    rows = []
    for number, crop in enumerate(crops):
        rows.append(_cells(cleaner, photo, fixes, condition, crop, tone=tone))
        progress((number + 1) / len(crops))
    return tuple(rows)


def _cells(
    cleaner: Cleaner, photo: Photo, fixes: Sequence[Fix], condition: Condition, crop: Crop, *, tone: Tone | None
) -> Cells:
    window = _window(photo, crop, cleaner.reach(tone), cleaner.grid)
    part = photo.with_pixels(
        photo.pixels[window.place].contiguous(), None if photo.alpha is None else photo.alpha[window.place]
    )
    inner = Crop(crop.top - window.top, crop.left - window.left, crop.height, crop.width, crop.why)
    source = part.pixels[None]
    idle = nothing_to_do(fixes[0].verb, condition)
    restored = source if idle else cleaner.restored(source, condition, tone)
    cells = [_shown(part, inner)]
    for fix in fixes:
        made = with_strength(restored.clone(), source, fix.strength)
        cells.append(_shown(part if idle else with_result(part, made), inner))
    return tuple(cells)


def _window(photo: Photo, crop: Crop, reach: int | None, grid: int) -> Crop:
    """The crop with all that its pixels are made from."""
    if reach is None:
        return Crop(0, 0, photo.height, photo.width, crop.why)
    margin = reach + REACH_PX
    top, left = (max(start - margin, 0) // grid * grid for start in (crop.top, crop.left))
    bottom = min(crop.top + crop.height + margin, photo.height)
    right = min(crop.left + crop.width + margin, photo.width)
    return Crop(top, left, bottom - top, right - left, crop.why)


def _shown(photo: Photo, crop: Crop) -> Tensor:
    """That part of a photo as one sees it."""
    return on_white(photo.pixels[crop.place], None if photo.alpha is None else photo.alpha[crop.place])
