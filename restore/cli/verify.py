"""``restore verify``: proves what results have kept of their photos."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from restore.cli import exit_codes
from restore.cli import options as opt
from restore.cli.guard import guarded
from restore.errors import ConfigError, RestoreError

if TYPE_CHECKING:
    from restore.cli.rows import Row
    from restore.inference.verify import Verdict


def verify(
    before: Annotated[Path, typer.Argument(metavar="IN", help="A photo, or a folder of them.")],
    after: Annotated[Path, typer.Argument(metavar="OUT", help="Its result, or the folder of the results.")],
    *,
    strip: opt.Strip = opt.StripWord.NONE,
    faithful: Annotated[
        float,
        typer.Option(min=0, metavar="DB", help="A result that agrees less with its photo has lost it."),
    ] = 12.0,
    max_megapixels: opt.MaxMegapixels = 200.0,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Prove that nothing was lost: restore verify album/ out/

    Size, depth, colour profile, EXIF, XMP, orientation, alpha, and the picture itself; --strip as it was given when the
    results were made. A photo without a result is lost, too. The exit code is 3 if anything is. Nothing is written.
    """
    with guarded(verbose=verbose):
        from restore.cli.rows import Row, shown
        from restore.cli.talk import Talk
        from restore.inference.device import tune_allocator
        from restore.inference.verify import verify_files
        from restore.io.decoder import DEFAULT_TIMEOUT_S, decoder_for
        from restore.io.pairs import pair_pictures
        from restore.io.walk import check_exists

        for path in (before, after):
            check_exists(path)
        if before.is_dir() != after.is_dir():
            raise ConfigError(f"{before} and {after}: give two pictures or two folders, not one of each")
        talk = Talk(quiet=quiet, verbose=verbose, as_json=as_json)
        tune_allocator()
        pairs = pair_pictures(before, after)
        whole = lost = 0
        decoder = decoder_for(len(pairs.couples), DEFAULT_TIMEOUT_S)
        with talk.progress(len(pairs.couples)) as advance, closing(decoder):
            for number, (photo, result) in enumerate(pairs.couples, start=1):
                try:
                    verdict = verify_files(
                        photo,
                        result,
                        strip=strip.value,
                        least_db=faithful,
                        max_megapixels=max_megapixels,
                        read=decoder.read,
                        tell=decoder.told,
                    )
                    row = _row(photo, result, verdict)
                except RestoreError as error:
                    values = {**_paths("failed", photo, result), "error": type(error).__name__, "message": str(error)}
                    row = Row("fail", shown(str(error)), values)
                talk.row(row)
                whole, lost = whole + (row.status == "ok"), lost + (row.status == "fail")
                advance(number)
        for photo in pairs.alone_before:
            talk.row(Row("fail", f"{shown(photo)}: has no result", _paths("missing", photo, None)))
        for result in pairs.alone_after:
            talk.note(f"{shown(result)}: is no result of a photo there")
        alone = len(pairs.alone_before)
        talk.note(f"{whole} kept everything, {lost} lost something, {alone} without a result")
        if not pairs.couples and not alone:
            raise typer.Exit(exit_codes.NOTHING_USABLE)
        if lost or alone:
            raise typer.Exit(exit_codes.SOME_FAILED)


def _row(photo: Path, result: Path, verdict: Verdict) -> Row:
    """What is said about one pair."""
    from restore.cli.rows import Row, shown

    agreement = verdict.consistency_db
    words = [f"x{verdict.scale:.3g}" if verdict.scale > 1 else "same size", *verdict.kept]
    if agreement is not None and verdict.drift is not None:
        words.append("faithful exactly" if math.isinf(agreement) else f"faithful {agreement:.0f} dB")
        words.append(f"colour drift {verdict.drift:.1f}")
    route = f"{shown(photo)} → {shown(result)}"
    values = {
        **_paths("lost" if verdict.lost else "ok", photo, result),
        "scale": round(verdict.scale, 4),
        "width": verdict.width,
        "height": verdict.height,
        "kept": list(verdict.kept),
        "lost": list(verdict.lost),
        "consistency_db": None if agreement is None or math.isinf(agreement) else round(agreement, 3),
        "exact": agreement is not None and math.isinf(agreement),
        "colour_drift": None if verdict.drift is None else round(verdict.drift, 3),
    }
    if verdict.lost:
        return Row("fail", f"{route}  lost {'; '.join(map(shown, verdict.lost))} (kept: {', '.join(words)})", values)
    return Row("ok", f"{route}  {', '.join(words)}", values)


def _paths(status: str, photo: Path, result: Path | None) -> dict[str, object]:
    return {"status": status, "source": str(photo), "target": None if result is None else str(result)}
