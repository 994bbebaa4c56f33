"""An old print mended: damage filled, noise and blur taken out, fading undone; each only where it is needed."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.inference.auto import Decision, auto_restore, decision_for
from restore.inference.clean import Cleaner, seed_of
from restore.inference.detect import TASK as FINDING
from restore.inference.detect import Detector, Search
from restore.inference.device import Device
from restore.inference.fill import DEFAULT_REGRAIN, MOSTLY, Filler, give_grain
from restore.inference.fill import TASK as FILLING
from restore.inference.inspect import inspect, round_blur
from restore.inference.kinds import with_result
from restore.inference.own_weights import bundled_for, by_task
from restore.inference.upscale import Enlargement, Report
from restore.io.photo import Photo
from restore.ops.fade import fade_of, unfaded
from restore.ops.regrain import check_share
from restore.ops.strength import FULL
from restore.ops.tile import Progress, no_progress

TASK: Final = "repair"
FOUND, OWN, TONE = "mask", "own mask", "tone"
"""Steps of a repair in its report, beside ``inpaint`` and ``auto``."""
NOTHING_TO_DO: Final = "nothing to do"
NOT_CLEANED: Final = (
    "not cleaned: this version of restore brings no clean weights of that size; --weights FILE gives some"
)
DOUBT: Final = "white is filled, black is kept"
_STAGES: Final = 3
_UNSEEN: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """What is done to a print. ConfigError for a strength out of range."""

    search: Search | None = field(default_factory=Search)
    """What counts as damage; None: nothing is looked for, and the mask that is given is all."""
    regrain: float = DEFAULT_REGRAIN
    """How much of the grain around them fillings get, 0 to 100."""
    clean: bool = True
    """Whether noise, JPEG damage and blur are taken out where they are found."""
    tone: float | None = None
    """How much of the fading is undone, 0 (it is not looked at) to 100; None: gently, and only where there is any."""

    def __post_init__(self) -> None:
        check_share(self.regrain)
        if self.tone is not None and not 0 <= self.tone <= FULL:
            raise ConfigError(f"tone is auto, off, or a number from 0 to {FULL:g}, got {self.tone:g}")


class Mender:
    """Mends prints; the networks that ``mend`` needs are loaded once and kept.

    ``weights`` are names or paths to use instead of bundled ones, for scratch, inpaint or clean, as the card of each
    says. Without clean weights prints are not cleaned, and the report says so; the others are needed. Raises
    WeightsError, ConfigError for weights that nothing needs, DeviceError.
    """

    def __init__(
        self,
        mend: Mend | None = None,
        *,
        device: str | Device = "auto",
        size: str = "fast",
        weights: Sequence[str | Path] = (),
        max_memory: int | None = None,
        tile: int | None = None,
    ) -> None:
        self.mend = mend = mend or Mend()
        needed = {FILLING} | ({FINDING} if mend.search else set()) | ({"clean"} if mend.clean else set())
        own = by_task(weights, (FINDING, FILLING, "clean"), needed)
        machine: dict[str, Any] = {"device": device, "size": size, "max_memory": max_memory, "tile": tile}
        self._detector = _detector(own.get(FINDING), machine) if mend.search else None
        self._filler = Filler(weights=own.get(FILLING), **machine)
        cleans = mend.clean and ("clean" in own or bundled_for("clean", size) is not None)
        self._cleaner = Cleaner(weights=own.get("clean"), **machine) if cleans else None

    def plan(self, height: int, width: int) -> Enlargement:
        """What will become of a photo of that size."""
        parts = (self._detector, self._filler, self._cleaner)
        names = tuple(part.name for part in parts if part is not None)
        return Enlargement(1.0, names, height, width, (*self._lacking, "is looked at first, then decided"))

    @torch.no_grad()
    def __call__(
        self, photo: Photo, own: Tensor | None = None, *, progress: Progress = no_progress
    ) -> tuple[Photo, Report, Tensor]:
        """The photo mended, what was done, and the mask (1,1,H,W) of 0 and 1 that was filled.

        ``own`` (1,1,H,W): what a person has marked, from half on; it is filled beside what is found. Where nothing is
        filled, cleaned or undone the result equals the photo to the bit. ``progress`` is told the share that is done.
        Raises ConfigError for a mask of another size or one that leaves nothing, DeviceError.
        """
        started = time.perf_counter()
        bare = replace(photo, notes=())
        mask, steps = self._mask(bare, own, partial(_stage, progress, 0))
        result, filled = self._filler(bare, mask, regrain=0, doubt=DOUBT, progress=partial(_stage, progress, 1))
        steps.append(replace(filled, notes=()))
        covers_most = filled.notes[:1] if (filled.covered or 0) > MOSTLY else ()
        if self._cleaner is not None:
            decision = _what_to_clean(bare, result, filled=bool(filled.covered))
            result, cleaned = auto_restore(
                self._cleaner, result, decision=decision, progress=partial(_stage, progress, 2)
            )
            steps.append(replace(cleaned, notes=()))
        if filled.covered and self.mend.regrain:  # like what is left around them when all is cleaned
            result = replace(result, pixels=result.pixels.clone())
            give_grain(result.pixels[None], mask, self.mend.regrain, seed_of(photo))
            steps = [replace(step, regrain=self.mend.regrain) if step.task == FILLING else step for step in steps]
        if self.mend.tone != 0:
            result, toned = self._toned(result, mask)
            steps.append(toned)
        progress(1.0)
        same = torch.equal(result.pixels, photo.pixels)
        notes = (*photo.notes, *self._lacking, *covers_most, *([NOTHING_TO_DO] if same else []))
        report = replace(
            _report(photo, TASK, started),
            weights=tuple(dict.fromkeys(name for step in steps for name in step.weights)),
            files=tuple(dict.fromkeys(path for step in steps for path in step.files)),
            consistency_db=math.inf if same else None,
            drift=0.0 if same else None,
            covered=filled.covered,
            steps=tuple(steps),
            notes=notes,
        )
        return replace(result, notes=photo.notes), report, mask

    @property
    def _lacking(self) -> tuple[str, ...]:
        return (NOT_CLEANED,) if self.mend.clean and self._cleaner is None else ()

    def _mask(self, photo: Photo, own: Tensor | None, progress: Progress) -> tuple[Tensor, list[Report]]:
        """What is to be filled, and how much of it was found and how much was given."""
        mask = torch.zeros(1, 1, photo.height, photo.width)
        steps = []
        if self._detector is not None:
            started = time.perf_counter()
            mask = self._detector.mask(photo, self.mend.search, progress=progress)
            found = float(mask.double().mean())
            report = replace(_report(photo, FOUND, started), weights=(self._detector.name,), covered=found)
            steps.append(replace(report, files=self._detector.files))
        if own is not None:
            if own.shape != mask.shape:
                raise ConfigError(f"a mask for {photo.width}x{photo.height} pixels has {tuple(own.shape)}")
            marked = (own >= 0.5).to(mask)
            steps.append(replace(_report(photo, OWN, time.perf_counter()), covered=float(marked.double().mean())))
            mask = torch.maximum(mask, marked)
        return mask, steps

    def _toned(self, photo: Photo, mask: Tensor) -> tuple[Photo, Report]:
        """The photo with its fading undone, by what it shows outside of holes and of what is transparent."""
        started = time.perf_counter()
        known = 1 - mask
        if photo.alpha is not None:
            known = known * (photo.alpha >= _UNSEEN)
        source = photo.pixels[None]
        fade = fade_of(source.clamp(0, 1), known)
        strength = 0.0 if fade is None else fade.strength if self.mend.tone is None else self.mend.tone
        result = photo
        if fade is not None and strength:
            result = with_result(photo, unfaded(source, fade, strength))
        return result, replace(_report(photo, TONE, started), strength=strength, fade=fade)


def _what_to_clean(photo: Photo, filled_photo: Photo, *, filled: bool) -> Decision:
    """What the print needs, once its holes are filled.

    Noise and JPEG damage are measured before that: they are looked for where the picture is plain, where scratches are
    not, and a filling is smoother than the print. Blur is measured afterwards: it is looked for at the sharpest edges,
    which are those of scratches, and a soft print with scratches would pass for a sharp one. A movement is what both
    show: fillings, and scratches, have stripes of their own.
    """
    findings = inspect(photo)
    if filled and (findings.movement is None or inspect(filled_photo).movement is None):
        findings = replace(findings, blur=round_blur(filled_photo.pixels), movement=None, shaken=False)
    return decision_for(findings)


def _detector(own: str | Path | None, machine: dict[str, Any]) -> Detector:
    """WeightsError also says how to do without one."""
    try:
        return Detector(weights=own, **machine)
    except WeightsError as error:
        if own is not None:
            raise
        raise WeightsError(f"{error}; or mark the damage yourself: --mask FILE --no-auto") from error


def _report(photo: Photo, task: str, started: float) -> Report:
    """Of one step, as far as it is the same for all."""
    return Report(
        task=task,
        factor=1.0,
        weights=(),
        source_height=photo.height,
        source_width=photo.width,
        height=photo.height,
        width=photo.width,
        consistency_db=None,
        drift=None,
        seconds=time.perf_counter() - started,
        notes=(),
    )


def _stage(progress: Progress, stage: int, share: float) -> None:
    progress((stage + share) / _STAGES)
