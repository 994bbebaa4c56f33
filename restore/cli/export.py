"""``restore export``: weights as a file that other programs run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from restore.cli.guard import guarded
from restore.cli.options import Overwrite, Verbose


def export(
    onnx: Annotated[
        str, typer.Option("--onnx", metavar="WEIGHTS", help="Write these as ONNX: a bundled name, or a file of yours.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE.onnx", help="Default: the weights' name, in this folder."),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")] = False,
    verbose: Verbose = False,
) -> None:
    """Write weights as a file that other programs run: restore export --onnx upscale-x4 -o upscale-x4.onnx

    Height and width stay open. The file is run by ONNX Runtime and compared with torch: it is within one grey level, or
    it is not left there. docs/engines.md says what goes in and comes out.
    """
    with guarded(verbose=verbose):
        from restore.models.export import OPSET, export_onnx
        from restore.models.weights import find_weights

        weights = find_weights(onnx)
        target = Path(f"{weights.path.stem}.onnx") if output is None else output
        made = export_onnx(weights, target, overwrite=overwrite)
        if as_json:
            row = {
                "weights": weights.card.name,
                "file": str(made.path),
                "bytes": made.bytes,
                "opset": OPSET,
                "multiple": made.multiple,
                "condition_channels": made.condition_channels,
                "difference": made.difference,
            }
            typer.echo(json.dumps(row))
        else:
            typer.echo(
                f"ok   {weights.card.name} → {made.path}  {made.bytes / 1e6:.1f} MB  opset {OPSET}, sides in multiples "
                f"of {made.multiple}, at most {made.difference * 255:.2g} grey levels from torch"
            )
