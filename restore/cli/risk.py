"""Which results to look at first: how far each is from what its photo supports, by the figures that were measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

UNSUPPORTED: Final = 0.10
"""Share of the local contrast that the photo does not support: what ``--detail 50`` invents (docs/cli.md)."""
DRIFT: Final = 2.0
"""Grey levels by which a colour's mean moved; below 1 nobody sees it."""
SAME_DB, OTHER_DB = 45.0, 30.0
"""An enlargement that agrees with its photo so well shows the same picture; below the second, something else."""
UNEXPLAINED: Final = 4.0
"""Grey levels of change that the damage does not explain."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason to look at a result."""

    weight: float
    """0: none; 1: worth a look."""
    words: str


def doubts(values: Mapping[str, object]) -> tuple[Doubt, ...]:
    """The reasons in a row of ``cli.rows``, heaviest first; what was not measured gives none.

    >>> [(round(doubt.weight, 1), doubt.words) for doubt in doubts({"colour_drift": 3.0, "unsupported_share": 0.21})]
    [(2.1, '21% not from the photo'), (1.5, 'colour drift 3.0')]
    """
    share, drift = _number(values, "unsupported_share"), _number(values, "colour_drift")
    agreement, explained = _number(values, "consistency_db"), _number(values, "explained")
    found = []
    if share is not None:
        found.append(Doubt(share / UNSUPPORTED, f"{share:.0%} not from the photo"))
    if drift is not None:
        found.append(Doubt(drift / DRIFT, f"colour drift {drift:.1f}"))
    if agreement is not None and values.get("strength") is None:
        found.append(Doubt(max(0.0, (SAME_DB - agreement) / (SAME_DB - OTHER_DB)), f"faithful {agreement:.0f} dB only"))
    if agreement is not None and explained is not None:
        left = 255 * 10 ** (-agreement / 20) * (1 - explained)
        found.append(Doubt(left / UNEXPLAINED, f"{left:.1f} levels of change unexplained"))
    return tuple(sorted(found, key=lambda doubt: -doubt.weight))


def risk(values: Mapping[str, object]) -> float:
    """The weights of all :func:`doubts` together: 0 is a result that nothing speaks against.

    >>> risk({"colour_drift": 0.0, "consistency_db": None}), risk({"consistency_db": 30.0})
    (0.0, 1.0)
    """
    return sum(doubt.weight for doubt in doubts(values))


def _number(values: Mapping[str, object], name: str) -> float | None:
    value = values.get(name)
    return float(value) if isinstance(value, int | float) else None
