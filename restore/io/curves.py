"""Tone curves between stored values and linear light, exact both ways and defined outside [0,1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

MIN_SLOPE: Final = 1 / 128
"""Least slope of a curve near black.

A pure power curve is flat at zero, so its way back magnifies rounding errors without bound and a dark 16-bit value
would not survive. With this slope the curve differs from the profile's by less than 0.3/255 and only below 5/255.
"""


class Curve(Protocol):
    """Stored value -> linear light and back; odd around zero, continued beyond one."""

    def decode(self, stored: Tensor) -> Tensor:
        """Linear light of stored values, any shape."""

    def encode(self, linear: Tensor) -> Tensor:
        """Stored values of linear light; inverse of ``decode``."""


@dataclass(frozen=True, slots=True)
class PowerCurve:
    """(a x + b)^g from x = d on, c x below: the form of ICC's parametric type 3 and of sRGB."""

    g: float
    a: float
    b: float
    c: float
    d: float

    def decode(self, stored: Tensor) -> Tensor:
        size = stored.abs()
        power = size.mul(self.a).add_(self.b).clamp_(min=0).pow_(self.g)
        if self.d > 0:
            power = torch.where(size < self.d, size.mul_(self.c), power)
        return torch.copysign(power, stored)

    def encode(self, linear: Tensor) -> Tensor:
        size = linear.abs()
        root = size.pow(1 / self.g).sub_(self.b).div_(self.a)
        if self.d > 0:
            root = torch.where(size < (self.a * self.d + self.b) ** self.g, size.div_(self.c), root)
        return torch.copysign(root, linear)


def gamma_curve(gamma: float) -> PowerCurve:
    """x^gamma with the least slope near black.

    >>> round(gamma_curve(2.2).decode(torch.tensor([0.5])).item(), 4)
    0.2176
    """
    if gamma <= 1:
        return PowerCurve(gamma, 1.0, 0.0, 1.0, 0.0)
    knee = MIN_SLOPE ** (1 / (gamma - 1))
    return PowerCurve(gamma, 1.0, 0.0, MIN_SLOPE, knee)


@dataclass(frozen=True, slots=True, eq=False)
class TableCurve:
    """Straight lines between equally spaced values over [0,1], float64 (N,), N >= 2, rising."""

    values: Tensor

    @classmethod
    def rising(cls, values: Tensor) -> TableCurve:
        """The curve through ``values``, lifted where it would be flat near black or fall."""
        ramp = torch.linspace(0, 1, len(values), dtype=torch.float64)
        lifted = torch.maximum(values.double(), ramp * MIN_SLOPE)
        return cls(torch.cummax(lifted, 0).values)

    def _end_slope(self) -> float:
        last = len(self.values) - 1
        back = max(1, last // 64)  # a slope over the last sixty-fourth is free of the table's rounding
        return max(float(self.values[last] - self.values[last - back]) * last / back, MIN_SLOPE)

    def decode(self, stored: Tensor) -> Tensor:
        size, table = stored.abs(), self.values.to(stored.dtype)
        place = size.clamp(max=1) * (len(table) - 1)
        low = place.long().clamp_(max=len(table) - 2)
        inside = torch.lerp(table[low], table[low + 1], place - low)
        return torch.copysign(inside + (size - 1).clamp_(min=0) * self._end_slope(), stored)

    def encode(self, linear: Tensor) -> Tensor:
        size, table = linear.abs(), self.values.to(linear.dtype)
        high = torch.searchsorted(table, size.clamp(max=float(table[-1]))).clamp_(1, len(table) - 1)
        low_value, high_value = table[high - 1], table[high]
        part = ((size - low_value) / (high_value - low_value).clamp_(min=1e-12)).clamp_(0, 1)
        inside = (high - 1 + part) / (len(table) - 1)
        return torch.copysign(inside + (size - table[-1]).clamp_(min=0) / self._end_slope(), linear)


SRGB: Final = PowerCurve(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""IEC 61966-2-1."""
