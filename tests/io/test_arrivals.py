"""Which files of a folder are complete, from look to look."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from restore.io.arrivals import PATIENCE_S, Arrivals


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"1234")
    return path


def test_a_file_is_complete_once_it_has_stood_still_for_the_whole_time(file) -> None:
    arrivals = Arrivals(5)
    fates = [(look.complete, look.growing) for look in (arrivals.look([file], now) for now in (0, 4.9, 5, 6))]
    assert fates == [([], [file]), ([], [file]), ([file], []), ([file], [])]


@pytest.mark.parametrize("change", [lambda file: file.write_bytes(b"12345"), lambda file: os.utime(file, (1, 1))])
def test_a_change_of_size_or_of_time_begins_the_wait_anew(file, change) -> None:
    arrivals = Arrivals(5)
    arrivals.look([file], 0)
    change(file)
    assert arrivals.look([file], 5).growing == [file]
    assert arrivals.look([file], 9.9).growing == [file]
    assert arrivals.look([file], 10).complete == [file]


def test_what_is_dealt_with_comes_again_only_when_it_has_changed(file) -> None:
    arrivals = Arrivals(5)
    arrivals.look([file], 0)
    arrivals.look([file], 5)
    arrivals.deal_with([file])
    look = arrivals.look([file], 100)
    assert (look.complete, look.growing, look.refused) == ([], [], [])
    file.write_bytes(b"other")
    assert arrivals.look([file], 101).growing == [file]
    assert arrivals.look([file], 106).complete == [file]


def test_what_is_put_off_comes_again_at_its_time(file) -> None:
    arrivals = Arrivals(5)
    arrivals.look([file], 0)
    arrivals.put_off([file], 60)
    assert arrivals.look([file], 59).growing == [file]
    assert arrivals.look([file], 60).complete == [file]


def test_a_file_that_was_gone_is_a_new_one(file) -> None:
    arrivals = Arrivals(5)
    arrivals.look([file], 0)
    arrivals.deal_with([file])
    arrivals.look([], 1)
    assert arrivals.look([file], 2).growing == [file]


def test_a_file_that_is_gone_before_it_is_looked_at_is_in_no_list(tmp_path) -> None:
    look = Arrivals(5).look([tmp_path / "gone.jpg"], 0)
    assert (look.complete, look.growing, look.refused) == ([], [], [])


def test_a_file_that_cannot_be_opened_is_told_once_and_complete_when_it_can(file, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "somebody writes to it")

    arrivals = Arrivals(5)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        looks = [arrivals.look([file], now) for now in (0, 5, PATIENCE_S - 0.1, PATIENCE_S, PATIENCE_S + 1)]
    assert [len(look.refused) for look in looks] == [0, 0, 0, 1, 0]
    assert all(look.growing == [file] for look in looks)
    assert "permissions" in str(looks[3].refused[0][1])
    assert arrivals.look([file], PATIENCE_S + 2).complete == [file]
