"""Noise that black and white have cut: what is left of it in a file, and how strong it was."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

WHITE: Final = 255.0
STRONGEST: Final = 80.0
"""Grey levels; stronger noise is taken for this much."""
_LEVELS: Final = torch.cat([torch.arange(0.5, 10, 0.5), torch.arange(10.0, STRONGEST + 1, 2)])
_MEANS: Final = torch.linspace(-250, 505, 3021, dtype=torch.float64)


def clipped_moments(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of normal numbers after being cut at 0 and 255; all of one shape, in grey levels.

    >>> mean, sigma = clipped_moments(torch.tensor(0.0), torch.tensor(10.0))
    >>> round(mean.item(), 3), round(sigma.item(), 3)
    (3.989, 5.838)
    """
    low, high = -mean / sigma, (WHITE - mean) / sigma
    below, above = torch.special.ndtr(low), 1 - torch.special.ndtr(high)
    at_low, at_high = (torch.exp(-0.5 * edge.square()) / (2 * torch.pi) ** 0.5 for edge in (low, high))
    inside = 1 - below - above
    first = mean * inside + sigma * (at_low - at_high) + WHITE * above
    second = (mean.square() + sigma.square()) * inside
    second = second + sigma * (mean * at_low - (mean + WHITE) * at_high) + WHITE**2 * above
    return first, (second - first.square()).clamp(min=0).sqrt()


@lru_cache(maxsize=1)
def _left() -> Tensor:
    """(levels,256): what is left of noise of each level where the mean is 0, 1 ... 255 in the file."""
    rows = []
    for level in _LEVELS.tolist():
        mean, left = clipped_moments(_MEANS, torch.full_like(_MEANS, level))
        place = torch.searchsorted(mean, torch.arange(256.0, dtype=torch.float64)).clamp(1, len(mean) - 1)
        low, high = mean[place - 1], mean[place]
        share = ((torch.arange(256.0, dtype=torch.float64) - low) / (high - low).clamp(min=1e-9)).clamp(0, 1)
        rows.append(left[place - 1] + share * (left[place] - left[place - 1]))
    return torch.stack(rows).float()


def unclipped_sigma(mean: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """How strong noise was of which ``sigma`` is left in a file, and how surely that can be told, 0 to 1.

    Both are (N,) in grey levels, ``mean`` that of the file; so is the result. Sure is where little was cut.

    >>> strength, sure = unclipped_sigma(torch.tensor([3.989, 128.0]), torch.tensor([5.838, 20.0]))
    >>> [round(float(level)) for level in strength], bool(sure[0] < sure[1])
    ([10, 20], True)
    """
    column = _left()[:, mean.round().clamp(0, 255).long()]
    place = (column < sigma).sum(dim=0)
    low = (place - 1).clamp(0, len(_LEVELS) - 2)
    pick = torch.arange(len(mean))
    near, far = column[low, pick], column[low + 1, pick]
    span = _LEVELS[low + 1] - _LEVELS[low]
    strength = _LEVELS[low] + (sigma - near) / (far - near).clamp(min=1e-6) * span
    strength = torch.where(place == 0, sigma * _LEVELS[0] / column[0].clamp(min=1e-6), strength)
    return strength.clamp(0, STRONGEST), (far - near) / span
