"""How far one picture of a pair lies from the other, to a fraction of a pixel, and moving it back.

The place is found by phase correlation (Kuglin and Hines, "The phase correlation image alignment method", 1975). The
fraction is the maximum of the likelihood under noise that differs from frequency to frequency: bands in which the two
pictures agree count, bands that blur, noise, JPEG or aliasing have spoilt do not (Hannan and Thomson, "Estimating
group delay", Biometrika 1973). Global shifts only: no turning, no change of size, no moving objects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.color import rgb_to_y
from restore.ops.pad import mirror_index
from restore.ops.resize import resize

LEAST_SIDE_PX: Final = 16
"""Smaller pictures are not measured."""
_WINDOW_PX: Final = 512
"""Of larger pictures the square of this side with the most detail is measured."""
_FLAT: Final = 0.5 / 255
"""Less contrast than half a grey level is nothing to measure by."""
_WHITENING: Final = 0.8
"""1 counts every frequency the same, also those of nothing but noise; 0 would leave the largest shapes alone."""
_BAND: Final = (0.02, 0.2)
"""Cycles per pixel between which the place is looked for: skies over grounds below, noise above."""
_CHANCE: Final = 3.0
"""The peak of unrelated pictures, in units of what white noise reaches: below 3.1 in 700 pairs of 48 to 256 pixels."""
_RING_PX: Final = 8
"""A picture of n pixels has n/8 rings of frequencies; in each the agreement is measured."""
_COHERENT: Final = 0.05
"""Rings that agree less than this are left out."""
_CLOSEST: Final = 0.9999
_ROUNDS: Final = 2
_MOST_STEPS: Final = 8
_STEADY_PX: Final = 1e-4
_WIDEST_PX: Final = 1.5
"""Further than this from the place found first, a fraction is not to be believed."""
_WINDOW_LOSS: Final = 1.5
"""A Hann window in both directions leaves a variance 1.5 * 1.5 times as large."""
_TAPS: Final = 6
"""Lanczos taps on each side."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Where the content of one picture lies in another, in pixels of the larger one."""

    down: float
    right: float
    error: float
    """Standard error of the worse of both, in the same pixels, as white noise would make it."""
    confidence: float
    """0: no more alike than unrelated pictures are, so the numbers mean nothing; toward 1: surely the same picture."""

    @property
    def distance(self) -> float:
        """Length of the shift."""
        return math.hypot(self.down, self.right)


def measure_shift(moved: Tensor, fixed: Tensor) -> Shift | None:
    """How much further down and right the content of ``moved`` lies than that of ``fixed``; None if nothing is there.

    ``moved`` is (1,3,H,W) and ``fixed`` (1,3,sH,sW) with a whole s >= 1, in [0,1]; the result is in pixels of
    ``fixed``. Shifts up to half of the smaller picture are found, or 256 of its pixels. None: pictures without detail,
    or with less than 16 pixels a side, cannot be measured. ValueError for other shapes.

    >>> picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    >>> shift = measure_shift(picture[..., 3:60, 0:57], picture[..., 0:57, 1:58])
    >>> round(shift.down, 2), round(shift.right, 2)
    (-3.0, 1.0)
    """
    scale = fixed.shape[-1] // moved.shape[-1]
    if moved.shape[:2] != (1, 3) or fixed.shape != (1, 3, moved.shape[-2] * scale, moved.shape[-1] * scale):
        raise ValueError(f"a pair must be (1,3,H,W) and (1,3,sH,sW), got {tuple(moved.shape)}, {tuple(fixed.shape)}")
    if min(moved.shape[-2:]) < LEAST_SIDE_PX:
        return None
    top, left = _busiest(moved)
    moved = moved[..., top : top + _WINDOW_PX, left : left + _WINDOW_PX].double()
    size = moved.shape[-2:]
    top, left = top * scale, left * scale
    fixed = fixed[..., top : top + size[0] * scale, left : left + size[1] * scale].double()
    first, second = rgb_to_y(moved)[0, 0], rgb_to_y(resize(fixed, *size))[0, 0]
    if min(float(first.std()), float(second.std())) < _FLAT:
        return None
    down, right, confidence = _place(_spectrum(first), _spectrum(second), *size)
    if confidence == 0 or 2 * abs(down) > size[0] - LEAST_SIDE_PX or 2 * abs(right) > size[1] - LEAST_SIDE_PX:
        return Shift(down * scale, right * scale, math.inf, 0.0)
    found, error = torch.tensor([down, right], dtype=torch.float64), math.inf
    for _ in range(_ROUNDS):
        step, error = _fraction(*_overlap(first, second, found))
        found = found + step
    return Shift(float(found[0]) * scale, float(found[1]) * scale, error * scale, confidence)


def translate(image: Tensor, down: float, right: float) -> Tensor:
    """Move the content of (B,C,H,W) by a fraction of a pixel or more; what comes in at the border is mirrored.

    Lanczos with six taps a side, which keeps detail nearly up to the finest; the result may overshoot a little.
    """
    return _along(_along(image, -2, down), -1, right)


def _along(image: Tensor, dim: int, distance: float) -> Tensor:
    if distance == 0:
        return image
    whole = math.floor(distance)
    taps = torch.arange(-_TAPS, _TAPS)
    place = taps.double() + distance - whole
    weight = torch.sinc(place) * torch.sinc(place / _TAPS)
    weight = weight / weight.sum()
    size = image.shape[dim]
    reach = _TAPS + abs(whole) + 1
    around = mirror_index(size, reach, reach).to(image.device)
    result = torch.zeros_like(image)
    for tap, share in zip(taps.tolist(), weight.tolist(), strict=True):
        result.add_(image.index_select(dim, around.narrow(0, reach + tap - whole, size)), alpha=share)
    return result


def _busiest(image: Tensor) -> tuple[int, int]:
    """Top and left of the square with the most detail; (0, 0) sides that are no larger than a square."""
    luma = rgb_to_y(image)
    rough = (luma[..., 1:, :-1] - luma[..., :-1, :-1]).abs() + (luma[..., :-1, 1:] - luma[..., :-1, :-1]).abs()
    window = [min(_WINDOW_PX, side) for side in rough.shape[-2:]]
    stride = _WINDOW_PX // 4
    detail = F.avg_pool2d(rough, window, stride)[0, 0]
    row, column = divmod(int(detail.argmax()), detail.shape[1])
    return row * stride, column * stride


def _spectrum(plane: Tensor) -> Tensor:
    """Half spectrum (H,W//2+1) of a plane under a Hann window, without its mean."""
    height, width = plane.shape
    rows, columns = (torch.hann_window(n + 2, periodic=False, dtype=plane.dtype)[1:-1] for n in (height, width))
    window = rows[:, None] * columns
    mean = (plane * window).sum() / window.sum()
    spectrum: Tensor = torch.fft.rfft2((plane - mean) * window)
    return spectrum


def _frequencies(height: int, width: int) -> tuple[Tensor, Tensor]:
    """Cycles per pixel down (H,1) and right (1,W//2+1)."""
    down = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    return down, torch.fft.rfftfreq(width, dtype=torch.float64)[None]


def _place(first: Tensor, second: Tensor, height: int, width: int) -> tuple[int, int, float]:
    """Whole-pixel shift (down, right) by phase correlation of two spectra, and the confidence in it."""
    down, right = _frequencies(height, width)
    square = down.square() + right.square()
    cross = first * second.conj()
    size = cross.abs()
    band = (1 - torch.exp(-0.5 * square / _BAND[0] ** 2)) * torch.exp(-0.5 * square / _BAND[1] ** 2)
    even = cross / (size + 1e-9 * size.max()).pow(_WHITENING) * band
    surface = torch.fft.irfft2(even, s=(height, width))
    row, column = divmod(int(surface.argmax()), width)
    by_chance = _CHANCE * math.sqrt(2 * math.log(height * width)) * float(surface.std())
    confidence = max(0.0, 1 - by_chance / max(float(surface.max()), 1e-300))
    return row - height * (row > height // 2), column - width * (column > width // 2), confidence


def _overlap(first: Tensor, second: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """What both planes show after the first is moved back by ``shift``, without a border of mirrored pixels."""
    whole = shift.round()
    fraction = whole - shift
    down, right = (int(value) for value in whole)
    back = translate(first[None, None], float(fraction[0]), float(fraction[1]))[0, 0]
    return _cut(back, down, right), _cut(second, -down, -right)


def _cut(plane: Tensor, top: int, left: int) -> Tensor:
    height, width = plane.shape
    return plane[max(0, top) + 1 : height + min(0, top) - 1, max(0, left) + 1 : width + min(0, left) - 1]


def _fraction(first: Tensor, second: Tensor) -> tuple[Tensor, float]:
    """The shift (2,) of most likelihood near zero, and its standard error, in pixels."""
    height, width = first.shape
    spectra = _spectrum(first), _spectrum(second)
    down, right = _frequencies(height, width)
    ring = (down.square() + right.square()).sqrt()
    shift, curve = torch.zeros(2, dtype=torch.float64), torch.eye(2, dtype=torch.float64)
    angle = 2 * math.pi * torch.stack([down.expand_as(ring), right.expand_as(ring)])
    cross = _weighed(*spectra, ring, max(4, min(height, width) // _RING_PX))
    for _ in range(_MOST_STEPS):  # Newton's method
        turned = cross * torch.exp(1j * torch.einsum("i,ihw->hw", shift, angle))
        slope = -(angle * turned.imag).sum(dim=(1, 2))
        curve = torch.einsum("ihw,jhw,hw->ij", angle, angle, turned.real)
        curve = curve + 1e-9 * curve.diagonal().sum().clamp(min=1e-12) * torch.eye(2)
        step = torch.linalg.solve(curve, slope).clamp(-0.5, 0.5)
        shift = shift + step
        if float(step.abs().max()) < _STEADY_PX:
            break
    error = _WINDOW_LOSS * float(torch.linalg.inv(curve).diagonal().max().clamp(min=0).sqrt())
    if float(shift.abs().max()) > _WIDEST_PX:
        return torch.zeros_like(shift), math.inf
    return shift, error


def _weighed(first: Tensor, second: Tensor, ring: Tensor, rings: int) -> Tensor:
    """The cross spectrum with each ring of frequencies weighed by how well the two agree there, in units of 1/noise."""
    number = (ring * 2 * rings).long().clamp(max=rings).flatten()

    def per_ring(values: Tensor) -> Tensor:
        return values.new_zeros(rings + 1).index_add_(0, number, values.flatten())

    cross = first * second.conj()
    together = per_ring(cross.real)
    agreement = together / (per_ring(first.abs().square()) * per_ring(second.abs().square())).sqrt().clamp(min=1e-30)
    agreement = agreement.clamp(0, _CLOSEST)
    square = agreement.square()
    weight = square / (1 - square) * per_ring(torch.ones_like(ring)) / together.clamp(min=1e-30)
    weight[agreement < _COHERENT] = 0
    weight[0] = weight[-1] = 0  # the mean, and the corners beyond the finest rows and columns
    return cross * weight[number].view_as(ring)
