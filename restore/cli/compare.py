"""``restore compare``: two pictures, or two folders, as one HTML page with a slider."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from restore.cli import exit_codes
from restore.cli import options as opt
from restore.cli.guard import guarded
from restore.errors import ConfigError, ImageError, OutputError, RestoreError

if TYPE_CHECKING:
    from restore.cli.rows import Row
    from restore.inference.compare import Pair

Couple = tuple[Path, Path]


def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="A picture, or a folder of them.")],
    after: Annotated[
        Path, typer.Argument(metavar="AFTER", help="The same picture restored, or a folder with the same names.")
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.html", help="Default: beside AFTER, as AFTER_compare.html."),
    ] = None,
    max_side: Annotated[
        int, typer.Option(min=16, metavar="N", help="Pixels of the longer side on the page; figures are of the files.")
    ] = 2400,
    overwrite: opt.Overwrite = False,
    max_megapixels: opt.MaxMegapixels = 200.0,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Lay two pictures on each other, with a slider and figures: restore compare photo.jpg photo_x4.jpg -o slider.html

    The page is one file that opens offline. Sizes may differ, shapes may not. Two folders: pictures of equal names.
    """
    with guarded(verbose=verbose):
        from restore.cli.rows import Row, shown
        from restore.cli.talk import Talk
        from restore.inference.compare import compare_files
        from restore.inference.compare_page import compare_page
        from restore.inference.device import tune_allocator
        from restore.inference.pages import write_page
        from restore.io.walk import check_exists

        for path in (before, after):
            check_exists(path)
        target = output or _beside(after)
        _check_target(target, (before, after), overwrite=overwrite)
        talk = Talk(quiet=quiet, verbose=verbose, as_json=as_json)
        tune_allocator()
        couples = _couples(before, after)
        pairs: list[Pair] = []
        with talk.progress(len(couples)) as advance:
            for number, (first, second) in enumerate(couples):
                try:
                    pair = compare_files(first, second, max_side=max_side, max_megapixels=max_megapixels)
                except RestoreError as error:
                    if before.is_file():
                        raise
                    talk.row(Row("fail", f"{shown(first)}: {shown(str(error))}", _failed(first, second, error)))
                    continue
                pairs.append(pair)
                talk.row(_row(first, second, pair, target))
                advance(number + 1)
        if not pairs:
            raise typer.Exit(exit_codes.NOTHING_USABLE)
        title = f"{before.name} → {after.name}" if before.is_file() else f"{_named(before)} → {_named(after)}"
        write_page(target, compare_page(title, pairs))
        if not as_json:
            typer.echo(str(target))
        if len(pairs) < len(couples):
            raise typer.Exit(exit_codes.SOME_FAILED)


def _couples(before: Path, after: Path) -> list[Couple]:
    """Which pictures belong together; ends with code 4 where there are none, ConfigError for a file and a folder."""
    from restore.cli.rows import shown

    if before.is_dir() != after.is_dir():
        raise ConfigError(f"{before} and {after}: give two pictures or two folders, not one of each")
    if before.is_file():
        return [(before, after)]
    ours, theirs = _pictures(before), _pictures(after)
    couples = [(path, theirs[place]) for place, path in ours.items() if place in theirs]
    for path in (*(ours[place] for place in ours.keys() - theirs), *(theirs[place] for place in theirs.keys() - ours)):
        typer.echo(f"left alone, without a partner: {shown(path)}", err=True)
    if not couples:
        typer.echo(f"error: no picture in {shown(before)} has the name of one in {shown(after)}", err=True)
        raise typer.Exit(exit_codes.NOTHING_USABLE)
    return couples


def _pictures(folder: Path) -> dict[str, Path]:
    """The pictures of a folder and the folders in it by their place, in its order."""
    from restore.io.naming import OwnOutputs
    from restore.io.walk import Filter, walk

    found, _ = walk(folder, Filter(own_outputs=OwnOutputs("{stem}{ext}", "")))
    return {item.place.as_posix(): item.path for item in found}


def _beside(after: Path) -> Path:
    """Where the page goes when nobody says."""
    if after.is_file():
        return after.with_name(f"{after.stem}_compare.html")
    folder = after.resolve() if after.name in ("", "..") else after
    return folder.with_name(f"{folder.name}_compare.html")


def _check_target(target: Path, sources: tuple[Path, ...], *, overwrite: bool) -> None:
    """Refuse, before any work is done, a page that could destroy something or cannot be written."""
    from restore.io.write import exists_already

    if target.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{target}: the page is HTML; give -o a name that ends with .html")
    if target.resolve() in {source.resolve() for source in sources}:
        raise OutputError(f"{target}: the page would replace a picture; choose another name with -o")
    if target.exists() and not overwrite:
        raise exists_already(target)
    if not target.parent.is_dir():
        raise OutputError(f"{target}: there is no folder {str(target.parent)!r} for the page; make it first")


def _row(before: Path, after: Path, pair: Pair, page: Path) -> Row:
    from restore.cli.rows import Row, shown
    from restore.inference.compare_page import figures_in_words

    figures = pair.figures
    sizes = f"{pair.before.width}x{pair.before.height} → {pair.after.width}x{pair.after.height}"
    values: dict[str, object] = {
        "status": "ok",
        "before": str(before),
        "after": str(after),
        "page": str(page),
        "before_width": pair.before.width,
        "before_height": pair.before.height,
        "after_width": pair.after.width,
        "after_height": pair.after.height,
        "psnr" if pair.same_size else "consistency_db": _number(figures.agreement_db, 3),
        "ssim": _number(figures.ssim, 5),
        "colour_drift": _number(figures.drift, 3),
        "unsupported_share": _number(figures.unsupported, 4),
    }
    line = f"{shown(before)} → {shown(after)}  {', '.join([sizes, *figures_in_words(pair)])}"
    return Row("ok", line, values)


def _number(value: float | None, digits: int) -> float | None:
    """JSON knows no infinity; None stands for "equal", and for what was not measured."""
    return round(value, digits) if value is not None and math.isfinite(value) else None


def _failed(before: Path, after: Path, error: RestoreError) -> dict[str, object]:
    kind = "read" if isinstance(error, ImageError) else "compare"
    paths = {"status": "failed", "before": str(before), "after": str(after)}
    return {**paths, "stage": kind, "error": type(error).__name__, "message": str(error)}


def _named(folder: Path) -> str:
    """A folder's own name, also of one given as a dot."""
    return folder.resolve().name
