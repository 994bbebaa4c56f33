"""A job done by the workers of a Ray cluster: what they are told, what they send back, and who puts results in place.

A worker reads a photo, restores it and writes the result under a hidden name beside its target. Only the process that
was started by hand gives it its own name, after it has noted the hash in the journal, as for a photo of its own. So
whatever becomes of a worker, and whatever it does after it was given up, no result is lost, seen half, or made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from restore.cli.album import Album
from restore.cli.far_hand import Answer, Errand, Hand, Terms
from restore.cli.forecast import Forecast
from restore.cli.ledger import Ledger
from restore.cli.plan import STREAM
from restore.cli.settings import settings_of
from restore.cli.talk import Talk
from restore.cli.walk import Account, Batch
from restore.errors import ConfigError, DeviceError, RestoreError
from restore.inference.batch import Done, Failed
from restore.inference.fleet import Fleet, Lost, Wanted
from restore.io.folder import Job
from restore.io.remote import Remote, full_name, path_of
from restore.io.sidecar import sidecar_of
from restore.io.temporary import temporary_prefix
from restore.io.write import place_file

if TYPE_CHECKING:
    from restore.cli.order import Order


@dataclass(slots=True)
class Far:
    """A job, as the process that was started by hand sees it."""

    order: Order
    ledger: Ledger
    account: Account
    talk: Talk
    _: KW_ONLY
    pictures: Mapping[Path, Path]
    album: Album
    ahead: Forecast | None

    def batch(self, jobs: Iterable[Job], late: Callable[[Done | Failed], None]) -> Generator[Done | Failed]:
        """What becomes of every job, as it comes; as of :func:`restore.inference.batch.run_batch`.

        Closing the generator, or an interrupt, puts in place what is already whole, of which ``late`` is told, and
        calls the rest off.
        """
        machine, numbers = self.order.machine, count()
        hidden: dict[Path, list[tuple[Path, Path]]] = {}

        def errand(job: Job) -> Errand:
            self._remove(hidden.pop(job.target, []))  # of a worker that died
            built = _hidden(job.target, next(numbers))
            picture = self.pictures.get(job.target)
            beside = None if picture is None else _hidden(picture, next(numbers))
            hidden[job.target] = [
                *([(beside, picture)] if beside is not None and picture is not None else []),
                *([(sidecar_of(built), sidecar_of(job.target))] if self.order.writing.sidecar else []),
                (built, job.target),
            ]
            whole = None if beside is None else _whole(beside)
            return Errand(job=Job(_whole(job.source), _whole(built)), picture=whole)

        def settled(job: Job, answer: Answer | Lost) -> Done | Failed:
            built = hidden.pop(job.target)
            outcome = self._settled(job, answer, built)
            if isinstance(outcome, Failed):
                self._remove(built)
            return outcome

        wanted = Wanted(address=machine.ray_address, device=machine.device, threads=machine.threads)
        with Fleet[Job](Hand, (self._terms(),), wanted) as fleet:
            self.account.device = f"{fleet.size} Ray worker{'s' if fleet.size > 1 else ''}"
            self.talk.detail(f"computing on {self.account.device}")
            if self.ahead is not None:
                self.ahead.device, self.ahead.hands = self.account.device, fleet.size
            try:
                for job, answer in fleet.run(iter(jobs), errand, waiting=self.talk.note, begun=self._begun):
                    yield settled(job, answer)
            except (KeyboardInterrupt, GeneratorExit):
                for job, answer in fleet.ready():
                    late(settled(job, answer))
                raise
            finally:
                fleet.close()
                for built in hidden.values():
                    self._remove(built)

    def _begun(self) -> None:
        """The first worker is ready: what came before is no measure of speed."""
        if self.ahead is not None:
            self.ahead.start()

    def _terms(self) -> Terms:
        order, jobs = self.order, self.ledger.left.todo
        if any(Path(STREAM) in (job.source, job.target) for job in jobs):
            raise ConfigError("--engine ray takes files; a picture from stdin, or for stdout, is done without it")
        folders = {jobs[0].source.parent, self.ledger.plan.folder or jobs[0].target.parent}
        return Terms(
            order=order,
            settings=settings_of(order),
            folder=str(Path.cwd()),
            seen=tuple(_whole(folder) for folder in folders if not isinstance(folder, Remote) and folder.exists()),
            album=len(jobs) if self.album.open else 0,
        )

    def _settled(self, job: Job, answer: Answer | Lost, built: list[tuple[Path, Path]]) -> Done | Failed:
        if isinstance(answer, Lost):
            error = DeviceError(
                f"{job.source}: {answer.deaths} workers died while they had this photo, so it is left out; try it by "
                "itself without --engine, with --max-memory 1G"
            )
            return Failed(job, error, "restore")
        self.ledger.note_hash(job.source, answer.input_sha256)
        self.album.add(job.target, answer.pictures)
        outcome = answer.outcome
        if isinstance(outcome, Failed):
            return Failed(job, _renamed(outcome.error, job, built), outcome.stage)
        try:
            self._place(job, answer, built)
        except RestoreError as error:
            return Failed(job, error, "write")
        return Done(job, outcome.report, outcome.seconds)

    def _place(self, job: Job, answer: Answer, built: list[tuple[Path, Path]]) -> None:
        """Give everything its own name, the result last; OutputError and ImageError as of ``write_photo``."""
        overwrite, sealed = self.ledger.overwrites(job.target), self.ledger.sealed(job.target)
        for hidden, path in built[:-1]:
            if hidden.exists():  # a photo that nothing was done to has no sidecar
                place_file(hidden, path, overwrite=overwrite or self.order.where.resume)
        hidden, path = built[-1]
        place_file(hidden, path, overwrite=overwrite, written=answer.written, sealed=sealed)

    @staticmethod
    def _remove(built: Iterable[tuple[Path, Path]]) -> None:
        """What was built and not put in place."""
        for hidden, _ in built:
            with suppress(OSError):
                hidden.unlink(missing_ok=True)


def batch_elsewhere(
    order: Order,
    ledger: Ledger,
    account: Account,
    talk: Talk,
    *,
    pictures: Mapping[Path, Path],
    album: Album,
    ahead: Forecast | None,
) -> Batch | None:
    """What does the photos in place of this process; None if nobody does."""
    if order.machine.engine == "local":
        return None
    return Far(order, ledger, account, talk, pictures=pictures, album=album, ahead=ahead).batch


def _hidden(path: Path, number: int) -> Path:
    """A name beside ``path`` that later runs know to be unfinished, and to be ours."""
    return path.with_name(f"{temporary_prefix()}far{number}{path.suffix}")


def _whole(path: Path) -> Path:
    return path_of(full_name(path))


def _renamed(error: RestoreError, job: Job, built: list[tuple[Path, Path]]) -> RestoreError:
    """The error with the names that were asked for in place of those that the worker had."""
    words = str(error)
    for there, here in ((_whole(job.source), job.source), *((_whole(hidden), path) for hidden, path in built), *built):
        words = words.replace(str(there), str(here))
    return type(error)(words)
