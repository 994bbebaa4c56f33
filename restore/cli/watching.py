"""A folder that photos come into: look, do what is complete, wait, and look again, until somebody stops it.

It looks again and again rather than being told by the system: notice of changes does not cross network folders, which
is where scanners and cameras put their photos, and every system has its own. What has been done stands in the journal
of the results' folder, as that of any job does: so a watch that is begun again knows it.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from restore.cli import exit_codes
from restore.cli.ledger import Ledger
from restore.cli.order import Order, restore_left
from restore.cli.plan import file_plan
from restore.cli.rows import shown, skipped_row
from restore.cli.talk import Talk
from restore.cli.walk import Account, fail, say
from restore.cli.work import work_for
from restore.errors import ConfigError, ImageError, OutputError, RestoreError
from restore.inference.batch import Failed, Skipped
from restore.io.address import is_address
from restore.io.arrivals import Arrivals, Look
from restore.io.folder import Job, Plan
from restore.io.journal import Journal

BUSY_S: Final = 60.0
"""A photo that another run has is asked for again after so many seconds: that run may die."""
REST: Final = 9.0
"""Waiting is at least so many times as long as looking, so that a huge folder does not keep a processor busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often to look, and how long a file must stand still; in seconds."""

    every_s: float = 2.0
    settle_s: float = 5.0
    once: bool = False
    """Whether to do what is complete now, and end."""


class Clock:
    """Time as it passes."""

    def now(self) -> float:
        """Seconds; they never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)


def watch_folder(order: Order, talk: Talk, pace: Pace, clock: Clock) -> int:
    """Watch the one folder of the order, which resumes; gives the exit code. Ctrl-C and SIGTERM end it.

    0 when it is stopped while it waits; 130 when a photo was being done, which is then left alone, or written whole.
    RestoreError: what stops everything: no such folder, a journal from other settings, no weights, no device.
    """
    watch = None
    with _stopped_by_sigterm():
        try:
            watch = Watch(order, talk, pace, clock)
            return watch.once() if pace.once else watch.forever()
        except KeyboardInterrupt:
            if watch is None or watch.busy:
                return exit_codes.STOPPED
            talk.note(f"stopped, {watch.counts}")
            return exit_codes.DONE


class Watch:
    """A folder, and what has become of its photos since the watch began."""

    def __init__(self, order: Order, talk: Talk, pace: Pace, clock: Clock) -> None:
        self.order, self.talk, self.pace, self.clock = order, talk, pace, clock
        if any(map(is_address, (order.where.inputs[0], str(order.where.output)))):
            raise ConfigError("a watch needs folders on this computer; restore auto s3://... --resume does one round")
        self.folder, self.output = Path(order.where.inputs[0]), Path(str(order.where.output))
        _refuse_folders(self.folder, self.output)
        self.busy = False
        """Whether photos are being done."""
        self._arrivals = Arrivals(pace.settle_s)
        self._fates: Counter[str] = Counter()
        self._trouble: str | None = None
        plan = self._plan()
        Journal(self.output).close()  # a folder that cannot be written to is told now, not when the first photo comes
        self._work = work_for(order, order.machine.chosen(talk))
        self._begin(plan)

    @property
    def counts(self) -> str:
        """What has become of the photos, in words."""
        done, failed = self._fates["ok"], self._fates["fail"]
        return f"{done} done" + (f", {failed} failed" if failed else "")

    def forever(self) -> int:
        """Look and work until stopped while at work; gives 130. KeyboardInterrupt when that happens otherwise."""
        while True:
            began = self.clock.now()
            plan, look = self._look()
            took = self.clock.now() - began
            if self._do(plan, look):
                return exit_codes.STOPPED
            self.clock.sleep(max(self.pace.every_s, REST * took))

    def once(self) -> int:
        """Do what is complete; gives 3 when something failed, 130 when stopped at work, else 0."""
        self.clock.sleep(self.pace.settle_s)
        plan, look = self._look()
        if self._do(plan, look):
            return exit_codes.STOPPED
        if look.growing:
            self.talk.note(f"left for another time, since not complete: {', '.join(map(shown, look.growing))}")
        self.talk.note(self.counts)
        return exit_codes.SOME_FAILED if self._fates["fail"] else exit_codes.DONE

    def _begin(self, plan: Plan) -> None:
        """Find what earlier runs have done."""
        self._arrivals.look(_sources(plan), self.clock.now())
        with Ledger(self.order, plan, self.talk) as ledger:
            ledger.sort({})
            before = [job.source for job in ledger.left.before]
        self._arrivals.deal_with(before)
        left = len(plan.jobs) + len(plan.clashing) - len(before)
        words = [f"{len(before)} done before"] if before else []
        words += [f"{left} to look at"] if left else []
        if not self.pace.once:
            words += [f"looking every {self.pace.every_s:g} s; Ctrl-C ends it"]
        self.talk.note(f"watching {shown(self.folder)}: {', '.join(words) or 'nothing there'}")

    def _look(self) -> tuple[Plan, Look]:
        """What is there; nothing, and a note, where the folder is out of reach."""
        try:
            plan = self._plan()
        except (ImageError, OutputError) as error:
            self._bear(error)
            return Plan(()), Look()
        return plan, self._arrivals.look(_sources(plan), self.clock.now())

    def _plan(self) -> Plan:
        with self.order.machine.reads() as reads:
            return file_plan(self.order, reads, forgiving=True)

    def _do(self, plan: Plan, look: Look) -> bool:
        """Do what is complete; gives whether that was stopped."""
        account = Account()
        for path, error in look.refused:
            fail(Failed(_job_of(path, plan), error, "read"), account, self.talk)
        complete = set(look.complete)
        jobs = tuple(job for job in plan.jobs if job.source in complete)
        clashing = [(job, reason) for job, reason in plan.clashing if job.source in complete]
        try:
            theirs = self._restore(replace(plan, jobs=jobs), account) if jobs else []
        except OutputError as error:  # the journal, and so the folder of the results, is out of reach
            self.busy = False
            self._bear(error)
        else:
            self._arrivals.deal_with(complete)
            self._arrivals.put_off(theirs, self.clock.now() + BUSY_S)
            for job, reason in clashing:
                say(skipped_row(Skipped(job, reason)), account, self.talk)
            if plan.folder is not None:
                self._recover()
        self._fates.update(row.status for row in account.rows)
        return account.stopped

    def _restore(self, plan: Plan, account: Account) -> list[Path]:
        """Do the jobs of the plan that are not done; gives the photos that another run has in its hands."""
        with Ledger(self.order, plan, self.talk) as ledger:
            ledger.sort({})
            for job, reason in ledger.left.skipped:
                say(skipped_row(Skipped(job, reason)), account, self.talk)
            if ledger.left.todo:
                self.busy = True
                ledger.begin()
                restore_left(ledger, self._work, self.order, account, self.talk, pictures={})
                self.busy = False
            refused = {row.values["source"] for row in account.rows if row.status == "skip"}
            return [job.source for job in ledger.left.todo if str(job.source) in refused]

    def _bear(self, error: RestoreError) -> None:
        """Something that may pass: said once. With ``once`` there is no later, so it is raised."""
        if self.pace.once:
            raise error
        if str(error) != self._trouble:
            self.talk.warn(f"note: {error}; going on watching")
        self._trouble = str(error)

    def _recover(self) -> None:
        if self._trouble is not None:
            self.talk.note("the trouble has passed")
        self._trouble = None


def _sources(plan: Plan) -> list[Path]:
    return [job.source for job in (*plan.jobs, *(job for job, _ in plan.clashing))]


def _job_of(path: Path, plan: Plan) -> Job:
    return next(job for job in (*plan.jobs, *(job for job, _ in plan.clashing)) if job.source == path)


def _refuse_folders(folder: Path, output: Path) -> None:
    """ImageError when there is nothing to watch, ConfigError when results would come back as photos."""
    if not folder.is_dir():
        raise ImageError(f"{folder}: there is no such folder to watch; make it first, or check the name")
    if output.exists() and any(output.samefile(parent) for parent in (folder, *folder.resolve().parents)):
        raise ConfigError(
            f"{output}: results in the watched folder, or around it, would be taken for new photos; with -o choose a "
            "folder beside it, or one inside it, which is passed over"
        )


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """What service managers send does what Ctrl-C does."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not in the main thread, where signals are none of our business
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
