"""Tones and colours of a photo: gray or toned, cut at black and white, in bands."""

from __future__ import annotations

import math
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.color import luma

Tone = Literal["colour", "gray", "sepia"]

_BLOCK_PX: Final = 16
"""Colours are means of squares of this side, which noise hardly reaches."""
_RANGE: Final = 4.0
"""Three normal numbers hardly ever lie further apart, in standard deviations."""
_APART: Final = 1.5
"""Standard deviation of the difference of two, and a little more."""
_GRAY_LEVELS: Final = 3.0
"""Grey levels between the channels of what counts as gray: lossy files of gray photos have a little colour."""
_GRAY_SHARE: Final = 0.99
_SEPIA_LEVELS: Final = 2.5
"""Grey levels by which the colours of a toned photo differ at one brightness."""
_SEPIA_LEAST: Final = 6.0
"""Grey levels that red is over blue, on average, in a sepia photo."""
_BRIGHTNESSES: Final = 32
_FEW_COLOURS: Final = 16
_GLANCE: Final = 4096
"""Pixels."""
_EDGE: Final = 0.5 / 255
_RUN_PX: Final = 6
"""Both sides of the step between two bands are flat for so many pixels."""
_BAND_STEP: Final = (2, 16)
"""Grey levels between two bands: a slope in 8 bits has steps of 1 anyway, and larger ones are drawn."""
_BAND_SHARE: Final = 0.003
"""So many of all pixels stand at such a step where bands are seen."""


def tone_of(parts: Tensor, noise: float = 0.0) -> Tone:
    """Whether (N,3,h,w) in [0,1] show many colours, none, or the one of an old print, whatever the file's type.

    ``noise`` in grey levels is in the three channels by itself and makes no colours.
    """
    side = min(_BLOCK_PX, *parts.shape[-2:])
    left = noise / side
    red, green, blue = (F.avg_pool2d(parts, side) * 255).transpose(0, 1).flatten(1)
    spread = torch.stack([red, green, blue]).amax(dim=0) - torch.stack([red, green, blue]).amin(dim=0)
    if float((spread <= _GRAY_LEVELS + _RANGE * left).float().mean()) >= _GRAY_SHARE:
        return "gray"
    brightness = ((red + green + blue) / 3 / 256 * _BRIGHTNESSES).long().clamp(0, _BRIGHTNESSES - 1)
    limit = math.hypot(_SEPIA_LEVELS, _APART * left)
    toned = all(_varies(colour, brightness) <= limit for colour in (red - green, green - blue))
    return "sepia" if toned and float((red - blue).mean()) >= _SEPIA_LEAST else "colour"


def _varies(colour: Tensor, brightness: Tensor) -> float:
    """Standard deviation of a colour among squares of like brightness."""
    count = torch.zeros(_BRIGHTNESSES).index_add_(0, brightness, torch.ones_like(colour)).clamp(min=1)
    mean = torch.zeros(_BRIGHTNESSES).index_add_(0, brightness, colour) / count
    return float((colour - mean[brightness]).square().mean().sqrt())


def clipped_shares(parts: Tensor) -> tuple[float, float]:
    """The shares of pixels of (N,3,h,w) in [0,1] that are wholly black, and wholly white: what they showed is lost.

    >>> clipped_shares(torch.tensor([0.0, 0.5, 1.0, 1.0]).expand(1, 3, 1, 4))
    (0.25, 0.5)
    """
    black = (parts.amax(dim=1) <= _EDGE).float().mean()
    white = (parts.amin(dim=1) >= 1 - _EDGE).float().mean()
    return float(black), float(white)


def has_few_colours(parts: Tensor) -> bool:
    """Whether (N,3,h,w) in [0,1] consist of 2 to 16 colours, as drawings, scans of print and dithered pictures do.

    What looks like noise there are the dots or the strokes that the picture is made of.

    >>> has_few_colours(torch.tensor([0.0, 1.0]).expand(1, 3, 1, 2)), has_few_colours(torch.zeros(1, 3, 1, 2))
    (True, False)
    """
    numbers = ((parts * 255).round().long() * torch.tensor([1 << 16, 1 << 8, 1]).view(3, 1, 1)).sum(dim=1).flatten()
    few = numbers[:: max(1, len(numbers) // _GLANCE)]  # most photos are done with here
    return len(set(few.tolist())) <= _FEW_COLOURS and 1 < len(torch.unique(numbers)) <= _FEW_COLOURS


def has_bands(parts: Tensor) -> bool:
    """Whether smooth tones of (N,3,h,w) in [0,1] are broken into bands, two grey levels or more apart.

    Bands narrower than 6 pixels are not seen as such; noise, once it is there, hides them.
    """
    levels = (luma(parts)[:, 0] * 255).round()
    across, down = _steps(levels), _steps(levels.mT)
    wide, fine = (max(one, two) for one, two in zip(across, down, strict=True))
    return wide > max(_BAND_SHARE, fine)


def _steps(levels: Tensor) -> tuple[float, float]:
    """Shares of pixels of (N,h,w) whole numbers at a step between flat runs: as large as between bands, and of 1."""
    step = (levels[..., 1:] - levels[..., :-1]).abs()
    if step.shape[-1] < 2 * _RUN_PX + 1:
        return 0.0, 0.0
    busy = F.pad(step.cumsum(dim=-1), (1, 0))
    run = (busy[..., _RUN_PX:] - busy[..., :-_RUN_PX]) == 0
    count = step.shape[-1] - 2 * _RUN_PX
    flat = run[..., :count] & run[..., _RUN_PX + 1 :]
    middle = step[..., _RUN_PX : _RUN_PX + count]
    wide = flat & (middle >= _BAND_STEP[0]) & (middle <= _BAND_STEP[1])
    return float(wide.float().mean()), float((flat & (middle == 1)).float().mean())
