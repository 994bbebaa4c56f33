"""What a job has done so far, in a file of its own: so that it can go on after anything, and two can share the work.

The journal is ``.restore-job.sqlite`` in the folder of the results: there it is found again without a name to remember,
moves with them, and serves whoever works into that folder; the dot keeps it out of every list of photos. Of results in
a bucket it lies on this computer, and other computers know nothing of it. It is SQLite
with a write-ahead log, synced at every change: a change is in it whole or not at all, also after a power cut. Where the
disk has no shared memory (network folders) SQLite's older log serves. Events are only ever added; ``files`` has the
last state of each photo. One row of ``settings`` stands for all that decides what results look like.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from restore.errors import OutputError
from restore.io.folder import Job
from restore.io.journal_rows import TABLES, WITH_RUN, Record, Refusal, Result, Settings, State, record_of
from restore.io.owner import is_alive, this_process
from restore.io.remote import full_name, home_of
from restore.io.steady import FileState

NAME: Final = ".restore-job.sqlite"
VERSION: Final = 1
"""Of the tables below, in SQLite's user_version."""
WAIT_S: Final = 10.0
"""So long another process may hold the journal before a change is given up."""


class Journal:
    """The journal of the results in ``folder``, which is made; safe to use from several threads and processes.

    Raises OutputError, here and in every method, when the file cannot be opened, read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, home_of(folder) / NAME
        self._lock = threading.Lock()
        self._run = self._settings = self._first_event = 0
        with self._named():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None, check_same_thread=False)
        try:
            with self._named():
                self._set_up()
        except OutputError:
            self._db.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def records(self) -> dict[str, Record]:
        """All that is known, by the key of the result (see :meth:`key`)."""
        with self._lock, self._named():
            rows = self._db.execute(WITH_RUN).fetchall()
        return {row["target"]: record_of(row) for row in rows}

    def settings_of(self, number: int) -> dict[str, str]:
        """The settings under that number; empty when there are none."""
        with self._lock, self._named():
            row = self._db.execute("SELECT content FROM settings WHERE id = ?", (number,)).fetchone()
        return {} if row is None else dict(json.loads(row["content"]))

    def key(self, target: Path) -> str:
        """What a result is called in here: its place in the folder, so that the folder can be moved."""
        return text_of(Path(os.path.relpath(target, self.folder)).as_posix())

    def begin(self, settings: Settings, inputs: Sequence[str], jobs: Iterable[Job]) -> None:
        """Note a new run over ``jobs``, all to be done; those that a living run of the same settings has, it keeps."""
        now, words = time.time(), json.dumps(dict(sorted(settings.items())))
        planned = list(jobs)
        with self._change() as db:
            db.execute("INSERT OR IGNORE INTO settings (content) VALUES (?)", (words,))
            self._settings = int(db.execute("SELECT id FROM settings WHERE content = ?", (words,)).fetchone()["id"])
            self._first_event = self._joined(db, now)
            values = (
                this_process(), self._settings, json.dumps([text_of(word) for word in inputs]), len(planned),
                self._first_event, now,
            )  # fmt: skip
            self._run = int(
                db.execute(
                    "INSERT INTO runs (owner, settings, inputs, planned, first_event, started) VALUES (?,?,?,?,?,?)",
                    values,
                ).lastrowid
                or 0
            )
            known = {row["target"]: row for row in db.execute(WITH_RUN)}
            for job in planned:
                row = known.get(self.key(job.target))
                if row is None or self._refusal(row) is None:
                    self._put(db, job, "waiting")

    def claim(self, job: Job, found: FileState | None) -> Refusal | None:
        """Take a photo, in the state that it was ``found`` in, into this run's hands; else why that cannot be.

        A claim of a process that has died is taken over.
        """
        with self._change() as db:
            row = db.execute(f"{WITH_RUN} WHERE target = ?", (self.key(job.target),)).fetchone()
            refusal = None if row is None else self._refusal(row)
            if refusal is None:
                size, mtime_ns = (None, None) if found is None else (found.size, found.mtime_ns)
                self._put(db, job, "claimed", input_size=size, input_mtime_ns=mtime_ns)
            return refusal

    def seal(self, job: Job, size: int, sha256: str, input_sha256: str | None) -> None:
        """The result is whole on the disk and about to be put in its place."""
        with self._change() as db:
            self._update(db, job, "sealed", output_size=size, output_sha256=sha256, input_sha256=input_sha256)

    def done(self, job: Job, result: Result) -> None:
        """The result is in its place."""
        output = {} if result.output is None else {"output_mtime_ns": result.output.mtime_ns}
        with self._change() as db:
            self._update(
                db,
                job,
                "done",
                megapixels=result.megapixels,
                seconds=result.seconds,
                faithful_db=result.faithful_db,
                weights=result.weights,
                **output,
            )

    def adopt(self, job: Job, found: FileState, output: FileState) -> None:
        """The result of a run that died after it was put in its place and before that was noted; or a photo or a result
        that was touched but is the same."""
        times = {"input_size": found.size, "input_mtime_ns": found.mtime_ns}
        with self._change() as db:
            self._update(db, job, "done", output_size=output.size, output_mtime_ns=output.mtime_ns, **times)

    def failed(self, job: Job, error: str) -> None:
        """There will be no result."""
        with self._change() as db:
            self._update(db, job, "failed", error=text_of(error))

    def close(self) -> None:
        """Give back what was claimed and not begun to be put in place, note the end, and let go of the file."""
        with suppress(OutputError), self._change() as db:
            if self._run:
                db.execute("UPDATE files SET state = 'waiting' WHERE run = ? AND state = 'claimed'", (self._run,))
                db.execute("UPDATE runs SET ended = ? WHERE id = ?", (time.time(), self._run))
        self._db.close()

    def _set_up(self) -> None:
        self._db.row_factory = sqlite3.Row
        try:
            self._db.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:  # no shared memory there
            self._db.execute("PRAGMA journal_mode = DELETE").fetchone()
        self._db.execute("PRAGMA synchronous = FULL")
        with self._change() as db:
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version not in (0, VERSION):
                raise OutputError(
                    f"{self.path}: this journal was written by another restore ({version}, not {VERSION})"
                )
            if version == 0:
                for statement in filter(str.strip, TABLES.split(";")):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {VERSION}")

    def _joined(self, db: sqlite3.Connection, now: float) -> int:
        """The last event before this run, or before the oldest living one that it joins."""
        last = int(db.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])
        running = "SELECT owner, started, first_event FROM runs WHERE ended IS NULL AND settings = ?"
        others = db.execute(running, (self._settings,)).fetchall()
        living: list[int] = [row["first_event"] for row in others if is_alive(row["owner"], age_s=now - row["started"])]
        return min([last, *living])

    def _refusal(self, row: sqlite3.Row) -> Refusal | None:
        record = record_of(row)
        if row["run"] == self._run:
            return None
        if record.living:
            return "busy"
        since = row["event"] > self._first_event and row["settings"] == self._settings
        return record.state if since and (record.state == "done" or record.state == "failed") else None  # noqa: PLR1714

    def _put(self, db: sqlite3.Connection, job: Job, state: State, **values: object) -> None:
        """A row of this run in place of whatever was known."""
        event = 0 if state == "waiting" else self._event(db, job, state)
        values |= {
            "target": self.key(job.target),
            "source": text_of(full_name(job.source)),
            "state": state,
            "settings": self._settings,
            "run": self._run,
            "event": event,
            "at": time.time(),
        }
        marks = ",".join("?" * len(values))
        db.execute(f"INSERT OR REPLACE INTO files ({','.join(values)}) VALUES ({marks})", tuple(values.values()))

    def _update(self, db: sqlite3.Connection, job: Job, state: State, **values: object) -> None:
        event = self._event(db, job, state, values.get("error"))
        values |= {"state": state, "event": event, "at": time.time()}
        if self._run:
            values["run"] = self._run
        names = ", ".join(f"{name} = ?" for name in values)
        db.execute(f"UPDATE files SET {names} WHERE target = ?", (*values.values(), self.key(job.target)))

    def _event(self, db: sqlite3.Connection, job: Job, state: State, error: object = None) -> int:
        values = (time.time(), self._run, self.key(job.target), state, error)
        return int(
            db.execute("INSERT INTO events (at, run, target, state, error) VALUES (?,?,?,?,?)", values).lastrowid or 0
        )

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """All of it or nothing; other processes wait."""
        with self._lock, self._named():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as fault:
            raise OutputError(f"{self.path}: the journal of this folder cannot be written ({fault})") from fault
        except sqlite3.DatabaseError as fault:
            raise OutputError(f"{self.path}: this journal is damaged ({fault}); delete it to begin anew") from fault


def text_of(name: str) -> str:
    """A name, or words with names in them, that any database takes: bytes that are no UTF-8 are written out."""
    return name.encode("utf-8", "backslashreplace").decode()
