"""Many photos through one worker."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch

from restore.errors import ConfigError, DeviceError, ImageError
from restore.inference.batch import Done, Failed, run_batch
from restore.inference.upscale import Report
from restore.io.folder import Job
from restore.io.photo import Photo

WAIT_S = 10.0
"""A thread that has not done its part by then never will."""


def jobs(count: int) -> list[Job]:
    return [Job(Path(f"{number}.png"), Path(f"{number}_x2.png")) for number in range(count)]


def photo(name: str = "0.png") -> Photo:
    return Photo(pixels=torch.zeros(3, 4, 6), alpha=None, gray=False, depth=8, format="PNG", mode="RGB", name=name)


def read(path: Path) -> Photo:
    return photo(path.name)


def work(source: Photo) -> tuple[Photo, Report]:
    report = Report(
        factor=2.0,
        weights=("none",),
        source_height=source.height,
        source_width=source.width,
        height=8,
        width=12,
        consistency_db=40.0,
        drift=0.0,
        seconds=0.0,
        notes=(source.name,),
    )
    return source, report


class Disk:
    """Remembers what was written."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def write(self, _photo: Photo, path: Path) -> None:
        self.names.append(path.name)


def statuses(outcomes: Iterable[Done | Failed]) -> list[tuple[str, bool]]:
    return [(outcome.job.source.name, isinstance(outcome, Done)) for outcome in outcomes]


def test_every_photo_is_written_and_reported_in_order() -> None:
    disk = Disk()
    outcomes = list(run_batch(jobs(5), work, read=read, write=disk.write))
    assert statuses(outcomes) == [(f"{number}.png", True) for number in range(5)]
    assert disk.names == [f"{number}_x2.png" for number in range(5)]
    assert [outcome.report.notes for outcome in outcomes if isinstance(outcome, Done)] == [
        (f"{number}.png",) for number in range(5)
    ]


def test_no_photos_give_no_results() -> None:
    assert list(run_batch([], work, read=read, write=Disk().write)) == []


@pytest.mark.parametrize("stage", ["read", "restore", "write"])
@pytest.mark.parametrize("error", [ImageError("broken"), ConfigError("too small"), MemoryError()])
def test_one_bad_photo_fails_alone_wherever_it_goes_wrong(stage: str, error: BaseException) -> None:
    disk = Disk()

    def bad(here: str, name: str) -> None:
        if stage == here and name.startswith("1"):
            raise error

    def reading(path: Path) -> Photo:
        bad("read", path.name)
        return read(path)

    def working(source: Photo) -> tuple[Photo, Report]:
        bad("restore", source.name)
        return work(source)

    def writing(result: Photo, path: Path) -> None:
        bad("write", path.name)
        disk.write(result, path)

    outcomes = list(run_batch(jobs(3), working, read=reading, write=writing))
    assert statuses(outcomes) == [("0.png", True), ("1.png", False), ("2.png", True)]
    assert disk.names == ["0_x2.png", "2_x2.png"]
    failure = outcomes[1]
    assert isinstance(failure, Failed)
    assert failure.stage == stage


def test_a_lack_of_memory_is_an_error_of_the_package_that_names_the_photo() -> None:
    def greedy(source: Photo) -> tuple[Photo, Report]:
        raise MemoryError

    (failure,) = run_batch(jobs(1), greedy, read=read, write=Disk().write)
    assert isinstance(failure, Failed)
    assert isinstance(failure.error, DeviceError)
    assert "0.png: not enough memory" in str(failure.error)


@pytest.mark.parametrize("stage", ["read", "restore", "write"])
def test_a_bug_is_raised_and_not_taken_for_a_bad_photo(stage: str) -> None:
    def bug(*_: object) -> None:
        raise ZeroDivisionError

    stages = {"read": read, "restore": work, "write": Disk().write} | {stage: bug}
    with pytest.raises(ZeroDivisionError):
        list(run_batch(jobs(3), stages["restore"], read=stages["read"], write=stages["write"]))  # type: ignore[arg-type]


def test_the_next_photo_is_read_while_one_is_restored() -> None:
    second_is_read = threading.Event()

    def reading(path: Path) -> Photo:
        if path.name == "1.png":
            second_is_read.set()
        return read(path)

    def working(source: Photo) -> tuple[Photo, Report]:
        assert second_is_read.wait(WAIT_S)
        return work(source)

    assert len(list(run_batch(jobs(2), working, read=reading, write=Disk().write))) == 2


def test_a_slow_write_does_not_hold_up_the_next_photo() -> None:
    second_is_restored = threading.Event()

    def working(source: Photo) -> tuple[Photo, Report]:
        if source.name == "1.png":
            second_is_restored.set()
        return work(source)

    def writing(_photo: Photo, path: Path) -> None:
        assert second_is_restored.wait(WAIT_S)

    outcomes = list(run_batch(jobs(2), working, read=read, write=writing))
    assert statuses(outcomes) == [("0.png", True), ("1.png", True)]
    assert isinstance(outcomes[0], Done)
    assert outcomes[0].seconds > 0
    spent = outcomes[0].spent
    assert spent is not None
    assert outcomes[0].seconds == spent.read + spent.restore + spent.write


def test_a_quick_write_is_reported_before_the_next_photo_starts() -> None:
    started: list[str] = []

    def working(source: Photo) -> tuple[Photo, Report]:
        started.append(source.name)
        return work(source)

    outcomes = run_batch(jobs(2), working, read=read, write=Disk().write)
    assert next(outcomes).job.source.name == "0.png"
    assert started == ["0.png"]
    outcomes.close()


def test_memory_does_not_grow_with_the_number_of_photos() -> None:
    alive: weakref.WeakSet[torch.Tensor] = weakref.WeakSet()
    most = 0

    def reading(path: Path) -> Photo:
        source = read(path)
        alive.add(source.pixels)
        return source

    def working(source: Photo) -> tuple[Photo, Report]:
        nonlocal most
        most = max(most, len(alive))
        return work(source)

    assert len(list(run_batch(jobs(50), working, read=reading, write=Disk().write))) == 50
    assert 1 <= most <= 3  # one being read, one restored, one written


def test_stopping_early_finishes_the_file_being_written_and_starts_no_other() -> None:
    disk, read_names = Disk(), []
    release = threading.Event()

    def reading(path: Path) -> Photo:
        read_names.append(path.name)
        return read(path)

    def working(source: Photo) -> tuple[Photo, Report]:
        if source.name == "1.png":
            release.set()
            raise KeyboardInterrupt
        return work(source)

    def writing(result: Photo, path: Path) -> None:
        assert release.wait(WAIT_S)  # still being written when the key is pressed
        disk.write(result, path)

    with pytest.raises(KeyboardInterrupt):
        list(run_batch(jobs(50), working, read=reading, write=writing))
    assert disk.names == ["0_x2.png"]
    assert len(read_names) <= 3


def test_no_thread_is_left_when_the_results_are_not_taken_to_the_end() -> None:
    before = threading.active_count()
    outcomes = run_batch(jobs(50), work, read=read, write=Disk().write)
    next(outcomes)
    outcomes.close()
    assert threading.active_count() == before


def test_a_read_that_hangs_is_called_off_when_the_batch_is_closed() -> None:
    called_off, reading = threading.Event(), threading.Event()

    def hangs(path: Path) -> Photo:
        if path.name == "1.png":
            reading.set()
            assert called_off.wait(WAIT_S)
            raise ImageError("called off")
        return read(path)

    outcomes = run_batch(jobs(3), work, read=hangs, write=Disk().write, call_off=called_off.set)
    first = next(outcomes)
    assert isinstance(first, Done)
    assert reading.wait(WAIT_S)
    outcomes.close()
    assert called_off.is_set()
