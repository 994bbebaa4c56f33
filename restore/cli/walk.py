"""Through a plan photo by photo: say what became of each, keep the account, and give the exit code."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from restore.cli import exit_codes
from restore.cli.rows import Row, done_row, failed_row
from restore.cli.talk import Talk
from restore.errors import ConfigError, DeviceError, OutputError, RestoreError, WeightsError
from restore.inference.batch import Done, Failed, Made, run_batch
from restore.inference.upscale import Report
from restore.io.folder import Job
from restore.io.photo import Photo

Batch = Callable[[Iterable[Job], Callable[[Done | Failed], None]], Generator[Done | Failed]]
"""Does photos and gives what becomes of each; the second argument hears of those that end after an interrupt."""


@dataclass(slots=True)
class Account:
    """What has become of the photos so far."""

    rows: list[Row] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    before: Sequence[Job] = ()
    """Photos that an earlier run has done, and that were passed over."""
    planned: int = 0
    """All photos that the run was about."""
    device: str = ""
    stopped: bool = False
    broken_by: RestoreError | None = None
    """What stopped the whole run, when that was no single photo."""
    began: float = field(default_factory=time.time)
    """Seconds since 1970."""
    started: float = field(default_factory=time.perf_counter)

    def count(self, status: str) -> int:
        """Photos with that status: ok, fail, skip or plan."""
        return sum(row.status == status for row in self.rows)

    @property
    def code(self) -> int:
        """Exit status for the whole run."""
        if self.broken_by is not None:
            return exit_codes.exit_code(self.broken_by)
        if self.stopped:
            return exit_codes.STOPPED
        if not self.failed:
            return exit_codes.DONE if self.rows or self.before else exit_codes.NOTHING_USABLE
        if len(self.failed) < len(self.rows) + len(self.before):
            return exit_codes.SOME_FAILED
        return code_of_failures(self.failed)

    @property
    def summary(self) -> str:
        """One line of counts."""
        words = {"ok": "done", "plan": "planned", "fail": "failed", "skip": "skipped"}
        counts = [f"{self.count(status)} {word}" for status, word in words.items() if self.count(status)]
        counts += [f"{len(self.before)} done before"] if self.before else []
        return f"{', '.join(counts)} in {self.seconds:.0f} s"

    @property
    def seconds(self) -> float:
        """Since the run began."""
        return time.perf_counter() - self.started

    @property
    def left(self) -> int:
        """Photos that the run did not come to."""
        return max(self.planned - len(self.rows) - len(self.before), 0)


def code_of_failures(failed: Sequence[Failed]) -> int:
    """Exit status when every photo failed: their common cause, if there is one."""
    kinds = {DeviceError: exit_codes.DEVICE, OutputError: exit_codes.WRONG_USE, ConfigError: exit_codes.WRONG_USE}
    for kind, code in kinds.items():
        if all(isinstance(failure.error, kind) for failure in failed):
            return code
    if all(failure.stage == "read" for failure in failed):
        return exit_codes.NOTHING_USABLE
    return exit_codes.SOME_FAILED


def walk(
    jobs: Iterable[Job],
    work: Callable[[Photo, Callable[[float], None]], tuple[Made, Report]],
    account: Account,
    talk: Talk,
    *,
    total: int,
    read: Callable[[Path], Photo],
    write: Callable[[Made, Path], None],
    told: Callable[[Done | Failed], None] = lambda _: None,
    again: str = "the same command",
    call_off: Callable[[], None] = lambda: None,
    batch: Batch | None = None,
) -> None:
    """Restore every job, writing down each outcome in ``account``; there are ``total`` of them, or were when counted.

    ``work`` gets a photo and a function to tell the share of it that is done; ``told`` hears each outcome before it is
    said. Ctrl-C ends the walk with ``account.stopped`` set; ``again`` names what does the rest. ``call_off`` ends a
    ``read`` that is under way at the end. ``batch`` does the photos elsewhere, in place of all these.
    WeightsError is raised: no other photo could fare better.
    """
    reported = len(account.rows)
    try:
        with talk.progress(total) as show, ExitStack() as stack:

            def watched(photo: Photo) -> tuple[Made, Report]:
                done = len(account.rows) - reported
                return work(photo, lambda share: show(done + share))

            def settle(outcome: Done | Failed) -> None:
                told(outcome)
                if isinstance(outcome, Done):
                    say(done_row(outcome), account, talk)
                else:
                    fail(outcome, account, talk)

            if batch is not None:
                outcomes = batch(jobs, settle)
            else:
                outcomes = run_batch(jobs, watched, read=read, write=write, late=settle, call_off=call_off)
            for outcome in stack.enter_context(closing(outcomes)):
                settle(outcome)
                show(len(account.rows) - reported)
    except KeyboardInterrupt:
        account.stopped = True
        left = total - (len(account.rows) - reported)
        talk.warn(f"stopped with {left} left; every file is whole, and {again} does the rest")


def say(row: Row, account: Account, talk: Talk) -> None:
    """Write one photo's fate down, and say it."""
    account.rows.append(row)
    talk.row(row)


def fail(failure: Failed, account: Account, talk: Talk) -> None:
    """Write a failure down and say it; raises WeightsError, which no photo is to blame for."""
    if isinstance(failure.error, WeightsError):
        raise failure.error
    account.failed.append(failure)
    say(failed_row(failure), account, talk)
    talk.traceback(failure.error)
