"""Many photos through one worker: reading ahead and writing behind, one thread each, in order.

At most three photos are alive at a time, one being read, one restored and one written, so memory does not
grow with the number of files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from restore.errors import DeviceError, RestoreError
from restore.inference.upscale import Report
from restore.io.folder import Job
from restore.io.photo import Photo

Stage = Literal["read", "restore", "write"]
Made = TypeVar("Made")
"""What becomes of a photo and is written: another photo, or a photo and what goes with it."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds that each stage of one photo took; those of several photos overlap."""

    read: float
    restore: float
    write: float


@dataclass(frozen=True, slots=True)
class Done:
    """A photo whose result is whole and in its place."""

    job: Job
    report: Report
    seconds: float
    """Time spent on this photo, from opening it to its result being in place; waiting for its turn not counted."""
    spent: Spent | None = None
    """The same by stages; None where somebody else did them."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A photo left alone."""

    job: Job
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A photo without a result; nothing was left under the target's name."""

    job: Job
    error: RestoreError
    stage: Stage


@dataclass(slots=True)
class _Read:
    """A photo that was read, until it is taken: whoever holds this holds a large picture no longer than needed."""

    photo: Photo | None
    seconds: float

    def take(self) -> Photo:
        """The photo; only once."""
        photo, self.photo = self.photo, None
        assert photo is not None
        return photo


@dataclass(frozen=True, slots=True)
class _Writing:
    """A finished photo on its way to the disk; ``future`` gives the seconds it took."""

    job: Job
    report: Report
    read_s: float
    restore_s: float
    future: Future[float]


def run_batch(
    jobs: Iterable[Job],
    work: Callable[[Photo], tuple[Made, Report]],
    *,
    read: Callable[[Path], Photo],
    write: Callable[[Made, Path], None],
    late: Callable[[Done | Failed], None] = lambda _: None,
    call_off: Callable[[], None] = lambda: None,
) -> Generator[Done | Failed, None, None]:
    """Restore every job's source into its target; one bad photo never stops the rest.

    Results come in the order of ``jobs``. ``work`` runs in the caller's thread, so Ctrl-C interrupts it; closing
    the generator, or an interrupt, lets a file that is being written be finished, of which ``late`` is told, and starts
    nothing new; ``call_off`` is called at the end and makes a ``read`` that is under way end. Errors of the package and
    a lack of memory become ``Failed``; anything else is a bug and is raised.
    """
    with (
        ThreadPoolExecutor(1, "read") as reader,
        ThreadPoolExecutor(1, "write") as writer,
        _cancelling(reader, call_off),
    ):
        writing: _Writing | None = None
        try:
            for job, reading, following in _read_ahead(jobs, read, reader):
                outcome = _restore(job, reading, work)
                if writing is not None:
                    written, writing = _finish(writing), None
                    yield written
                if isinstance(outcome, Failed):
                    yield outcome
                    continue
                made, report, read_s, restore_s = outcome
                future = writer.submit(_timed_write, write, made, job.target)
                writing = _Writing(job, report, read_s, restore_s, future)
                del outcome, made
                ends: list[Future[Any]] = [writing.future, *([following] if following else [])]
                wait(ends, return_when=FIRST_COMPLETED)  # before the next photo is there, there is nothing to do
                if writing.future.done():
                    written, writing = _finish(writing), None
                    yield written
            if writing is not None:
                written, writing = _finish(writing), None
                yield written
        except (KeyboardInterrupt, GeneratorExit):
            if writing is not None:
                late(_finish(writing))
            raise


@contextmanager
def _cancelling(executor: ThreadPoolExecutor, call_off: Callable[[], None]) -> Iterator[None]:
    """Whatever has not started when the block ends never will, and what runs is called off."""
    try:
        yield
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        call_off()


def _read_ahead(
    jobs: Iterable[Job], read: Callable[[Path], Photo], reader: ThreadPoolExecutor
) -> Iterator[tuple[Job, Future[_Read], Future[_Read] | None]]:
    """Each job with its photo to come, and the next one's, which is being read while this one is used."""
    waiting: tuple[Job, Future[_Read]] | None = None
    for job in jobs:
        following = (job, reader.submit(_timed_read, read, job.source))
        if waiting is not None:
            yield *waiting, following[1]
        waiting = following
    if waiting is not None:
        yield *waiting, None


def _restore(
    job: Job, reading: Future[_Read], work: Callable[[Photo], tuple[Made, Report]]
) -> tuple[Made, Report, float, float] | Failed:
    """What was made of a photo, and the seconds that reading and restoring it took."""
    stage: Stage = "read"
    try:
        read = reading.result()
        stage = "restore"
        start = time.perf_counter()
        made, report = work(read.take())
    except (RestoreError, MemoryError) as error:
        return Failed(job, _named(job, error), stage)
    return made, report, read.seconds, time.perf_counter() - start


def _finish(writing: _Writing) -> Done | Failed:
    job = writing.job
    try:
        spent = Spent(writing.read_s, writing.restore_s, writing.future.result())
    except (RestoreError, MemoryError) as error:
        return Failed(job, _named(job, error), "write")
    return Done(job, writing.report, spent.read + spent.restore + spent.write, spent)


def _named(job: Job, error: RestoreError | MemoryError) -> RestoreError:
    if isinstance(error, RestoreError):
        return error
    named = DeviceError(f"{job.source}: not enough memory for this photo; try a smaller scale or another machine")
    named.__cause__ = error
    return named


def _timed_read(read: Callable[[Path], Photo], source: Path) -> _Read:
    start = time.perf_counter()
    photo = read(source)
    return _Read(photo, time.perf_counter() - start)


def _timed_write(write: Callable[[Made, Path], None], made: Made, target: Path) -> float:
    start = time.perf_counter()
    write(made, target)
    return time.perf_counter() - start
