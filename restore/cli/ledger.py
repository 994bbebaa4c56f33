"""A run and the journal of its folder: what is left to do, whose turn it is, and what became of each photo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from restore.cli.settings import settings_of
from restore.errors import ConfigError, OutputError
from restore.inference.batch import Done, Failed
from restore.io.folder import Job, Plan
from restore.io.journal import NAME, Journal
from restore.io.journal_rows import Record, Refusal, Result
from restore.io.photo import Photo
from restore.io.remote import home_of
from restore.io.resume import EXISTS, Left, sort_jobs
from restore.io.steady import state_of
from restore.io.temporary import remove_leftovers
from restore.io.write import Sealed

if TYPE_CHECKING:
    from restore.cli.order import Order
    from restore.cli.talk import Talk

_REFUSALS: Final[Mapping[Refusal, str]] = {
    "busy": "another run is at work on it",
    "done": "another run has done it",
    "failed": "another run has failed at it",
}


@dataclass(slots=True)
class Ledger:
    """The account of a run over a plan in the journal of its folder, or nowhere: a run never fails because of it.

    Close it, or use it as a context: what was claimed is then free for others.
    """

    order: Order
    plan: Plan
    talk: Talk
    left: Left = field(default_factory=Left)
    """The photos, sorted; all of them are to do unless the run is to go on with an earlier one."""
    speeds: list[tuple[float, float, int]] = field(default_factory=list)
    """Of photos done before: megapixels of the result, seconds, bytes."""
    _journal: Journal | None = None
    _jobs: dict[Path, Job] = field(default_factory=dict)
    _hashes: dict[Path, str | None] = field(default_factory=dict)
    _told: bool = False

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._journal is not None:
            self._journal.close()

    def sort(self, beside: Mapping[Path, Path]) -> None:
        """Find out what is left to do; ``beside`` are pictures that belong to results.

        Raises ConfigError where a run is to be gone on with that cannot be: no folder, or other settings. OutputError
        when there is a journal and it cannot be read.
        """
        plan, folder = self.plan, self.plan.folder
        self.left = Left(todo=list(plan.jobs), skipped=[(job, EXISTS) for job in plan.skipped])
        if not self.order.where.resume:
            return
        if folder is None:
            raise ConfigError(
                "--resume goes on with a job over several photos whose results go into a folder; give -o DIR/, or "
                "leave --resume out: results beside their photos are never made twice"
            )
        if state_of(home_of(folder) / NAME) is None:
            self.talk.note(f"{folder}: there is no journal yet, so nothing is known to be done; the job begins anew")
            self.left = Left()
            for job in plan.jobs:
                exists = state_of(job.target) is not None and not self.order.writing.overwrite
                self.left.skipped.append((job, EXISTS)) if exists else self.left.todo.append(job)
            return
        self._journal = Journal(folder)
        overwrite, settings = self.order.writing.overwrite, settings_of(self.order)
        self.left = sort_jobs(plan.jobs, self._journal, settings, overwrite=overwrite, beside=beside)
        records = self._journal.records()
        self.speeds = [
            speed for job in self.left.before if (speed := _speed(records.get(self._journal.key(job.target))))
        ]

    def begin(self) -> None:
        """Clear up after runs that died, and note this one; without a folder of results there is no journal."""
        if self.plan.folder is None or not self.left.todo:
            return
        removed = remove_leftovers({job.target.parent for job in (*self.plan.jobs, *self.plan.skipped)})
        if removed:
            self.talk.detail(f"removed {removed} unfinished files of runs that were cut off")
        self._jobs = {job.target: job for job in self.left.todo}
        settings, begun = settings_of(self.order), False
        with self._forgiven():
            self._journal = self._journal or Journal(self.plan.folder)
            self._journal.begin(settings, self.order.where.inputs, self.left.todo)
            begun = True
        if self._journal is not None and not begun:
            self._journal.close()
            self._journal = None

    def mine(self, refused: Callable[[Job, str], None]) -> Iterator[Job]:
        """Each photo to do, as its turn comes; ``refused`` is told of those that another run has, at the end."""
        later = []
        for job in self.left.todo:
            if self._claim(job) is None:
                yield job
            else:
                later.append(job)
        for job in later:  # whoever had them may have died since
            refusal = self._claim(job)
            if refusal is None:
                yield job
            else:
                refused(job, _REFUSALS[refusal])

    def read(self, source: Path, photo: Photo) -> None:
        """Note which bytes a photo was read from."""
        self._hashes[source] = photo.sha256

    def note_hash(self, source: Path, sha256: str | None) -> None:
        """The same, of a photo that somebody else has read."""
        self._hashes[source] = sha256

    def overwrites(self, target: Path) -> bool:
        """Whether a result may replace what is there."""
        return self.order.writing.overwrite or target in self.left.replaceable

    def sealed(self, target: Path) -> Sealed | None:
        """What is to be called when a result is whole, before it is put in its place."""
        journal, job = self._journal, self._jobs.get(target)
        return None if journal is None or job is None else partial(self._seal, journal, job)

    def tell(self, outcome: Done | Failed) -> None:
        """Write down what became of a photo."""
        if self._journal is None:
            return
        self._hashes.pop(outcome.job.source, None)
        with self._forgiven():
            if isinstance(outcome, Failed):
                self._journal.failed(outcome.job, str(outcome.error))
                return
            report = outcome.report
            result = Result(
                output=state_of(outcome.job.target),
                megapixels=report.height * report.width / 1e6,
                seconds=round(outcome.seconds, 3),
                faithful_db=report.consistency_db,
                weights=", ".join(report.weights),
            )
            self._journal.done(outcome.job, result)

    def _claim(self, job: Job) -> Refusal | None:
        if self._journal is not None:
            with self._forgiven():
                return self._journal.claim(job, state_of(job.source))
        return None

    def _seal(self, journal: Journal, job: Job, size: int, sha256: str) -> None:
        with self._forgiven():
            journal.seal(job, size, sha256, self._hashes.get(job.source))

    @contextmanager
    def _forgiven(self) -> Iterator[None]:
        """What goes wrong with the journal is said once and stops nothing."""
        try:
            yield
        except OutputError as error:
            if not self._told:
                self.talk.warn(f"note: {error}; photos are done all the same, but --resume will not know of all")
            self._told = True


def _speed(record: Record | None) -> tuple[float, float, int] | None:
    if record is None or record.megapixels is None or record.seconds is None or record.output is None:
        return None
    return record.megapixels, record.seconds, record.output.size
