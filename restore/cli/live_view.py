"""A run at a glance, redrawn in place: how far, how good, who is winning, what was warned of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from restore.training.journal import Event
from restore.training.limits import ACCURACY, FOOLED, WON
from restore.training.report_parts import span

BARS: Final = "▁▂▃▄▅▆▇█"
LABEL_COLUMNS: Final = 15
MOST_BARS: Final = 60
FIGURES: Final = {
    "lpips": ("LPIPS", ".3f"),
    "lr_psnr": ("LR-PSNR", ".1f"),
    "colour": ("colour", ".2f"),
    "high_frequency": ("high frequency", ".2f"),
}
"""What a validation says beside PSNR: words and format."""


def sparkline(values: Sequence[float], width: int) -> str:
    """Values as bars of eight heights; where there are more than ``width``, neighbours are averaged.

    >>> sparkline([0, 1, 2, 3, 4, 5, 6, 7], 8), sparkline([1.0, 1.0], 8), sparkline([], 8)
    ('▁▂▃▄▅▆▇█', '▄▄', '')
    """
    count = min(len(values), max(width, 1))
    means = [fmean(values[at * len(values) // count : (at + 1) * len(values) // count]) for at in range(count)]
    if not means or min(means) == max(means):
        return BARS[3] * count
    low, high = min(means), max(means)
    return "".join(BARS[min(int((mean - low) / (high - low) * len(BARS)), len(BARS) - 1)] for mean in means)


@dataclass(slots=True)
class Course:
    """One number over the whole run, in at most ``most`` means of equally many values."""

    most: int = 512
    values: list[float] = field(default_factory=list)
    each: int = 1
    waiting: list[float] = field(default_factory=list)

    def add(self, value: float) -> None:
        """Take one more value in."""
        self.waiting.append(value)
        if len(self.waiting) < self.each:
            return
        self.values.append(fmean(self.waiting))
        self.waiting.clear()
        if len(self.values) >= self.most:
            self.values = [fmean(self.values[at : at + 2]) for at in range(0, len(self.values), 2)]
            self.each *= 2


class LiveView:
    """The view: fed with events, it draws itself once a second, and at once when something happens."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._told: dict[str, Event] = {}
        self._heard_at = time.monotonic()
        self._losses, self._scores = Course(), Course()
        self._best: Event | None = None
        self._warned: Event | None = None
        self._live = Live(
            console=console, get_renderable=self.render, refresh_per_second=1, redirect_stdout=False, transient=False
        )
        self._live.start()
        console.show_cursor()  # whatever ends the process, the terminal stays usable

    def show(self, event: Event) -> None:
        """Take in one event."""
        self._told[event.kind] = event
        if event.kind in ("warning", "rolled back"):
            self._warned = event
        if event.kind == "step":
            self._heard_at = time.monotonic()
            if "loss" in event.values:
                self._losses.add(event.values["loss"])
        if event.kind == "validated" and "psnr_y" in event.values:
            self._scores.add(event.values["psnr_y"])
            if self._best is None or event.values["psnr_y"] > self._best.values["psnr_y"]:
                self._best = event
        self._live.refresh()

    def close(self) -> None:
        """Draw a last time and give the terminal back."""
        self._live.stop()

    def render(self) -> RenderableType:
        """The view as it stands."""
        rows = Table.grid(padding=(0, 2))
        rows.add_column(width=LABEL_COLUMNS - 2, style="dim", no_wrap=True)
        rows.add_column(overflow="fold")
        for label, text in (
            ("loss", self._loss()),
            ("", self._loss_rows()),
            ("held out", self._score()),
            ("", self._figures()),
            ("discriminator", self._game()),
            ("saved", self._saved()),
            ("last warning", self._warning()),
        ):
            if text is not None:
                rows.add_row(label, text)
        return Group(*([Text(self._title, style="bold")] if self._title else []), self._progress(), rows)

    def _progress(self) -> RenderableType:
        step = self._told.get("step")
        if step is None:
            return Text("starting", style="dim")
        progress, speed = step.values["progress"], step.values["steps_per_s"]
        line = Table.grid(padding=(0, 2), expand=True)
        line.add_column(ratio=1)
        line.add_column(no_wrap=True)
        words = [f"{progress:.0%}", f"step {step.step}", f"{speed:.3g} steps/s"]
        if "done" in self._told:
            words.append("done")
        elif progress > 0 and speed > 0:
            left = step.step * (1 / progress - 1) / speed - (time.monotonic() - self._heard_at)
            words.append(f"{span(max(left, 0.0))} left")
        line.add_row(ProgressBar(total=1.0, completed=progress), "  ".join(words))
        return line

    def _bars(self, course: Course, taken: int) -> str:
        width = min(self._console.width - LABEL_COLUMNS - taken - 2, MOST_BARS)
        return sparkline(course.values, width) if width >= len(BARS) else ""

    def _loss(self) -> Text | None:
        step = self._told.get("step")
        if step is None:
            return None
        loss = f"{step.values['loss']:.4f}" if "loss" in step.values else "the discriminator warms up"
        words = f"{loss}  lr {step.values['lr']:.1e}  "
        return Text.assemble(words, (self._bars(self._losses, len(words)), "blue"))

    def _loss_rows(self) -> Text | None:
        values = self._told["step"].values if "step" in self._told else {}
        rows = {name.removeprefix("loss/"): value for name, value in values.items() if name.startswith("loss/")}
        return Text("  ".join(f"{name} {value:.4f}" for name, value in rows.items()), style="dim") if rows else None

    def _score(self) -> Text | None:
        if self._best is None:
            return None
        values, best = self._told["validated"].values, self._best
        gain = f"  gain {values['gain_db']:+.2f}" if "gain_db" in values else ""
        words = f"{values['psnr_y']:.2f} dB{gain}  best {best.values['psnr_y']:.2f} at {best.step}  "
        return Text.assemble(words, (self._bars(self._scores, len(words)), "green"))

    def _figures(self) -> Text | None:
        values = self._told["validated"].values if "validated" in self._told else {}
        words = [f"{word} {values[name]:{form}}" for name, (word, form) in FIGURES.items() if name in values]
        return Text("  ".join(words), style="dim") if words else None

    def _game(self) -> Text | None:
        values = self._told["step"].values if "step" in self._told else {}
        right = values.get("adversarial/accuracy")
        if right is None:
            return None
        even = ACCURACY[0] <= right <= ACCURACY[1]
        state = "even" if even else "winning" if right >= WON else "guessing" if right <= FOOLED else "uneven"
        words = [f"{right:.0%} right"]
        for name, label in (("gap", "gap"), ("gradient_ratio", "gradient ratio"), ("weight", "weight")):
            if (value := values.get(f"adversarial/{name}")) is not None:
                words.append(f"{label} {value:.3g}")
        return Text.assemble((f"{state:10}", "green" if even else "yellow"), "  ".join(words))

    def _saved(self) -> Text | None:
        saved = self._told.get("saved")
        return None if saved is None else Text(f"step {saved.step}")

    def _warning(self) -> Text | None:
        last = self._warned
        if last is None:
            return None
        return Text(
            f"{'rolled back, ' if last.kind != 'warning' else ''}step {last.step}: {last.message}", style="yellow"
        )
