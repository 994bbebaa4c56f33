"""``restore run``: apply any weights, your own ones first of all."""

from __future__ import annotations

from typing import Annotated

import typer

from restore.cli import options as opt
from restore.cli.guard import guarded
from restore.cli.words import parse_memory, read_list


def run(
    paths: opt.Paths = None,
    *,
    model: Annotated[
        str, typer.Option("--model", metavar="FILE", help="Weights to apply: a file of yours, or a bundled name.")
    ],
    output: opt.Output = None,
    image_format: opt.Format = None,
    quality: opt.Quality = None,
    depth: opt.Depth = None,
    strip: opt.Strip = opt.StripWord.NONE,
    template: opt.Template = "{stem}_{what}{ext}",
    overwrite: opt.Overwrite = False,
    recursive: opt.Recursive = True,
    include: opt.Include = None,
    exclude: opt.Exclude = None,
    from_list: opt.FromList = None,
    device: opt.DeviceName = "auto",
    threads: opt.Threads = None,
    max_memory: opt.MaxMemory = None,
    max_megapixels: opt.MaxMegapixels = 200.0,
    tile: opt.Tile = None,
    as_json: opt.AsJson = False,
    dry_run: opt.DryRun = False,
    report: opt.ReportFile = None,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Apply weights to photos, whatever they were trained for: restore run album/ --model mine.safetensors -o out/

    photo.jpg becomes photo_mine.jpg beside it; the task and the scale are the weights' own.
    """
    with guarded(verbose=verbose):
        from restore.cli.order import Look, Machine, Order, Where, carry_out
        from restore.cli.talk import Talk
        from restore.inference.translate import weights_name
        from restore.inference.upscale import Target
        from restore.io.write import WriteOptions
        from restore.models.weights import find_weights
        from restore.tasks import BLIND

        where = Where(
            inputs=(*(paths or ()), *(read_list(from_list) if from_list else ())),
            output=output,
            template=template,
            recursive=recursive,
            include=tuple(include or ()),
            exclude=tuple(exclude or ()),
        )
        weights = find_weights(model)
        scale = weights.card.scale
        order = Order(
            where=where,
            task=weights.card.task,
            what=weights_name(weights.path),
            target=Target(scale=scale) if scale > 1 else Target(),
            condition=BLIND,
            look=Look(detail=0.0),
            writing=WriteOptions(
                format=image_format, quality=quality, depth=depth, strip=strip.value, overwrite=overwrite
            ),
            machine=Machine(
                device=device,
                threads=threads,
                max_memory=None if max_memory is None else parse_memory(max_memory),
                max_megapixels=max_megapixels,
                tile=tile,
                weights=model,
            ),
            dry_run=dry_run,
            report=report,
        )
        talk = Talk(quiet=quiet, verbose=verbose, as_json=as_json, picture_on_stdout=where.to_stdout)
        if code := carry_out(order, talk):
            raise typer.Exit(code)
