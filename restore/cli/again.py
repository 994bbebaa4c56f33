"""``restore again``: what a result says was done to its photo, done again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import options as opt
from restore.cli.common import Asked, over_photos
from restore.errors import ConfigError

if TYPE_CHECKING:
    from restore.cli.order import Order

WHAT: Final = "again"


@over_photos
def again(
    asked: Asked,
    *,
    mask: opt.Mask = None,
    protect: opt.Protect = None,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="Use the weights of this version where the recipe's are not at hand."),
    ] = False,
    weights: Annotated[
        list[str] | None,
        typer.Option(
            "--weights",
            metavar="NAME|FILE",
            help="A network to look for the recipe's in; may be repeated.",
            rich_help_panel=opt.MACHINE_PANEL,
        ),
    ] = None,
) -> Order:
    """Repeat what was done: restore again RESULT [PHOTO...]

    The first path is a result of restore, or its sidecar (.xmp); its recipe says what was done. The others are photos
    to do it to; without any, the one that it was made from is looked for in that folder. photo.jpg becomes
    photo_again.jpg.
    """
    from restore.cli.order import Order
    from restore.cli.work import Again
    from restore.inference.again import replay_of
    from restore.inference.masks import Masks
    from restore.io.sidecar import find_photo, read_recipe

    if not asked.paths:
        raise ConfigError("name a result of restore, or its sidecar: restore again RESULT [PHOTO...]")
    source, photos = Path(asked.paths[0]), asked.paths[1:]
    recipe = read_recipe(source)
    for step in recipe.steps:
        replay_of(step)
    if not photos and not asked.from_list:
        photos = [str(find_photo(recipe, source))]
    asked = replace(asked, paths=photos)
    return Order(
        where=asked.where,
        task="again",
        what=WHAT,
        again=Again(recipe=recipe, anyway=anyway),
        masks=Masks(mask=mask, protect=protect),
        writing=asked.writing,
        machine=asked.machine(weights or []),
        dry_run=asked.dry_run,
        report=asked.report,
    )
