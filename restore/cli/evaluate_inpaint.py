"""What ``restore eval inpaint`` measures: a network that fills holes, a classical way, or the start alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from restore.cli.evaluate_files import DataSet, Trial, plan_trials
from restore.errors import ConfigError, WeightsError
from restore.inference.device import Device
from restore.inference.evaluate import Method
from restore.inference.fill import DEFAULT_REGRAIN, TASK, Filler, filling_weights
from restore.inference.inpaint_rules import find_masks, gray_source, inpaint_rules, parts_of
from restore.inference.rules import INPUT
from restore.io.classical_fill import WAYS, check_way, fill_classically
from restore.io.photo import Photo
from restore.metrics import biharmonic
from restore.models.weights import Weights, bundled_weights

CLASSICAL: Final = (*WAYS, biharmonic.NAME)
"""In place of weights: ways that have learnt nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillSubject:
    """What is measured beside the smooth filling."""

    methods: tuple[Method, ...]
    facts: dict[str, str | None]
    """For the report; None where there is no network."""


def plan_filling(
    sets: Sequence[DataSet],
    masks: Path | None,
    weights: str | None,
    *,
    device: Device,
    grains: Sequence[float] | None = None,
) -> tuple[dict[str, str | None], tuple[Trial, ...], list[tuple[Method, ...]]]:
    """What goes into the report, every set by every bin of holes, and what is measured in each.

    A network is measured with each of ``grains``, see :class:`restore.inference.fill.Filler`; None: the usual one.
    Raises ImageError and ConfigError for masks that cannot be used, and WeightsError.
    """
    if masks is None:
        raise ConfigError("inpaint must be told the holes to cut; add --masks FOLDER")
    subject = load_filling(weights, device=device, grains=grains)
    found = find_masks(masks)
    trials = tuple(trial for one in sets for trial in plan_trials([one], inpaint_rules(one.photos, found)))
    return subject.facts, trials, [subject.methods] * len(trials)


def load_filling(weights: str | None, *, device: Device, grains: Sequence[float] | None = None) -> FillSubject:
    """The weights asked for, one of ``CLASSICAL``, or "input" for nothing; the bundled ones for None.

    Raises WeightsError, and ConfigError for a way that this OpenCV does not have, or for grain in it.
    """
    if grains is not None and weights is not None and weights in (INPUT, *CLASSICAL):
        raise ConfigError(f"--regrain is for what a network fills, not for {weights}; leave it out")
    facts: dict[str, str | None] = dict.fromkeys(
        ("weights", "sha256", "detail_weights", "detail_sha256", "condition", "device")
    )
    if weights == INPUT:
        return FillSubject(methods=(), facts=facts)
    if weights is not None and weights in CLASSICAL:
        return FillSubject(methods=(Method(name=weights, restore=_classical(weights)),), facts=facts)
    card = _found(weights).card
    filler = Filler(device=device, weights=_found(weights).path)
    facts |= {"weights": card.name, "sha256": card.sha256, "device": device.name}
    methods = tuple(
        Method(name=device.called(_name(card.name, grain)), restore=_as_the_verb(filler, grain))
        for grain in grains or (DEFAULT_REGRAIN,)
    )
    return FillSubject(methods=methods, facts=facts)


def _name(weights: str, grain: float) -> str:
    """Of a row: the weights with what is usual, or how they were used."""
    return weights if grain == DEFAULT_REGRAIN else f"{weights} regrain {grain:g}"


def _found(weights: str | None) -> Weights:
    if weights is not None:
        return filling_weights("fast", weights)
    if all(one.card.task != TASK for one in bundled_weights()):
        raise WeightsError(
            "no weights for inpaint are bundled; give your own with --weights FILE (`restore train inpaint` makes "
            f"them), or --weights {', '.join((INPUT, *CLASSICAL[:-1]))} or {CLASSICAL[-1]} to measure without any"
        )
    return filling_weights("fast", None)


def _as_the_verb(filler: Filler, grain: float) -> Callable[[Tensor], Tensor]:
    """What ``restore inpaint`` makes of a file that keeps every pixel."""

    def fill(source: Tensor) -> Tensor:
        image, hole = parts_of(source)
        gray = gray_source(source)
        photo = Photo(pixels=image[0], alpha=None, gray=gray, depth=8, format="PNG", mode="L" if gray else "RGB")
        return filler(photo, hole, regrain=grain)[0].pixels[None]

    return fill


def _classical(way: str) -> Callable[[Tensor], Tensor]:
    if way == biharmonic.NAME:
        return lambda source: biharmonic.fill_biharmonically(*parts_of(source))
    check_way(way)

    def fill(source: Tensor) -> Tensor:
        image, hole = parts_of(source)
        pixels = (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        filled = torch.from_numpy(fill_classically(pixels, hole[0, 0].numpy() > 0, way)).permute(2, 0, 1)[None] / 255
        return torch.where(hole > 0, filled, image)

    return fill
