"""``restore upscale``: enlarge photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from restore.cli import options as opt
from restore.cli.common import Asked, over_photos
from restore.cli.words import parse_level, parse_size
from restore.errors import ConfigError

if TYPE_CHECKING:
    from restore.cli.order import Order
    from restore.inference.upscale import Target
    from restore.tasks import Condition

Project = Annotated[
    bool | None,
    typer.Option(
        "--project/--no-project",
        help="Make the result, shrunk again, agree with the photo. Default: with detail, if the photo is clean.",
        show_default=False,
        rich_help_panel=opt.DETAIL_PANEL,
    ),
]


@over_photos
def upscale(
    asked: Asked,
    *,
    scale: Annotated[
        float | None,
        typer.Option(
            "-x",
            "--scale",
            metavar="2|3|4|1.5",
            help="Default: 4 up to 4 megapixels, 2 beyond.",
            rich_help_panel=opt.SIZE_PANEL,
        ),
    ] = None,
    long_side: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Pixels of the longer side.", rich_help_panel=opt.SIZE_PANEL)
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WxH", help="Largest width and height; the shape is kept.", rich_help_panel=opt.SIZE_PANEL
        ),
    ] = None,
    noise: opt.Noise = None,
    jpeg: Annotated[
        str | None,
        typer.Option(
            metavar="auto|1..100",
            help="JPEG quality to undo; auto: from the file; 100: none.",
            rich_help_panel=opt.REPAIR_PANEL,
        ),
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Nothing is wrong: --noise 0 --jpeg 100.", rich_help_panel=opt.REPAIR_PANEL)
    ] = False,
    detail: opt.Detail = None,
    project: Project = None,
    evidence: opt.Evidence = None,
    weights: opt.WeightsName = None,
    model_size: opt.Size = opt.ModelSize.FAST,
) -> Order:
    """Enlarge photos, undoing light noise and JPEG damage.

    photo.jpg becomes photo_x4.jpg beside it; album/ -o out/ fills out/ with the same names in the same folders.
    """
    from restore.cli.order import Look, Order

    return Order(
        where=asked.where,
        target=target_of(scale, long_side, size),
        condition=_condition(noise, jpeg, clean=clean),
        look=Look(detail=detail, project=project),
        writing=asked.writing,
        machine=asked.machine([weights] if weights else [], model_size),
        evidence=evidence,
        dry_run=asked.dry_run,
        report=asked.report,
    )


def target_of(scale: float | None, long_side: int | None, size: str | None) -> Target:
    """How large; ConfigError for several sizes at once, or one that cannot be."""
    from restore.inference.upscale import LARGEST_SCALE, Target

    if scale is not None and not 1 < scale <= LARGEST_SCALE:
        raise ConfigError(f"--scale is over 1 and at most {LARGEST_SCALE:g}, like 2, 3, 4 or 1.5; got {scale:g}")
    if sum(asked is not None for asked in (scale, long_side, size)) > 1:
        raise ConfigError("give one of --scale, --long-side and --size, not several")
    return Target(scale=scale, long_side=long_side, size=None if size is None else parse_size(size))


def _condition(noise: str | None, jpeg: str | None, *, clean: bool) -> Condition:
    from restore.tasks import CLEAN, Condition

    if clean:
        if noise is not None or jpeg is not None:
            raise ConfigError("--clean means --noise 0 --jpeg 100; leave it out to give other values")
        return CLEAN
    return Condition(
        noise=parse_level("--noise", noise or "auto", 0, 50), jpeg=parse_level("--jpeg", jpeg or "auto", 1, 100)
    )
