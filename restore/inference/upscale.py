"""One photo enlarged to any size, with all that its file held."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.inference.device import Device, choose_device
from restore.inference.inspect import condition_of
from restore.inference.kinds import with_result
from restore.inference.networks import Networks
from restore.io.photo import Photo
from restore.ops.consistency import colour_drift, consistency, project
from restore.ops.evidence import unsupported_share
from restore.ops.fade import Fade
from restore.ops.resize import resized
from restore.ops.tile import Progress, no_progress
from restore.tasks import BLIND, CLEAN, Condition

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
    scales: tuple[int, ...] = ()
    """Of the networks, in the same order."""
    detail: float = 0.0
    """How much detail the networks invent, 0 to 100."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was done to one photo and how faithful it is."""

    task: str = "upscale"
    factor: float
    weights: tuple[str, ...]
    source_height: int
    source_width: int
    height: int
    width: int
    consistency_db: float | None
    """PSNR of the result, shrunk again, against the photo: how well the result explains the input. None where the
    result is to be another picture."""
    drift: float | None
    """Largest change of a channel's mean, in grey levels of 255; None likewise."""
    seconds: float
    notes: tuple[str, ...]
    condition: Condition = BLIND
    """What the network was told is wrong with the photo."""
    detail: float = 0.0
    """How much detail the networks invented, 0 to 100."""
    projected: bool = False
    """Whether the result was made to agree with the photo, see :func:`restore.ops.consistency.project`."""
    unsupported_share: float | None = None
    """How much of the local contrast the photo does not support, 0 to 1, see
    :func:`restore.ops.evidence.unsupported_share`; None where it was not measured."""
    strength: float | None = None
    """How much of the result was kept, 0 to 100; None where that cannot be chosen."""
    explained: float | None = None
    """Share of the change that the damage in ``condition`` explains, 0 to 1, see
    :func:`restore.ops.explain.explained_share`; None where nothing changed, or some damage is unknown."""
    covered: float | None = None
    """Share of the photo that masks left to be worked on, 0 to 1; None without masks."""
    grain: float = 0.0
    """Grain that was added, in grey levels."""
    regrain: float | None = None
    """Percent of the grain around them that fillings got; None where nothing was filled."""
    grain_seed: int | None = None
    """What it was drawn from; None: the photo itself."""
    files: tuple[Path, ...] = ()
    """The weights files that did it."""
    ensemble: int = 1
    """The mean of so many ways for the photo to lie, see :class:`restore.inference.device.Device`."""
    steps: tuple[Report, ...] = ()
    """Of a chain of steps: what each of them did."""
    done: tuple[str, ...] = ()
    """What was chosen to be done, where the photo itself was to decide."""
    found: str | None = None
    """What was found wrong with the photo, in words, where that decided."""
    fade: Fade | None = None
    """Where its black and white were, if they were looked at."""


class Upscaler:
    """Enlarges photos; networks are loaded when first needed and kept.

    ``weights`` names one network (bundled name or path) instead of the bundled ones of ``size``; ``max_memory`` bounds
    the bytes of the working tiles. ``detail``, 0 to 100, blends fidelity weights (0: nothing is invented) with detail
    weights (100: most texture); None is ``networks.DEFAULT_DETAIL``, or 0 with ``weights`` of one's own and where there
    are no detail weights. In a chain (x8 is x4, then x2) every network works with it: each invents the octaves that it
    adds, and x8 shrunk by two looks like x4 with the same detail. In the last network alone it would change nearly
    nothing: the picture that it gets has no texture to go on with.

    ``project`` makes the result agree with the photo when it is shrunk again. That is right for a clean photo only,
    since noise and JPEG damage would be put back. None: where detail was invented and nothing is wrong with the photo.

    Raises ConfigError, WeightsError and DeviceError.
    """

    def __init__(
        self,
        *,
        device: str | Device = "auto",
        size: str = "fast",
        max_memory: int | None = None,
        tile: int | None = None,
        weights: str | Path | None = None,
        detail: float | None = None,
        project: bool | None = None,
    ) -> None:
        self.device = device if isinstance(device, Device) else choose_device(device)
        self._project = project
        self._networks = Networks(
            self.device, size=size, weights=weights, detail=detail, max_memory=max_memory, tile=tile
        )

    def plan(self, height: int, width: int, target: Target) -> Enlargement:
        """How a photo of that size gets to the target.

        Raises ConfigError when it cannot, WeightsError when detail was asked for and a network on the way has none.
        """
        factor = target.factor(height, width)
        notes = []
        if target == Target() and factor == AUTO_SCALE_LARGE:
            notes.append(f"over {AUTO_LIMIT_MEGAPIXELS:g} megapixels, so x{AUTO_SCALE_LARGE}; -x {AUTO_SCALE} for more")
        if target.size is not None and abs(target.size[0] / width - target.size[1] / height) > 1 / min(height, width):
            notes.append("fitted into the size, shape kept")
        scales = self._networks.chain(factor)
        return Enlargement(
            factor=factor,
            weights=tuple(self._networks.name(scale) for scale in scales),
            height=max(round(height * factor), 1),
            width=max(round(width * factor), 1),
            notes=tuple(notes),
            scales=scales,
            detail=self._networks.detail_for(scales),
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
            condition = condition_of(photo, blur=False)
        condition = condition.rounded()
        source = photo.pixels[None]
        restored = self._restored(source, plan, condition, progress)
        empty = self._networks.restorer(plan.scales[-1], plan.detail).empty
        pixels = resized(restored, plan.height, plan.width, empty)
        del restored
        projected = self._projects(plan, condition)
        if projected:
            project(pixels, source, empty=empty)
        result = with_result(photo, pixels)
        report = Report(
            factor=plan.factor,
            weights=plan.weights,
            source_height=photo.height,
            source_width=photo.width,
            height=plan.height,
            width=plan.width,
            consistency_db=consistency(result.pixels[None], source),
            drift=colour_drift(result.pixels[None], source),
            unsupported_share=unsupported_share(source, result.pixels[None]),
            seconds=time.perf_counter() - started,
            notes=(*photo.notes, *plan.notes),
            condition=condition,
            detail=plan.detail,
            projected=projected,
            files=self._networks.files(plan.scales, plan.detail),
            ensemble=self.device.ensemble,
        )
        return result, report

    def _restored(self, source: Tensor, plan: Enlargement, condition: Condition, progress: Progress) -> Tensor:
        """Through the networks of the plan; what the first has repaired is clean for the others."""
        pixels = source
        for stage, scale in enumerate(plan.scales):
            watch = partial(_whole_share, progress, stage, len(plan.scales))
            restorer = self._networks.restorer(scale, plan.detail)
            pixels = restorer.restore(pixels, CLEAN if stage else condition, progress=watch)
        return pixels

    def _projects(self, plan: Enlargement, condition: Condition) -> bool:
        if self._project is not None:
            return self._project
        return plan.detail > 0 and (condition.noise, condition.jpeg) == (CLEAN.noise, CLEAN.jpeg)


def _whole_share(progress: Progress, stage: int, stages: int, share: float) -> None:
    progress((stage + share) / stages)
