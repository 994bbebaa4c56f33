"""``restore run``: apply any weights, your own ones first of all; or take several steps with one load and one write."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from restore.cli import options as opt
from restore.cli.common import Asked, over_photos
from restore.errors import ConfigError

if TYPE_CHECKING:
    from restore.cli.order import Order


@over_photos
def run(
    asked: Asked,
    *,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="FILE", help="Weights to apply: a file of yours, or a bundled name."),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option(
            "--steps",
            metavar="LIST",
            help="Of dejpeg, denoise, deblur (:STRENGTH), upscale (:SCALE) and grain (:LEVELS), with commas: "
            "dejpeg,denoise:40,upscale:2",
        ),
    ] = None,
    mask: opt.Mask = None,
    protect: opt.Protect = None,
    evidence: opt.Evidence = None,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="NAME|FILE",
            help="For --steps: a network to use; may be repeated, its card says for which steps.",
            rich_help_panel=opt.MACHINE_PANEL,
        ),
    ] = None,
) -> Order:
    """Apply any weights to photos, or take several steps with one load and one write.

    restore run album/ --model mine.safetensors -o out/ does what the weights were trained for.

    restore run photo.jpg --steps dejpeg,denoise:40,upscale:2 makes photo_restored.jpg.
    """
    if (model is None) == (steps is None):
        raise ConfigError(
            "give --model FILE or --steps LIST" + (", not both" if steps else ", like --steps dejpeg,denoise:40")
        )
    if steps is not None:
        return _with_steps(asked, steps, mask, protect, evidence, weights or [])
    if mask or protect:
        raise ConfigError("--mask and --protect are for --steps; a model of its own works on the whole photo")
    if weights:
        raise ConfigError("--weights are for --steps; --model names its own")
    return _with_model(asked, str(model), evidence)


def _with_steps(  # noqa: PLR0917 - one caller, right above
    asked: Asked, steps: str, mask: Path | None, protect: Path | None, evidence: str | None, weights: list[str]
) -> Order:
    from restore.cli.order import Order
    from restore.inference.masks import Masks
    from restore.inference.steps import VERBS, parse_steps

    parsed = parse_steps(steps)
    if (mask or protect) and not any(step.name in VERBS for step in parsed):
        raise ConfigError(f"masks are for {', '.join(VERBS)}, and --steps {steps} has none of them; leave the mask out")
    return Order(
        where=asked.where,
        task="steps",
        what="restored",
        steps=parsed,
        masks=Masks(mask=mask, protect=protect),
        evidence=evidence,
        writing=asked.writing,
        machine=asked.machine(weights),
        dry_run=asked.dry_run,
        report=asked.report,
    )


def _with_model(asked: Asked, model: str, evidence: str | None) -> Order:
    from restore.cli.order import Look, Order
    from restore.inference.translate import weights_name
    from restore.inference.upscale import Target
    from restore.models.weights import find_weights
    from restore.tasks import find_task

    where = asked.where
    weights = find_weights(model)
    scale = weights.card.scale
    if evidence is not None and not find_task(weights.card.task).faithful:
        raise ConfigError(
            f"--evidence: {weights.card.task} is to make another picture, so nothing speaks for the photo"
        )
    return Order(
        where=where,
        task=weights.card.task,
        what=weights_name(weights.path),
        target=Target(scale=scale) if scale > 1 else Target(),
        look=Look(detail=0.0),
        evidence=evidence,
        writing=asked.writing,
        machine=asked.machine([model]),
        dry_run=asked.dry_run,
        report=asked.report,
    )
