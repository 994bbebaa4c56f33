"""Several steps on one photo in memory: one load, one write."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from restore.inference.clean import Cleaner, grained, seed_of
from restore.inference.device import Device
from restore.inference.own_weights import by_task
from restore.inference.steps import VERBS, Step, check_steps
from restore.inference.upscale import Enlargement, Report, Target, Upscaler
from restore.inference.verbs import NOTHING_FOUND, Fix, told
from restore.io.mapped import planes_like
from restore.io.photo import Photo
from restore.ops.consistency import colour_drift, consistency
from restore.ops.evidence import unsupported_share
from restore.ops.grain import middle_of
from restore.ops.tile import Progress, no_progress
from restore.tasks import BLIND, CLEAN, Condition


class Chain:
    """Does several steps to photos; each network is loaded once and kept.

    ``weights`` are names or paths to use instead of bundled ones; the card of each says which steps it is for. Raises
    ConfigError for steps that do not fit together or weights that no step needs; WeightsError and DeviceError.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        device: Device,
        size: str = "fast",
        weights: Sequence[str | Path] = (),
        max_memory: int | None = None,
        tile: int | None = None,
    ) -> None:
        check_steps(steps)
        self.steps = tuple(steps)
        needed = {"clean" if step.name in VERBS else step.name for step in steps}
        own = by_task(weights, ("clean", "upscale"), needed)
        cleans = any(step.name in VERBS for step in steps)
        enlarges = any(step.name == "upscale" for step in steps)
        self._cleaner = (
            Cleaner(device=device, size=size, weights=own.get("clean"), max_memory=max_memory, tile=tile)
            if cleans
            else None
        )
        self._upscaler = (
            Upscaler(device=device, size=size, weights=own.get("upscale"), max_memory=max_memory, tile=tile)
            if enlarges
            else None
        )

    def plan(self, height: int, width: int) -> Enlargement:
        """What will become of a photo of that size; ConfigError when it cannot be enlarged so."""
        plan = Enlargement(1.0, (), height, width, ())
        for step in self.steps:
            if step.name == "upscale" and self._upscaler is not None:
                enlarged = self._upscaler.plan(height, width, Target(scale=step.amount))
                plan = replace(enlarged, weights=(*plan.weights, *enlarged.weights))
            elif step.name in VERBS and self._cleaner is not None:
                plan = replace(plan, weights=(*plan.weights, self._cleaner.name))
        return replace(plan, notes=(*(step.words for step in self.steps), *plan.notes))

    @torch.no_grad()
    def __call__(
        self, photo: Photo, progress: Progress = no_progress, *, area: Tensor | None = None
    ) -> tuple[Photo, Report]:
        """The photo after all steps, and what each of them did.

        Damage that one step has been told of is not looked for by the next: what it left, it was asked to leave.
        ``area`` (1,1,H,W) in [0,1] is where dejpeg, denoise and deblur work; the other steps work everywhere.
        ``progress`` is told the share that is done, 0 to 1. Raises what the steps raise.
        """
        started = time.perf_counter()
        result = photo
        known = BLIND
        reports: list[Report] = []
        for place, step in enumerate(self.steps):
            watch = partial(whole_share, progress, place, len(self.steps))
            result, report = self._do(step, replace(result, notes=()), photo, known, area, watch)
            known = dealt_with(known, report)
            reports.append(report)
        whole = whole_report(photo, result, reports, started)
        return replace(result, notes=photo.notes), whole

    def _do(  # noqa: PLR0917 - one caller, right above
        self, step: Step, photo: Photo, first: Photo, known: Condition, area: Tensor | None, progress: Progress
    ) -> tuple[Photo, Report]:
        """One step; ``first`` is the photo before all steps."""
        if step.name == "grain":
            return with_grain(photo, first, step.amount or 0.0)
        if step.name == "upscale":
            assert self._upscaler is not None
            return self._upscaler(photo, Target(scale=step.amount), told(photo, None, known), progress)
        assert self._cleaner is not None
        strength = Fix().strength if step.amount is None else step.amount
        return self._cleaner(photo, Fix(verb=step.name, strength=strength), known, area=area, progress=progress)


def dealt_with(known: Condition, report: Report) -> Condition:
    """What is known of a photo after a step: all damage that the step was told of, or left to the network, is gone.

    What it was told is clean need not be so (dejpeg leaves noise alone): of that, no more is known than before.
    """
    if not report.weights:
        return known
    given = report.condition
    return Condition(
        noise=known.noise if given.noise == CLEAN.noise else CLEAN.noise,
        jpeg=known.jpeg if given.jpeg == CLEAN.jpeg else CLEAN.jpeg,
        blur=known.blur if given.blur == CLEAN.blur else CLEAN.blur,
        angle=known.angle if given.blur == CLEAN.blur else None,
    )


def with_grain(photo: Photo, first: Photo, grain: float) -> tuple[Photo, Report]:
    """Grain as coarse as what earlier steps took away, if the size is still the same."""
    started = time.perf_counter()
    same = first.pixels.shape == photo.pixels.shape
    removed = middle_of(first.pixels[None]) - middle_of(photo.pixels[None]) if same else None
    planes = planes_like(photo.pixels.data_ptr())
    result = grained(photo, grain, seed_of(first), like=removed, empty=lambda shape: torch.from_numpy(planes(shape)))
    report = Report(
        task="grain",
        factor=1.0,
        weights=(),
        source_height=photo.height,
        source_width=photo.width,
        height=photo.height,
        width=photo.width,
        consistency_db=None,
        drift=colour_drift(result.pixels[None], photo.pixels[None]),
        seconds=time.perf_counter() - started,
        notes=(),
        grain=grain,
    )
    return result, report


def whole_report(photo: Photo, result: Photo, reports: Sequence[Report], started: float) -> Report:
    """What was done by several steps, whose reports these are; ``started`` is when, by ``time.perf_counter``."""
    source = photo.pixels[None]
    return Report(
        task="restore",
        factor=math.prod(report.factor for report in reports),
        weights=tuple(dict.fromkeys(name for report in reports for name in report.weights)),
        source_height=photo.height,
        source_width=photo.width,
        height=result.height,
        width=result.width,
        consistency_db=consistency(result.pixels[None], source),
        drift=colour_drift(result.pixels[None], source),
        unsupported_share=unsupported_share(source, result.pixels[None]),
        covered=next((report.covered for report in reports if report.covered is not None), None),
        seconds=time.perf_counter() - started,
        notes=(*photo.notes, *_notes(reports)),
        files=tuple(dict.fromkeys(path for report in reports for path in report.files)),
        steps=tuple(reports),
    )


def _notes(reports: Sequence[Report]) -> list[str]:
    """What the steps noted; that one had nothing to do is no news among others, and its own row says it."""
    return [note for report in reports for note in report.notes if note not in NOTHING_FOUND.values()]


def whole_share(progress: Progress, stage: int, stages: int, share: float) -> None:
    """Tell the share of the whole that is done when so much of one stage is."""
    progress((stage + share) / stages)
