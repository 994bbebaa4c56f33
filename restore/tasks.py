"""The table of tasks: what each one's condition means, what its results owe to the photo, which scales there are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.ops.blur import gaussian_kernels, motion_kernels, motion_length, spread_px
from restore.ops.degrade import quantisation_tables

NOISE_UNIT: Final = 50.0
"""A noise level of this many grey levels fills the condition map with 1."""
QUALITY_UNIT: Final = 100.0
BLUR_UNIT: Final = 4.0
"""A blur of this many pixels fills the condition map with 1."""
LONGEST_MOTION: Final = 19
"""Pixels: longer ones have a spread of more than ``BLUR_UNIT``."""
CONDITION_CHANNELS: Final = (0, 4, 6)
"""Numbers of maps that say a condition: none; noise and JPEG damage; these and blur. Two maps for each part."""
MASK_CHANNELS: Final = 1
"""The one map of a masked task is no condition: it is 1 where the picture is to be filled, 0 where it is known."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What is known to be wrong with a photo. ``None`` means unknown: the network judges for itself."""

    noise: float | None = None
    """Standard deviation of the noise in grey levels, 0 to 50."""
    jpeg: float | None = None
    """JPEG quality, 1 to 100; 100 means never compressed."""
    blur: float | None = None
    """Standard deviation of the blur in pixels, 0 to 4: the kernel's spread, whatever its shape."""
    angle: float | None = None
    """Direction in degrees of the straight movement that made the blur, from level, rising to the right; None: round
    kernels, or an unknown direction. Nothing without ``blur``."""

    def __post_init__(self) -> None:
        if self.noise is not None and not 0 <= self.noise <= NOISE_UNIT:
            raise ConfigError(f"noise level must be 0 to {NOISE_UNIT:g} grey levels, got {self.noise:g}")
        if self.jpeg is not None and not 1 <= self.jpeg <= QUALITY_UNIT:
            raise ConfigError(f"JPEG quality must be 1 to 100, got {self.jpeg:g}")
        if self.blur is not None and not 0 <= self.blur <= BLUR_UNIT:
            raise ConfigError(f"blur must be 0 to {BLUR_UNIT:g} pixels, got {self.blur:g}")
        if self.angle is not None and not -180 <= self.angle <= 180:
            raise ConfigError(f"the direction of a movement must be -180 to 180 degrees, got {self.angle:g}")

    def maps(self) -> Tensor:
        """(1,6,1,1) float32: noise, whether it is known, and likewise JPEG damage and blur; each in [0,1]."""
        damage = None if self.jpeg is None else QUALITY_UNIT - self.jpeg
        parts = ((self.noise, NOISE_UNIT), (damage, QUALITY_UNIT), (self.blur, BLUR_UNIT))
        values = [(0.0, 0.0) if part is None else (part / unit, 1.0) for part, unit in parts]
        return torch.tensor(values).view(1, 6, 1, 1)

    @classmethod
    def of_motion(cls, length: float, angle: float) -> Condition:
        """Blur alone: a straight movement of ``length`` pixels, 1 to 19, at ``angle`` degrees as above.

        >>> Condition.of_motion(9, 30)
        Condition(noise=None, jpeg=None, blur=1.84, angle=30)
        """
        if not 1 <= length <= LONGEST_MOTION:
            raise ConfigError(f"a movement must be 1 to {LONGEST_MOTION} pixels long, got {length:g}")
        kernels = motion_kernels(torch.tensor([float(length)]), torch.tensor([-math.radians(angle)]))
        return cls(blur=round(float(spread_px(kernels)), 2), angle=angle)

    def rounded(self) -> Condition:
        """With the digits that a recipe keeps: two behind the point, so that what is written down is what was told."""
        parts = (self.noise, self.jpeg, self.blur, self.angle)
        return Condition(*(None if part is None else round(part, 2) for part in parts))

    def steps(self) -> Tensor | None:
        """(8,8) grey levels: the steps that a JPEG's brightness was rounded to, where that is known to be all.

        None where noise or blur came before it, or may have: then the good picture need not be what was compressed.
        """
        if self.jpeg is None or self.jpeg >= QUALITY_UNIT or self.noise != 0 or self.blur != 0:
            return None
        return quantisation_tables(torch.tensor([self.jpeg]))[0, 0]

    def kernel(self) -> Tensor | None:
        """(1,21,21) of sum 1: what the photo was blurred with, as far as that is known; None for no or unknown blur."""
        if not self.blur:
            return None
        spread = torch.tensor([self.blur])
        if self.angle is None:
            return gaussian_kernels(spread)
        return motion_kernels(motion_length(spread), torch.tensor([-math.radians(self.angle)]))


CLEAN: Final = Condition(noise=0.0, jpeg=100.0, blur=0.0)
"""Nothing is wrong: classical super-resolution."""
BLIND: Final = Condition()
"""Nothing is known."""


def condition_maps(condition: Condition, channels: int) -> Tensor:
    """(1,channels,1,1) float32: ``condition`` for a network that takes so many condition maps; none for 0.

    ConfigError when no task has so many, and for the one map of a masked task, which no condition describes.

    >>> [condition_maps(CLEAN, channels).shape[1] for channels in CONDITION_CHANNELS]
    [0, 4, 6]
    """
    if channels == MASK_CHANNELS:
        raise ConfigError("this network is told a mask, not a condition: fill holes with it (restore inpaint)")
    if channels not in CONDITION_CHANNELS:
        known = ", ".join(map(str, CONDITION_CHANNELS[:-1]))
        raise ConfigError(f"a network takes {known} or {CONDITION_CHANNELS[-1]} condition maps, not {channels}")
    return condition.maps()[:, :channels]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One row of the table."""

    name: str
    scales: tuple[int, ...]
    """Scales that a network can be trained for."""
    condition_channels: int
    faithful: bool = True
    """Whether a result shows what its input shows: then the network predicts a residual on the input, broad colours are
    locked to the input's, and agreement with the input is measured. Off where it is to become another picture."""
    lock_reach: int = 2
    """Cells on each side over which broad colours are averaged before they are locked, see ops.lock."""
    masked: bool = False
    """Whether the one condition map is a mask, (B,1,H,W) float32 of exactly 0 (known) and 1 (to be filled). The picture
    is then prefilled (ops.prefill), and of a result only the holes are kept."""
    deconvolves: bool = False
    """Whether blur that is told has been undone by a linear filter (ops.deconvolve) in what the network gets."""
    detects: bool = False
    """Whether the result is no picture but one map of logits, (B,1,H,W): how sure it is that a pixel is damaged."""
    needs_pairs: bool = False
    """Whether only pairs can teach it: no damage can be made from good photos alone."""
    summary: str

    def maps(self, condition: Condition) -> Tensor:
        """(1,condition_channels,1,1) float32: what a network of this task is told about ``condition``.

        ConfigError for a masked task: a mask belongs to one picture and no condition stands for it.
        """
        if self.masked:
            raise ConfigError(f"{self.name} is told a mask for each picture, not a condition")
        return condition_maps(condition, self.condition_channels)

    def pair_maps(self) -> Tensor:
        """(1,condition_channels,1,1) float32: what a network is told about damaged photos that people bring."""
        return self.maps(BLIND if self.scales == (1,) else CLEAN)


TASKS: Final[Mapping[str, Task]] = {
    "upscale": Task(
        name="upscale", scales=(2, 3, 4), condition_channels=4, summary="enlarge, and undo light noise and JPEG damage"
    ),
    "clean": Task(
        name="clean",
        scales=(1,),
        condition_channels=6,
        lock_reach=4,
        deconvolves=True,
        summary="take away noise, JPEG damage and blur: what denoise, dejpeg and deblur do",
    ),
    "inpaint": Task(
        name="inpaint",
        scales=(1,),
        condition_channels=MASK_CHANNELS,
        masked=True,
        summary="fill holes: scratches, dust, text, cables, small objects",
    ),
    "translate": Task(
        name="translate",
        scales=(1,),
        condition_channels=0,
        faithful=False,
        needs_pairs=True,
        summary="turn pictures of one kind into another kind, as your own pairs show",
    ),
    "scratch": Task(
        name="scratch",
        scales=(1,),
        condition_channels=0,
        faithful=False,
        detects=True,
        summary="find scratches, dust, hairs, creases, cracks, mould and tears on old prints",
    ),
}


def find_task(name: str) -> Task:
    """The row called ``name``; ConfigError names the known ones."""
    if name not in TASKS:
        raise ConfigError(f"unknown task {name!r}; known: {', '.join(TASKS)}")
    return TASKS[name]
