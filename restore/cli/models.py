"""``restore models``: the weights in the package, and others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import exit_codes
from restore.cli.guard import guarded
from restore.cli.options import Verbose

if TYPE_CHECKING:
    from restore.models.weights import Card, Weights

models: Final = typer.Typer(name="models", help="List, explain and verify weights.", no_args_is_help=True)

LISTED: Final = 2
"""So many figures of each file fit into a list."""

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per file of weights on stdout.")]


@models.command("list")
def list_models(as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Say which weights are in the package, how good they are, and whether they are whole."""
    with guarded(verbose=verbose):
        from restore.models.weights import bundled_weights

        found = sorted(bundled_weights(), key=lambda weights: weights.card.name)
        rows = [_values(weights) for weights in found]
        if as_json:
            for row in rows:
                typer.echo(json.dumps(row))
        else:
            _print_table(found, rows)
        _leave(rows)


@models.command("info")
def info(
    name: Annotated[str, typer.Argument(help="Name of bundled weights, or a file.")],
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show the whole model card of one file of weights."""
    with guarded(verbose=verbose):
        from restore.models.weights import find_weights

        weights = find_weights(name)
        row = _values(weights)
        if as_json:
            typer.echo(json.dumps(row))
        else:
            typer.echo("\n".join(f"{word:12}{value}" for word, value in _card_lines(row).items()))
        _leave([row])


@models.command("verify")
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Names or files; all bundled by default.")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Check that weights are the very ones that their cards were written for."""
    with guarded(verbose=verbose):
        from restore.models.weights import bundled_weights, find_weights

        found = [find_weights(name) for name in names] if names else bundled_weights()
        rows = [_values(weights) for weights in found]
        for row in rows:
            typer.echo(
                f"{'ok   ' if row['ok'] else 'fail '}{row['name']}  {row['file']}  {row['problem'] or row['sha256']}"
            )
        _leave(rows)


def _leave(rows: list[dict[str, object]]) -> None:
    """End with the code for weights when there are none, or damaged ones."""
    if not rows:
        typer.echo(
            "error: this copy of restore has no weights; reinstall it, or train some with `restore train`", err=True
        )
    if not rows or not all(row["ok"] for row in rows):
        raise typer.Exit(exit_codes.WEIGHTS)


def _values(weights: Weights) -> dict[str, object]:
    from restore.errors import WeightsError
    from restore.models.blend import detail_path, fidelity_path, is_detail
    from restore.models.weights import verify_weights

    card: Card = weights.card
    beside = detail_path(weights.path)
    try:
        verify_weights(weights)
        problem = None
    except WeightsError as error:
        problem = str(error)
    return {
        "name": card.name,
        "task": card.task,
        "scale": card.scale,
        "size": card.size,
        "detail_of": fidelity_path(weights.path).stem if is_detail(card) else None,
        "detail": beside.stem if beside.is_file() else None,
        "file": str(weights.path),
        "bytes": weights.path.stat().st_size,
        "licence": card.licence,
        "figures": dict(card.figures),
        "data": card.data,
        "recipe": card.recipe,
        "steps": card.steps,
        "seconds": card.seconds,
        "note": card.note,
        "sha256": card.sha256,
        "ok": problem is None,
        "problem": problem,
    }


def _print_table(found: Sequence[Weights], rows: list[dict[str, object]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("name", "task", "scale", "size", "detail", "MB", "figures", "licence", "hash"):
        table.add_column(title, overflow="fold", no_wrap=title == "name")
    for weights, row in zip(found, rows, strict=True):
        card = weights.card
        megabytes = f"{weights.path.stat().st_size / 1e6:.1f}"
        hash_word = "ok" if row["ok"] else "damaged"
        table.add_row(
            card.name,
            card.task,
            f"x{card.scale}",
            card.size,
            _detail(row),
            megabytes,
            _first_figures(card),
            card.licence,
            hash_word,
        )
    Console(highlight=False).print(table)


def _detail(row: dict[str, object]) -> str:
    """Whether weights can be blended with detail weights, or what they are detail for."""
    return f"for {row['detail_of']}" if row["detail_of"] else "yes" if row["detail"] else "no"


def _figures(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in figures.items()) or "none"


def _first_figures(card: Card) -> str:
    """A few of them, in a narrow column; `restore models info` has them all."""
    left = len(card.figures) - LISTED
    more = f", {left} more" if left > 0 else ""
    return _figures(dict(list(card.figures.items())[:LISTED])) + more


def _card_lines(row: dict[str, object]) -> dict[str, str]:
    """The card in words, without what is empty."""
    lines = {
        name: str(value) for name, value in row.items() if value not in ("", None) and name not in ("figures", "ok")
    }
    figures = row["figures"]
    if isinstance(figures, dict):
        lines["figures"] = _figures(figures)
    return lines | {"hash": "ok" if row["ok"] else "damaged"}
