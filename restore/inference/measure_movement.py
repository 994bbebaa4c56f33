"""How far the camera moved and where to, by the dark stripes that a movement leaves in a photo's spectrum.

A straight, even movement of length L multiplies the spectrum by a sinc along its direction, whose first zero lies at
one cycle per L pixels. The spectrum of the photo as it was is smooth: a power of the frequency, as softness and the
directions of what is shown change it. Both are fitted together to the mean spectrum of many small windows, for many
movements; how much better the best of them explains it than no movement says whether there was one. Source of the
idea: Cannon, "Blind deconvolution of spatially invariant image blurs with phase", 1976; the fit is Whittle's
likelihood, "Estimation and information in stationary time series", 1953.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import torch
from torch import Tensor

from restore.ops.blur import disc_kernels, gaussian_kernels, motion_kernels
from restore.ops.color import luma

_WINDOW_PX: Final = 64
_LEAST_WINDOWS: Final = 16
_ASKED_SHARE: Final = 0.5
"""Of the windows, those that show most."""
_LOWEST, _HIGHEST = 2.5 / _WINDOW_PX, 0.35
"""Cycles per pixel. Below, a window sees too little; above, there is noise."""
_AXIS: Final = 1.5 / _WINDOW_PX
"""Cycles per pixel; nearer to the axes lie the blocks of a JPEG and all that people built upright."""
_HARMONICS: Final = 3
"""So many waves over half a turn say how a photo's power depends on the direction."""
_LENGTHS: Final = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.2, 11.5, 13.0, 14.6, 16.3, 18.2, 20.0)
_ANGLES: Final = 18
_FINER: Final = ((1.0, 6.0), (0.3, 2.0))
"""Pixels and degrees to each side in which the best movement is then looked for, in five steps."""
_SHORTEST, _LONGEST = 2.8, 20.0
_DISC_RADII: Final = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0)
_LEAST_GAIN: Final = 0.01
"""Log likelihood for each frequency. Good photos, soft ones and JPEGs gain up to .004, for 3 pixels or more."""
_TOO_SHORT: Final = 3.0
_TOO_LONG: Final = 19.5
"""Pixels: what is found at the ends of the search may lie beyond them."""
_FAINTEST: Final = 0.02
"""Squared grey levels: less noise than rounding leaves."""
_OUTLIER: Final = 3.0
"""A power so many times what is expected counts no more than that."""


@dataclass(frozen=True, slots=True)
class Movement:
    """A straight movement of the camera."""

    length: float
    """In pixels."""
    angle: float
    """In degrees from level, rising to the right, -90 to 90."""


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """What explains a spectrum, for each of C kernels."""

    misfit: Tensor
    """(C,): minus the log likelihood for each frequency, less a constant."""
    shape: Tensor
    """(C,p): of the photo's own spectrum, in logarithms."""
    floor: Tensor
    """(C,1): noise, in logarithms."""


def movement(parts: Tensor) -> Movement | None:
    """How the camera moved, by (N,3,h,w) in [0,1]; None where the spectrum does not show it, or the photo is small.

    Sees 3 to 19 pixels. A path that is curved, or was gone unevenly, leaves no stripes and is not seen.
    """
    power = _spectrum(parts)
    if power is None:
        return None
    lengths, angles, responses = _coarse()
    fit = _fitted(power, responses, _start(power, responses), 4)
    best = int(fit.misfit.argmin())
    length, angle, fit = float(lengths[best]), float(angles[best]), _one(fit, best)
    for length_span, angle_span in _FINER:
        steps = torch.linspace(-1, 1, 5)
        tried = (length + length_span * steps).clamp(_SHORTEST, _LONGEST)
        grid = torch.cartesian_prod(tried, angle + angle_span * steps)
        fit = _fitted(power, _moved(grid[:, 0], grid[:, 1]), fit, 5)
        best = int(fit.misfit.argmin())
        length, angle, fit = float(grid[best, 0]), float(grid[best, 1]), _one(fit, best)
    still = _still()
    without = float(_fitted(power, still, _start(power, still), 8).misfit.min())
    if without - float(fit.misfit) < _LEAST_GAIN or not _TOO_SHORT <= length <= _TOO_LONG:
        return None
    return Movement(length, (angle + 90) % 180 - 90)


@lru_cache(maxsize=1)
def _window() -> Tensor:
    """(64,64): a Hann window."""
    line = torch.hann_window(_WINDOW_PX)
    return line[:, None] * line[None]


@lru_cache(maxsize=1)
def _frequencies() -> tuple[Tensor, Tensor]:
    """Which of (64,33) frequencies are asked, and (frequencies,p): what the logarithm of a photo's power is made of."""
    down, right = torch.fft.fftfreq(_WINDOW_PX)[:, None], torch.fft.rfftfreq(_WINDOW_PX)[None]
    size, turn = torch.hypot(down, right), torch.atan2(down, right)
    asked = (size > _LOWEST) & (size < _HIGHEST) & (right > _AXIS) & (down.abs() > _AXIS)
    size, turn = size[asked], turn[asked]
    waves = [wave(2 * number * turn) for number in range(1, _HARMONICS + 1) for wave in (torch.cos, torch.sin)]
    return asked, torch.stack([torch.ones_like(size), (size / 0.1).log(), (size / 0.2).square(), *waves], dim=1)


def _spectrum(parts: Tensor) -> Tensor | None:
    """(frequencies,): mean power of the windows of (N,3,h,w) in [0,1] that show most, each counting the same."""
    if min(parts.shape[-2:]) < _WINDOW_PX:
        return None
    hop = _WINDOW_PX // 2
    windows = (luma(parts) * 255).unfold(2, _WINDOW_PX, hop).unfold(3, _WINDOW_PX, hop)
    windows = windows.reshape(-1, _WINDOW_PX, _WINDOW_PX)
    if len(windows) < _LEAST_WINDOWS:
        return None
    weight = _window()
    windows = windows - (windows * weight).sum(dim=(1, 2), keepdim=True) / weight.sum()
    power = torch.fft.rfft2(windows * weight).abs().square()[:, _frequencies()[0]] / weight.square().sum()
    whole = power.mean(dim=1)
    most = whole.argsort(descending=True)[: max(8, int(_ASKED_SHARE * len(whole)))]
    middle = float(whole[most].quantile(0.5))
    mean: Tensor = (power[most] / whole[most, None].clamp(min=1e-6)).mean(dim=0) * middle + 1e-6
    return mean


def _responses(kernels: Tensor) -> Tensor:
    """(C,frequencies): what (C,21,21) kernels leave of the power, as it is seen through the window."""
    padded = kernels.new_zeros(len(kernels), _WINDOW_PX, _WINDOW_PX)
    padded[:, : kernels.shape[-2], : kernels.shape[-1]] = kernels
    alike = torch.fft.irfft2(torch.fft.rfft2(padded).abs().square(), s=(_WINDOW_PX, _WINDOW_PX))
    line = torch.hann_window(_WINDOW_PX)
    shared = torch.fft.irfft(torch.fft.rfft(line, 2 * _WINDOW_PX).abs().square())
    lag = torch.arange(_WINDOW_PX)
    shared = shared[torch.minimum(lag, _WINDOW_PX - lag)] / shared[0]
    left: Tensor = torch.fft.rfft2(alike * (shared[:, None] * shared)).real[:, _frequencies()[0]]
    return left.clamp(min=1e-7)


def _moved(lengths: Tensor, angles: Tensor) -> Tensor:
    return _responses(motion_kernels(lengths, -torch.deg2rad(angles)))


@lru_cache(maxsize=1)
def _coarse() -> tuple[Tensor, Tensor, Tensor]:
    """Lengths, angles and responses of the movements that are tried first."""
    angles = torch.arange(_ANGLES) * (180.0 / _ANGLES) - 90
    grid = torch.cartesian_prod(torch.tensor(_LENGTHS), angles)
    return grid[:, 0], grid[:, 1], _moved(grid[:, 0], grid[:, 1])


@lru_cache(maxsize=1)
def _still() -> Tensor:
    """Responses of what is no movement: nothing at all, and lenses out of focus. Gaussians are in every fit."""
    nothing = gaussian_kernels(torch.zeros(1))
    return _responses(torch.cat([nothing, disc_kernels(torch.tensor(_DISC_RADII))]))


def _start(power: Tensor, responses: Tensor) -> _Fit:
    """A first guess for each kernel: least squares of logarithms."""
    terms = _frequencies()[1]
    shape = (torch.linalg.pinv(terms) @ (power.log()[:, None] - responses.clamp(min=0.02).log().T)).T
    floor = power.quantile(0.02).log().expand(len(responses), 1)
    return _Fit(power.new_zeros(len(responses)), shape, floor)


def _fitted(power: Tensor, responses: Tensor, start: _Fit, steps: int) -> _Fit:
    """The power as each kernel explains it: Fisher's scoring for numbers that are spread exponentially."""
    terms = _frequencies()[1]
    count = len(responses)
    shape, floor = start.shape.expand(count, -1), start.floor.expand(count, -1)
    damped = torch.eye(terms.shape[1] + 1) * (1e-5 * len(terms))
    for _ in range(steps):
        shown = (shape @ terms.T).clamp(-20, 30).exp() * responses
        whole = shown + floor.exp()
        share = shown / whole
        off = (power / whole - 1).clamp(max=_OUTLIER - 1)
        slopes = torch.cat([share[:, :, None] * terms, 1 - share[:, :, None]], dim=2)
        change = torch.linalg.solve(slopes.mT @ slopes + damped, slopes.mT @ off[:, :, None])[..., 0].clamp(-1.5, 1.5)
        shape, floor = shape + change[:, :-1], (floor + change[:, -1:]).clamp(min=math.log(_FAINTEST))
    whole = (shape @ terms.T).clamp(-20, 30).exp() * responses + floor.exp()
    misfit = ((power / whole).clamp(max=2 * _OUTLIER) + whole.log()).mean(dim=1)
    return _Fit(misfit.nan_to_num(nan=math.inf), shape, floor)


def _one(fit: _Fit, number: int) -> _Fit:
    return _Fit(fit.misfit[number], fit.shape[number : number + 1], fit.floor[number : number + 1])
