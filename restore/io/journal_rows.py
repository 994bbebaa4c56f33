"""The tables of a journal, and what one row of them says."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from restore.io.owner import is_alive
from restore.io.steady import FileState

State = Literal["waiting", "claimed", "sealed", "done", "failed"]
"""A photo waits; is somebody's; is whole under a hidden name, its hash known; is in its place; or has no result."""
Refusal = Literal["busy", "done", "failed"]
"""Why a photo cannot be claimed: another living run is at it, or has been done with it since this run began."""
Settings = Mapping[str, str]

TABLES: Final = """
CREATE TABLE settings (id INTEGER PRIMARY KEY, content TEXT NOT NULL UNIQUE);
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, owner TEXT NOT NULL, settings INTEGER NOT NULL, inputs TEXT NOT NULL,
    planned INTEGER NOT NULL, first_event INTEGER NOT NULL, started REAL NOT NULL, ended REAL
);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, run INTEGER NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL,
    error TEXT
);
CREATE TABLE files (
    target TEXT PRIMARY KEY, source TEXT NOT NULL, state TEXT NOT NULL, settings INTEGER NOT NULL, run INTEGER NOT NULL,
    event INTEGER NOT NULL, at REAL NOT NULL, input_size INTEGER, input_mtime_ns INTEGER, input_sha256 TEXT,
    output_size INTEGER, output_mtime_ns INTEGER, output_sha256 TEXT,
    megapixels REAL, seconds REAL, faithful_db REAL, weights TEXT, error TEXT
);
"""


WITH_RUN: Final = "SELECT files.*, owner, ended FROM files JOIN runs ON runs.id = files.run"
"""Every row as :func:`record_of` takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The last that is known of one photo; None for what is not known."""

    source: str
    state: State
    settings: int
    owner: str
    """The process that it was last in the hands of."""
    at: float
    ended: bool
    """Whether that process has let go of everything."""
    input: FileState | None = None
    input_sha256: str | None = None
    output: FileState | None = None
    output_sha256: str | None = None
    megapixels: float | None = None
    """Of the result."""
    seconds: float | None = None
    error: str | None = None

    @property
    def living(self) -> bool:
        """Whether a process that still runs has it in its hands."""
        held = self.state in ("claimed", "sealed") and not self.ended
        return held and is_alive(self.owner, age_s=time.time() - self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What is written down of a photo that is done."""

    output: FileState | None
    megapixels: float
    seconds: float
    faithful_db: float | None
    weights: str = ""


def record_of(row: sqlite3.Row) -> Record:
    """One row of WITH_RUN."""
    return Record(
        source=row["source"],
        state=row["state"],
        settings=row["settings"],
        owner=row["owner"],
        at=row["at"],
        ended=row["ended"] is not None,
        input=_state(row["input_size"], row["input_mtime_ns"]),
        input_sha256=row["input_sha256"],
        output=_state(row["output_size"], row["output_mtime_ns"]),
        output_sha256=row["output_sha256"],
        megapixels=row["megapixels"],
        seconds=row["seconds"],
        error=row["error"],
    )


def _state(size: int | None, mtime_ns: int | None) -> FileState | None:
    return None if size is None else FileState(size, mtime_ns or 0)
