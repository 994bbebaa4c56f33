"""One photo enlarged to any size, with all that its file held."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from restore.errors import ConfigError, WeightsError
from restore.inference.device import Device, choose_device
from restore.inference.inspect import condition_of
from restore.inference.kinds import with_result
from restore.inference.restorer import Restorer
from restore.io.photo import Photo
from restore.models.weights import bundled_weights, find_weights
from restore.ops.consistency import colour_drift, consistency
from restore.ops.resize import resize
from restore.ops.tile import Progress, no_progress
from restore.tasks import BLIND, Condition

AUTO_SCALE, AUTO_SCALE_LARGE = 4, 2
AUTO_LIMIT_MEGAPIXELS = 4.0
"""Up to here a photo is enlarged four times, beyond it twice, when nobody asks for a size."""
LARGEST_SCALE = 8.0
_SAME = 1e-9
"""Two scales that differ by less are one."""


@dataclass(frozen=True, slots=True)
class Target:
    """The size asked for; at most one of the three. None of them: x4 up to 4 megapixels of input, x2 beyond."""

    scale: float | None = None
    """Output / input, over 1 and up to 8."""
    long_side: int | None = None
    """Pixels of the longer side of the result."""
    size: tuple[int, int] | None = None
    """(width, height) of a box that the result fits into; its shape is kept, so one side may stay below the box."""

    def __post_init__(self) -> None:
        if sum(part is not None for part in (self.scale, self.long_side, self.size)) > 1:
            raise ConfigError("give one of scale, long side and size, not several")

    def factor(self, height: int, width: int) -> float:
        """Output / input for a photo of that size; ConfigError when it is not an enlargement of up to 8 times."""
        if self.scale is not None:
            factor, asked = self.scale, f"scale {self.scale:g}"
        elif self.long_side is not None:
            factor, asked = self.long_side / max(height, width), f"long side {self.long_side}"
        elif self.size is not None:
            factor = min(self.size[0] / width, self.size[1] / height)
            asked = f"size {self.size[0]}x{self.size[1]}"
        else:
            small = height * width <= AUTO_LIMIT_MEGAPIXELS * 1e6
            return AUTO_SCALE if small else AUTO_SCALE_LARGE
        if not 1 + _SAME < factor <= LARGEST_SCALE + _SAME:
            raise ConfigError(
                f"{asked} is {factor:.3g} times a photo of {width}x{height}; "
                f"upscale enlarges by more than 1 and at most {LARGEST_SCALE:g} times"
            )
        return factor


@dataclass(frozen=True, slots=True)
class Enlargement:
    """How one photo will be enlarged."""

    factor: float
    weights: tuple[str, ...]
    """Networks to apply, one after the other; the last result is resized down if it is too large."""
    height: int
    width: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was done to one photo and how faithful it is."""

    factor: float
    weights: tuple[str, ...]
    source_height: int
    source_width: int
    height: int
    width: int
    consistency_db: float
    """PSNR of the result, shrunk again, against the photo: how well the result explains the input."""
    drift: float
    """Largest change of a channel's mean, in grey levels of 255."""
    seconds: float
    notes: tuple[str, ...]
    condition: Condition = BLIND
    """What the network was told is wrong with the photo."""


class Upscaler:
    """Enlarges photos; networks are loaded when first needed and kept.

    ``weights`` names one network (bundled name or path) instead of the bundled ones of ``size``; ``max_memory`` bounds
    the bytes of the working tiles. Raises WeightsError and DeviceError.
    """

    def __init__(
        self,
        *,
        device: str | Device = "auto",
        size: str = "fast",
        max_memory: int | None = None,
        tile: int | None = None,
        weights: str | Path | None = None,
    ) -> None:
        self.device = device if isinstance(device, Device) else choose_device(device)
        self._max_memory = max_memory
        self._tile = tile
        self._loaded: dict[str, Restorer] = {}
        self._names = _networks(size, weights)

    def plan(self, height: int, width: int, target: Target) -> Enlargement:
        """How a photo of that size gets to the target; ConfigError when it cannot."""
        factor = target.factor(height, width)
        notes = []
        if target == Target() and factor == AUTO_SCALE_LARGE:
            notes.append(f"over {AUTO_LIMIT_MEGAPIXELS:g} megapixels, so x{AUTO_SCALE_LARGE}; -x {AUTO_SCALE} for more")
        if target.size is not None and abs(target.size[0] / width - target.size[1] / height) > 1 / min(height, width):
            notes.append("fitted into the size, shape kept")
        names, reached = [], 1.0
        while reached + _SAME < factor:
            scale = self._nearest(factor / reached)
            names.append(self._names[scale])
            reached *= scale
        return Enlargement(
            factor, tuple(names), max(round(height * factor), 1), max(round(width * factor), 1), tuple(notes)
        )

    @torch.no_grad()
    def __call__(
        self,
        photo: Photo,
        target: Target | None = None,
        condition: Condition | None = None,
        progress: Progress = no_progress,
    ) -> tuple[Photo, Report]:
        """The photo enlarged, and what was done.

        ``condition`` None: measured, see :func:`condition_of`. ``progress`` is told the share that is done, 0 to 1.
        """
        started = time.perf_counter()
        plan = self.plan(photo.height, photo.width, target or Target())
        if condition is None:
            condition = condition_of(photo)
        told = condition
        source = photo.pixels[None]
        pixels = source
        for stage, name in enumerate(plan.weights):
            watch = partial(_whole_share, progress, stage, len(plan.weights))
            pixels = self._restorer(name).restore(pixels, condition, progress=watch)
            condition = Condition(noise=0.0, jpeg=100.0)
        result = with_result(photo, resize(pixels, plan.height, plan.width))
        report = Report(
            factor=plan.factor,
            weights=plan.weights,
            source_height=photo.height,
            source_width=photo.width,
            height=plan.height,
            width=plan.width,
            consistency_db=consistency(result.pixels[None], source),
            drift=colour_drift(result.pixels[None], source),
            seconds=time.perf_counter() - started,
            notes=(*photo.notes, *plan.notes),
            condition=told,
        )
        return result, report

    def _nearest(self, factor: float) -> int:
        """The smallest network that reaches the factor, else the largest there is."""
        reaching = [scale for scale in sorted(self._names) if scale + _SAME >= factor]
        return reaching[0] if reaching else max(self._names)

    def _restorer(self, name: str) -> Restorer:
        if name not in self._loaded:
            self._loaded[name] = Restorer(name, device=self.device, max_memory=self._max_memory, tile=self._tile)
        return self._loaded[name]


def _whole_share(progress: Progress, stage: int, stages: int, share: float) -> None:
    progress((stage + share) / stages)


def _networks(size: str, weights: str | Path | None) -> dict[int, str]:
    """Names or paths of the networks to use, by scale."""
    if weights is not None:
        card = find_weights(weights).card
        if card.task != "upscale":
            raise WeightsError(f"{weights}: these weights are for {card.task!r}, not for upscale")
        return {card.scale: str(weights)}
    found = {
        weights.card.scale: weights.card.name
        for weights in bundled_weights()
        if weights.card.task == "upscale" and weights.card.size == size
    }
    if not found:
        raise WeightsError(f"no bundled upscale weights of size {size!r}; see `restore models list`")
    return found
