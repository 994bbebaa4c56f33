"""What one look at a decoded photo, or at the two of a pair, tells: plain numbers that are cheap to keep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.io.photo import Photo
from restore.ops.color import rgb_to_y
from restore.ops.resize import resize
from restore.ops.shift import Shift, measure_shift

_SAMPLES: Final = 1 << 16
"""So many pixels, evenly spread, stand for all of them."""
_GRAY_LEVELS: Final = 3.0
"""Grey levels between the channels of a photo that counts as gray: lossy files of gray photos have a little colour."""
_GRAY_SHARE: Final = 0.99
_WINDOW_PX: Final = 512
"""Detail is measured in a square of this side from the middle."""
_MID_BAND: Final = (0.125, 0.25)
"""Cycles per pixel along the rows or columns, whichever is more: detail of four to eight pixels."""
_FINE_BAND: Final = 0.3
"""And detail that needs every pixel: a photo enlarged by two has none beyond 0.25 but what its kernel leaks."""
_LITTLE: Final = 1.0
"""Grey levels squared: with less detail than this in the middle band there is nothing to compare."""
PRINT_SIDE: Final = 8
"""Photos that look alike are found by a thumbnail of this side."""
_COMPARED_PX: Final = 768
"""Sameness is measured in the middle, in a square of this side of the good photo."""
_BORDER_PX: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One photo."""

    path: Path
    height: int
    width: int
    gray: bool
    """No colour to be seen, whatever the file's type."""
    alpha: bool
    depth: int
    quality: int | None
    """Of a JPEG, by its tables."""
    mean: tuple[float, float, float]
    """Red, green and blue in grey levels of 255."""
    contrast: float
    """Standard deviation of the brightness in grey levels."""
    fineness: float | None
    """Energy of the finest detail / of the next coarser; sharp photos have 0.03 to 0.5, enlarged ones below 0.02."""
    thumbnail: Tensor
    """(3*8*8,) in grey levels."""


@dataclass(frozen=True, slots=True)
class PairLook:
    """The two photos of a pair."""

    shift: Shift | None
    """See ops.shift.measure_shift."""
    sameness_db: float
    """PSNR between the good photo and the damaged one, enlarged to its size by bicubic interpolation."""


def look_at(photo: Photo, path: Path) -> Look:
    """Measure a photo."""
    pixels = photo.pixels[None]
    stride = max(1, round((photo.height * photo.width / _SAMPLES) ** 0.5))
    some = pixels[..., ::stride, ::stride] * 255
    spread = (some.amax(dim=1) - some.amin(dim=1)).flatten()
    red, green, blue = pixels.mean(dim=(0, 2, 3)).mul(255).tolist()
    return Look(
        path=path,
        height=photo.height,
        width=photo.width,
        gray=photo.gray or float((spread <= _GRAY_LEVELS).float().mean()) >= _GRAY_SHARE,
        alpha=photo.alpha is not None and bool((photo.alpha < 1).any()),
        depth=photo.depth,
        quality=photo.quality,
        mean=(red, green, blue),
        contrast=float(rgb_to_y(some / 255).std(correction=0)) * 255,
        fineness=_fineness(pixels),
        thumbnail=F.adaptive_avg_pool2d(pixels, PRINT_SIDE).flatten() * 255,
    )


def look_at_pair(lq: Photo, hq: Photo) -> PairLook | None:
    """Compare the two of a pair; None when their sizes do not fit."""
    scale = max(1, hq.width // lq.width)
    if (lq.height * scale, lq.width * scale) != (hq.height, hq.width):
        return None
    return PairLook(measure_shift(lq.pixels[None], hq.pixels[None]), _sameness(lq.pixels[None], hq.pixels[None], scale))


def _fineness(pixels: Tensor) -> float | None:
    middle = rgb_to_y(_middle(pixels, _WINDOW_PX).double())[0, 0] * 255
    height, width = middle.shape
    rows, columns = (torch.hann_window(n + 2, periodic=False, dtype=middle.dtype)[1:-1] for n in (height, width))
    window = rows[:, None] * columns
    power = torch.fft.rfft2((middle - middle.mean()) * window).abs().square() / window.square().sum()
    frequency = torch.maximum(
        torch.fft.fftfreq(height, dtype=middle.dtype)[:, None].abs(),
        torch.fft.rfftfreq(width, dtype=middle.dtype)[None],
    )
    coarse = power[(frequency > _MID_BAND[0]) & (frequency <= _MID_BAND[1])]
    fine = power[frequency > _FINE_BAND]
    if not coarse.numel() or not fine.numel() or float(coarse.mean()) < _LITTLE:
        return None
    return float(fine.mean() / coarse.mean())


def _sameness(lq: Tensor, hq: Tensor, scale: int) -> float:
    side = _COMPARED_PX // scale
    lq, hq = _middle(lq, side), _middle(hq, side, scale)
    enlarged = resize(lq, *hq.shape[-2:]).clamp(0, 1)
    border = min(_BORDER_PX, (min(hq.shape[-2:]) - 1) // 2) if scale > 1 else 0
    apart = (enlarged - hq)[..., border : hq.shape[-2] - border, border : hq.shape[-1] - border]
    return float(-10 * torch.log10(apart.double().square().mean()))


def _middle(image: Tensor, side: int, scale: int = 1) -> Tensor:
    """Up to ``side`` times ``scale`` pixels from the middle of (1,3,H,W); multiples of the scale stay together."""
    height, width = (size // scale for size in image.shape[-2:])
    top, left = max(0, height - side) // 2 * scale, max(0, width - side) // 2 * scale
    return image[..., top : top + side * scale, left : left + side * scale]
