"""How papers on super-resolution measure, and what they damage first.

The protocol, for each photo: crop it to a multiple of the scale (from the right and the bottom); shrink it with
MATLAB's antialiased bicubic, rounded to 8 bits after each pass; restore that; clamp and round the result to 8 bits.
PSNR and SSIM are taken on the luma of BT.601 in studio range, in float64 with a peak of 255 grey levels, after cutting
``scale`` pixels off each border; LPIPS on RGB without cutting. LR-PSNR shrinks the result as the photo was shrunk and
compares with what was restored; colour drift, high frequencies and grid are explained where they are computed. The
shrunken photo can be damaged on purpose first.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from restore.errors import ConfigError, ImageError
from restore.io.codec import jpeg_round_trip
from restore.io.read import read_photo
from restore.metrics.lpips import Lpips
from restore.metrics.psnr import lr_psnr, psnr
from restore.metrics.ssim import WINDOW_PX, ssim
from restore.ops.color import rgb_to_y
from restore.ops.consistency import colour_drift
from restore.ops.spectrum import grid_peak, high_frequency

NOISE_SEED: Final = 0
"""numpy's legacy generator starts from this for every photo, as the published test scripts do."""

LPIPS_SIDE_PX: Final = 17
"""SqueezeNet 1.1 takes nothing smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What is done to the shrunken photo before it is restored: first noise, then JPEG, as in a camera."""

    noise: float = 0.0
    """Standard deviation of Gaussian noise in grey levels; the sum is rounded to 8 bits, as a file holds it."""

    jpeg: int | None = None
    """Quality of a JPEG file with 4:2:0 colour (libjpeg's scale, 1 to 100), or None."""

    def __post_init__(self) -> None:
        if not 0 <= self.noise < math.inf:
            raise ConfigError(f"noise must be 0 or a positive number of grey levels, got {self.noise}")
        if self.jpeg is not None and not 1 <= self.jpeg <= 100:
            raise ConfigError(f"JPEG quality must be 1 to 100, got {self.jpeg}")

    def spoil(self, image: Tensor) -> Tensor:
        """The damaged (1,3,H,W) image, of the same dtype, in whole 1/255 within [0,1]; the same every time.

        The noise is drawn in the order (H,W,3), from seed 0, as in the published scripts.
        """
        spoilt = image
        if self.noise:
            grain = np.random.RandomState(NOISE_SEED).normal(0.0, self.noise, (*image.shape[-2:], 3))
            spoilt = round_to_8_bits(image + torch.from_numpy(grain / 255).permute(2, 0, 1).to(image))
        if self.jpeg is not None:
            pixels = (spoilt[0].permute(1, 2, 0) * 255).round().to(torch.uint8).contiguous().numpy()
            spoilt = torch.from_numpy(jpeg_round_trip(pixels, self.jpeg)).permute(2, 0, 1)[None].to(image) / 255
        return spoilt


def measure(restored: Tensor, target: Tensor, source: Tensor, *, scale: int, lpips: Lpips | None) -> dict[str, float]:
    """The figures of ``METRICS`` for one result, without "lpips" where there is no metric for it.

    ``restored`` and ``target`` are (1,3,sH,sW) float64 in whole 1/255, ``source`` (1,3,H,W): what was restored. "grid"
    is not a number where the picture is too small for it.
    """
    inside = (..., slice(scale, -scale), slice(scale, -scale))
    luma, true_luma = rgb_to_y(restored)[inside], rgb_to_y(target)[inside]
    figures = {"psnr": psnr(luma, true_luma, peak=1.0).item(), "ssim": ssim(luma, true_luma, peak=1.0).item()}
    if lpips is not None:
        figures["lpips"] = lpips(restored, target).item()
    figures["consistency"] = lr_psnr(restored, source).item()
    figures["drift"] = colour_drift(restored, target)
    figures["high_frequency"] = high_frequency(restored, target).item()
    figures["grid"] = grid_peak(restored)
    return figures


def read_target(photo: Path, scale: int) -> Tensor:
    """The photo to reach: (1,3,H,W) float64 in whole 1/255, sides cropped to multiples of ``scale``.

    Transparency is left out; 16-bit photos are rounded to 8 bits. Raises ImageError if the photo cannot be read, or
    is too small to be shaved and measured.
    """
    pixels = read_photo(photo).pixels
    height, width = (side - side % scale for side in pixels.shape[-2:])
    least = max(LPIPS_SIDE_PX, WINDOW_PX + 2 * scale)
    if min(height, width) < least:
        raise ImageError(
            f"{photo}: {pixels.shape[-1]}x{pixels.shape[-2]} is too small to measure, {least} is the least"
        )
    return round_to_8_bits(pixels[None, :, :height, :width].double())


def round_to_8_bits(image: Tensor) -> Tensor:
    """The nearest whole 1/255 within [0,1], halves upwards."""
    return (image * 255 + 0.5).floor().clamp(0, 255) / 255


def pick_evenly(photos: Sequence[Path], count: int | None) -> tuple[Path, ...]:
    """At most ``count`` photos, evenly spread over the sequence and in its order; all of them for None.

    >>> [photo.name for photo in pick_evenly([Path(name) for name in "abcdef"], 3)]
    ['a', 'c', 'e']
    """
    if count is None or count >= len(photos):
        return tuple(photos)
    if count < 1:
        raise ConfigError(f"at least one photo must be measured, got {count}")
    return tuple(photos[:: len(photos) // count][:count])
