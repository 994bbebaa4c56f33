"""Whether numbers lie on the multiples of a step, as the coefficients of a JPEG do: evidence from histograms.

Evidence is the logarithm of a likelihood ratio: of "multiples of the step, give or take a normal error", against "no
step at all". Numbers that round to zero say nothing here, since photos have many of them anyway.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

BINS_PER_UNIT: Final = 4
LARGEST: Final = 400
"""Absolute values from here on are left out."""
BINS: Final = BINS_PER_UNIT * LARGEST
STEPS: Final = 255
"""Steps of 1 to so many are looked for: what the table of a JPEG can hold."""
_STRAY: Final = 0.03
"""So many numbers may lie anywhere, whatever the step."""


def histograms(values: Tensor, group: Tensor, groups: int) -> Tensor:
    """(groups,BINS) float32: how many absolute values of each group fall into each bin.

    ``values`` are numbers of any shape, ``group`` whole numbers of the same shape; negative ones are left out.

    >>> histograms(torch.tensor([-1.1, 1.2, 7.0]), torch.tensor([0, 0, -1]), 2)[0, 4].item()
    2.0
    """
    place = (values.abs() * BINS_PER_UNIT).long()
    used = (place < BINS) & (group >= 0)
    flat = (group * BINS + place)[used]
    return torch.bincount(flat, minlength=groups * BINS).view(groups, BINS).float()


@lru_cache(maxsize=16)
def _weights(spread: float, gaps: bool) -> Tensor:
    """(STEPS,BINS): the evidence of one number in a bin for each step."""
    middle = (torch.arange(BINS) + 0.5) / BINS_PER_UNIT
    step = torch.arange(1, STEPS + 1)[:, None].float()
    nearest = (middle / step).round()
    off = middle - nearest * step
    density = torch.stack([torch.exp(-0.5 * ((off + turn * step) / spread).square()) for turn in (-1, 0, 1)]).sum(dim=0)
    ratio = density * step / (spread * math.sqrt(2 * math.pi))
    evidence = ((1 - _STRAY) * ratio + _STRAY).log()
    around_zero = evidence.clamp(max=0) if gaps else torch.zeros(())
    return torch.where(step < 2 * spread, torch.zeros(()), torch.where(nearest == 0, around_zero, evidence))


def step_evidence(counts: Tensor, spread: float, *, gaps: bool = True) -> Tensor:
    """(...,STEPS): evidence of (...,BINS) histograms for steps 1, 2, 3 ...; the normal error has that ``spread``.

    ``gaps``: whether numbers between zero and the first multiple speak against a step.

    >>> counts = torch.zeros(BINS)
    >>> counts[[10 * BINS_PER_UNIT, 30 * BINS_PER_UNIT]] = 50
    >>> int(step_evidence(counts, 0.5).argmax()) + 1
    10
    """
    return counts @ _weights(spread, gaps).T


@lru_cache(maxsize=256)
def _requantised(step: int, spread: float) -> Tensor:
    """(STEPS,n): how much likelier the multiples 1, 2 ... n of ``step`` are if the numbers had another step before."""
    edges = (torch.arange(LARGEST // step + 1) + 0.5) * step
    first = torch.arange(1, STEPS + 1)[:, None].float()
    nearest = (edges / first).round()
    below: Tensor = nearest + torch.special.ndtr((edges - nearest * first) / spread)
    share: Tensor = (below[:, 1:] - below[:, :-1]) * first / step
    return (1 - _STRAY) * share.clamp(min=0) + _STRAY


def earlier_step_evidence(counts: Tensor, step: int, spread: float) -> Tensor:
    """(STEPS,): evidence of a histogram (BINS,) of multiples of ``step`` that they had another step before.

    Both hypotheses share an envelope that falls geometrically, as that of a photo's coefficients does.
    Source: the gaps of double quantisation, as in Lukas and Fridrich, "Estimation of primary quantization matrix in
    double compressed JPEG images", 2003.

    >>> twice = (torch.arange(1, 12) * 10.0 / 3).round() * 3
    >>> counts = histograms(twice.repeat(50), torch.zeros(550, dtype=torch.long), 1)[0]
    >>> int(earlier_step_evidence(counts, 3, 0.4).argmax()) + 1
    10
    """
    likelier = _requantised(step, spread)
    size = likelier.shape[1]
    if size == 0:
        return torch.zeros(STEPS)
    multiple = ((torch.arange(BINS) + 0.5) / BINS_PER_UNIT / step).round().long().clamp(max=size + 1)
    found = torch.zeros(size + 2).index_add_(0, multiple, counts)[1:-1]
    total = found.sum()
    if float(total) == 0:
        return torch.zeros(STEPS)
    number = torch.arange(1.0, size + 1)
    fall = 1 - total / (found * number).sum()
    envelope = fall.clamp(0.01, 0.999) ** number
    expected = likelier @ (envelope / envelope.sum())
    return likelier.log() @ found - total * expected.log()
