"""``restore denoise``, ``restore dejpeg`` and ``restore deblur``: take damage out at the photo's own size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import options as opt
from restore.cli.common import Asked, over_photos
from restore.cli.words import parse_level
from restore.errors import ConfigError

if TYPE_CHECKING:
    from restore.cli.order import Order
    from restore.inference.masks import Masks
    from restore.inference.verbs import Fix, Verb
    from restore.tasks import Condition

WHAT: Final[Mapping[str, str]] = {"denoise": "denoised", "dejpeg": "dejpegged", "deblur": "deblurred"}
"""What stands for each verb in the names of results."""


@over_photos
def denoise(
    asked: Asked,
    *,
    noise: opt.Noise = None,
    strength: opt.Strength = 100.0,
    mask: opt.Mask = None,
    protect: opt.Protect = None,
    grain: opt.Grain = 0.0,
    seed: opt.Seed = None,
    evidence: opt.Evidence = None,
    weights: opt.WeightsName = None,
    model_size: opt.Size = opt.ModelSize.FAST,
) -> Order:
    """Take noise out of photos: restore denoise photo.jpg --strength 40

    photo.jpg becomes photo_denoised.jpg beside it. The noise is measured; blur is left as it is.
    """
    from restore.tasks import Condition

    known = Condition(noise=parse_level("--noise", noise or "auto", 0, 50))
    fix, masks = _fix("denoise", strength, grain, seed), _masks(mask, protect)
    return _order(asked, fix, masks, known, evidence, weights, model_size)


@over_photos
def dejpeg(
    asked: Asked,
    *,
    quality_was: Annotated[
        str | None,
        typer.Option(
            metavar="auto|1..100",
            help="JPEG quality to undo; auto: as the file tells, else the network judges.",
            rich_help_panel=opt.REPAIR_PANEL,
        ),
    ] = None,
    strength: opt.Strength = 100.0,
    mask: opt.Mask = None,
    protect: opt.Protect = None,
    grain: opt.Grain = 0.0,
    seed: opt.Seed = None,
    evidence: opt.Evidence = None,
    weights: opt.WeightsName = None,
    model_size: opt.Size = opt.ModelSize.FAST,
) -> Order:
    """Take JPEG damage out of photos: restore dejpeg album/ -o out/

    photo.jpg becomes photo_dejpegged.jpg beside it. Noise and blur are left as they are.
    """
    from restore.tasks import Condition

    known = Condition(jpeg=parse_level("--quality-was", quality_was or "auto", 1, 100))
    fix, masks = _fix("dejpeg", strength, grain, seed), _masks(mask, protect)
    return _order(asked, fix, masks, known, evidence, weights, model_size)


@over_photos
def deblur(
    asked: Asked,
    *,
    blur: Annotated[
        str | None,
        typer.Option(
            metavar="auto|0..4",
            help="Standard deviation of the blur in pixels; auto: measured.",
            rich_help_panel=opt.REPAIR_PANEL,
        ),
    ] = None,
    motion: Annotated[
        float | None,
        typer.Option(
            metavar="PX",
            help="Instead: the camera moved, and left streaks so long (1 to 19); needs --angle.",
            rich_help_panel=opt.REPAIR_PANEL,
        ),
    ] = None,
    angle: Annotated[
        float | None,
        typer.Option(
            metavar="DEGREES",
            help="Direction of the streaks: 0 level, 45 rising to the right, 90 upright.",
            rich_help_panel=opt.REPAIR_PANEL,
        ),
    ] = None,
    detail: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            metavar="0..100",
            help="Texture that the photo does not hold: 0 none, 100 most.",
            rich_help_panel=opt.DETAIL_PANEL,
        ),
    ] = 0.0,
    strength: opt.Strength = 100.0,
    mask: opt.Mask = None,
    protect: opt.Protect = None,
    grain: opt.Grain = 0.0,
    seed: opt.Seed = None,
    evidence: opt.Evidence = None,
    weights: opt.WeightsName = None,
    model_size: opt.Size = opt.ModelSize.FAST,
) -> Order:
    """Sharpen photos that are a little blurred: restore deblur scan.tif

    scan.tif becomes scan_deblurred.tif beside it. Noise that is measured goes too, since it would be sharpened.
    """
    from restore.tasks import Condition

    if (motion is None) != (angle is None) or (motion is not None and blur is not None):
        raise ConfigError("a movement is given by --motion PX and --angle DEGREES, both of them and without --blur")
    if motion is not None and angle is not None:
        known = Condition.of_motion(motion, angle)
    else:
        known = Condition(blur=parse_level("--blur", blur or "auto", 0, 4))
    fix, masks = replace(_fix("deblur", strength, grain, seed), detail=detail), _masks(mask, protect)
    return _order(asked, fix, masks, known, evidence, weights, model_size)


def _fix(verb: Verb, strength: float, grain: float, seed: int | None) -> Fix:
    from restore.inference.verbs import Fix

    if seed is not None and not grain:
        raise ConfigError("--seed is for the grain; add --grain N, or leave it out")
    return Fix(verb=verb, strength=strength, grain=grain, seed=seed)


def _masks(mask: Path | None, protect: Path | None) -> Masks:
    from restore.inference.masks import Masks

    return Masks(mask=mask, protect=protect)


def _order(  # noqa: PLR0917 - three callers, right above
    asked: Asked,
    fix: Fix,
    masks: Masks,
    known: Condition,
    evidence: str | None,
    weights: str | None,
    model_size: opt.ModelSize,
) -> Order:
    from restore.cli.order import Order

    return Order(
        where=asked.where,
        task="clean",
        what=WHAT[str(fix.verb)],
        condition=known,
        fix=fix,
        masks=masks,
        writing=asked.writing,
        machine=asked.machine([weights] if weights else [], model_size),
        evidence=evidence,
        dry_run=asked.dry_run,
        report=asked.report,
    )
