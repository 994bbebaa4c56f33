"""Is a result still the photo that was given? Two figures that need no ground truth.

Both walk down the result in bands of rows, so that a very large one needs little more than its own memory: a band is
exact where so many rows of the source are exactly so many of the result. Sizes without a common divisor leave one band
per channel, which takes up to one and a half times the memory of the float32 result.
"""

from __future__ import annotations

import itertools
import math
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.ops.resize import resize

BAND_PX: Final = 1 << 20
"""About as many pixels of the result are looked at at once."""

CUBIC_REACH: Final = 2
"""Half-width of the bicubic kernel, in pixels of the smaller image."""


def consistency(restored: Tensor, source: Tensor) -> float:
    """How well the result, shrunk again, agrees with the photo it was made from: PSNR over RGB in dB.

    ``restored`` is (1,3,sH,sW) and ``source`` (1,3,H,W), both in [0,1], with s >= 1 and not necessarily whole.
    The shrinking is the exact antialiased bicubic, not rounded, so the figure is infinite only for equal pixels.
    Raises ConfigError if the result is smaller than the source.
    """
    _check(restored, source)
    height, width = source.shape[-2:]
    tall, wide = restored.shape[-2:]
    if tall < height or wide < width:
        raise ConfigError(f"the result ({wide}x{tall}) is smaller than its source ({width}x{height})")
    common = math.gcd(height, tall)
    step, stride = height // common, tall // common  # so many rows of the source are exactly so many of the result
    band = step * max(1, round(BAND_PX / (wide * stride)))
    margin = step * math.ceil((CUBIC_REACH + 1) / step)
    total = 0.0
    for channel, top in itertools.product(range(3), range(0, height, band)):
        bottom = min(top + band, height)
        above, below = max(0, top - margin), min(height, bottom + margin)
        piece = restored[:, channel, None, above * tall // height : below * tall // height].double()
        small = resize(piece, below - above, width)[:, :, top - above : bottom - above]
        total += float(((small - source[:, channel, None, top:bottom].double()) ** 2).sum())
    error = total / source.numel()
    return math.inf if error == 0 else -10.0 * math.log10(error)


def colour_drift(restored: Tensor, source: Tensor) -> float:
    """Largest difference between the mean red, green or blue of two images, in units of 1/255; 0 is best.

    Both are (1,3,H,W) in [0,1]; their sizes may differ.

    >>> round(colour_drift(torch.full((1, 3, 8, 8), 0.5), torch.full((1, 3, 4, 4), 0.4)), 4)
    25.5
    """
    _check(restored, source)
    return float((_mean(restored) - _mean(source)).abs().max()) * 255.0


def _mean(image: Tensor) -> Tensor:
    """Mean of each channel of a (1,3,H,W) image as (3,), summed in float64 band by band."""
    rows = max(1, BAND_PX // image.shape[-1])
    total = torch.zeros(3, dtype=torch.float64)
    for top in range(0, image.shape[-2], rows):
        total += image[..., top : top + rows, :].double().sum(dim=(0, 2, 3)).cpu()
    return total / (image.shape[-2] * image.shape[-1])


def _check(restored: Tensor, source: Tensor) -> None:
    for image in (restored, source):
        if image.ndim != 4 or image.shape[:2] != (1, 3) or image.numel() == 0:
            raise ConfigError(f"an image must be (1,3,H,W), got {tuple(image.shape)}")
