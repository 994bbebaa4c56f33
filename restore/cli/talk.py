"""Where each word goes: results on stdout, talk on stderr, a bar only on a terminal."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console
from rich.text import Text

from restore.cli.rows import Row

_COLOURS: Final[Mapping[str, str]] = {"ok": "green", "fail": "bold red", "skip": "dim", "plan": "cyan"}


class Talk:
    """The voice of one run of the command. NO_COLOR is honoured; lines are never wrapped or cut.

    ``as_json`` gives one JSON object per photo instead of a line. ``picture_on_stdout`` moves everything to stderr.
    ``quiet`` keeps failures and JSON only; ``verbose`` lets ``detail`` through.
    """

    def __init__(
        self, *, quiet: bool = False, verbose: bool = False, as_json: bool = False, picture_on_stdout: bool = False
    ) -> None:
        self.quiet, self.verbose, self.as_json = quiet, verbose, as_json
        self._results_on_stderr = picture_on_stdout
        self._err = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)
        self._out = self._err if picture_on_stdout else Console(soft_wrap=True, highlight=False, emoji=False)

    def row(self, row: Row) -> None:
        """Say what became of one photo."""
        if self.as_json:
            typer.echo(json.dumps(row.values), err=self._results_on_stderr)
        elif row.status == "fail":
            self._err.print(_line(row))
        elif not self.quiet:
            self._out.print(_line(row))

    def note(self, text: str) -> None:
        """Something worth knowing that is no result."""
        if not self.quiet:
            self._err.print(Text(text))

    def warn(self, text: str) -> None:
        """Something that must be known even when quiet."""
        self._err.print(Text(text, style="yellow"))

    def detail(self, text: str) -> None:
        """Something only the curious want."""
        if self.verbose:
            self._err.print(Text(text, style="dim"))

    def traceback(self, error: BaseException) -> None:
        """Where the error came from, for the curious."""
        if self.verbose:
            self.detail("".join(traceback.format_exception(error)).rstrip())

    @contextmanager
    def progress(self, total: int) -> Iterator[Callable[[float], None]]:
        """A bar with the time left while the block runs; tell what it gives how many photos are done, with fractions.

        The bar never runs backwards. Without a terminal, when quiet, or with JSON, nothing is drawn.
        """
        if not sys.stderr.isatty() or self.quiet or self.as_json:
            yield _nothing
            return
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            SpinnerColumn(),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            "left",
            TimeRemainingColumn(),
        )
        results, self._out = self._out, self._err if sys.stdout.isatty() else self._out
        try:
            with Progress(*columns, console=self._err, transient=True, redirect_stdout=False) as bar:
                photos = bar.add_task("photos", total=total)
                yield lambda done: bar.update(photos, completed=max(done, bar.tasks[photos].completed))
        finally:
            self._out = results


def _line(row: Row) -> Text:
    return Text.assemble((row.status.ljust(5), _COLOURS[row.status]), row.line)


def _nothing(_done: float) -> None:
    """Draw nothing."""
