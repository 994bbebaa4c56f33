"""Look at a photo, decide what it needs, and do only that: all in one pass of the cleaning network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from torch import Tensor

from restore.inference.clean import Cleaner
from restore.inference.inspect import Findings, inspect
from restore.inference.upscale import Report
from restore.inference.verbs import Fix
from restore.io.photo import Photo
from restore.ops.strength import FULL
from restore.ops.tile import Progress, no_progress
from restore.tasks import CLEAN, Condition

TASK: Final = "auto"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was found, and what follows from it."""

    findings: Findings
    steps: tuple[str, ...]
    """Of dejpeg, denoise and deblur, those that are needed; none for a photo with nothing much wrong."""
    condition: Condition
    """What the network is told: damage that no step is for is told as clean, so that it stays as it is."""


def decide(photo: Photo) -> Decision:
    """Measure the photo and choose, see :func:`decision_for`."""
    return decision_for(inspect(photo))


def decision_for(findings: Findings) -> Decision:
    """What follows from what was found.

    Each step tells the network what its verb would, see :func:`restore.inference.verbs.told`, and the whole is done in
    one pass: to take noise out, the network has to know of the JPEG that has smoothed it, and to sharpen, of both.
    """
    steps, measured = findings.suggested, findings.condition
    noisy, soft = "denoise" in steps, "deblur" in steps
    condition = Condition(
        noise=measured.noise if noisy or soft else CLEAN.noise,
        jpeg=measured.jpeg if steps else CLEAN.jpeg,
        blur=measured.blur if soft else CLEAN.blur,
        angle=measured.angle if soft else None,
    )
    return Decision(findings, steps, condition)


def auto_restore(
    cleaner: Cleaner,
    photo: Photo,
    strength: float = FULL,
    *,
    area: Tensor | None = None,
    decision: Decision | None = None,
    progress: Progress = no_progress,
) -> tuple[Photo, Report]:
    """The photo with what is wrong with it taken out, and what was done; unchanged if nothing is.

    ``decision``: what was decided already; None: it is decided here. ``strength``, ``area`` and errors as for
    :class:`restore.inference.clean.Cleaner`.
    """
    decision = decision or decide(photo)
    result, report = cleaner(photo, Fix(strength=strength), decision.condition, area=area, progress=progress)
    found = decision.findings.words
    notes = report.notes if decision.steps else (*photo.notes, f"nothing needed: {found}")
    return result, replace(report, task=TASK, done=decision.steps, found=found, notes=notes)
