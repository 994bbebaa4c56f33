"""``restore preview``: what strengths would do to a photo, in a few telling places, before anything is done."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import options as opt
from restore.cli.guard import guarded
from restore.cli.words import parse_memory
from restore.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from restore.cli.rows import Row
    from restore.inference.crops import Crop
    from restore.inference.verbs import Verb
    from restore.io.photo import Photo
    from restore.tasks import Condition

MOST_STRENGTHS: Final = 6
KINDS: Final = ("JPEG", "PNG", "WEBP")
"""Formats of sheets."""
_MAX_MEGAPIXELS: Final = 200.0


class VerbWord(StrEnum):
    """Whose result is shown."""

    AUTO = "auto"
    DENOISE = "denoise"
    DEJPEG = "dejpeg"
    DEBLUR = "deblur"


VERBS: Final[Mapping[VerbWord, Verb | None]] = {
    VerbWord.AUTO: None,
    VerbWord.DENOISE: "denoise",
    VerbWord.DEJPEG: "dejpeg",
    VerbWord.DEBLUR: "deblur",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What would be done to a photo."""

    condition: Condition
    """What the network is told."""
    steps: tuple[str, ...]
    """What that amounts to; none where nothing is needed."""
    note: str | None = None
    """What a person should know, where nothing would change."""


def preview(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A photo.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="FILE", help="A .jpg, .png or .webp. Default: beside PATH, as PATH_preview.jpg."
        ),
    ] = None,
    verb: Annotated[
        VerbWord,
        typer.Option(help="auto: all that the photo needs, at once.", rich_help_panel=opt.REPAIR_PANEL),
    ] = VerbWord.AUTO,
    strengths: Annotated[
        str,
        typer.Option(metavar="N,N,...", help="1 to 6 strengths, 0 to 100.", rich_help_panel=opt.STRENGTH_PANEL),
    ] = "33,66,100",
    overwrite: opt.Overwrite = False,
    device: opt.DeviceName = "auto",
    threads: opt.Threads = None,
    max_memory: opt.MaxMemory = None,
    max_megapixels: opt.MaxMegapixels = _MAX_MEGAPIXELS,
    tile: opt.Tile = None,
    weights: opt.WeightsName = None,
    model_size: opt.Size = opt.ModelSize.FAST,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per strength on stdout.", rich_help_panel=opt.TALK_PANEL)
    ] = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Show what strengths would do, before anything is done: restore preview photo.jpg

    photo_preview.jpg has three telling places of the photo at 100 %, as they are and at each strength. stdout has the
    command for each strength.
    """
    with guarded(verbose=verbose):
        from restore.cli.rows import Row
        from restore.cli.talk import Talk
        from restore.inference.clean import Cleaner
        from restore.inference.crops import choose_crops
        from restore.inference.device import choose_device
        from restore.inference.preview import preview as cells_of
        from restore.inference.preview_sheet import preview_sheet
        from restore.inference.verbs import Fix
        from restore.io.read import read_photo
        from restore.io.sheet import draw_sheet
        from restore.io.write import WriteOptions, write_photo

        started = time.perf_counter()
        chosen = parse_strengths(strengths)
        memory = None if max_memory is None else parse_memory(max_memory)
        talk = Talk(quiet=quiet, verbose=verbose, as_json=as_json)
        target = _target(path, output, overwrite=overwrite)
        photo = read_photo(path, max_megapixels=max_megapixels)
        computer = choose_device(device, threads=threads)
        verdict = _judged(photo, VERBS[verb])
        if verb is VerbWord.AUTO and not verdict.steps:
            talk.row(_nothing_row(path, verdict))
            return
        cleaner = Cleaner(device=computer, size=model_size.value, weights=weights, max_memory=memory, tile=tile)
        crops = choose_crops(photo.pixels, verdict.condition, photo.alpha)
        with talk.progress(1) as show:
            fixes = [Fix(verb=VERBS[verb], strength=strength) for strength in chosen]
            cells = cells_of(cleaner, photo, fixes, verdict.condition, crops, progress=show)
        commands = [
            command_for(path, verb, strength, weights=weights, size=model_size, max_megapixels=max_megapixels)
            for strength in chosen
        ]
        note = verdict.note or f"{' + '.join(verdict.steps)} at each strength, at 100 %"
        columns = tuple(f"strength {strength:g}" for strength in chosen)
        sheet = preview_sheet(photo, verdict.condition, crops, cells, columns=columns, note=note, foot=tuple(commands))
        write_photo(draw_sheet(sheet), target, WriteOptions(overwrite=overwrite))
        for strength, command in zip(chosen, commands, strict=True):
            if as_json:
                values = _values(path, target, verb, verdict, crops) | {"strength": strength, "command": command}
                talk.row(Row("ok", command, values))
            else:
                typer.echo(command)
        talk.note(_summary(path, target, verdict, len(crops), time.perf_counter() - started))


def parse_strengths(text: str) -> tuple[float, ...]:
    """Strengths in the order of their columns; ConfigError when they are none.

    >>> parse_strengths("25, 50,100")
    (25.0, 50.0, 100.0)
    """
    from restore.ops.strength import check_strength

    wrong = f"--strengths is 1 to {MOST_STRENGTHS} different numbers from 0 to 100, like 25,50,100; got {text!r}"
    try:
        found = tuple(float(word) for word in text.split(","))
        for strength in found:
            check_strength(strength)
    except (ValueError, ConfigError) as error:
        raise ConfigError(wrong) from error
    if len(found) > MOST_STRENGTHS or len(set(found)) < len(found):
        raise ConfigError(wrong)
    return found


def command_for(
    path: Path,
    verb: VerbWord,
    strength: float,
    *,
    weights: str | None = None,
    size: opt.ModelSize = opt.ModelSize.FAST,
    max_megapixels: float = _MAX_MEGAPIXELS,
) -> str:
    """What to type for a result like that of a column, quoted for a shell.

    >>> command_for(Path("my photo.jpg"), VerbWord.DENOISE, 33)
    "restore denoise 'my photo.jpg' --strength 33"
    """
    name = f"./{path}" if str(path).startswith("-") else str(path)  # else it would pass for an option
    words = ["restore", verb.value, name, "--strength", f"{strength:g}"]
    words += ["--weights", weights] if weights else []
    words += ["--model-size", size.value] if size is not opt.ModelSize.FAST and not weights else []
    words += ["--max-megapixels", f"{max_megapixels:g}"] if max_megapixels > _MAX_MEGAPIXELS else []
    return shlex.join(words)


def _target(source: Path, asked: Path | None, *, overwrite: bool) -> Path:
    """Where the sheet goes; refuses, before any work is done, what could destroy something or cannot be written."""
    from restore.io.formats import format_of
    from restore.io.walk import check_exists, is_folder
    from restore.io.write import exists_already

    check_exists(source)
    if is_folder(source):
        raise ConfigError(f"{source}: this is a folder; preview takes one photo, so name one of those in it")
    target = asked or source.with_name(f"{source.stem}_preview.jpg")
    if is_folder(target):
        raise ConfigError(f"{target}: this is a folder; name a file for the sheet, like {target / 'sheet.jpg'}")
    if format_of(target) not in KINDS:
        raise ConfigError(f"{target}: a sheet is written as .jpg, .png or .webp; end the name with one of these")
    if target.resolve() == source.resolve() or (target.exists() and target.samefile(source)):
        raise OutputError(f"{target}: the sheet would replace the photo; choose another name with -o")
    if target.exists() and not overwrite:
        raise exists_already(target)
    return target


def _judged(photo: Photo, verb: Verb | None) -> Verdict:
    """What would be done to the photo, by measuring it."""
    from restore.inference.auto import decide
    from restore.inference.verbs import NOTHING_FOUND, nothing_to_do, told
    from restore.tasks import BLIND

    if verb is None:
        decision = decide(photo)
        note = None if decision.steps else f"{decision.findings.words}: nothing to do"
        return Verdict(decision.condition, decision.steps, note)
    condition = told(photo, verb, BLIND)
    if nothing_to_do(verb, condition):
        return Verdict(condition, (), NOTHING_FOUND[verb])
    return Verdict(condition, (verb,))


def _nothing_row(path: Path, verdict: Verdict) -> Row:
    """What is said where nothing is suggested."""
    from restore.cli.rows import Row, shown

    reason = f"{verdict.note}; --verb denoise, dejpeg or deblur shows one all the same"
    return Row("skip", f"{shown(path)}  {reason}", {"status": "skipped", "source": str(path), "reason": reason})


def _values(path: Path, target: Path, verb: VerbWord, verdict: Verdict, crops: tuple[Crop, ...]) -> dict[str, object]:
    """What programs are told of every strength."""
    return {
        "status": "ok",
        "source": str(path),
        "target": str(target),
        "verb": verb.value,
        "steps": list(verdict.steps),
        **asdict(verdict.condition),
        "crops": [asdict(crop) for crop in crops],
        "notes": [] if verdict.note is None else [verdict.note],
    }


def _summary(path: Path, target: Path, verdict: Verdict, count: int, seconds: float) -> str:
    from restore.cli.rows import route
    from restore.inference.preview_sheet import in_words
    from restore.io.folder import Job

    places = f"{count} places" if count > 1 else "the whole photo"
    done = verdict.note or " + ".join(verdict.steps)
    return f"{route(Job(path, target))}  {seconds:.1f} s  {places}, {in_words(verdict.condition)}, {done}"
