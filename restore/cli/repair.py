"""``restore repair``: the one command that mends a scanned old print."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import options as opt
from restore.cli.common import Asked, over_photos
from restore.cli.words import parse_level
from restore.errors import ConfigError

if TYPE_CHECKING:
    from restore.cli.order import Order

WHAT: Final = "repaired"
DAMAGE_PANEL: Final = "What is filled"
AFTER_PANEL: Final = "What is done besides"


@over_photos
def repair(
    asked: Asked,
    *,
    mask: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="Fill what is white in this picture too; a folder holds one per photo, by name.",
            rich_help_panel=DAMAGE_PANEL,
        ),
    ] = None,
    auto: Annotated[
        bool,
        typer.Option(
            "--auto/--no-auto",
            help="Look for damage; without, only your --mask is filled.",
            rich_help_panel=DAMAGE_PANEL,
        ),
    ] = True,
    sensitivity: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            metavar="0..100",
            help="How readily something counts as damage; 0: only what is certain. Default: 50.",
            rich_help_panel=DAMAGE_PANEL,
        ),
    ] = None,
    grow: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100,
            metavar="PX",
            help="Fill so many pixels around what is found too. Default: 2.",
            rich_help_panel=DAMAGE_PANEL,
        ),
    ] = None,
    regrain: opt.Regrain = None,
    fit_mask: Annotated[
        bool,
        typer.Option("--fit-mask", help="Stretch a mask to the size of its photo.", rich_help_panel=DAMAGE_PANEL),
    ] = False,
    save_mask: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.png|DIR",
            help="Write what was filled as a picture, to be corrected and given back with --mask --no-auto.",
            rich_help_panel=DAMAGE_PANEL,
        ),
    ] = None,
    clean: Annotated[
        bool,
        typer.Option(
            "--clean/--no-clean",
            help="Take out noise, JPEG damage and blur where they are found.",
            rich_help_panel=AFTER_PANEL,
        ),
    ] = True,
    tone: Annotated[
        str,
        typer.Option(
            metavar="auto|off|0..100",
            help="Undo fading and casts; auto: gently, and only where there are any.",
            rich_help_panel=AFTER_PANEL,
        ),
    ] = "auto",
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="NAME|FILE",
            help="A network to use; may be repeated: for scratch, inpaint and clean, as its card says.",
            rich_help_panel=opt.MACHINE_PANEL,
        ),
    ] = None,
    model_size: opt.Size = opt.ModelSize.FAST,
) -> Order:
    """Mend scanned old prints: restore repair scan.jpg

    Finds scratches, dust, creases and tears and fills them, then takes out noise and blur and undoes fading, each only
    where it is needed. scan.jpg becomes scan_repaired.jpg beside it. Faces are not redrawn.
    """
    from restore.cli.order import Order
    from restore.cli.work import Mending
    from restore.inference.detect import DEFAULT_GROWTH_PX, DEFAULT_SENSITIVITY, Search
    from restore.inference.fill import DEFAULT_REGRAIN
    from restore.inference.fill_mask import FillMask
    from restore.inference.repair import Mend

    if not auto and mask is None:
        raise ConfigError("--no-auto fills only what you have marked; add --mask FILE, or leave --no-auto out")
    if not auto and (sensitivity is not None or grow is not None):
        raise ConfigError("--sensitivity and --grow are for what is found, and --no-auto finds nothing; leave them out")
    if fit_mask and mask is None:
        raise ConfigError("--fit-mask is for a mask; add --mask FILE")
    search = Search(
        sensitivity=DEFAULT_SENSITIVITY if sensitivity is None else sensitivity,
        grow=DEFAULT_GROWTH_PX if grow is None else grow,
    )
    return Order(
        where=asked.where,
        task="repair",
        what=WHAT,
        mending=Mending(
            mend=Mend(
                search=search if auto else None,
                regrain=DEFAULT_REGRAIN if regrain is None else regrain,
                clean=clean,
                tone=_tone(tone),
            ),
            own=None if mask is None else FillMask(mask=mask, fit=fit_mask),
            save_mask=save_mask,
        ),
        writing=asked.writing,
        machine=asked.machine(weights or [], model_size),
        dry_run=asked.dry_run,
        report=asked.report,
    )


def _tone(text: str) -> float | None:
    """How much of the fading is undone; None for "auto"."""
    if text.strip().lower() == "off":
        return 0.0
    try:
        return parse_level("--tone", text, 0, 100)
    except ConfigError as error:
        raise ConfigError(f"--tone is auto, off, or a number from 0 to 100; got {text!r}") from error
