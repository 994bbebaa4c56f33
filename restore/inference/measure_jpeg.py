"""JPEG damage as the pixels show it: the quality of a JPEG that is one no longer, and of one before the last.

A JPEG rounds the cosine coefficients of its blocks to multiples of a step. They still lie there when the picture has
been decoded and saved as something else, so the blocks are looked for at all 64 places, and the table of steps among
those of all qualities. Of a JPEG that became another JPEG, some is left if the second one was finer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.color import luma
from restore.ops.comb import earlier_step_evidence, histograms, step_evidence
from restore.ops.dct import BLOCK_PX, block_coefficients, dct_matrix
from restore.ops.degrade import quantisation_tables

Place = tuple[int, int]

_PLACES: Final = BLOCK_PX * BLOCK_PX
_SCANNED: Final[tuple[Place, ...]] = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (0, 3), (2, 2))
"""Frequencies (down, right) by which the place of the blocks is found: the strongest ones."""
_REFINED: Final[tuple[Place, ...]] = tuple(
    (down, right) for down in range(BLOCK_PX) for right in range(BLOCK_PX) if 0 < down + right <= 6
)
"""Frequencies by which the quality is found; beyond them hardly anything differs from zero."""
_SPREADS: Final = (0.4, 0.8, 1.6)
"""How far a coefficient is off its step, in grey levels: by rounding to 8 bits; by a little noise that came later."""
_EARLIER_SPREADS: Final = (0.8, 1.6, 3.2, 6.4)
"""The same where another JPEG came later."""
_LEAST: Final = 25.0
"""Evidence for a JPEG; of photos that never were one, or were shrunk since, none reaches it."""
_LEAST_EARLIER: Final = 100.0
"""Evidence for a JPEG before the JPEG on the same blocks: those of one look a little like those of two."""
_LEAST_BESIDE: Final = 30.0
"""The same on other blocks; of photos that were a JPEG once, none of 280 reached more than 7."""
_WORSE_BY: Final = 8
"""An earlier JPEG is of interest if its quality was lower by so much."""
_FREE_COST: Final = 8.0
"""Evidence that the best of 255 steps may have by chance."""
_FREE_GAIN: Final = 1.5
"""A table that is no standard one must explain so much more."""
_PAIR_GAIN: Final = 1.15
"""Two JPEGs on the same blocks must explain so much more than one."""
_LEAST_SIDE_PX: Final = 32
_EDGE: Final = 0.5 / 255


@dataclass(frozen=True, slots=True)
class Trace:
    """A JPEG that a picture once was."""

    quality: int
    """1 to 100, of the standard table that fits."""
    top: int
    left: int
    """Where the first whole block begins, 0 to 7."""
    evidence: float
    """Logarithm of a likelihood ratio; over 25, often thousands."""


def find_traces(parts: Tensor) -> tuple[Trace, ...]:
    """The JPEGs that a photo has been: the last one, then one of lower quality before it; () where none is seen.

    ``parts`` (N,3,h,w) in [0,1] begin at multiples of 8 pixels of the photo. What was resized since shows nothing.
    """
    if min(parts.shape[-2:]) < _LEAST_SIDE_PX:
        return ()
    planes = luma(parts)[:, 0] * 255
    usable = _unclipped(parts)
    counts = _everywhere(planes, usable)
    scores = torch.stack([_scores(counts, spread) for spread in _SPREADS]).amax(dim=0)
    place = int(scores.argmax())
    if float(scores[place]) < _LEAST:
        return ()
    own, earlier = _history(planes, usable, *divmod(place, BLOCK_PX))
    if own is None:
        return ()
    earlier = earlier or _beside(counts, own)
    return (own,) if earlier is None else (own, earlier)


def _unclipped(parts: Tensor) -> Tensor:
    """(N,h-7,w-7) bool: squares of 8 pixels, wherever they begin, that neither black nor white has cut."""
    cut = ((parts.amin(dim=1) <= _EDGE) | (parts.amax(dim=1) >= 1 - _EDGE)).float()
    return F.max_pool2d(cut[:, None], BLOCK_PX, 1)[:, 0] == 0


def _everywhere(planes: Tensor, usable: Tensor) -> Tensor:
    """(scanned places,64,BINS): histograms of coefficients of the blocks of each of the 64 grids."""
    rows, across = (torch.arange(side) % BLOCK_PX for side in usable.shape[-2:])
    grid = torch.where(usable, (rows[:, None] * BLOCK_PX + across).expand_as(usable), -1)
    upright = {down: _along(planes, down, 1) for down in {place[0] for place in _SCANNED}}
    return torch.stack([histograms(_along(upright[down], right, 2), grid, _PLACES) for down, right in _SCANNED])


def _along(planes: Tensor, frequency: int, dim: int) -> Tensor:
    """One frequency of the cosine transform of the 8 pixels that begin at each pixel; 7 pixels less in ``dim``."""
    length = planes.shape[dim] - BLOCK_PX + 1
    result = torch.zeros(())
    for number, weight in enumerate(dct_matrix()[frequency].tolist()):
        result = torch.add(result, planes.narrow(dim, number, length), alpha=weight)
    return result


@lru_cache(maxsize=2)
def _standard(places: tuple[Place, ...]) -> Tensor:
    """(200,places): the steps at these frequencies for each quality, and for a picture that was turned since."""
    tables = quantisation_tables(torch.arange(1.0, 101.0))[:, 0].long()
    upright = torch.stack([tables[:, down, right] for down, right in places], dim=1)
    turned = torch.stack([tables[:, right, down] for down, right in places], dim=1)
    return torch.cat([upright, turned])


def _by_quality(evidence: Tensor, places: tuple[Place, ...]) -> Tensor:
    """(...,100) from evidence (places,...,STEPS) for each step: that of each quality's table."""
    steps = _standard(places) - 1
    whole = torch.stack([evidence[number][..., steps[:, number]] for number in range(len(places))]).sum(dim=0)
    return torch.maximum(whole[..., :100], whole[..., 100:])


def _free(evidence: Tensor) -> Tensor:
    """(...): evidence (places,...,STEPS) with the best step for each frequency, whatever the table."""
    return (evidence.amax(dim=-1) - _FREE_COST).clamp(min=0).sum(dim=0)


def _scores(counts: Tensor, spread: float) -> Tensor:
    """(64,): evidence for a JPEG, of histograms (scanned places,64,BINS)."""
    evidence = step_evidence(counts, spread)
    return torch.maximum(_by_quality(evidence, _SCANNED).amax(dim=-1), _free(evidence) / _FREE_GAIN)


def _at(planes: Tensor, usable: Tensor, top: int, left: int) -> Tensor:
    """(refined places,BINS): histograms of the blocks of one grid."""
    blocks = block_coefficients(planes, top, left)
    kept = usable[:, top::BLOCK_PX, left::BLOCK_PX][:, : blocks.shape[1], : blocks.shape[2]]
    down, right = torch.tensor(_REFINED).T
    chosen = blocks[kept][:, down, right]
    return histograms(chosen, torch.arange(len(_REFINED)).expand_as(chosen), len(_REFINED))


def _history(planes: Tensor, usable: Tensor, top: int, left: int) -> tuple[Trace | None, Trace | None]:
    """The JPEG whose blocks begin there, and one of lower quality before it whose blocks lay in the same place."""
    counts = _at(planes, usable, top, left)
    by_spread = {spread: step_evidence(counts, spread) for spread in _SPREADS}
    found = [_best_quality(_by_quality(evidence, _REFINED)) for evidence in by_spread.values()]
    quality, support = max(found, key=lambda one: one[1])
    free, of_free = max(((float(_free(evidence)), evidence) for evidence in by_spread.values()), key=lambda one: one[0])
    if free > _FREE_GAIN * max(support, _LEAST):
        return Trace(_nearest_quality(of_free), top, left, free), None
    if support < _LEAST:
        return None, None
    exact = _by_quality(by_spread[_SPREADS[0]], _REFINED)
    pairs = [_before(counts, later, float(exact[later - 1])) for later in _later_candidates(exact, quality)]
    both = max(pairs, key=lambda pair: pair[2], default=None)
    if both is not None and both[2] > max(support + _LEAST_EARLIER, _PAIR_GAIN * support):
        later, first, whole = both
        return Trace(later, top, left, whole), Trace(first, top, left, whole - float(exact[later - 1]))
    return Trace(quality, top, left, support), None


def _later_candidates(exact: Tensor, quality: int) -> list[int]:
    """Qualities that the last JPEG may have had, by (100,) evidence, if ``quality`` is the best by itself."""
    return [number + 1 for number in range(quality - 1, 100) if float(exact[number]) >= _LEAST]


def _before(counts: Tensor, later: int, support: float) -> tuple[int, int, float]:
    """``later``, the likeliest lower quality before it, and the evidence for both together."""
    worst = later - _WORSE_BY
    if worst < 1:
        return later, later, support
    steps = _standard(_REFINED)[later - 1].tolist()
    evidence = torch.stack(
        [earlier_step_evidence(line, step, _SPREADS[0]) for line, step in zip(counts, steps, strict=True)]
    )
    first, gained = _best_quality(_by_quality(evidence, _REFINED)[:worst])
    return later, first, support + gained


def _best_quality(scores: Tensor) -> tuple[int, float]:
    """The best of (n,) scores; of several that are as good, since their tables agree, the middle one."""
    top = float(scores.max())
    equal = (scores >= top - 1e-3 * abs(top)).nonzero().flatten()
    return int(equal[len(equal) // 2]) + 1, top


def _nearest_quality(evidence: Tensor) -> int:
    """The quality whose standard table has the same sum as the steps that were found, (places,STEPS)."""
    top = evidence.max(dim=1)
    found = top.values > 2 * _FREE_COST
    steps = (top.indices + 1)[found].sum()
    sums = _standard(_REFINED)[:100][:, found].sum(dim=1)
    return int((sums - steps).abs().argmin()) + 1


def _beside(counts: Tensor, own: Trace) -> Trace | None:
    """An earlier JPEG of lower quality whose blocks lay elsewhere."""
    worst = own.quality - _WORSE_BY
    if worst < 1:
        return None
    found: list[Trace] = []
    for spread in _EARLIER_SPREADS:
        scores = _by_quality(step_evidence(counts, spread, gaps=False), _SCANNED)[:, :worst]
        scores[own.top * BLOCK_PX + own.left] = 0
        place, quality = divmod(int(scores.argmax()), worst)
        found.append(Trace(quality + 1, *divmod(place, BLOCK_PX), float(scores.max())))
    best = max(found, key=lambda trace: trace.evidence)
    return best if best.evidence >= _LEAST_BESIDE else None


def worst_quality(traces: Sequence[Trace]) -> int | None:
    """The lowest quality that a photo has been through; None where no JPEG is seen.

    >>> worst_quality([Trace(90, 0, 0, 500.0), Trace(40, 4, 4, 300.0)])
    40
    """
    return min((trace.quality for trace in traces), default=None)
