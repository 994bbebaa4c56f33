"""Known blur undone as far as the noise allows: what a network gets instead of the blurred picture.

A small network cannot learn the inverse of every kernel there is; a linear filter is that inverse, in closed form. It
leaves rings and grown noise behind, and taking those away is what the network learns. Source of the filter: Wiener,
"Extrapolation, interpolation, and smoothing of stationary time series", 1949, with one change, see :func:`inverses`.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from restore.ops.pad import mirror_pad

REACH_PX: Final = 32
"""An inverse looks so far to each side; it is faded out to there."""
_SIDE: Final = 2 * REACH_PX + 1
_FADE_PX: Final = 16
_GRID: Final = 128
"""Frequencies along each side at which an inverse is designed."""
_FINE_POWER: Final = 20.0
"""Power of photographs at one cycle per pixel, in squared grey levels: what undoes Gaussians and movements best."""
_BROADEST: Final = 0.01
"""Cycles per pixel, below which that power grows no more as 1 / frequency^2 (Field, "Relations between the statistics
of natural images and the response properties of cortical cells", 1987)."""
_USUAL_NOISE: Final = 2.0
"""Grey levels: what a photo of unknown noise is taken to have."""
_LEAST_NOISE: Final = 0.5
"""Grey levels: rounding to 8 bits, and what the kernel is not quite."""
_CODING_NOISE: Final = 10.0
"""Grey levels of error that a JPEG of the worst quality stands for."""


def inverses_for(kernels: Tensor, noise: Tensor, quality: Tensor) -> Tensor:
    """Filters (B,65,65) that undo the blur of (B,h,w) kernels as far as noise and JPEG damage allow.

    ``noise`` (B,) in grey levels and ``quality`` (B,) of the JPEG files, 100 for none; both NaN where unknown.
    """
    coding = _CODING_NOISE * (1 - quality.nan_to_num(nan=100.0) / 100)
    return inverses(kernels, (noise.nan_to_num(nan=_USUAL_NOISE).square() + coding.square()).sqrt())


def inverses(kernels: Tensor, noise: Tensor) -> Tensor:
    """Filters (B,65,65), each of sum 1, that undo (B,h,w) kernels under noise of (B,) grey levels.

    With H the kernel's response, S the power of photographs and R = noise^2 / S, the response is H (1 + R) / (H^2 + R):
    Wiener's, but for the factor of 1 + R, which keeps what the kernel has not touched just as it was. So noise is left
    to a network that knows better than to smooth it. Kernels are symmetric about their middle.

    >>> sharp = torch.zeros(1, 3, 3)
    >>> sharp[0, 1, 1] = 1
    >>> unchanged = inverses(sharp, torch.tensor([5.0]))
    >>> round(float(unchanged[0, 32, 32]), 5), round(float(unchanged.abs().sum()), 5)
    (1.0, 1.0)
    """
    height, width = kernels.shape[-2:]
    padded = kernels.new_zeros(len(kernels), _GRID, _GRID)
    padded[:, :height, :width] = kernels
    response = torch.fft.rfft2(padded.roll((-(height // 2), -(width // 2)), dims=(1, 2))).real
    down, right = torch.fft.fftfreq(_GRID, device=kernels.device), torch.fft.rfftfreq(_GRID, device=kernels.device)
    power = _FINE_POWER / (down[:, None].square() + right[None].square() + _BROADEST**2)
    rest = noise.clamp(min=_LEAST_NOISE).square().view(-1, 1, 1) / power
    wanted = response * (1 + rest) / (response.square() + rest)
    filters: Tensor = torch.fft.irfft2(wanted, s=(_GRID, _GRID)).roll((REACH_PX, REACH_PX), dims=(1, 2))[
        :, :_SIDE, :_SIDE
    ]
    fade = _fade(kernels.device)
    filters = filters * (fade[:, None] * fade[None])
    return filters / filters.sum(dim=(1, 2), keepdim=True)


def _fade(device: torch.device) -> Tensor:
    """(65,): one in the middle, going down to zero beyond the ends."""
    distance = torch.arange(-REACH_PX, REACH_PX + 1, device=device).abs()
    share = ((REACH_PX + 1 - distance) / _FADE_PX).clamp(max=1)
    return (torch.pi / 2 * share).sin().square()


def deconvolve(image: Tensor, filters: Tensor) -> Tensor:
    """Each of (B,C,H,W) through its own filter of (B,65,65); beyond the border the picture is mirrored. Not clipped.

    A pixel of the result depends on nothing farther away than ``REACH_PX``. Float32 inside, whatever surrounds it.
    """
    height, width = image.shape[-2:]
    with torch.autocast(image.device.type, enabled=False):
        padded = mirror_pad(image.float(), *(REACH_PX,) * 4)
        size = [_smooth(side + 2 * REACH_PX) for side in (height, width)]
        through = torch.fft.rfft2(padded, s=size) * torch.fft.rfft2(filters.float(), s=size)[:, None]
        whole: Tensor = torch.fft.irfft2(through, s=size)
    return whole[..., 2 * REACH_PX : 2 * REACH_PX + height, 2 * REACH_PX : 2 * REACH_PX + width]


def _smooth(size: int) -> int:
    """The next size that is a product of 2, 3 and 5, for which transforms are quick."""
    while True:
        rest = size
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return size
        size += 1
