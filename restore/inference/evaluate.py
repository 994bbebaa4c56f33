"""How well photos are enlarged, measured the way papers on super-resolution do, with bicubic always beside.

The protocol, for each photo: crop it to a multiple of the scale (from the right and the bottom); shrink it with
MATLAB's antialiased bicubic, rounded to 8 bits after each pass; restore that; clamp and round the result to 8 bits.
PSNR and SSIM are taken on the luma of BT.601 in studio range, in float64 with a peak of 255 grey levels, after cutting
``scale`` pixels off each border; LPIPS on RGB without cutting; consistency against the shrunken input; colour drift
against the photo itself. The shrunken photo can be damaged on purpose first.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from restore.metrics.psnr import psnr
from restore.metrics.ssim import WINDOW_PX, ssim
from restore.metrics.table import METRICS
from restore.ops.color import rgb_to_y
from restore.ops.consistency import colour_drift, consistency
from restore.ops.resize import resize

BICUBIC: Final = "bicubic"
"""Name of the method that stands beside every other."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One photo enlarged by one method."""

    photo: str
    method: str
    height: int
    width: int
    seconds: float
    """Time of the restoration alone, on the clock."""

    figures: Mapping[str, float]
    """Keys of ``METRICS``; without "lpips" where there is no backbone. PSNR and consistency may be infinite."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The pictures behind the rows of one photo, (1,3,H,W) in whole 1/255, for whoever wants to look at them."""

    photo: Path
    source: Tensor
    pictures: Mapping[str, Tensor]
    """The result of each method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Every row of one set of photos, photo by photo, bicubic first."""

    scale: int
    damage: Damage
    rows: tuple[Row, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Their names in the order of the rows."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    def means(self, method: str) -> dict[str, float]:
        """Each figure of ``method`` averaged over the photos (dB as dB: the mean of the PSNRs, as papers do)."""
        rows = [row.figures for row in self.rows if row.method == method]
        return {name: sum(row[name] for row in rows) / len(rows) for name in METRICS if rows and name in rows[0]}


def evaluate_upscale(
    restore: Callable[[Tensor], Tensor] | None,
    photos: Sequence[Path],
    scale: int,
    *,
    lpips: Lpips | None,
    max_photos: int | None = None,
    method: str = "restored",
    damage: Damage | None = None,
    on_photo: Callable[[Sample], None] | None = None,
) -> Evaluation:
    """Measure ``restore`` and bicubic enlargement on every photo.

    ``restore`` takes the shrunken photo, (1,3,h,w) float32 in [0,1], and gives (1,3,scale*h,scale*w); None measures
    bicubic alone. ``max_photos`` takes at most so many, evenly spread. ``on_photo`` is called after each photo.
    Raises ConfigError for a scale below 2, no photos, or a result of another size; ImageError for a photo that cannot
    be read or is too small. A photo that fails ends the measurement: a mean over fewer photos would mislead.
    """
    damage = damage or Damage()
    if scale < 2:
        raise ConfigError(f"the scale of an evaluation must be 2 or more, got {scale}")
    chosen = pick_evenly(photos, max_photos)
    if not chosen:
        raise ConfigError("there are no photos to measure")
    rows: list[Row] = []
    for photo in chosen:
        target = read_target(photo, scale)
        height, width = target.shape[-2:]
        source = damage.spoil(resize(target, height // scale, width // scale, quantise=True))
        pictures: dict[str, Tensor] = {}
        for name, work in _methods(restore, method, height, width):
            started = time.perf_counter()
            result = work(source)
            seconds = time.perf_counter() - started
            if result.shape != target.shape:
                raise ConfigError(f"{photo}: {name} gave {tuple(result.shape)} for {tuple(target.shape)}")
            pictures[name] = round_to_8_bits(result.detach().cpu().double())
            figures = measure(pictures[name], target, source, scale=scale, lpips=lpips)
            rows.append(
                Row(photo=photo.name, method=name, height=height, width=width, seconds=seconds, figures=figures)
            )
        if on_photo is not None:
            on_photo(Sample(photo=photo, source=source, pictures=pictures))
    return Evaluation(scale=scale, damage=damage, rows=tuple(rows))


def _methods(
    restore: Callable[[Tensor], Tensor] | None, method: str, height: int, width: int
) -> Iterable[tuple[str, Callable[[Tensor], Tensor]]]:
    yield BICUBIC, lambda source: resize(source, height, width, quantise=True)
    if restore is not None:
        yield method, lambda source: restore(source.float())


def measure(restored: Tensor, target: Tensor, source: Tensor, *, scale: int, lpips: Lpips | None) -> dict[str, float]:
    """The figures of ``METRICS`` for one result, without "lpips" where there is no metric for it.

    ``restored`` and ``target`` are (1,3,sH,sW) in whole 1/255, ``source`` (1,3,H,W): what was restored.
    """
    inside = (..., slice(scale, -scale), slice(scale, -scale))
    luma, true_luma = rgb_to_y(restored)[inside], rgb_to_y(target)[inside]
    figures = {"psnr": psnr(luma, true_luma, peak=1.0).item(), "ssim": ssim(luma, true_luma, peak=1.0).item()}
    if lpips is not None:
        figures["lpips"] = lpips(restored, target).item()
    figures["consistency"] = consistency(restored, source)
    figures["drift"] = colour_drift(restored, target)
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
