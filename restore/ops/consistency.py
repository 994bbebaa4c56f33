"""Is a result still the photo that was given? Two figures that need no ground truth, and a way to make it so.

All of them walk down the result in bands of rows, so that a very large one needs little more than its own memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.ops.bands import BAND_PX, resized_bands
from restore.ops.rows import Empty, row_bands
from restore.room import let_go

PROJECTION_STEPS: Final = 3
"""Three raise results of 44 to 48 dB to 57 and more, for a tenth of the time that the smallest network takes."""
_BAND_ROWS: Final = 256
"""So many rows of a picture that keeps its size are looked at at once."""


def consistency(restored: Tensor, source: Tensor) -> float:
    """How well the result, shrunk again, agrees with the photo it was made from: PSNR over RGB in dB.

    ``restored`` is (1,3,sH,sW) and ``source`` (1,3,H,W), both in [0,1], with s >= 1 and not necessarily whole.
    The shrinking is the exact antialiased bicubic, not rounded, so the figure is infinite only for equal pixels.
    Raises ConfigError if the result is smaller than the source.
    """
    _check_larger(restored, source)
    total = 0.0
    height, width = source.shape[-2:]
    for top, band in _bands(restored, height, width):
        total += float((band - source[..., top : top + band.shape[-2], :].double()).square().sum())
    error = total / source.numel()
    return math.inf if error == 0 else -10.0 * math.log10(error)


def _bands(image: Tensor, height: int, width: int) -> Iterator[tuple[int, Tensor]]:
    """(1,3,H,W) at another size, or as it is, in bands of rows with the place of each; float64."""
    if image.shape[-2:] == (height, width):
        for rows in row_bands(height, width, rows=_BAND_ROWS):
            yield rows.start, image[..., rows, :].double()
    else:
        yield from resized_bands(image, height, width, torch.float64)


def project(restored: Tensor, source: Tensor, *, steps: int = PROJECTION_STEPS, empty: Empty = torch.empty) -> Tensor:
    """Make ``restored`` agree with ``source`` when it is shrunk again; changes it in place and gives it back.

    ``restored`` is (1,3,sH,sW) float32 and ``source`` (1,3,H,W), any range, with s >= 1 and not necessarily whole. Each
    step adds the enlarged difference between the photo and the shrunken result, both by the bicubic kernel. The one is
    nearly the other's transpose, so every step brings every frequency nearer: broad differences vanish at once, and of
    the finest that the photo can hold at most 0.53 is left along one axis and 0.78 slantwise (scales of 1.25 to 8).
    What the photo says nothing about, the detail finer than its pixels, stays as it is. ``empty`` makes room for as
    much as ``source`` takes.
    Right only for a clean photo: noise and JPEG damage would be put back. Raises ConfigError if the result is smaller
    than the source.
    Source: iterative back-projection, Irani and Peleg, "Improving resolution by image registration", 1991.
    """
    _check_larger(restored, source)
    missing = empty(tuple(source.shape)).to(restored)
    (tall, wide), (height, width) = restored.shape[-2:], source.shape[-2:]
    for _ in range(steps):
        for top, band in resized_bands(restored, height, width, restored.dtype):
            rows = slice(top, top + band.shape[-2])
            missing[..., rows, :] = source[..., rows, :] - band
        for top, band in resized_bands(missing, tall, wide, restored.dtype):
            restored[..., top : top + band.shape[-2], :] += band
    return restored


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
        let_go()
    return total / (image.shape[-2] * image.shape[-1])


def _check(restored: Tensor, source: Tensor) -> None:
    for image in (restored, source):
        if image.ndim != 4 or image.shape[:2] != (1, 3) or image.numel() == 0:
            raise ConfigError(f"an image must be (1,3,H,W), got {tuple(image.shape)}")


def _check_larger(restored: Tensor, source: Tensor) -> None:
    _check(restored, source)
    (tall, wide), (height, width) = restored.shape[-2:], source.shape[-2:]
    if tall < height or wide < width:
        raise ConfigError(f"the result ({wide}x{tall}) is smaller than its source ({width}x{height})")
