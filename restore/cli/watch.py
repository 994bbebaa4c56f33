"""``restore watch``: restore photos as they come into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import options as opt
from restore.cli.clean import WHAT
from restore.cli.common import Asked
from restore.cli.guard import guarded
from restore.cli.words import parse_duration
from restore.errors import ConfigError

if TYPE_CHECKING:
    from restore.cli.order import Order
    from restore.inference.verbs import Verb

WATCH_PANEL: Final = "How it watches"


class Do(StrEnum):
    """What is done to each photo: the verb of that name."""

    AUTO = "auto"
    DENOISE = "denoise"
    DEJPEG = "dejpeg"
    DEBLUR = "deblur"
    UPSCALE = "upscale"


CLEANING: Final[Mapping[Do, Verb]] = {Do.DENOISE: "denoise", Do.DEJPEG: "dejpeg", Do.DEBLUR: "deblur"}


def watch(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Where photos come in; folders within it too.")],
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="DIR", help="Folder of the results, and of the journal.")
    ],
    *,
    do: Annotated[Do, typer.Option("--do", help="What is done to each photo.")] = Do.AUTO,
    strength: Annotated[
        float | None, typer.Option(min=0, max=100, metavar="0..100", help="Of every verb but upscale; 100 if left out.")
    ] = None,
    scale: Annotated[float | None, typer.Option("-x", "--scale", metavar="2|3|4|1.5", help="Of upscale.")] = None,
    detail: Annotated[
        float | None,
        typer.Option(min=0, max=100, metavar="0..100", help="Of upscale and deblur: texture that is invented."),
    ] = None,
    every: Annotated[str, typer.Option(metavar="TIME", help="How often to look.", rich_help_panel=WATCH_PANEL)] = "2s",
    settle: Annotated[
        str,
        typer.Option(metavar="TIME", help="A file is complete when so long unchanged.", rich_help_panel=WATCH_PANEL),
    ] = "5s",
    once: Annotated[
        bool, typer.Option("--once", help="Do what is complete now, and end.", rich_help_panel=WATCH_PANEL)
    ] = False,
    image_format: opt.Format = None,
    quality: opt.Quality = None,
    depth: opt.Depth = None,
    strip: opt.Strip = opt.StripWord.NONE,
    overwrite: opt.Overwrite = False,
    recursive: opt.Recursive = True,
    include: opt.Include = None,
    exclude: opt.Exclude = None,
    device: opt.DeviceName = "auto",
    threads: opt.Threads = None,
    max_memory: opt.MaxMemory = None,
    max_megapixels: opt.MaxMegapixels = 200.0,
    timeout: opt.Timeout = None,
    weights: opt.WeightsName = None,
    model_size: opt.Size = opt.ModelSize.FAST,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Restore photos as they arrive: restore watch incoming/ -o out/

    A photo is taken once it is complete. What is done stays done after a restart; Ctrl-C ends it.
    """
    asked = Asked(
        paths=[folder],
        output=output,
        image_format=image_format,
        quality=quality,
        depth=depth,
        strip=strip,
        overwrite=overwrite,
        recursive=recursive,
        include=include,
        exclude=exclude,
        resume=True,
        device=device,
        threads=threads,
        max_memory=max_memory,
        max_megapixels=max_megapixels,
        timeout=timeout,
    )
    with guarded(verbose=verbose):
        pace = {"every_s": parse_duration(every), "settle_s": parse_duration(settle)}
        if "-" in (folder, output):
            raise ConfigError("restore watch needs two folders; - (stdin or stdout) is none")
        order = _order(asked, do, strength, scale, detail, weights, model_size)
        order = replace(order, machine=replace(order.machine, apart=True))  # nobody is there when a decoder dies

        from restore.cli.talk import Talk
        from restore.cli.watching import Clock, Pace, watch_folder

        talk = Talk(quiet=quiet, verbose=verbose, as_json=as_json)
        if code := watch_folder(order, talk, Pace(**pace, once=once), Clock()):
            raise typer.Exit(code)


def _order(  # noqa: PLR0917 - one caller, right above
    asked: Asked,
    do: Do,
    strength: float | None,
    scale: float | None,
    detail: float | None,
    weights: str | None,
    model_size: opt.ModelSize,
) -> Order:
    """The order that the verb itself would give, so that both go on with each other's jobs."""
    from restore.cli.order import Look, Order
    from restore.cli.upscale import target_of
    from restore.inference.verbs import Fix

    machine = asked.machine([weights] if weights else [], model_size)
    if do is Do.UPSCALE:
        if strength is not None:
            raise ConfigError("--strength is for the other verbs; --detail says how much upscale invents")
        target = target_of(scale, None, None)
        return Order(where=asked.where, target=target, look=Look(detail=detail), writing=asked.writing, machine=machine)
    verb = CLEANING.get(do)
    if scale is not None or (detail is not None and verb != "deblur"):
        raise ConfigError("-x is for --do upscale, --detail for that and for --do deblur")
    task, what = ("auto", "restored") if verb is None else ("clean", WHAT[verb])
    fix = Fix(verb=verb, strength=100.0 if strength is None else strength, detail=detail or 0.0)
    return Order(where=asked.where, task=task, what=what, fix=fix, writing=asked.writing, machine=machine)
