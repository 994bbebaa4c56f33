"""What frequencies tell about a result: how much fine detail it has, and whether a grid is printed on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import ConfigError
from restore.ops.color import rgb_to_y
from restore.ops.pad import mirror_pad

BINOMIAL: Final = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""Burt and Adelson's kernel, which makes a Laplacian pyramid."""
GRID_TILE_PX: Final = 48
"""Side of the squares whose spectra are averaged: a multiple of every period looked for."""
GRID_PERIODS: Final = (2, 3, 4, 8)
"""Pixels: those of pixel shuffles, of strided convolutions (of a discriminator as well) and of JPEG's blocks."""
_NEAR: Final = (-3, -2, 2, 3)
"""Frequencies so many steps off are a peak's surroundings; the window spreads a peak over one step."""
_ROUNDING: Final = 1 / 12
"""Variance, in squared grey levels, of rounding to 8 bits: what is far below it cannot be in a file."""
_BATCH_TILES: Final = 4096


def high_pass(image: Tensor) -> Tensor:
    """The finest band of a Laplacian pyramid, not thinned out: (B,C,H,W) less its binomial blur, of the same size.

    Source: Burt and Adelson, "The Laplacian pyramid as a compact image code", 1983.
    """
    reach = len(BINOMIAL) // 2
    line = image.new_tensor(BINOMIAL)
    planes = mirror_pad(image.flatten(0, 1)[:, None], reach, reach, reach, reach)
    blurred = F.conv2d(F.conv2d(planes, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))
    return image - blurred.view_as(image)


def high_frequency(restored: Tensor, target: Tensor) -> Tensor:
    """Energy of the finest detail of each result as a share of the truth's: 1 is right, 0.3 is soft, 2 is harsh.

    Both images are (B,3,H,W) RGB in [0,1]; the result is (B,), of their dtype. The energy is the mean square of
    :func:`high_pass` of luma. Infinite where only the truth is flat, 1 where both are. ConfigError if shapes differ.

    >>> photo = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    >>> round(high_frequency(0.5 * photo, photo).item(), 6)
    0.25
    """
    if restored.shape != target.shape:
        raise ConfigError(f"two images must have one shape, got {tuple(restored.shape)} and {tuple(target.shape)}")
    ours, theirs = (high_pass(rgb_to_y(image)).square().mean(dim=(1, 2, 3)) for image in (restored, target))
    return torch.where((ours == 0) & (theirs == 0), torch.ones_like(ours), ours / theirs)


def grid_peak(image: Tensor) -> float:
    """How far the strongest grid of 2, 3, 4 or 8 pixels stands out of the spectrum of one (1,3,H,W) image in [0,1].

    1 is no grid; up to 2 is chance, and more in pictures under 200 pixels. On soft enlargements a checkerboard of half
    a grey level gives 10 and more for periods of 2 and 4; those of 8 pixels hide in texture up to 2 grey levels.
    The power spectra of overlapping squares of 48 pixels are averaged over squares and channels. At the frequencies of
    a grid, level, upright and slanting, the power is divided by that of its neighbours along the rows and along the
    columns (the geometric mean of each, since spectra fall steeply; the larger of the two, since edges make ridges).
    What lies below the rounding of an 8-bit file does not count. It is the result's own spectrum, not that of its
    difference from a truth: published photos were JPEGs once and have a grid of their own, and errors of texture would
    hide a small one. Not a number for pictures smaller than a square.
    """
    if min(image.shape[-2:]) < GRID_TILE_PX:
        return float("nan")
    spectrum = _mean_spectrum(image)
    peaks = []
    for period in GRID_PERIODS:
        step = GRID_TILE_PX // period
        for down, right in ((step, 0), (0, step), (step, step), (step, -step)):
            along = _geometric_mean(spectrum, [(down, right + off) for off in _NEAR])
            across = _geometric_mean(spectrum, [(down + off, right) for off in _NEAR])
            peaks.append(float(spectrum[down, right]) / max(along, across))
    return max(peaks)


def _mean_spectrum(image: Tensor) -> Tensor:
    """(48,48) power in squared grey levels, averaged over all squares; float64."""
    side = GRID_TILE_PX
    window = torch.hann_window(side, periodic=True, dtype=torch.float32, device=image.device)
    window = window[:, None] * window
    total, count = torch.zeros(side, side, dtype=torch.float64, device=image.device), 0
    for tiles in _squares(image):
        level = tiles - tiles.mean(dim=(-2, -1), keepdim=True)
        total = total + torch.fft.fft2(level * window).abs().double().square().sum(dim=0)
        count += tiles.shape[0]
    return total / count + _ROUNDING * window.square().sum()


def _squares(image: Tensor) -> Iterator[Tensor]:
    """Squares of one channel in grey levels, half overlapping, a few thousand at a time, (count,48,48) float32."""
    side, stride = GRID_TILE_PX, GRID_TILE_PX // 2
    height, width = image.shape[-2:]
    columns = (width - side) // stride + 1
    rows = max(1, _BATCH_TILES // (columns * image.shape[1]))
    tops = range(0, height - side + 1, stride)
    for first in range(0, len(tops), rows):
        chosen = tops[first : first + rows]
        strip = image[0, :, chosen[0] : chosen[-1] + side].float() * 255
        yield strip.unfold(1, side, stride).unfold(2, side, stride).reshape(-1, side, side)


def _geometric_mean(spectrum: Tensor, places: list[tuple[int, int]]) -> float:
    side = spectrum.shape[0]
    return float(torch.stack([spectrum[down % side, right % side] for down, right in places]).log().mean().exp())
