"""--engine ray: the same bytes, rows, journal and codes as on this computer, whatever becomes of the workers.

Most tests have a fleet of one worker within this process, which takes and gives only what can be pickled. Those at the
end start Ray itself, and are skipped where it is not installed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from restore.errors import ConfigError
from restore.inference.fleet import Fleet, Lost, Wanted
from restore.io.journal import NAME

MakePhoto = Callable[..., Path]
Run = Callable[..., Any]
HAS_RAY = importlib.util.find_spec("ray") is not None
WORDS = ("upscale", "in/", "-x", "2")


class NearFleet:
    """One worker in this process; it dies of photos whose names begin with "poison", and never tires."""

    size = 1
    answers_before_ctrl_c = 10**9

    def __init__(self, kind: Callable[..., Any], told: tuple[Any, ...], _: Wanted) -> None:
        self._hand = kind(*pickle.loads(pickle.dumps(told)), "cpu", 1)
        self._left: list[tuple[Any, Any]] = []

    @classmethod
    def __class_getitem__(cls, _: object) -> type[NearFleet]:
        return cls

    def __enter__(self) -> NearFleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._hand.close()

    def run(
        self, tasks: Iterator[Any], errand: Callable[[Any], Any], *, waiting: Any, begun: Callable[[], None]
    ) -> Iterator[tuple[Any, Any]]:
        assert callable(waiting)
        self._hand.hello()
        begun()
        for number, task in enumerate(tasks):
            sent = pickle.loads(pickle.dumps(errand(task)))
            answer = pickle.loads(pickle.dumps(self._hand.do(sent)))
            if task.source.name.startswith("poison"):  # it died when all was written, before it could say so
                sent = pickle.loads(pickle.dumps(errand(task)))
                self._hand.do(sent)
                answer = Lost(2)
            if number == self.answers_before_ctrl_c:
                self._left.append((task, answer))
                raise KeyboardInterrupt
            yield task, answer

    def ready(self) -> Iterator[tuple[Any, Any]]:
        yield from self._left


@pytest.fixture
def near_fleet(monkeypatch: pytest.MonkeyPatch) -> type[NearFleet]:
    monkeypatch.setattr("restore.cli.far.Fleet", NearFleet)
    monkeypatch.setattr(NearFleet, "answers_before_ctrl_c", 10**9)
    return NearFleet


@pytest.fixture
def photos(make_photo: MakePhoto, tmp_path: Path) -> list[str]:
    names = ["a.jpg", "b.png", "sub/c.jpg", "sub/deep/d.png"]
    for number, name in enumerate(names):
        make_photo(f"in/{name}", width=40 + 4 * number)
    (tmp_path / "in" / "bad.jpg").write_bytes(b"nonsense")
    return names


def files_in(folder: Path) -> dict[str, bytes]:
    """Everything but the journal, hidden files too."""
    found = (path for path in folder.rglob("*") if path.is_file() and NAME not in path.name)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def rows_of(out: str, folder: str) -> list[dict[str, Any]]:
    """What is said, but for times and the folder, which differ; a cluster does not tell what the steps took."""
    rows = [json.loads(line.replace(f"{folder}/", "out/")) for line in out.splitlines()]
    timeless = [{name: value for name, value in row.items() if not name.endswith("seconds")} for row in rows]
    return sorted(timeless, key=lambda row: str(row["source"]))


def states(folder: Path) -> dict[str, tuple[str, int]]:
    """The last state of each photo in the journal, and how often it was done."""
    done = "SELECT count(*) FROM events WHERE events.target = files.target AND events.state = 'done'"
    with closing(sqlite3.connect(folder / NAME)) as db:
        return {row[0]: (row[1], row[2]) for row in db.execute(f"SELECT target, state, ({done}) FROM files")}


def test_results_rows_and_journal_are_those_of_this_computer(
    run: Run, photos: list[str], near_fleet: type[NearFleet], tmp_path: Path
) -> None:
    more = ("--sidecar", "--json")
    near = run(*WORDS, "-o", "near/", "--evidence", "near/maps/", *more)
    far = run(*WORDS, "-o", "far/", "--evidence", "far/maps/", *more, "--engine", "ray")
    assert (near.code, far.code) == (3, 3)
    assert rows_of(far.out, "far") == rows_of(near.out, "near")
    assert files_in(tmp_path / "far") == files_in(tmp_path / "near")
    assert any(name.endswith(".xmp") for name in files_in(tmp_path / "far"))
    assert states(tmp_path / "far") == states(tmp_path / "near")
    again = run(*WORDS, "-o", "far/", "--evidence", "far/maps/", "--sidecar", "--resume")  # either goes on with either
    assert "1 failed, 4 done before" in again.err


def test_a_page_has_the_same_small_pictures(
    run: Run, photos: list[str], near_fleet: type[NearFleet], tmp_path: Path
) -> None:
    def pictures(name: str) -> list[str]:
        return sorted(part.split('"')[0] for part in (tmp_path / name).read_text().split("data:image/jpeg")[1:])

    run(*WORDS, "-o", "near/", "--report", "near.html")
    run(*WORDS, "-o", "far/", "--report", "far.html", "--engine", "ray")
    assert pictures("far.html") == pictures("near.html")
    assert len(pictures("far.html")) == 8
    assert "1 Ray worker" in (tmp_path / "far.html").read_text()


def test_a_photo_that_workers_die_of_is_left_out_and_leaves_nothing(
    run: Run, photos: list[str], near_fleet: type[NearFleet], make_photo: MakePhoto, tmp_path: Path
) -> None:
    make_photo("in/poison.jpg")
    outcome = run(*WORDS, "-o", "far/", "--engine", "ray")
    assert outcome.code == 3
    assert "in/poison.jpg: 2 workers died while they had this photo" in outcome.err
    assert sorted(files_in(tmp_path / "far")) == sorted(photos)
    assert states(tmp_path / "far")["poison.jpg"] == ("failed", 0)


def test_what_came_meanwhile_is_not_replaced(
    run: Run, photos: list[str], near_fleet: type[NearFleet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "far" / "b.png"
    close = NearFleet.run

    def slow(self: NearFleet, tasks: Any, errand: Any, **more: Any) -> Iterator[tuple[Any, Any]]:
        for task, answer in close(self, tasks, errand, **more):
            mine.write_bytes(b"mine")
            yield task, answer

    monkeypatch.setattr(NearFleet, "run", slow)
    outcome = run(*WORDS, "-o", "far/", "--engine", "ray")
    assert outcome.code == 3
    assert "far/b.png: this file exists already" in outcome.err
    assert mine.read_bytes() == b"mine"
    assert sorted(files_in(tmp_path / "far")) == sorted(photos)


def test_ctrl_c_keeps_what_is_whole_and_resume_does_the_rest(
    run: Run, photos: list[str], near_fleet: type[NearFleet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NearFleet, "answers_before_ctrl_c", 2)
    outcome = run(*WORDS, "-o", "far/", "--engine", "ray", "--json")
    assert outcome.code == 130
    assert "stopped with 2 left" in outcome.err
    assert len(outcome.out.splitlines()) == 3
    monkeypatch.setattr(NearFleet, "answers_before_ctrl_c", 10**9)
    assert run(*WORDS, "-o", "far/", "--engine", "ray", "--resume").code == 3
    assert run(*WORDS, "-o", "near/").code == 3
    assert files_in(tmp_path / "far") == files_in(tmp_path / "near")
    assert {count for state, count in states(tmp_path / "far").values() if state == "done"} == {1}


def test_a_worker_with_other_weights_ends_the_run_before_it_begins(
    run: Run, photos: list[str], near_fleet: type[NearFleet], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("restore.cli.far_hand.settings_of", lambda _: {"version": "0.0.9"})
    outcome = run(*WORDS, "-o", "far/", "--engine", "ray")
    assert outcome.code == 2
    assert "has another restore or other weights" in outcome.err
    assert files_in(tmp_path / "far") == {}


def test_a_machine_that_does_not_see_the_folder_ends_the_run(
    run: Run, photos: list[str], near_fleet: type[NearFleet], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hello = Path.exists
    begin = NearFleet.run

    def elsewhere(self: NearFleet, *words: Any, **more: Any) -> Iterator[tuple[Any, Any]]:
        monkeypatch.setattr(Path, "exists", lambda path: path.name != "in" and hello(path))
        yield from begin(self, *words, **more)

    monkeypatch.setattr(NearFleet, "run", elsewhere)
    outcome = run(*WORDS, "-o", "far/", "--engine", "ray")
    assert outcome.code == 2
    assert "does not see this folder" in outcome.err


def test_pictures_from_stdin_and_a_missing_ray_are_refused(
    run: Run, photos: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r'pip install "restore-photos\[ray\]"'):
        Fleet(object, (), Wanted())  # type: ignore[arg-type]
    assert run(*WORDS, "-o", "far/", "--engine", "ray").code == 2
    piped = run("upscale", "-", "-o", "far.png", "--engine", "ray", feed=(tmp_path / "in/b.png").read_bytes())
    assert piped.code == 2
    assert "stdin" in piped.err


needs_ray = pytest.mark.skipif(not HAS_RAY, reason='Ray is not installed: pip install "restore-photos[ray]"')

FRAGILE = """
import itertools, json, os, sys
from pathlib import Path
from restore.errors import RestoreError, WeightsError
from restore.inference.fleet import IN_FLIGHT, Fleet, Wanted

class Fragile:
    def __init__(self, folder, device, cores):
        self.folder = folder
    def hello(self):
        if self.folder == "refuses":
            raise WeightsError("no weights here")
        if self.folder == "dies":
            os._exit(1)
        return "here"
    def do(self, errand):
        task, number = errand
        if task == "poison" or (task == "once" and not Path(self.folder, "once").exists()):
            Path(self.folder, task).touch()
            os._exit(1)
        return os.getpid(), task, number

def run(folder, tasks):
    taken, answered, seen, most = 0, 0, [], 0
    def feed():
        nonlocal taken, most
        for task in tasks:
            taken += 1
            most = max(most, taken - answered)
            yield task
    numbers = itertools.count()
    with Fleet[str](Fragile, (folder,), Wanted(threads=1)) as fleet:
        for task, answer in fleet.run(feed(), lambda task: (task, next(numbers))):
            answered += 1
            seen.append((task, getattr(answer, "deaths", None) or answer[0]))
        return {"seen": seen, "most": most, "size": fleet.size, "room": IN_FLIGHT * fleet.size}

if __name__ == "__main__":
    found = run(sys.argv[1], [f"t{n}" for n in range(12)] + ["poison", "once"] + [f"u{n}" for n in range(12)])
    for folder in ("refuses", "dies"):
        try:
            run(folder, ["t"])
        except RestoreError as error:
            found[folder] = [type(error).__name__, str(error)]
    print(json.dumps(found))
"""


def started(words: list[str], **more: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAY_ADDRESS": ""}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *words], env=environment, start_new_session=True, **pipes, **more)


def below(pid: int) -> dict[int, str]:
    """Processes that a process has started, and those that they have, with their names."""
    found: dict[int, tuple[int, str]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            name = (path.parent / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        found[int(path.parent.name)] = int(fields[1]), name
    family, grown = {pid}, True
    while grown:
        more = {child for child, (parent, _) in found.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return {child: found[child][1] for child in family if child in found and child != pid}


@needs_ray
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_errand_is_answered_once_though_workers_die(tmp_path: Path) -> None:
    script = tmp_path / "fragile.py"
    script.write_text(FRAGILE)
    process = started([str(script), str(tmp_path)])
    out, err = process.communicate(timeout=850)
    assert process.returncode == 0, err
    found = json.loads(out)
    answers = dict(found["seen"])
    assert len(found["seen"]) == len(answers) == 26
    assert answers.pop("poison") == 2
    pids = set(answers.values())
    assert len(pids) >= 2 + 1  # the first ones, and who came for those that died
    assert found["most"] <= found["room"]
    assert found["refuses"] == ["WeightsError", "no weights here"]
    assert found["dies"][0] == "DeviceError"


@needs_ray
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="workers are found through /proc")
@pytest.mark.timeout(1200)
def test_after_ctrl_c_and_a_killed_worker_all_is_as_on_one_computer(
    run: Run, make_photo: MakePhoto, tiny_file: Callable[..., Path], tmp_path: Path
) -> None:
    names = [f"{'sub/' if number % 2 else ''}{number:02d}.png" for number in range(60)]
    for number, name in enumerate(names):
        make_photo(f"in/{name}", width=64 + number)
    weights = tiny_file("mine.safetensors", 2)
    words = ["upscale", "in/", "-x", "2", "--weights", str(weights)]
    far = ["-m", "restore", *words, "-o", "far/", "--engine", "ray", "--threads", "1", "--json"]

    process = started(far, cwd=tmp_path)
    assert process.stdout is not None
    first = [process.stdout.readline() for _ in range(3)]
    assert all(first)
    family = set(below(process.pid))
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    wait_until(lambda: not [pid for pid in family if Path(f"/proc/{pid}").exists()])
    before = len(first) + len(out.splitlines())
    assert len(files_in(tmp_path / "far")) == before  # whole results alone, none of them hidden

    process = started([*far, "--resume"], cwd=tmp_path)
    assert process.stdout is not None
    second = [process.stdout.readline() for _ in range(2)]
    assert all(second)
    workers = [pid for pid, name in below(process.pid).items() if name.startswith("ray::Hand")]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    rows = [json.loads(line) for line in (*first, *second, *out.splitlines())]
    assert len({row["source"] for row in rows}) == len(rows) == 60 - (before - len(first))
    assert {row["status"] for row in rows} == {"ok"}

    assert run(*words, "-o", "near/").code == 0
    assert files_in(tmp_path / "far") == files_in(tmp_path / "near")
    assert set(states(tmp_path / "far").values()) == {("done", 1)}


def wait_until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.5)
