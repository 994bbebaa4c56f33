"""``restore mask``: a picture of what is damaged, to be looked at, corrected, and filled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import options as opt
from restore.cli.common import Asked, over_photos

if TYPE_CHECKING:
    from restore.cli.order import Order

WHAT: Final = "mask"
FIND_PANEL: Final = "What is found"


@over_photos
def mask(
    asked: Asked,
    *,
    sensitivity: Annotated[
        float,
        typer.Option(
            min=0,
            max=100,
            metavar="0..100",
            help="How readily something counts as damage; 0: only what is certain.",
            rich_help_panel=FIND_PANEL,
        ),
    ] = 50.0,
    grow: Annotated[
        int,
        typer.Option(
            min=0, max=100, metavar="PX", help="Mark so many pixels around it too.", rich_help_panel=FIND_PANEL
        ),
    ] = 2,
    mask_file: Annotated[
        Path | None,
        typer.Option(
            "--mask",
            metavar="FILE|DIR",
            help="Add what is white in this picture; a folder holds one per photo, by name.",
            rich_help_panel=FIND_PANEL,
        ),
    ] = None,
    weights: opt.WeightsName = None,
    model_size: opt.Size = opt.ModelSize.FAST,
) -> Order:
    """Find scratches, dust, creases and tears: restore mask scan.jpg -o mask.png

    scan.jpg gets scan_mask.png beside it, black, and white where the photo is damaged. Correct it in any paint program,
    and fill what is white with restore inpaint scan.jpg --mask scan_mask.png
    """
    from restore.cli.order import Order
    from restore.errors import ConfigError
    from restore.inference.detect import Search
    from restore.inference.masks import Masks
    from restore.io.formats import format_named

    if asked.image_format is not None and format_named(asked.image_format) != "PNG":
        raise ConfigError(
            f"--format {asked.image_format}: a mask is written as PNG, which keeps it exact; leave it out"
        )
    return Order(
        where=asked.where,
        task="mask",
        what=WHAT,
        search=Search(sensitivity=sensitivity, grow=grow),
        masks=Masks(mask=mask_file),
        writing=replace(asked.writing, format="png"),
        machine=asked.machine([weights] if weights else [], model_size),
        dry_run=asked.dry_run,
        report=asked.report,
    )
