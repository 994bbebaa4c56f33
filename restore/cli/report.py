"""``restore report``: a training run as one HTML file that opens offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from restore.cli.guard import guarded
from restore.cli.options import Verbose


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run, as given to restore train -o.")],
    verbose: Verbose = False,
) -> None:
    """Draw a training run: restore report run/ writes run/report.html

    Curves, samples over time, warnings, settings and the command; also while the run goes on.
    """
    with guarded(verbose=verbose):
        from restore.training.report import write_report

        typer.echo(str(write_report(run)))
