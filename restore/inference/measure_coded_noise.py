"""How strong noise was before a JPEG rounded most of it away.

Noise has the same strength in every cosine coefficient of a block. Each was rounded to its own step, and how many are
left that did not become zero tells how strong the noise was. Steps that are much larger than the noise leave nothing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.inference.measure_jpeg import Trace
from restore.ops.color import LUMA_WEIGHTS, luma
from restore.ops.dct import BLOCK_PX, block_coefficients
from restore.ops.degrade import quantisation_tables

LUMA_SHARE: Final = sum(weight**2 for weight in LUMA_WEIGHTS) ** 0.5
"""White noise of 1 in red, green and blue is this much in luma."""
_FLATTEST_SHARE: Final = 0.1
_KEPT_SHARE: Final = 0.7
"""Of the flattest blocks, those with the fewest coefficients; the others may show something."""
_LEAST_BLOCKS: Final = 24
_CUT_SHARE: Final = 0.05
"""Blocks with more black or white pixels tell less than there was."""
_LEFT: Final = 0.03
"""Mean square, in steps, below which a coefficient tells nothing."""
_LOWEST: Final = 1.5
"""Frequencies nearer to zero show the photo more than the noise, but tell how flat a block is."""
_FINEST_COUNT: Final = 12
"""So many of the highest frequencies that tell something are believed: there a photo shows least."""
_LEAST_COUNT: Final = 14
"""If fewer tell something, there is no noise that could be told from what the photo shows."""
_EDGE: Final = 0.5 / 255


@lru_cache(maxsize=1)
def _curve() -> tuple[Tensor, Tensor]:
    """Mean squares of rounded normal numbers (rising), and their standard deviations before."""
    sigma = torch.logspace(-1.1, 1.6, 200, dtype=torch.float64)
    number = torch.arange(1.0, 200.0, dtype=torch.float64)
    share = torch.special.ndtr((number + 0.5) / sigma[:, None]) - torch.special.ndtr((number - 0.5) / sigma[:, None])
    return (2 * number.square() * share).sum(dim=1), sigma


def sigma_before_rounding(power: Tensor) -> Tensor:
    """Standard deviation, in steps, of normal numbers that have this mean square after rounding to whole steps.

    >>> round(float(sigma_before_rounding(torch.tensor([4.0 + 1 / 12]))[0]), 2)
    2.0
    """
    powers, sigmas = (line.log() for line in _curve())
    wanted = power.double().clamp(min=1e-9).log()
    place = torch.searchsorted(powers, wanted).clamp(1, len(powers) - 1)
    share = (wanted - powers[place - 1]) / (powers[place] - powers[place - 1])
    return (sigmas[place - 1] + share.clamp(0, 1) * (sigmas[place] - sigmas[place - 1])).exp().to(power)


def coded_noise(parts: Tensor, trace: Trace) -> float:
    """Standard deviation in grey levels of the noise that (N,3,h,w) in [0,1] had before the JPEG of ``trace``.

    In colour photos it is taken to be equally strong in red, green and blue. 0 where nothing is left of it.
    """
    coefficients, uneven = _whole_blocks(parts, trace)
    if len(coefficients) < _LEAST_BLOCKS:
        return 0.0
    table = quantisation_tables(torch.tensor([float(trace.quality)]))[0, 0].flatten()
    shown = uneven + coefficients[:, [1, BLOCK_PX, BLOCK_PX + 1]].square().sum(dim=1)
    count = max(_LEAST_BLOCKS, int(_FLATTEST_SHARE * len(shown)))
    rounded = (coefficients[shown.argsort()[:count]] / table).round()
    busy = rounded.square().clamp(max=25)[:, 2:].sum(dim=1)
    rounded = rounded[busy.argsort()[: max(1, int(_KEPT_SHARE * count))]]
    power = rounded.square().mean(dim=0)
    line = torch.arange(float(BLOCK_PX))
    frequency = torch.hypot(line[:, None], line).flatten()
    tell = ((power >= _LEFT) & (frequency > _LOWEST)).nonzero().flatten()
    if len(tell) < _LEAST_COUNT:
        return 0.0
    finest = tell[frequency[tell].argsort(descending=True)[:_FINEST_COUNT]]
    sigma = float((sigma_before_rounding(power[finest]) * table[finest]).quantile(0.5))
    gray = bool((parts.amax(dim=1) - parts.amin(dim=1)).max() <= _EDGE)
    return sigma if gray else sigma / LUMA_SHARE


def _whole_blocks(parts: Tensor, trace: Trace) -> tuple[Tensor, Tensor]:
    """(blocks,64) luma coefficients in grey levels; (blocks,): how far each block's mean is from its neighbours'."""
    coefficients = block_coefficients(luma(parts)[:, 0] * 255, trace.top, trace.left)
    cut = ((parts.amin(dim=1) <= _EDGE) | (parts.amax(dim=1) >= 1 - _EDGE)).float()
    share = F.avg_pool2d(cut[:, None, trace.top :, trace.left :], BLOCK_PX)[:, 0]
    mean = coefficients[..., 0, 0] / BLOCK_PX
    padded = F.pad(mean[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    sides = (padded[:, 1:-1, 2:], padded[:, 1:-1, :-2], padded[:, 2:, 1:-1], padded[:, :-2, 1:-1])
    uneven = torch.stack([(side - mean).square() for side in sides]).sum(dim=0)
    whole = share < _CUT_SHARE
    if int(whole.sum()) < _LEAST_BLOCKS:
        whole = torch.ones_like(whole)
    return coefficients[whole].flatten(1), uneven[whole]
