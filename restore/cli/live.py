"""What a run says on the terminal while it goes on: one view that is kept up to date, or plain lines."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol

import typer

if TYPE_CHECKING:
    from restore.training.journal import Event

STEP_LINE_EVERY_S: Final = 10.0


class _View(Protocol):
    """Where events are shown."""

    def show(self, event: Event) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class LiveTalk:
    """Tells a run on stderr: a live view on a terminal, else a line per event; nothing when ``quiet``.

    It crosses process borders before its first use, so it holds plain values only until then. It closes itself when
    the run is done; a run that ends otherwise is ended by ``close``, or by leaving it as a context. The terminal keeps
    the last state of the view.
    """

    quiet: bool = False
    title: str = ""
    """What the run is, for the view's first line."""
    view: _View | None = None

    def __call__(self, event: Event) -> None:
        """Tell one event."""
        if self.quiet:
            return
        if self.view is None:
            self.view = _choose(self.title)
        self.view.show(event)
        if event.kind == "done":
            self.close()

    def close(self) -> None:
        """End the view; a later event would begin another."""
        if self.view is not None:
            self.view.close()
            self.view = None

    def __enter__(self) -> LiveTalk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _choose(title: str) -> _View:
    from rich.console import Console

    from restore.cli.live_view import LiveView

    console = Console(stderr=True, highlight=False, emoji=False)
    can_draw = sys.stderr.isatty() and not console.is_dumb_terminal and console.encoding.startswith("utf")
    return LiveView(console, title) if can_draw else Lines()


class Lines:
    """One line per event on stderr; steps at most every ten seconds."""

    def __init__(self) -> None:
        self._said_at: float | None = None

    def show(self, event: Event) -> None:
        """Say the event, unless it is a step so soon after another."""
        if event.kind == "step":
            now = time.monotonic()
            if self._said_at is not None and now - self._said_at < STEP_LINE_EVERY_S:
                return
            self._said_at = now
        typer.echo(event_line(event), err=True)

    def close(self) -> None:
        """Nothing is left open."""


def event_line(event: Event) -> str:
    """One event in words.

    >>> from restore.training.journal import Event
    >>> event_line(Event("validated", 500, {"psnr_y": 31.25}))
    'validated at step 500  psnr_y 31.25'
    """
    values = event.values
    if event.kind == "step":
        loss = f"loss {values['loss']:.4f}  " if "loss" in values else "the discriminator warms up  "
        game = f"accuracy {values['adversarial/accuracy']:.0%}  " if "adversarial/accuracy" in values else ""
        return (
            f"step {event.step}  {loss}{game}lr {values['lr']:.1e}  "
            f"{values['steps_per_s']:.1f} steps/s  {values['progress']:.0%}"
        )
    parts = [f"{name} {value:.6g}" for name, value in values.items()]
    return "  ".join([f"{event.kind} at step {event.step}", *parts, *([event.message] if event.message else [])])
