"""A run's journal read back: its numbers as columns, and what happened in between."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from restore.errors import ConfigError

JOURNAL: Final = "journal.jsonl"
State = Literal["running", "done", "stopped"]
STALE_S: Final = 600.0
"""Without a line for this long, or for three times as long as a line usually takes, a run counts as stopped."""
LARGEST: Final = 1e15
"""Numbers beyond it are no measurements, and would not fit into the columns."""
LINE_STEPS: Final = 50
"""Steps from one step line to the next."""


@dataclass(slots=True)
class Series:
    """One number over the steps, which rise."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, step: int, value: float) -> None:
        """Append a value; what was there for this step and later ones makes way."""
        if self.steps and self.steps[-1] >= step:
            self.cut(step - 1)
        self.steps.append(step)
        self.values.append(value)

    def cut(self, step: int) -> None:
        """Forget everything after ``step``."""
        kept = bisect_right(self.steps, step)
        del self.steps[kept:]
        del self.values[kept:]


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: a warning or a roll back."""

    kind: str
    step: int
    text: str


@dataclass(slots=True)
class History:
    """What a journal tells. Steps that a roll back or a resume repeated are there once, as they went the last time."""

    series: dict[str, Series] = field(default_factory=dict)
    """By the journal's names, in the order in which they appear; finite numbers only."""
    validated: set[str] = field(default_factory=set)
    """Names that come from validations."""
    marks: list[Mark] = field(default_factory=list)
    """Warnings and roll backs, in the order of the journal."""
    step: int = 0
    """The last step told of."""
    seconds: float = 0.0
    """Time spent in training."""
    photos: int | None = None
    parameters: int | None = None
    last_kind: str = ""
    age_s: float = 0.0
    """Since the journal's last line, when it was read."""

    def last(self, name: str) -> float | None:
        """The latest value of a number, or None."""
        found = self.series.get(name)
        return found.values[-1] if found and found.values else None

    @property
    def state(self) -> State:
        """Whether the run still goes on, as far as its journal can tell."""
        if self.last_kind in ("done", "rolled back"):  # a run stops where it has gone back
            return "done" if self.last_kind == "done" else "stopped"
        speed = self.last("steps_per_s") or 0.0
        patience = max(STALE_S, 3 * LINE_STEPS / speed if speed > 0 else 0.0)
        return "running" if self.age_s < patience else "stopped"


def read_history(folder: Path, now_s: float) -> History:
    """Read ``journal.jsonl`` in ``folder``; ``now_s`` is the time, in seconds since 1970.

    Lines that are no event, like a last one that is only half written, are passed over. ConfigError: there is no such
    folder, no journal in it, or not one event in that.
    """
    path = folder / JOURNAL
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; name the folder of a run, as given to `restore train -o`")
    if not path.is_file():
        raise ConfigError(f"{path}: there is no journal; name the folder of a run, as given to `restore train -o`")
    history = History(age_s=max(now_s - path.stat().st_mtime, 0.0))
    for line in _events(path):
        _take(history, line)
    if not history.last_kind:
        raise ConfigError(f"{path}: holds no event yet; wait for the run's first steps")
    return history


def _events(path: Path) -> Iterator[Mapping[str, object]]:
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    event = json.loads(line)
                except ValueError:  # half a line, or bytes that are no text
                    continue
                if (
                    isinstance(event, dict)
                    and isinstance(event.get("kind"), str)
                    and _number(event.get("step")) is not None
                ):
                    yield event
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error


def _number(value: object) -> float | None:
    """The value when it is a number that a curve can show, which infinity is not."""
    return float(value) if isinstance(value, int | float) and -LARGEST < value < LARGEST else None


def _take(history: History, event: Mapping[str, object]) -> None:
    kind, step = str(event["kind"]), int(_number(event["step"]) or 0)
    if step < history.step:
        for series in history.series.values():
            series.cut(step)
    passed, history.step, history.last_kind = step - history.step, step, kind
    numbers = {name: number for name in event if (number := _number(event[name])) is not None and name != "step"}
    match kind:
        case "start":
            history.photos, history.parameters = (
                int(numbers[name]) if name in numbers else None for name in ("photos", "parameters")
            )
        case "step" | "validated":
            for name, number in numbers.items():
                history.series.setdefault(name, Series()).add(step, number)
            history.validated |= numbers.keys() if kind == "validated" else set()
            if passed > 0 and numbers.get("steps_per_s", 0.0) > 0:
                history.seconds += passed / numbers["steps_per_s"]
        case "saved":  # the clock itself; from here on it is estimated from the speed again
            history.seconds = numbers.get("seconds", history.seconds)
        case "warning" | "rolled back":
            history.marks.append(Mark(kind, step, str(event.get("message", ""))))
