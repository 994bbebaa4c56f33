"""Who holds a thing, and whether that process still lives; unfinished files of the dead go, others stay."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from restore.io import owner as owner_module
from restore.io.owner import FOREIGN_S, is_alive, this_process
from restore.io.temporary import remove_leftovers, temporary_prefix

SAY_WHO = "from restore.io.owner import this_process\nprint(this_process(), flush=True)\ninput()"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows does not tell when a process started")


def a_process() -> tuple[subprocess.Popen[str], str]:
    """A process that waits, and what it calls itself."""
    child = subprocess.Popen([sys.executable, "-c", SAY_WHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def test_a_process_lives_until_it_is_killed_also_before_its_parent_has_looked() -> None:
    child, who = a_process()
    with child:
        assert is_alive(who, age_s=1e9)
        child.kill()
        end = time.monotonic() + 10
        while is_alive(who, age_s=0) and time.monotonic() < end:  # poll() is not called: it stays a zombie
            time.sleep(0.01)
        assert not is_alive(who, age_s=0)


def test_a_number_that_was_given_to_another_process_is_not_the_first_one() -> None:
    host, boot, number, start = this_process().split("-")
    assert is_alive(f"{host}-{boot}-{number}-{start}", age_s=0)
    assert not is_alive(f"{host}-{boot}-{number}-{int(start, 16) + 1:x}", age_s=0)
    assert not is_alive(f"{host}-abcdef01-{number}-{start}", age_s=0)  # before the last start of the computer


def test_a_process_on_another_computer_counts_as_living_for_an_hour() -> None:
    foreign = f"ffffff-{this_process().partition('-')[2]}"
    assert is_alive(foreign, age_s=FOREIGN_S - 1)
    assert not is_alive(foreign, age_s=FOREIGN_S + 1)


def test_without_a_list_of_processes_in_the_file_system_ps_is_asked(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(owner_module, "_PROCESSES", tmp_path)
    host, boot, number, _ = this_process().split("-")
    start = owner_module._start_of(os.getpid())
    assert start is not None
    assert is_alive(f"{host}-{boot}-{number}-{start}", age_s=0)
    assert owner_module._start_of(2**22 + 1) is None  # more than any process's number


def test_unfinished_files_of_dead_processes_alone_are_removed(tmp_path: Path) -> None:
    child, who = a_process()
    with child:
        living = tmp_path / f".restore-{who}-abc123.png"
        others = [tmp_path / name for name in ("photo.png", ".restore-job.sqlite", ".restore-notes.png", ".hidden.png")]
        own = tmp_path / f"{temporary_prefix()}abc_12.jpg"
        for path in (living, own, *others):
            path.touch()
        assert remove_leftovers([tmp_path, tmp_path / "missing"]) == 0
        child.kill()
        child.wait()
        assert remove_leftovers([tmp_path]) == 1
    assert not living.exists()
    assert own.exists()
    assert all(path.exists() for path in others)
