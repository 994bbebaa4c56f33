"""The command ``restore``: one verb per job. Only typer is imported here; the verbs import the rest when they run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final, TextIO

import typer

from restore import __version__
from restore.cli.again import again
from restore.cli.auto import auto
from restore.cli.clean import deblur, dejpeg, denoise
from restore.cli.compare import compare
from restore.cli.doctor import doctor
from restore.cli.evaluate import evaluate
from restore.cli.export import export
from restore.cli.inpaint import inpaint
from restore.cli.inspect import inspect
from restore.cli.mask import mask
from restore.cli.models import models
from restore.cli.preview import preview
from restore.cli.repair import repair
from restore.cli.report import report
from restore.cli.run import run
from restore.cli.train import train
from restore.cli.unpaired import make_pairs, train_unpaired
from restore.cli.upscale import upscale
from restore.cli.verify import verify
from restore.cli.watch import watch

app: Final = typer.Typer(
    name="restore",
    help="Bring photographs back: faithful, offline, with weights in the package.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"restore {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Bring photographs back: faithful, offline, with weights in the package."""


VERBS: Final[Mapping[str, Callable[..., None]]] = {
    "auto": auto,
    "inspect": inspect,
    "preview": preview,
    "upscale": upscale,
    "denoise": denoise,
    "dejpeg": dejpeg,
    "deblur": deblur,
    "repair": repair,
    "inpaint": inpaint,
    "mask": mask,
    "run": run,
    "train": train,
    "train-unpaired": train_unpaired,
    "make-pairs": make_pairs,
    "report": report,
    "eval": evaluate,
    "compare": compare,
    "again": again,
    "verify": verify,
    "watch": watch,
    "export": export,
    "doctor": doctor,
}
for _name, _verb in VERBS.items():
    app.command(_name)(_verb)
app.add_typer(models)


def main() -> None:
    """Run the command on this process's arguments, and leave with its exit code; photos without a verb mean `auto`."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_to_print(stream)
    words = sys.argv[1:]
    if words and _looks_like_a_photo(words[0]):
        sys.argv.insert(1, "auto")
    app()


def _looks_like_a_photo(word: str) -> bool:
    """A first word that can only be meant as a path."""
    if word in (*VERBS, models.info.name):
        return False
    return not word.startswith("-") and ("." in word or "/" in word or Path(word).exists())


def _never_fail_to_print(stream: TextIO) -> None:
    """A name that the terminal's encoding lacks is shown escaped rather than ending the run."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
