"""What a job costs besides restoring: planning, the journal, listing a store, and, with Ray, handing photos to workers.

    python benchmarks/job_cost.py                       # 20 000 files, 200 changes of the journal, 500 errands
    python benchmarks/job_cost.py --files 100000

Files are empty and errands do nothing, so what is measured is what comes on top of each photo. Told are seconds of the
clock and of processor time (this process) for one photo, and the memory that the plan keeps for it. Needs
`pip install "restore-photos[ray]"` for the line about Ray, which has one worker on this computer.
"""

from __future__ import annotations

import argparse
import importlib.util
import resource
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fsspec.implementations.memory import MemoryFile, MemoryFileSystem

from restore.inference.fleet import Fleet, Wanted
from restore.io.folder import Job, plan_jobs
from restore.io.journal import Journal
from restore.io.journal_rows import Result
from restore.io.steady import FileState


class Idle:
    """A worker that does nothing; its answer is as large as a real one."""

    def __init__(self, *_: object) -> None:
        self._answer = b"x" * 4000

    def hello(self) -> str:
        """Nothing."""
        return "here"

    def do(self, _: object) -> bytes:
        """Nothing."""
        return self._answer


@contextmanager
def clock(what: str, count: int) -> Iterator[None]:
    """Print what one of ``count`` things took."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, own = time.perf_counter(), time.process_time()
    yield
    wall, own = time.perf_counter() - wall, time.process_time() - own
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    print(
        f"{what:36} {count:7d}: {1e3 * wall / count:8.3f} ms, {1e3 * own / count:8.3f} ms of processor, "
        f"{grown / count:6.2f} kB each"
    )


def main() -> None:
    """Measure, and print a line each."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--files", type=int, default=20_000)
    options.add_argument("--changes", type=int, default=200)
    options.add_argument("--errands", type=int, default=500)
    asked = options.parse_args()
    names = [f"{number // 1000:04d}/{number:07d}.jpg" for number in range(asked.files)]
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name in names:
            (here / "in" / name).parent.mkdir(parents=True, exist_ok=True)
            (here / "in" / name).touch()
        with clock("plan, a folder on disk", asked.files):
            plan_jobs([str(here / "in")], output=str(here / "out"), what="x2")
        files = MemoryFileSystem()
        for name in names:
            files.store[f"/in/{name}"] = MemoryFile(files, f"/in/{name}")
        with clock("plan, a store in memory", asked.files):
            plan = plan_jobs(["memory://in/"], output=str(here / "far"), what="x2")
        assert len(plan.jobs) == asked.files
        jobs = [Job(here / "in" / name, here / "out" / name) for name in names]
        with Journal(here / "out") as journal:
            with clock("journal, begin", asked.files):
                journal.begin({"scale": "2"}, ["in"], jobs)
            state = FileState(1, 1)
            with clock("journal, claim + seal + done", asked.changes):
                for job in jobs[: asked.changes]:
                    journal.claim(job, state)
                    journal.seal(job, 1, "0" * 64, "0" * 64)
                    journal.done(job, Result(output=state, megapixels=1, seconds=1, faithful_db=None))
    if importlib.util.find_spec("ray"):
        with Fleet[int](Idle, (), Wanted(threads=1)) as fleet:
            answers = fleet.run(iter(range(asked.errands + 10)), lambda task: task)
            for _ in range(10):
                next(answers)
            with clock(f"Ray, an errand ({fleet.size} workers)", asked.errands):
                for _ in answers:
                    pass


if __name__ == "__main__":
    main()
