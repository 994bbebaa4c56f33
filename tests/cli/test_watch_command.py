"""A folder that photos come into: only complete ones are taken, each once, also after a restart; and a clean end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import restore
from restore.cli import watching
from restore.inference.upscale import Upscaler
from restore.io.folder import Job
from restore.io.journal import NAME, Journal
from restore.io.read import photo_size

WORDS = ("watch", "incoming", "-o", "out", "--do", "upscale", "-x", "2", "--every", "2s", "--settle", "3s")
Step = Callable[[], object]


class Steps(watching.Clock):
    """A clock that only moves when somebody waits; what happens meanwhile is told, and then Ctrl-C is pressed."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self.time, self.steps = 0.0, iter(steps)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds
        step = next(self.steps, None)
        if step is None:
            raise KeyboardInterrupt
        step()


def nothing() -> None:
    """Time passes."""


@pytest.fixture
def watch(run, monkeypatch):
    """Runs the command while ``steps`` happen, one at each wait; then it is stopped, waiting."""
    Path("incoming").mkdir(exist_ok=True)

    def go(*words: str, steps: Iterable[Step] = (nothing,) * 3) -> object:
        monkeypatch.setattr(watching, "Clock", lambda: Steps(steps))
        return run(*WORDS, *words)

    return go


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the photos that the network worked on."""
    seen: list[str] = []
    whole: Callable[..., object] = Upscaler.__call__

    def spy(self: Upscaler, photo: restore.Photo, *rest: object) -> object:
        seen.append(photo.name)
        return whole(self, photo, *rest)

    monkeypatch.setattr(Upscaler, "__call__", spy)
    return seen


def results() -> dict[str, bytes]:
    out = Path("out")
    files = [path for path in out.rglob("*") if path.is_file() and not path.name.startswith(".restore-job")]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in files}


def lines(text: str, start: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(start)]


# photos arrive


def test_photos_are_done_as_they_arrive_into_the_same_folders_once_each(watch, make_photo, done) -> None:
    make_photo("incoming/a.png")
    steps = [nothing, nothing, lambda: make_photo("incoming/roll 2/b.png"), *[nothing] * 4]
    outcome = watch(steps=steps)
    assert outcome.code == 0
    assert done == ["a.png", "b.png"]
    assert results().keys() == {"a.png", "roll 2/b.png"}
    assert len(lines(outcome.out, "ok ")) == 2
    assert "looking every 2 s; Ctrl-C ends it" in outcome.err
    assert outcome.err.rstrip().endswith("stopped, 2 done")


def test_a_file_that_grows_is_waited_for(watch, make_photo, done, tmp_path) -> None:
    whole = make_photo("elsewhere.png", 60, 40).read_bytes()
    arriving = Path("incoming/a.png")

    def grow(share: float) -> Step:
        return lambda: arriving.write_bytes(whole[: round(len(whole) * share)])

    seen: list[set[str]] = []
    look = lambda: seen.append(set(results()))  # noqa: E731
    steps = [grow(0.2), grow(0.4), grow(0.6), grow(0.8), grow(1), nothing, nothing, look]
    outcome = watch(steps=steps)
    assert (outcome.code, done, seen) == (0, ["a.png"], [{"a.png"}])
    assert "fail" not in outcome.err


def test_a_file_that_has_its_full_size_at_once_and_still_changes_is_waited_for(watch, make_photo, done) -> None:
    arriving = make_photo("incoming/a.png")

    def written(at_s: int) -> Step:
        return lambda: os.utime(arriving, (at_s, at_s))

    seen: list[int] = []
    steps = [*(written(number) for number in range(1000, 1008)), lambda: seen.append(len(done)), nothing, nothing]
    assert watch(steps=steps).code == 0
    assert (seen, done) == ([0], ["a.png"])


def test_a_copy_that_stands_still_half_way_fails_and_is_done_when_it_has_gone_on(watch, make_photo, done) -> None:
    whole = make_photo("elsewhere.png", 60, 40).read_bytes()
    arriving = Path("incoming/a.png")
    arriving.write_bytes(whole[: len(whole) // 2])
    steps = [*[nothing] * 6, lambda: arriving.write_bytes(whole), *[nothing] * 4]
    outcome = watch(steps=steps)
    assert (outcome.code, done) == (0, ["a.png"])
    assert len(lines(outcome.err, "fail incoming/a.png")) == 1
    assert len(lines(outcome.out, "ok   incoming/a.png")) == 1


def test_a_changed_photo_is_done_again_and_replaces_its_own_result(watch, make_photo, done) -> None:
    make_photo("incoming/a.png", 20, 16)
    steps = [*[nothing] * 3, lambda: make_photo("incoming/a.png", 30, 20), *[nothing] * 3]
    assert watch(steps=steps).code == 0
    assert done == ["a.png", "a.png"]
    assert photo_size(Path("out/a.png")) == (40, 60)


def test_a_photo_that_is_taken_away_again_is_forgotten(watch, make_photo, done) -> None:
    arriving = make_photo("incoming/a.png")
    outcome = watch(steps=[arriving.unlink, nothing, nothing])
    assert (outcome.code, done, outcome.out) == (0, [], "")


# what does not work


def test_a_broken_file_is_said_once_and_the_others_are_done(watch, make_photo) -> None:
    Path("incoming/broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    make_photo("incoming/a.png")
    outcome = watch(steps=[nothing] * 9)
    assert outcome.code == 0
    assert len(lines(outcome.err, "fail incoming/broken.jpg")) == 1
    assert results().keys() == {"a.png"}
    assert outcome.err.rstrip().endswith("stopped, 1 done, 1 failed")


def test_a_file_that_cannot_be_opened_is_waited_for_and_said_once(watch, make_photo, done, monkeypatch) -> None:
    make_photo("incoming/a.png")
    locked, whole = [True], Path.open

    def open_(self: Path, *rest: object, **more: object) -> object:
        if locked and self.name == "a.png" and self.parent.name == "incoming":
            raise PermissionError(13, "somebody writes to it")
        return whole(self, *rest, **more)  # type: ignore[arg-type, call-overload]

    monkeypatch.setattr(Path, "open", open_)
    seen: list[int] = []
    steps = [*[nothing] * 30, lambda: seen.append(len(done)), locked.clear, nothing]
    outcome = watch(steps=steps)
    assert (outcome.code, seen, done) == (0, [0], ["a.png"])
    assert len(lines(outcome.err, "fail incoming/a.png")) == 1


def test_of_two_photos_for_one_result_the_second_is_left_alone(watch, make_photo, done) -> None:
    make_photo("incoming/a.png")
    later = lambda: (make_photo("incoming/a.jpg"), make_photo("incoming/b.png"))  # noqa: E731
    outcome = watch("--format", "png", steps=[nothing, nothing, later, *[nothing] * 4])
    assert (outcome.code, done) == (0, ["a.png", "b.png"])
    (line,) = lines(outcome.out, "skip")
    assert "incoming/a.jpg" in line
    assert "was made from another photo of that name" in line


def test_of_two_photos_for_one_result_that_arrive_together_one_is_done(watch, make_photo, done) -> None:
    for name in ("a.png", "a.jpg", "b.png"):
        make_photo(f"incoming/{name}")
    outcome = watch("--format", "png", steps=[nothing] * 7)
    assert (outcome.code, done) == (0, ["a.jpg", "b.png"])
    (line,) = lines(outcome.out, "skip")
    assert "incoming/a.jpg and incoming/a.png would both become out/a.png" in line


def test_a_folder_that_goes_away_is_waited_for(watch, make_photo, done) -> None:
    make_photo("incoming/a.png")
    away = lambda: Path("incoming").rename("gone")  # noqa: E731
    back = lambda: Path("gone").rename("incoming")  # noqa: E731
    outcome = watch(steps=[*[nothing] * 3, away, *[nothing] * 4, back, *[nothing] * 3])
    assert (outcome.code, done) == (0, ["a.png"])
    assert outcome.err.count("going on watching") == 1
    assert outcome.err.count("the trouble has passed") == 1


def test_a_folder_of_results_that_goes_away_is_waited_for(watch, make_photo, done, monkeypatch) -> None:
    whole = Journal.records
    broken: list[bool] = []

    def records(self: Journal) -> object:
        if broken:
            with self._named():
                raise OSError(5, "the network disk is gone")
        return whole(self)

    monkeypatch.setattr(Journal, "records", records)
    steps = [lambda: broken.append(True), lambda: make_photo("incoming/a.png"), *[nothing] * 5, broken.clear, nothing]
    outcome = watch(steps=steps)
    assert (outcome.code, done) == (0, ["a.png"])
    assert outcome.err.count("the network disk is gone") == 1


# restarts


def test_after_a_restart_nothing_is_done_again_but_what_has_changed_or_come(watch, make_photo, done) -> None:
    for name in ("a", "b"):
        make_photo(f"incoming/{name}.png")
    watch()
    before, done[:] = results(), []
    outcome = watch()
    assert (outcome.code, outcome.out, done) == (0, "", [])
    assert "watching incoming: 2 done before, looking" in outcome.err
    make_photo("incoming/a.png", 20, 16)
    make_photo("incoming/c.png")
    watch()
    assert done == ["a.png", "c.png"]
    assert results()["b.png"] == before["b.png"]


def test_what_was_done_is_known_to_the_verb_itself_and_the_other_way_round(watch, run, make_photo, done) -> None:
    for name in ("a", "b"):
        make_photo(f"incoming/{name}.png")
    watch()
    outcome = run("upscale", "incoming", "-o", "out/", "-x", "2", "--resume")
    assert (outcome.code, outcome.out) == (0, "")
    assert "2 done before" in outcome.err
    make_photo("incoming/c.png")
    run("upscale", "incoming", "-o", "out/", "-x", "2", "--resume")
    assert "3 done before" in watch().err


def test_a_journal_from_other_settings_is_refused_at_once(watch, make_photo) -> None:
    make_photo("incoming/a.png")
    watch()
    outcome = watch("-x", "3")
    assert outcome.code == 2
    assert "scale: 2 -> 3" in outcome.err


def test_results_that_are_not_ours_stay(watch, make_photo, done) -> None:
    make_photo("incoming/a.png")
    Path("out").mkdir()
    Path("out/a.png").write_bytes(b"precious")
    outcome = watch(steps=[nothing] * 6)
    assert (outcome.code, done) == (0, [])
    assert len(lines(outcome.out, "skip")) == 1
    assert results() == {"a.png": b"precious"}


def test_a_photo_that_another_run_has_is_done_when_that_one_has_died(watch, make_photo, done, monkeypatch) -> None:
    make_photo("incoming/a.png")
    watch()
    make_photo("incoming/b.png")
    living = ["other"]
    for module in ("journal", "journal_rows"):
        monkeypatch.setattr(f"restore.io.{module}.is_alive", lambda owner, **_: owner in living)
    with Journal(Path("out")) as journal:
        job = Job(Path("incoming/b.png"), Path("out/b.png"))
        with monkeypatch.context() as patch:
            patch.setattr("restore.io.journal.this_process", lambda: "other")
            journal.begin(journal.settings_of(1), ["incoming"], [job])
        assert journal.claim(job, None) is None
        seen: list[int] = []
        at_work = [*[nothing] * 20, lambda: seen.append(len(done))]
        outcome = watch(steps=[*at_work, living.clear, *[nothing] * 20])
    assert (outcome.code, seen, done) == (0, [1], ["a.png", "b.png"])
    (line,) = lines(outcome.out, "skip")
    assert "another run is at work on it" in line


# own outputs


def test_results_inside_the_watched_folder_are_no_photos(watch, make_photo, done) -> None:
    make_photo("incoming/a.png")
    outcome = watch("-o", "incoming/out", steps=[nothing] * 9)
    assert (outcome.code, done) == (0, ["a.png"])
    assert {path.name for path in Path("incoming").rglob("*.png")} == {"a.png"}
    assert len(list(Path("incoming").rglob("*.png"))) == 2


@pytest.mark.parametrize("output", ["incoming", ".", "link"])
def test_results_that_would_come_back_as_photos_are_refused(watch, make_photo, output) -> None:
    make_photo("incoming/a.png")
    Path("link").symlink_to("incoming")
    outcome = watch("-o", output)
    assert outcome.code == 2
    assert "would be taken for new photos" in outcome.err
    assert not list(Path().rglob(NAME))


# stopping


def test_stopped_at_a_photo_it_ends_with_130_and_a_restart_does_that_photo(
    watch, make_photo, done, monkeypatch
) -> None:
    for name in "abc":
        make_photo(f"incoming/{name}.png")
    whole: Callable[..., object] = Upscaler.__call__

    def pressed(self: Upscaler, photo: restore.Photo, *rest: object) -> object:
        if photo.name == "b.png":
            raise KeyboardInterrupt
        return whole(self, photo, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Upscaler, "__call__", pressed)
        outcome = watch()
    assert outcome.code == 130
    assert "stopped with 2 left; every file is whole, and the same command does the rest" in outcome.err
    assert results().keys() == {"a.png"}
    done.clear()
    assert watch().code == 0
    assert done == ["b.png", "c.png"]
    assert results().keys() == {"a.png", "b.png", "c.png"}


def test_sigterm_is_ctrl_c(watch, make_photo) -> None:
    make_photo("incoming/a.png")
    before = signal.getsignal(signal.SIGTERM)
    outcome = watch(steps=[nothing, nothing, lambda: signal.raise_signal(signal.SIGTERM), nothing])
    assert outcome.code == 0
    assert outcome.err.rstrip().endswith("stopped, 1 done")
    assert signal.getsignal(signal.SIGTERM) == before


# once


def test_once_does_what_is_complete_and_ends(watch, make_photo, done) -> None:
    make_photo("incoming/a.png")
    late = lambda: make_photo("incoming/b.png")  # noqa: E731
    outcome = watch("--once", steps=[late])
    assert (outcome.code, done) == (0, ["a.png"])
    assert "left for another time, since not complete: incoming/b.png" in outcome.err
    assert watch("--once", steps=[nothing]).code == 0
    assert done == ["a.png", "b.png"]


def test_once_ends_with_3_when_something_failed_and_0_when_there_is_nothing(watch, make_photo) -> None:
    assert watch("--once", steps=[nothing]).code == 0
    Path("incoming/broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    assert watch("--once", steps=[nothing]).code == 3


# what is asked


@pytest.mark.parametrize("verb", ["auto", "denoise", "dejpeg", "deblur"])
def test_the_verb_decides_what_is_done_and_is_the_verb_of_that_name(
    verb, run, make_photo, tiny_file, monkeypatch
) -> None:
    monkeypatch.setattr(watching, "Clock", lambda: Steps([nothing]))
    for name in ("a", "b"):
        make_photo(f"incoming/{name}.png", 16, 12)
    tiny_file("clean.safetensors", 1, task="clean")
    words = ("incoming", "-o", "out/", "--weights", "clean.safetensors", "--strength", "50")
    outcome = run("watch", *words, "--do", verb, "--once")
    assert outcome.code == 0, outcome.err
    assert results().keys() == {"a.png", "b.png"}
    outcome = run(verb, *words, "--resume")
    assert (outcome.code, outcome.out) == (0, "")
    assert "2 done before" in outcome.err
    other = next(name for name in ("denoise", "dejpeg") if name != verb)
    assert run(other, *words, "--resume").code == 2


def test_strength_and_scale_belong_to_their_verbs(run, make_photo) -> None:
    make_photo("incoming/a.png")
    for words in (
        ("--do", "upscale", "--strength", "5"),
        ("-x", "2"),
        ("--detail", "5"),
        ("--do", "denoise", "--detail", "5"),
        ("--every", "2"),
    ):
        assert run("watch", "incoming", "-o", "out", *words).code == 2
    assert not Path("out").exists()


def test_there_must_be_a_folder(run, make_photo) -> None:
    make_photo("a.png")
    for name in ("nowhere", "a.png", "-"):
        outcome = run("watch", name, "-o", "out", "--do", "upscale")
        assert outcome.code == 2
        assert "folder" in outcome.err
