"""``restore doctor``: what was found on this machine, and what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore import __version__
from restore.cli import exit_codes
from restore.cli.guard import guarded
from restore.cli.options import Verbose

if TYPE_CHECKING:
    from restore.inference.doctor import Finding

WEIGHT_AREAS: Final = frozenset({"weights"})


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per finding on stdout.")] = False,
    verbose: Verbose = False,
) -> None:
    """Look at the installation: versions, devices, memory, weights, and a golden picture through each device."""
    with guarded(verbose=verbose):
        from restore.inference.doctor import examine

        if not as_json:
            typer.echo(f"ok    restore {__version__}")
        failed = []
        for finding in examine():
            typer.echo(json.dumps(asdict(finding)) if as_json else _line(finding))
            failed += [finding] if finding.state == "fail" else []
        if not as_json:
            typer.echo("all is well" if not failed else f"in need of care: {len(failed)}")
        if failed:
            weights = any(finding.area in WEIGHT_AREAS for finding in failed)
            raise typer.Exit(exit_codes.WEIGHTS if weights else exit_codes.DEVICE)


def _line(finding: Finding) -> str:
    cure = f"\n      → {finding.cure}" if finding.cure else ""
    return f"{finding.state:5} {finding.text}{cure}"
