"""``restore inpaint``: fill holes, and leave every other pixel as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import options as opt
from restore.cli.common import Asked, over_photos

if TYPE_CHECKING:
    from restore.cli.order import Order

WHAT: Final = "inpainted"
HOLE_PANEL: Final = "What is filled"


@over_photos
def inpaint(
    asked: Asked,
    *,
    mask: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|DIR|alpha",
            help="Fill where this picture is white. A folder holds one per photo, by name; "
            "alpha: what is transparent in the photo.",
            rich_help_panel=HOLE_PANEL,
        ),
    ] = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            "--box", metavar="X,Y,W,H", help="A rectangle in pixels; may be repeated.", rich_help_panel=HOLE_PANEL
        ),
    ] = None,
    color: Annotated[
        list[str] | None,
        typer.Option(
            "--color",
            metavar="#RRGGBB",
            help="What was painted over in this colour; may be repeated.",
            rich_help_panel=HOLE_PANEL,
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=255,
            metavar="0..255",
            help="Grey levels that --color may be off, as JPEG moves it. Default: 40.",
            rich_help_panel=HOLE_PANEL,
        ),
    ] = None,
    grow: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100,
            metavar="PX",
            help="Make the holes larger by so many pixels. Default: 2 for --color, else 0.",
            rich_help_panel=HOLE_PANEL,
        ),
    ] = None,
    feather: Annotated[
        int,
        typer.Option(
            min=0,
            max=100,
            metavar="PX",
            help="Fade the filling in over so many pixels, inside the hole.",
            rich_help_panel=HOLE_PANEL,
        ),
    ] = 0,
    regrain: opt.Regrain = None,
    invert: Annotated[
        bool, typer.Option("--invert", help="Fill what is black in the mask.", rich_help_panel=HOLE_PANEL)
    ] = False,
    fit_mask: Annotated[
        bool,
        typer.Option("--fit-mask", help="Stretch a mask to the size of its photo.", rich_help_panel=HOLE_PANEL),
    ] = False,
    save_mask: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.png|DIR",
            help="Write what was filled as a picture; a folder for several photos.",
            rich_help_panel=HOLE_PANEL,
        ),
    ] = None,
    weights: opt.WeightsName = None,
    model_size: opt.Size = opt.ModelSize.FAST,
) -> Order:
    """Fill scratches, dust, text and small things: restore inpaint photo.jpg --mask hole.png

    photo.jpg becomes photo_inpainted.jpg beside it. What is not covered stays as it is to the last bit.
    """
    from restore.cli.order import Order
    from restore.cli.work import Filling
    from restore.errors import ConfigError
    from restore.inference.fill import DEFAULT_REGRAIN
    from restore.inference.fill_mask import ALPHA, DEFAULT_TOLERANCE, FillMask, parse_area, parse_colour

    if tolerance is not None and not color:
        raise ConfigError('--tolerance is for a colour; add --color "#ff0000", or leave it out')
    hole = FillMask(
        mask=None if mask is None or mask == ALPHA else Path(mask),
        alpha=mask == ALPHA,
        areas=tuple(map(parse_area, box or ())),
        colours=tuple(map(parse_colour, color or ())),
        tolerance=DEFAULT_TOLERANCE if tolerance is None else tolerance,
        grow=grow,
        invert=invert,
        fit=fit_mask,
    )
    return Order(
        where=asked.where,
        task="inpaint",
        what=WHAT,
        filling=Filling(
            hole=hole,
            feather=feather,
            regrain=DEFAULT_REGRAIN if regrain is None else regrain,
            save_mask=save_mask,
        ),
        writing=asked.writing,
        machine=asked.machine([weights] if weights else [], model_size),
        dry_run=asked.dry_run,
        report=asked.report,
    )
