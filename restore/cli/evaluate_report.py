"""What ``restore eval`` prints: a table for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from restore.errors import OutputError
from restore.inference.evaluate import Evaluation, Row
from restore.inference.inpaint_rules import InpaintRules
from restore.inference.rules import CleanRules, Rules
from restore.metrics.table import METRICS

Results = Sequence[tuple[str, Evaluation]]
"""Each data set's name and its measurement."""

Facts = Mapping[str, str | None]
"""What the run was: weights, condition, device, and what became of LPIPS."""

PIPE_WIDTH: Final = 150
"""Columns of the table where nobody says how wide the place is."""


def print_table(results: Results, facts: Facts) -> None:
    """A table per data set and damage on stdout, photo by photo, then the means; each photo's best figures are bold."""
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
    for name, found in results:
        console.print(_table(name, found, facts))
    shown = [METRICS[key] for key in results[0][1].rows[0].figures]
    ways = {way: [one.label for one in shown if one.better == way] for way in ("higher", "lower", "nearer to 1")}
    console.print("; ".join(f"{way} is better: {', '.join(labels)}" for way, labels in ways.items() if labels))
    console.print(facts["lpips_note"] or "")


def _table(name: str, found: Evaluation, facts: Facts) -> Table:
    count = len(found.rows) // len(found.methods)
    rules = found.rules
    enlarged = f", x{rules.scale}" if rules.scale > 1 else ""
    condition = f", condition {facts['condition']}" if facts["condition"] else ""
    table = Table(
        title=f"{name}: {count} photo{'s' * (count != 1)}{enlarged}, {rules.words}{condition}",
        box=SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("photo", overflow="fold")
    table.add_column("method")
    shown = [key for key in METRICS if key in found.rows[0].figures]
    for key in shown:
        table.add_column(f"{METRICS[key].label} {METRICS[key].unit}".strip(), justify="right")
    groups: dict[str, dict[str, Mapping[str, float]]] = {}
    for row in found.rows:
        groups.setdefault(row.photo, {})[row.method] = row.figures
    groups["mean"] = {method: found.means(method) for method in found.methods}
    for photo, figures in groups.items():
        for method, values in figures.items():
            rivals = [other for other_method, other in figures.items() if other_method != method]
            cells = [_cell(key, values[key], [rival[key] for rival in rivals]) for key in shown]
            table.add_row(Text(photo if method == rules.plain else ""), Text(method), *cells)
        table.add_section()
    return table


def _cell(key: str, value: float, rivals: Sequence[float]) -> Text:
    if math.isnan(value):
        return Text("-")
    best = bool(rivals) and all(METRICS[key].prefers(value, rival) for rival in rivals)
    return Text(f"{value:.{METRICS[key].digits}f}", style="bold" if best else "")


def print_json(results: Results, facts: Facts) -> None:
    """A JSON object per data set and damage, one a line, on stdout; a figure that is infinite, or none, is null."""
    for name, found in results:
        record = {
            "set": name,
            **facts,
            **_of_rules(found.rules),
            "methods": [_method(found, method) for method in found.methods],
            "means": {method: _finite(found.means(method)) for method in found.methods},
            "photos": [_photo(row) for row in found.rows],
        }
        sys.stdout.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
    sys.stdout.flush()


def _of_rules(rules: Rules) -> dict[str, object]:
    """What was done to the photos; "input" says it in words."""
    damage = rules.damage
    return {
        "input": rules.words,
        "scale": rules.scale,
        "gray": isinstance(rules, CleanRules) and rules.gray,
        "blur": damage.blur,
        "motion": damage.motion,
        "noise": damage.noise,
        "rounded": damage.rounded,
        "first_jpeg": damage.first_jpeg,
        "jpeg": damage.jpeg,
        **({"holes": list(rules.share)} if isinstance(rules, InpaintRules) else {}),
    }


def _photo(row: Row) -> dict[str, object]:
    return {
        "photo": row.photo,
        "method": row.method,
        "detail": row.detail,
        "projected": row.projected,
        "height": row.height,
        "width": row.width,
        "seconds": round(row.seconds, 4),
        **_finite(row.figures),
    }


def _method(found: Evaluation, method: str) -> dict[str, object]:
    row = next(row for row in found.rows if row.method == method)
    return {
        "method": method,
        "detail": row.detail,
        "projected": row.projected,
        "seconds_per_megapixel": round(found.pace(method), 4),
    }


def _finite(figures: Mapping[str, float]) -> dict[str, float | None]:
    return {key: round(value, 6) if math.isfinite(value) else None for key, value in figures.items()}


def write_csv(path: Path, results: Results, facts: Facts) -> None:
    """One line per photo and method, whole or not at all; raises OutputError where the file cannot be written."""
    text = io.StringIO(newline="")
    of_run = ("set", "weights", "condition", *_of_rules(results[0][1].rules))
    of_row = ("photo", "method", "detail", "projected", "height", "width", "seconds")
    figures = [key for key in METRICS if key == "lpips" or key in results[0][1].rows[0].figures]
    table = csv.DictWriter(text, (*of_run, *of_row, *figures), extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    for name, found in results:
        whole = {**facts, "set": name, **_of_rules(found.rules)}
        for row in found.rows:
            table.writerow({**whole, **_photo(row)})
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text.getvalue(), encoding="utf-8", newline="")
        part.replace(path)
    except OSError as problem:
        part.unlink(missing_ok=True)
        raise OutputError(f"{path}: cannot be written ({problem.strerror}); choose another --csv") from problem
