"""A recipe done again: the steps that a result says it was made by, with the very numbers that were told."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.inference.chain import whole_report, whole_share, with_grain
from restore.inference.clean import Cleaner
from restore.inference.device import Device
from restore.inference.own_weights import by_task
from restore.inference.recipe import recipe_from, weights_digest
from restore.inference.steps import VERBS
from restore.inference.upscale import Enlargement, Report, Target, Upscaler
from restore.inference.verbs import Fix, Verb
from restore.io.photo import Photo
from restore.io.recipe import Recipe
from restore.models.weights import bundled_weights, find_weights
from restore.ops.tile import Progress, no_progress
from restore.tasks import Condition

OTHER_PHOTO: Final = "not the photo that the recipe was made with"
_BLIND: Final = "blind"
_NO_AGAIN: Final[Mapping[str, str]] = {
    "inpaint": "fills holes, and the mask is not in the recipe; use restore inpaint PHOTO --mask MASK, or restore "
    "repair PHOTO --no-auto --mask MASK",
    "tone": "belongs to restore repair, which looks at the photo anew; use restore repair PHOTO",
    "translate": "was made by a model of somebody's own; use restore run PHOTO --model FILE",
}
"""Steps that a recipe does not hold all of, and what does them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One step of a recipe, as numbers."""

    kind: str
    """clean, upscale or grain."""
    verb: Verb | None = None
    amount: float
    """A strength, a factor or grey levels."""
    condition: Condition
    detail: float = 0.0
    grain: float = 0.0
    seed: int | None = None
    projected: bool = False
    done: tuple[str, ...] = ()
    """Of several things that were done in one pass: which."""
    covered: float | None = None
    """Share of the photo that a mask left to be worked on."""
    ensemble: int = 1
    """The mean of so many ways for the photo to lie."""


def replay_of(step: str) -> Replay:
    """What a step of a recipe says; ConfigError for one that cannot be done again from the recipe alone.

    >>> replay_of("denoise:40 noise=18 jpeg=42").condition
    Condition(noise=18.0, jpeg=42.0, blur=0.0, angle=None)
    """
    head, *words = step.split(" ")
    name, _, amount = head.partition(":")
    told = dict(word.split("=", 1) for word in words)
    parts = name.split("+")
    if name in _NO_AGAIN:
        raise ConfigError(f"the step {step!r} cannot be done again from the recipe: it {_NO_AGAIN[name]}")
    clean = all(part in VERBS for part in parts) or name == "clean"
    known = {"noise", "jpeg", "blur", "angle", "detail", "grain", "seed", "project", "mask", "ensemble"}
    if not (clean or name in {"upscale", "grain"}) or not amount or not told.keys() <= known:
        raise ConfigError(f"the step {step!r} is not one that this version knows; a newer restore may have written it")
    verb = next((each for each in VERBS if parts == [each]), None)

    def number(word: str, other: float) -> float:
        return float(told.get(word, other))

    return Replay(
        kind="clean" if clean else name,
        verb=verb,
        done=tuple(parts) if len(parts) > 1 else (),
        amount=float(amount),
        condition=_condition(told),
        detail=number("detail", 0.0),
        grain=number("grain", 0.0),
        seed=int(told["seed"]) if "seed" in told else None,
        projected="project" in told,
        covered=number("mask", 0.0) if "mask" in told else None,
        ensemble=int(told.get("ensemble", "1")),
    )


def _condition(told: Mapping[str, str]) -> Condition:
    """What is left out was told as clean, see :func:`restore.inference.recipe.step_of`."""

    def part(name: str, clean: float) -> float | None:
        text = told.get(name)
        return clean if text is None else None if text == _BLIND else float(text)

    return Condition(
        noise=part("noise", 0.0),
        jpeg=part("jpeg", 100.0),
        blur=part("blur", 0.0),
        angle=float(told["angle"]) if "angle" in told else None,
    )


class Repeater:
    """Does a recipe again; each network is loaded once and kept.

    ``weights`` are files to look in for those of the recipe, beside the bundled ones; ``anyway``: others will do.
    Raises ConfigError for a recipe that cannot be repeated, WeightsError where its weights are not at hand, and
    DeviceError.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        device: Device,
        weights: Sequence[str | Path] = (),
        anyway: bool = False,
        max_memory: int | None = None,
        tile: int | None = None,
    ) -> None:
        self.recipe = recipe
        self.steps = tuple(replay_of(step) for step in recipe.steps)
        self.masked = any(step.covered is not None for step in self.steps)
        if not anyway:
            _check_weights(recipe, weights)
        own = by_task(weights, ("clean", "upscale"), {step.kind for step in self.steps})
        device = replace(device, ensemble=max(step.ensemble for step in self.steps))
        limits = {"device": device, "max_memory": max_memory, "tile": tile}
        cleans = any(step.kind == "clean" for step in self.steps)
        self._cleaner = Cleaner(weights=own.get("clean"), **limits) if cleans else None  # type: ignore[arg-type]
        self._upscalers = {
            place: Upscaler(
                weights=own.get("upscale"),
                detail=step.detail,
                project=step.projected,
                **limits,  # type: ignore[arg-type]
            )
            for place, step in enumerate(self.steps)
            if step.kind == "upscale"
        }

    def plan(self, height: int, width: int) -> Enlargement:
        """What will become of a photo of that size; ConfigError when it cannot be enlarged so."""
        plan = Enlargement(1.0, (), height, width, ())
        for place, step in enumerate(self.steps):
            if step.kind == "upscale":
                enlarged = self._upscalers[place].plan(height, width, Target(scale=step.amount))
                plan = replace(enlarged, weights=(*plan.weights, *enlarged.weights))
            elif step.kind == "clean" and self._cleaner is not None:
                plan = replace(plan, weights=(*plan.weights, self._cleaner.name))
        return replace(plan, notes=(self.recipe.words, *plan.notes))

    @torch.no_grad()
    def __call__(
        self, photo: Photo, progress: Progress = no_progress, *, area: Tensor | None = None, version: str
    ) -> tuple[Photo, Report]:
        """The photo after all steps, and what was done: the same, to the byte, where photo, weights and version are.

        What differs is noted. ``area`` (1,1,H,W) in [0,1] stands for the mask of the recipe: ConfigError where it had
        one and none is given, or the other way round. ``progress`` is told the share that is done, 0 to 1.
        """
        if (area is not None) != self.masked:
            missing = "worked within a mask, which is not in it; give it with --mask or --protect"
            raise ConfigError(f"{photo.name}: the recipe {missing if self.masked else 'had no mask; leave yours out'}")
        started = time.perf_counter()
        result = photo
        reports: list[Report] = []
        for place, step in enumerate(self.steps):
            watch = partial(whole_share, progress, place, len(self.steps))
            first = len(self.steps) == 1
            result, report = self._do(place, step, result if first else replace(result, notes=()), photo, area, watch)
            reports.append(report)
        report = reports[0] if len(reports) == 1 else whole_report(photo, result, reports, started)
        notes = self._differences(photo, report, version)
        return replace(result, notes=photo.notes), replace(report, notes=(*report.notes, *notes))

    def _do(  # noqa: PLR0917 - one caller, right above
        self, place: int, step: Replay, photo: Photo, first: Photo, area: Tensor | None, progress: Progress
    ) -> tuple[Photo, Report]:
        if step.kind == "grain":
            return with_grain(photo, first, step.amount)
        if step.kind == "upscale":
            return self._upscalers[place](photo, Target(scale=step.amount), step.condition, progress)
        assert self._cleaner is not None
        fix = Fix(verb=step.verb, strength=step.amount, grain=step.grain, seed=step.seed, detail=step.detail)
        within = area if step.covered is not None else None
        result, report = self._cleaner(photo, fix, step.condition, area=within, progress=progress)
        return result, replace(report, done=step.done)

    def _differences(self, photo: Photo, report: Report, version: str) -> list[str]:
        """What is not as the recipe has it."""
        made, notes = recipe_from(report, version), []
        if self.recipe.input is not None and photo.sha256 != self.recipe.input:
            notes.append(OTHER_PHOTO)
        elif made is not None and made.steps != self.recipe.steps:
            notes.append(f"the recipe has {', '.join(self.recipe.steps)}; done was {', '.join(made.steps)}")
        if made is not None and set(made.weights) != set(self.recipe.weights):
            notes.append("made with other weights than the recipe's")
        if version != self.recipe.version:
            notes.append(f"the recipe is of restore {self.recipe.version}, this is {version}")
        return notes


def _check_weights(recipe: Recipe, own: Sequence[str | Path]) -> None:
    """WeightsError unless the files of the recipe are among the bundled ones or those that were named."""
    paths = [*(weights.path for weights in bundled_weights()), *(find_weights(name).path for name in own)]
    beside = [other for path in paths for other in path.parent.glob(f"{path.stem}*.safetensors")]
    at_hand = {weights_digest(path) for path in {*paths, *beside}}
    for words in recipe.weights:
        name, _, digest = words.partition(" ")
        if digest and digest not in at_hand:
            raise WeightsError(
                f"the recipe was made with weights {name} of {digest}, which are not at hand: the bundled ones have "
                "changed, or they were somebody's own; name the file with --weights, or take those of this version "
                "with --anyway"
            )
