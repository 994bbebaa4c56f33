"""Damaged photos that lie a little beside their partners are put in place before patches are cut."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from restore.ops.shift import Shift, measure_shift, translate

WORTH_PX: Final = 0.25
"""Pixels of the good photo; a pair that is closer than this is left as it is."""
_SURE: Final = 3.0
"""Standard errors by which a shift must exceed that."""
_STILL_PX: Final = 0.1
"""Pixels of the good photo; so small a rest is not worth resampling."""
_DIGITS: Final = 2
"""Hundredths of a pixel are exact enough, and hide in which order a machine adds up."""


@dataclass(frozen=True, slots=True)
class Alignment:
    """How to cut a pair so that both pictures show the same; the identity when nothing has to be done."""

    rest: tuple[float, float]
    """What is left to move after cutting, in pixels of the damaged photo: its content lies so far down and right."""
    lq: tuple[int, int]
    """Top and left of what is kept of the damaged photo."""
    hq: tuple[int, int]
    """Top and left of what is kept of the good photo."""
    size: tuple[int, int]
    """Height and width of what is kept of the damaged photo."""

    def cut(self, lq: Tensor, hq: Tensor) -> tuple[Tensor, Tensor]:
        """Both pictures of the pair, (1,3,h,w) and (1,3,sh,sw), in place."""
        scale = hq.shape[-1] // lq.shape[-1]
        height, width = self.size
        moved = translate(lq, -self.rest[0], -self.rest[1])
        return (
            moved[..., self.lq[0] : self.lq[0] + height, self.lq[1] : self.lq[1] + width],
            hq[..., self.hq[0] : self.hq[0] + height * scale, self.hq[1] : self.hq[1] + width * scale],
        )


def is_beside(shift: Shift | None) -> bool:
    """Whether a damaged photo surely lies beside its partner, by more than a quarter of a pixel."""
    return shift is not None and shift.confidence > 0 and shift.distance > WORTH_PX + _SURE * shift.error


def is_unrelated(shift: Shift | None) -> bool:
    """Whether two photos have no more in common than any two have."""
    return shift is not None and shift.confidence == 0


def alignment(shift: Shift | None, lq: tuple[int, int], scale: int, *, least_px: int) -> Alignment | None:
    """How to cut a pair with a damaged photo of size ``lq`` (height, width); None when it is best left as it is.

    That is: when the photos are not surely shifted, when they do not show the same picture, and when less than
    ``least_px`` pixels of the good one would be left. Whole pixels of the good photo are moved by cutting, which loses
    nothing; only the rest, at most half of one, is resampled, in the damaged photo. A border that only one of the two
    shows is cut from both.
    """
    if shift is None or not is_beside(shift):
        return None
    down, right = round(shift.down, _DIGITS), round(shift.right, _DIGITS)
    whole = round(down), round(right)
    rest = down - whole[0], right - whole[1]
    still = max(abs(part) for part in rest) < _STILL_PX
    margin = 0 if still else 1
    tops, ends = [], []
    for side, moved in zip(lq, whole, strict=True):
        tops.append(max(margin, math.ceil(moved / scale)))
        ends.append(min(side - margin, (side * scale + moved) // scale))
    size = ends[0] - tops[0], ends[1] - tops[1]
    if min(size) * scale < least_px:
        return None
    return Alignment(
        rest=(0.0, 0.0) if still else (rest[0] / scale, rest[1] / scale),
        lq=(tops[0], tops[1]),
        hq=(tops[0] * scale - whole[0], tops[1] * scale - whole[1]),
        size=size,
    )


def align_pair(lq: Tensor, hq: Tensor, *, least_px: int) -> tuple[Tensor, Tensor]:
    """A damaged photo (1,3,H,W) and its partner (1,3,sH,sW), both in [0,1], measured and put in place.

    The same two are given back when they are best left as they are; see ``alignment``.
    """
    scale = hq.shape[-1] // lq.shape[-1]
    found = alignment(measure_shift(lq, hq), (lq.shape[-2], lq.shape[-1]), scale, least_px=least_px)
    return (lq, hq) if found is None else found.cut(lq, hq)
