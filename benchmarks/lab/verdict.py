"""From paired results to one word."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_T: Final = {2: 12.71, 3: 4.30, 4: 3.18, 5: 2.78, 6: 2.57, 7: 2.45, 8: 2.36, 9: 2.31, 10: 2.26}
"""Two-sided 95 % quantile of Student's t for so many pairs; more pairs count as ten."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Mean difference over seeds, its standard error (nan for one seed), and what that decides."""

    mean: float
    error: float
    word: str


def judge(differences: Sequence[float], *, higher: bool, worth: float) -> Verdict:
    """What the differences (changed minus baseline, one for each seed) say about a figure.

    ``helps``: better with 95 % confidence, and by at least ``worth``. ``hurts``: worse with 95 % confidence.
    ``no help``: with 95 % confidence it is not better by as much as ``worth``. Otherwise ``not decided``.

    >>> judge([0.30, 0.31, 0.32], higher=True, worth=0.05).word
    'helps'
    >>> judge([0.30, 0.31, 0.32], higher=False, worth=0.05).word
    'hurts'
    >>> judge([0.01, -0.01, 0.0], higher=True, worth=0.05).word
    'no help'
    >>> judge([0.3, -0.3, 0.4], higher=True, worth=0.05).word
    'not decided'
    """
    mean = statistics.fmean(differences)
    count = len(differences)
    if count < 2:
        return Verdict(mean, math.nan, "not decided")
    error = statistics.stdev(differences) / math.sqrt(count)
    gain = mean if higher else -mean
    unsure = _T[min(count, max(_T))] * error
    if gain > unsure and gain >= worth:
        word = "helps"
    elif gain < -unsure:
        word = "hurts"
    elif gain + unsure < worth:
        word = "no help"
    else:
        word = "not decided"
    return Verdict(mean, error, word)
