"""What papers do to photos before they measure: damage made on purpose, the same every time; see also ``rules``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import ConfigError, ImageError
from restore.io.codec import jpeg_round_trip
from restore.io.read import read_photo
from restore.metrics.ssim import WINDOW_PX
from restore.ops.blur import REACH_PX, blur, gaussian_kernels, motion_kernels, spread_px
from restore.tasks import Condition

_OFF_GRID_PX: Final = 4
_MOTION_ANGLE: Final = math.pi / 6
NOISE_SEED: Final = 0
"""numpy's legacy generator starts from this for every photo, as the published test scripts do."""

LPIPS_SIDE_PX: Final = 17
"""SqueezeNet 1.1 takes nothing smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What is done to the (shrunken) photo before it is restored: blur, noise, then JPEG, as in a camera."""

    noise: float = 0.0
    """Standard deviation of Gaussian noise in grey levels."""

    rounded: bool = True
    """Whether the noisy photo is clipped and rounded to 8 bits, as a file holds it; papers on denoising do not."""

    jpeg: int | None = None
    """Quality of a JPEG file with 4:2:0 colour (libjpeg's scale, 1 to 100), or None."""

    first_jpeg: int | None = None
    """Quality of a JPEG file that the photo had been before, whose blocks begin four pixels off, or None."""

    blur: float = 0.0
    """Standard deviation of a Gaussian blur in pixels."""

    motion: float = 0.0
    """Length in pixels of a straight movement, 30 degrees from the horizontal, instead of the Gaussian blur."""

    def __post_init__(self) -> None:
        if not 0 <= self.blur <= 4 or not 0 <= self.motion <= 2 * REACH_PX or (self.blur and self.motion):
            raise ConfigError(
                f"blur is one of: a Gaussian of 0 to 4 pixels, a movement of 0 to {2 * REACH_PX} pixels; "
                f"got {self.blur:g} and {self.motion:g}"
            )
        if not 0 <= self.noise < math.inf:
            raise ConfigError(f"noise must be 0 or a positive number of grey levels, got {self.noise}")
        for quality in (self.jpeg, self.first_jpeg):
            if quality is not None and not 1 <= quality <= 100:
                raise ConfigError(f"JPEG quality must be 1 to 100, got {quality}")

    @property
    def condition(self) -> Condition:
        """What a network is told about it; ConfigError where it is beyond what a network can be told."""
        qualities = [quality for quality in (self.first_jpeg, self.jpeg) if quality is not None]
        spread = float(spread_px(self.kernel())) if self.motion else self.blur
        angle = -math.degrees(_MOTION_ANGLE) if self.motion else None  # theirs goes down to the right, ours up
        return Condition(noise=self.noise, jpeg=float(min(qualities, default=100)), blur=spread, angle=angle)

    @property
    def words(self) -> str:
        """What is done, in the order in which it is done; empty for nothing.

        >>> Damage(noise=2, motion=9).words, Damage(first_jpeg=10, jpeg=30).words, Damage().words
        ('motion 9 + noise 2', 'JPEG 10 + JPEG 30', '')
        """
        sizes = (("blur", self.blur), ("motion", self.motion), ("noise", self.noise))
        parts = [f"{name} {size:g}" for name, size in sizes if size]
        parts += [f"JPEG {quality}" for quality in (self.first_jpeg, self.jpeg) if quality is not None]
        return " + ".join(parts)

    def spoil(self, image: Tensor) -> Tensor:
        """The damaged (1,3,H,W) image, of the same dtype; the same every time.

        In whole 1/255 within [0,1], unless there is noise that is not to be ``rounded`` and no JPEG. The noise is drawn
        in the order (H,W,3), from seed 0, as in the published scripts; on a gray photo it is gray.
        """
        spoilt = image
        if self.blur or self.motion:
            spoilt = round_to_8_bits(blur(image.float(), self.kernel()).to(image))
        if self.noise:
            channels = 1 if is_gray(image) else 3
            grain = np.random.RandomState(NOISE_SEED).normal(0.0, self.noise, (*image.shape[-2:], channels))
            noisy = spoilt + torch.from_numpy(grain / 255).permute(2, 0, 1).to(image)
            coded = self.jpeg is not None or self.first_jpeg is not None
            spoilt = round_to_8_bits(noisy) if self.rounded or coded else noisy
        if self.first_jpeg is not None:
            shifted = F.pad(spoilt, (_OFF_GRID_PX, 0, _OFF_GRID_PX, 0), mode="replicate")
            spoilt = _coded(shifted, self.first_jpeg)[..., _OFF_GRID_PX:, _OFF_GRID_PX:]
        return spoilt if self.jpeg is None else _coded(spoilt, self.jpeg)

    def kernel(self) -> Tensor:
        """(1,21,21) of sum 1: what the photo is blurred with."""
        if self.motion:
            return motion_kernels(torch.tensor([self.motion]), torch.tensor([_MOTION_ANGLE]))
        return gaussian_kernels(torch.tensor([self.blur]))


def _coded(image: Tensor, quality: int) -> Tensor:
    """(1,3,H,W) in whole 1/255 after a trip through a JPEG file; a gray photo through a gray one."""
    pixels = (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8).contiguous().numpy()
    return torch.from_numpy(jpeg_round_trip(pixels, quality)).permute(2, 0, 1)[None].to(image) / 255


def read_target(photo: Path, scale: int) -> Tensor:
    """The photo to reach: (1,3,H,W) float64 in whole 1/255, sides cropped (right, bottom) to multiples of ``scale``.

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


def is_gray(image: Tensor) -> bool:
    """Whether the three channels of (1,3,H,W) are equal everywhere."""
    return bool((image.amax(dim=1) == image.amin(dim=1)).all())


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
