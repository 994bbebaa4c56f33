"""``--report FILE``: what became of every photo, for programs (JSON, JSON lines, CSV) or as a page to look through."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from restore import __version__
from restore.cli.job_page import Facts, job_page
from restore.cli.settings import settings_of
from restore.errors import ConfigError, OutputError, RestoreError
from restore.inference.pages import write_page

if TYPE_CHECKING:
    from restore.cli.album import Album
    from restore.cli.order import Order
    from restore.cli.walk import Account

PAGE: Final = ".html"
COLUMNS: Final = (
    "status", "source", "target", "task", "done", "found", "scale", "source_width", "source_height", "width", "height",
    "weights", "detail", "projected", "strength", "grain", "noise", "jpeg", "blur", "angle", "mask", "seconds",
    "consistency_db", "explained", "unsupported_share", "colour_drift", "notes", "steps", "reason", "stage", "error",
    "message",
)  # fmt: skip
"""Of the CSV; each is the value of that name in a row of JSON."""
_PATHS: Final = ("source", "target")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula."""


@dataclass(slots=True)
class Ended:
    """A run that has come to its end, one way or another: what was asked for, and what became of it."""

    order: Order
    account: Account
    album: Album


def check_report_path(path: Path) -> None:
    """Refuse a report that could destroy a picture or cannot be written, before any work is done."""
    if path.suffix.lower() not in WRITERS:
        raise ConfigError(
            "--report writes JSON, JSON lines, CSV or a page; give a name that ends with .json, .jsonl, .csv or .html, "
            f"not {str(path)!r}"
        )
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {str(path.parent)!r} for the report; make it first")
    if path.is_dir():
        raise OutputError(f"{path}: this is a folder; give the report another name")


def is_page(path: Path | None) -> bool:
    """Whether a report shows the photos."""
    return path is not None and path.suffix.lower() == PAGE


def write_report(path: Path, run: Ended) -> None:
    """The report, in the form that its name asks for, whole or not at all; an older one is replaced."""
    try:
        write_page(path, WRITERS[path.suffix.lower()](path, run))
    except OutputError as error:
        raise OutputError(f"{error}; that was the report, the pictures are written") from error


def _json(_path: Path, run: Ended) -> Iterator[str]:
    account = run.account
    content = {
        "restore": __version__,
        "exit_code": account.code,
        "seconds": round(account.seconds, 3),
        "done": account.count("ok"),
        "failed": account.count("fail"),
        "skipped": account.count("skip"),
        "done_before": len(account.before),
        "photos": [row.values for row in account.rows],
    }
    yield json.dumps(content, indent=1) + "\n"


def _json_lines(_path: Path, run: Ended) -> Iterator[str]:
    """The same lines as ``--json`` prints."""
    for row in run.account.rows:
        yield json.dumps(row.values) + "\n"


def _csv(_path: Path, run: Ended) -> Iterator[str]:
    """A line per photo, for spreadsheets: they know UTF-8 by its mark, and nothing in it begins like a formula."""
    yield "\ufeff" + _line(COLUMNS)
    for row in run.account.rows:
        yield _line(_cell(name, row.values.get(name)) for name in COLUMNS)


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue()


def _cell(name: str, value: object) -> str:
    """A value in words: nothing for None, lists with semicolons, of steps their tasks.

    >>> _cell("notes", ["one", "two"]), _cell("jpeg", None), _cell("source", "=1+1.jpg"), _cell("colour_drift", -0.5)
    ('one; two', '', './=1+1.jpg', '-0.5')
    """
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value}"
        case list():
            words = "; ".join(str(one["task"]) if isinstance(one, Mapping) else str(one) for one in value)
        case _:
            words = str(value)
    if not words.startswith(_FORMULA):
        return words
    return f"./{words}" if name in _PATHS and words != "-" else f"'{words}"


def _page(path: Path, run: Ended) -> Iterator[str]:
    order, problem = run.order, ""
    try:
        settings = settings_of(order)
    except RestoreError as error:
        settings, problem = {}, str(error)
    facts = Facts(
        inputs=order.where.inputs,
        output=order.where.output,
        settings=settings,
        problem=problem,
        folder=path.parent,
    )
    return job_page(facts, run.account, run.album)


WRITERS: Final[Mapping[str, Callable[[Path, Ended], Iterator[str]]]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".csv": _csv,
    PAGE: _page,
}
"""By the suffix of the report's name."""
