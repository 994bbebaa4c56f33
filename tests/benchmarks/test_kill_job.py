"""A folder job that is killed, at random and at the worst moments, and two processes that share one."""

from __future__ import annotations

import multiprocessing
import sqlite3
from multiprocessing.context import ForkServerContext
from pathlib import Path

import kill_job
import pytest
from kill_job import done_times, draw_album, ended, ended_wrong, kill_jobs, results, save_network, start

from restore.io.journal import NAME

pytestmark = pytest.mark.skipif(
    "forkserver" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork processes"
)
DIE = "os.kill(os.getpid(), signal.SIGKILL)"
MOMENTS = {
    "before a result is put in its place": ("pathlib", "Path", "replace", f"{DIE}"),
    "before it is noted as done": ("restore.io.journal", "Journal", "done", f"{DIE}"),
    "before it is noted as whole": ("restore.io.journal", "Journal", "seal", f"{DIE}"),
    "after it was noted as done": ("restore.io.journal", "Journal", "done", f"kept(*given, **named); {DIE}"),
}


def when(condition: str) -> str:
    """Code that lets no photo be enlarged before the condition holds."""
    return (
        "import time\nfrom restore.inference.upscale import Upscaler\nwhole = Upscaler.__call__\n"
        f"def slow(*given):\n    time.sleep(0.1)\n    while not {condition}:\n        time.sleep(0.02)\n"
        "    return whole(*given)\nUpscaler.__call__ = slow\n"
    )


@pytest.fixture(scope="module")
def server() -> ForkServerContext:
    return kill_job.forkserver()


def at(moment: str, count: int) -> str:
    """Code that kills its own process at the moment, for the photo of that number."""
    module, owner, name, body = MOMENTS[moment]
    return (
        f"import signal\nfrom {module} import {owner}\nkept, seen = {owner}.{name}, []\n"
        "def deadly(*given, **named):\n    seen.append(1)\n"
        f"    if len(seen) == {count}:\n        {body}\n    return kept(*given, **named)\n{owner}.{name} = deadly\n"
    )


@pytest.mark.slow
def test_jobs_that_are_killed_at_random_moments_end_as_undisturbed_ones_do(tmp_path: Path) -> None:
    tally = kill_jobs(tmp_path, kills=5, photos=8, seed=0)
    assert tally.faults == []
    assert tally.kills == 5


@pytest.mark.slow
def test_a_kill_at_the_worst_moments_loses_nothing_and_repeats_nothing(
    tmp_path: Path, server: ForkServerContext
) -> None:
    draw_album(tmp_path / "album", 3)
    save_network(tmp_path / "tiny.safetensors")
    assert ended(start(server, tmp_path, "whole")) == 0
    expected = results(tmp_path / "whole")
    assert len(expected) == 3
    for number, moment in enumerate(MOMENTS):
        out = f"job{number}"
        assert ended(start(server, tmp_path, out, before=at(moment, 2))) == -9, moment
        left = results(tmp_path / out)
        assert all(expected[name] == data for name, data in left.items()), moment
        assert len(left) == (1 if moment.startswith("before a") or moment.endswith("whole") else 2), moment
        assert ended(start(server, tmp_path, out, "--resume")) == 0, moment
        assert ended_wrong(tmp_path / out, 0, expected) == [], moment


def test_two_processes_on_one_job_share_the_photos_and_do_none_twice(tmp_path: Path, server: ForkServerContext) -> None:
    draw_album(tmp_path / "album", 12)
    save_network(tmp_path / "tiny.safetensors")
    both = [start(server, tmp_path, "out", "--resume", before=when("True")) for _ in range(2)]
    assert [ended(child) for child in both] == [0, 0]
    out = tmp_path / "out"
    assert len(results(out)) == 12
    assert set(done_times(out).values()) == {1}
    journal = sqlite3.connect(out / NAME)
    claims = dict(journal.execute("SELECT target, count(*) FROM events WHERE state = 'claimed' GROUP BY target"))
    shares = [count for (count,) in journal.execute("SELECT count(*) FROM files GROUP BY run")]
    journal.close()
    assert set(claims.values()) == {1}
    assert len(shares) == 2
    assert min(shares) >= 2


def test_the_photos_of_a_process_that_was_killed_are_done_by_the_one_beside_it(
    tmp_path: Path, server: ForkServerContext
) -> None:
    draw_album(tmp_path / "album", 6)
    save_network(tmp_path / "tiny.safetensors")
    lives = start(server, tmp_path, "out", "--resume", before=when("os.path.exists('go')"))
    dies = start(server, tmp_path, "out", "--resume", before=when("True") + at("before it is noted as whole", 2))
    assert ended(dies) == -9
    (tmp_path / "go").touch()
    assert ended(lives) == 0
    assert len(results(tmp_path / "out")) == 6
    assert set(done_times(tmp_path / "out").values()) == {1}
