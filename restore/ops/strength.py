"""How much of a restoration is kept: 0 gives the photo back, 100 the result; in between grain comes back first.

A plain mixture of photo and result brings back a bit of everything, coloured blotches included. Here what was removed
is taken apart: by fineness (:mod:`restore.ops.octaves`), and into brightness and colour. As the strength falls, fine
brightness returns first, and what looks worst, coloured and broad blotches, last.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.ops.octaves import REACH_PX, padded_octaves
from restore.ops.pad import mirror_index, mirror_pad
from restore.ops.rows import row_bands

FULL: Final = 100.0
"""The strength that keeps all of the result."""
GRAY_GONE_AT: Final = (100.0, 75.0, 50.0)
"""From this strength on, nothing of the fine, the middle and the broad band of brightness is given back."""
COLOUR_GONE_AT: Final = (50.0, 35.0, 25.0)
"""Likewise of colour."""


def check_strength(strength: float) -> None:
    """ConfigError unless it is a number from 0 to 100."""
    if not 0 <= strength <= FULL or math.isnan(strength):
        raise ConfigError(f"strength is a number from 0 (unchanged) to {FULL:g} (full), got {strength:g}")


def given_back(strength: float, gone_at: tuple[float, float, float]) -> tuple[float, float, float]:
    """Share of each band that is given back at a strength: all of it at 0, less and less until ``gone_at``.

    >>> given_back(50, GRAY_GONE_AT)[0], given_back(50, COLOUR_GONE_AT)
    (0.5, (0.0, 0.0, 0.0))
    """
    fine, middle, broad = (max(0.0, 1 - strength / limit) for limit in gone_at)
    return fine, middle, broad


def with_strength(restored: Tensor, source: Tensor, strength: float) -> Tensor:
    """Change ``restored`` in place to so much of the way from ``source``, and give it back.

    Both are (1,3,H,W), any range. 0 gives the source and 100 the result, to the bit; the higher the strength, the
    farther from the source (the distance over all pixels never falls). ConfigError for another strength.
    """
    check_strength(strength)
    if strength == FULL:
        return restored
    if strength == 0:
        for rows in row_bands(*restored.shape[-2:]):
            restored[..., rows, :] = source[..., rows, :]
        return restored
    height, width = restored.shape[-2:]
    surroundings = mirror_index(height, REACH_PX, REACH_PX).to(restored.device)
    held: tuple[slice, Tensor] | None = None  # a band is put in place once the next one no longer needs its old rows
    for rows in row_bands(height, width):  # more than twice the reach, since a band needs its neighbours unchanged
        index = surroundings[rows.start : rows.stop + 2 * REACH_PX]
        removed = source.index_select(-2, index) - restored.index_select(-2, index)
        band = restored[..., rows, :] + _returning(mirror_pad(removed, 0, 0, REACH_PX, REACH_PX), strength)
        if held is not None:
            restored[..., held[0], :] = held[1]
        held = rows, band
    if held is not None:
        restored[..., held[0], :] = held[1]
    return restored


def _returning(removed: Tensor, strength: float) -> Tensor:
    """What goes back of ``removed`` (1,3,h+12,w+12): (1,3,h,w). The mean of the channels is the brightness here, since
    it stands at right angles to what is left, so that giving back one never undoes the other."""
    gray = removed.mean(dim=1, keepdim=True)
    back = _weighed(gray, given_back(strength, GRAY_GONE_AT))
    shares = given_back(strength, COLOUR_GONE_AT)
    return back + _weighed(removed - gray, shares) if any(shares) else back.expand(-1, 3, -1, -1)


def _weighed(padded: Tensor, shares: tuple[float, float, float]) -> Tensor:
    fine, middle, broad = padded_octaves(padded)
    return torch.add(torch.add(shares[0] * fine, middle, alpha=shares[1]), broad, alpha=shares[2])
