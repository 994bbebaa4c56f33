"""The table of tasks: what each one's condition means, what its results owe to the photo, which scales there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError

NOISE_UNIT: Final = 50.0
"""A noise level of this many grey levels fills the condition map with 1."""
QUALITY_UNIT: Final = 100.0


@dataclass(frozen=True, slots=True)
class Condition:
    """What is known to be wrong with a photo. ``None`` means unknown: the network judges for itself."""

    noise: float | None = None
    """Standard deviation of the noise in grey levels, 0 to 50."""
    jpeg: float | None = None
    """JPEG quality, 1 to 100; 100 means never compressed."""

    def __post_init__(self) -> None:
        if self.noise is not None and not 0 <= self.noise <= NOISE_UNIT:
            raise ConfigError(f"noise level must be 0 to {NOISE_UNIT:g} grey levels, got {self.noise:g}")
        if self.jpeg is not None and not 1 <= self.jpeg <= QUALITY_UNIT:
            raise ConfigError(f"JPEG quality must be 1 to 100, got {self.jpeg:g}")

    def maps(self) -> Tensor:
        """(1,4,1,1) float32: noise, whether it is known, JPEG damage, whether it is known; each in [0,1]."""
        noise = 0.0 if self.noise is None else self.noise / NOISE_UNIT
        damage = 0.0 if self.jpeg is None else 1 - self.jpeg / QUALITY_UNIT
        known = (float(self.noise is not None), float(self.jpeg is not None))
        return torch.tensor([noise, known[0], damage, known[1]]).view(1, 4, 1, 1)


CLEAN: Final = Condition(noise=0.0, jpeg=100.0)
"""Nothing is wrong: classical super-resolution."""
BLIND: Final = Condition()
"""Nothing is known."""


def condition_maps(condition: Condition, channels: int) -> Tensor:
    """(1,channels,1,1) float32: ``condition`` for a network that takes so many condition maps; none for 0.

    ConfigError when no task has so many.

    >>> [condition_maps(CLEAN, channels).shape[1] for channels in (0, 4)]
    [0, 4]
    """
    if channels == 0:
        return torch.zeros(1, 0, 1, 1)
    maps = condition.maps()
    if channels != maps.shape[1]:
        raise ConfigError(f"a network takes 0 or {maps.shape[1]} condition maps, not {channels}")
    return maps


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
    needs_pairs: bool = False
    """Whether only pairs can teach it: no damage can be made from good photos alone."""
    summary: str

    def maps(self, condition: Condition) -> Tensor:
        """(1,condition_channels,1,1) float32: what a network of this task is told about ``condition``."""
        return condition_maps(condition, self.condition_channels)


TASKS: Final[Mapping[str, Task]] = {
    "upscale": Task(
        name="upscale", scales=(2, 3, 4), condition_channels=4, summary="enlarge, and undo light noise and JPEG damage"
    ),
    "translate": Task(
        name="translate",
        scales=(1,),
        condition_channels=0,
        faithful=False,
        needs_pairs=True,
        summary="turn pictures of one kind into another kind, as your own pairs show",
    ),
}


def find_task(name: str) -> Task:
    """The row called ``name``; ConfigError names the known ones."""
    if name not in TASKS:
        raise ConfigError(f"unknown task {name!r}; known: {', '.join(TASKS)}")
    return TASKS[name]
