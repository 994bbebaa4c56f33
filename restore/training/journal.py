"""What a run leaves behind for people: a line per event, sample sheets, and TensorBoard if asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol

from restore.errors import ConfigError

EventKind = Literal["start", "step", "validated", "saved", "warning", "rolled back", "done"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth telling: numbers by name, all of them finite."""

    kind: EventKind
    step: int
    values: dict[str, float]
    message: str = ""


class Journal:
    """Appends every event to ``journal.jsonl``, hands it on, and mirrors its numbers to TensorBoard."""

    def __init__(self, folder: Path, tell: Callable[[Event], None], *, tensorboard: bool = False) -> None:
        self._file = (folder / "journal.jsonl").open("a", encoding="utf-8")
        self._tell = tell
        self._board = _open_board(folder) if tensorboard else None

    def write(self, event: Event) -> None:
        """Record one event."""
        line: dict[str, float | str] = {"kind": event.kind, "step": event.step, **event.values}
        if event.message:
            line["message"] = event.message
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in event.values.items():
                self._board.add_scalar(name, value, event.step)
        self._tell(event)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._board is not None:
            self._board.close()


class _Board(Protocol):
    """What is used of TensorBoard's writer."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...
    def close(self) -> None: ...


def _open_board(folder: Path) -> _Board:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError('TensorBoard is not installed; pip install "restore-photos[tensorboard]"') from error
    board: _Board = SummaryWriter(str(folder / "tensorboard"))
    return board
