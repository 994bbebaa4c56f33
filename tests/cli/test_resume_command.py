"""A folder as a job: the plan first, a journal beside the results, and --resume, which goes on and repeats nothing."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import restore
from restore.cli.machine import Machine
from restore.cli.order import Order
from restore.cli.settings import NO_SETTINGS
from restore.cli.work import Filling
from restore.inference.upscale import Upscaler
from restore.io import steady
from restore.io.decoder import Decoder
from restore.io.journal import NAME, Journal
from restore.io.write import WriteOptions

WORDS = ("upscale", "album", "-o", "out/", "-x", "2")


def results() -> dict[str, bytes]:
    """What a person sees in the folder of the results."""
    return {path.name: path.read_bytes() for path in Path("out").iterdir() if not path.name.startswith(".")}


@pytest.fixture
def album(make_photo) -> list[Path]:
    """Three small photos."""
    return [make_photo(f"album/{name}.png", 16 + 2 * number, 12) for number, name in enumerate("abc")]


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


def stopped_at(name: str, run: Callable[..., object], monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """A run during which Ctrl-C is pressed at that photo."""
    whole: Callable[..., object] = Upscaler.__call__

    def pressed(self: Upscaler, photo: restore.Photo, *rest: object) -> object:
        if photo.name == name:
            raise KeyboardInterrupt
        return whole(self, photo, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Upscaler, "__call__", pressed)
        return run(*WORDS, *words)


def test_after_ctrl_c_resume_does_the_rest_and_counts_what_was_done(run, album, done, monkeypatch) -> None:
    outcome = stopped_at("b.png", run, monkeypatch)
    assert outcome.code == 130
    assert "stopped with 2 left; every file is whole, and the same command with --resume does the rest" in outcome.err
    first, done[:] = done.copy(), []
    outcome = run(*WORDS, "--resume", "--report", "report.json")
    assert outcome.code == 0
    assert (first, done) == (["a.png"], ["b.png", "c.png"])
    assert outcome.out.count("ok ") == 2
    assert re.search(r"^2 done, 1 done before in \d+ s$", outcome.err, re.MULTILINE)
    assert json.loads(Path("report.json").read_text())["done_before"] == 1
    assert results().keys() == {"a.png", "b.png", "c.png"}


def test_a_second_resume_does_nothing_and_succeeds(run, album, done) -> None:
    run(*WORDS)
    before, done[:] = results(), []
    outcome = run(*WORDS, "--resume")
    assert (outcome.code, outcome.out, done) == (0, "", [])
    assert re.search(r"^3 done before in \d+ s$", outcome.err, re.MULTILINE)
    assert results() == before


def test_a_changed_photo_is_done_again_and_a_lost_result_too(run, album, done, make_photo) -> None:
    run(*WORDS)
    before, done[:] = results(), []
    make_photo("album/a.png", 30, 20)
    Path("out/c.png").unlink()
    assert run(*WORDS, "--resume").code == 0
    assert sorted(done) == ["a.png", "c.png"]
    after = results()
    assert after["a.png"] != before["a.png"]
    assert (after["b.png"], after["c.png"]) == (before["b.png"], before["c.png"])


def test_what_failed_is_tried_again(run, album, make_photo) -> None:
    Path("album/d.png").write_bytes(b"")
    assert run(*WORDS).code == 3
    outcome = run(*WORDS, "--resume")
    assert outcome.code == 3  # three are there, one is not
    assert "fail album/d.png" in outcome.err
    make_photo("album/d.png")
    outcome = run(*WORDS, "--resume")
    assert outcome.code == 0
    assert outcome.out.startswith("ok   album/d.png")


def test_a_journal_from_other_settings_is_refused_with_the_difference(run, album, tiny_file) -> None:
    run(*WORDS)
    before = results()
    tiny_file("mine.safetensors", 2, name="mine")
    for words, said in (
        (["-x", "3"], "scale: 2 -> 3"),
        (["--noise", "5"], "noise: as usual -> 5"),
        (["--quality", "80"], "quality: as usual -> 80"),
        (["--weights", "mine.safetensors"], r"weights mine: not there -> sha256:[0-9a-f]{16}"),
    ):
        outcome = run(*WORDS, *words, "--resume")
        assert outcome.code == 2
        assert re.search(f"  {said}\n", outcome.err), outcome.err
        assert "choose another folder with -o, or leave out --resume" in outcome.err
    assert results() == before


def test_a_journal_from_weights_that_were_replaced_says_how_to_finish(
    run, album, tiny_weights, tiny_file, monkeypatch
) -> None:
    assert run(*WORDS).code == 0
    newer = Path("newer").resolve()
    shutil.copytree(tiny_weights, newer)
    tiny_file("newer/upscale-x2.safetensors", 2, name="another")
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: newer)
    outcome = run(*WORDS, "--resume")
    assert outcome.code == 2
    said = r"weights upscale-x2: sha256:\w+ -> sha256:\w+\nyour options are the same, but weights were replaced since"
    assert re.search(said, outcome.err)
    for way in ("with the old weights in their place", "in another folder with -o", "or leave out --resume"):
        assert way in outcome.err
    assert "pip install" not in outcome.err
    monkeypatch.setattr("restore.cli.settings.__version__", "99.0")
    assert f'"restore-photos=={restore.__version__}"' in run(*WORDS, "--resume").err
    assert run(*WORDS, "-o", "new/", "--resume").code == 0  # as advised
    assert "give the old ones again" in run(*WORDS, "-x", "3", "--resume").err


def test_other_weights_under_the_same_name_are_other_settings(run, album, tiny_file) -> None:
    tiny_file("mine.safetensors", 2, name="mine")
    run(*WORDS, "--weights", "mine.safetensors")
    tiny_file("mine.safetensors", 2, name="other")  # another name seeds other numbers
    outcome = run(*WORDS, "--weights", "mine.safetensors", "--resume")
    assert outcome.code == 2
    assert re.search(r"weights mine: sha256:[0-9a-f]{16} -> sha256:[0-9a-f]{16}\n", outcome.err)


def test_what_leaves_the_pixels_alone_is_no_other_setting(run, album) -> None:
    run(*WORDS)
    words = ("--threads", "1", "--max-memory", "1G", "--tile", "64", "--device", "cpu", "--overwrite", "--json")
    outcome = run(*WORDS, "--resume", *words)
    assert (outcome.code, outcome.out) == (0, "")


def test_every_field_that_counts_as_no_setting_is_there() -> None:
    known = {field.name for part in (Order, Machine, WriteOptions, Filling) for field in fields(part)}
    assert known >= NO_SETTINGS


def test_resume_needs_a_folder_for_the_results(run, album) -> None:
    for words in (("album", "-x", "2"), ("album/a.png", "-o", "a2.png"), ("album/a.png",)):
        outcome = run("upscale", *words, "--resume")
        assert outcome.code == 2
        assert "-o DIR/" in outcome.err


def test_resume_without_a_journal_begins_and_passes_over_what_exists(run, album) -> None:
    Path("out").mkdir()
    Path("out/a.png").write_bytes(b"precious")
    outcome = run(*WORDS, "--resume")
    assert outcome.code == 0
    assert "no journal yet" in outcome.err
    assert "skip album/a.png" in outcome.out
    assert Path("out/a.png").read_bytes() == b"precious"
    assert run(*WORDS, "--resume").err.count("2 done before") == 1


def test_a_result_that_somebody_retouched_is_never_replaced_unasked(run, album) -> None:
    run(*WORDS)
    Path("out/a.png").write_bytes(b"retouched")
    outcome = run(*WORDS, "--resume")
    assert outcome.code == 0
    assert "was changed since it was written; --overwrite replaces it" in outcome.out
    assert Path("out/a.png").read_bytes() == b"retouched"
    assert run(*WORDS, "--resume", "--overwrite").code == 0
    assert Path("out/a.png").read_bytes() != b"retouched"


def test_pictures_beside_the_results_are_made_again_with_them(run, album, monkeypatch) -> None:
    stopped_at("b.png", run, monkeypatch, "--evidence", "why/")
    assert run(*WORDS, "--evidence", "why/", "--resume").code == 0
    names = {"a_evidence.png", "b_evidence.png", "c_evidence.png"}
    assert {path.name for path in Path("why").iterdir()} == names
    Path("why/b_evidence.png").unlink()
    outcome = run(*WORDS, "--evidence", "why/", "--resume")
    assert outcome.out.startswith("ok   album/b.png")
    assert {path.name for path in Path("why").iterdir()} == names


def test_a_dry_run_of_resume_shows_what_is_left_and_writes_nothing(run, album, monkeypatch) -> None:
    stopped_at("b.png", run, monkeypatch)
    outcome = run(*WORDS, "--resume", "--dry-run")
    assert [line[:22] for line in outcome.out.splitlines()] == ["plan album/b.png → out", "plan album/c.png → out"]
    assert "2 planned, 1 done before" in outcome.err
    assert results().keys() == {"a.png"}


def test_the_journal_is_no_photo_and_no_result(run, album) -> None:
    run("upscale", "album", "-o", "album/out/", "-x", "2")
    assert run("upscale", "album/out", "-o", "twice/", "-x", "2").code == 0
    assert {path.name for path in Path("twice").iterdir()} == {"a.png", "b.png", "c.png", NAME}


def test_single_photos_and_results_beside_photos_leave_no_journal(run, album) -> None:
    assert run("upscale", "album/a.png", "-o", "one/", "-x", "2").code == 0
    assert run("upscale", "album", "-x", "2").code == 0
    assert list(Path().rglob(NAME)) == []


# the journal cannot be used


def test_a_journal_that_cannot_be_written_is_noted_and_stops_nothing(run, album) -> None:
    Path("out").mkdir()
    Path("out", NAME).write_bytes(b"no journal" * 100)
    outcome = run(*WORDS)
    assert outcome.code == 0
    assert outcome.err.count("this journal is damaged") == 1
    assert results().keys() == {"a.png", "b.png", "c.png"}
    assert run(*WORDS, "--resume").code == 2


def test_a_disk_that_fills_up_under_the_journal_stops_nothing(run, album, monkeypatch) -> None:
    def full(self: Journal, *_: object) -> None:
        with self._named():
            raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("claim", "seal", "done"):
        monkeypatch.setattr(Journal, name, full)
    outcome = run(*WORDS)
    assert outcome.code == 0
    assert outcome.err.count("No space left on device") == 1
    assert results().keys() == {"a.png", "b.png", "c.png"}


# a disk or a photo that goes wrong


def test_a_full_disk_fails_each_photo_with_a_line_and_resume_does_them_when_there_is_room(
    run, album, monkeypatch
) -> None:
    whole = Path.replace

    def full(self: Path, target: Path) -> Path:
        if Path(target).name in ("a.png", "b.png"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        outcome = run(*WORDS)
    assert outcome.code == 3
    assert outcome.err.count("the disk is full; make room there") == 2
    assert results().keys() == {"c.png"}
    assert run(*WORDS, "--resume").code == 0
    assert results().keys() == {"a.png", "b.png", "c.png"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 256 kB, where one may be mounted."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [str(mount), "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if mount is None or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_real_disk_that_is_full_leaves_whole_files_only(run, make_photo, small_disk) -> None:
    for name in "abcdef":
        make_photo(f"album/{name}.png", 120, 90)
    outcome = run("upscale", "album", "-o", f"{small_disk}/", "-x", "2")
    assert outcome.code == 3
    assert "the disk is full" in outcome.err
    whole = [path for path in small_disk.iterdir() if not path.name.startswith(".")]
    assert 1 <= len(whole) < 6
    assert all(steady.read_steady(path).width == 240 for path in whole)
    assert not [path for path in small_disk.iterdir() if path.name.startswith(".restore-") and path.suffix == ".png"]


def test_a_photo_that_vanishes_or_changes_while_it_is_read_fails_alone(run, album, make_photo, monkeypatch) -> None:
    whole = Decoder.read

    def meanwhile(decoder: Decoder, path: Path, **rest: Any) -> restore.Photo:
        if path.name == "a.png":
            path.unlink()
        photo = whole(decoder, path, **rest)
        if path.name == "b.png":
            os.utime(path, (1, 1))
        return photo

    with monkeypatch.context() as patch:
        patch.setattr(Decoder, "read", meanwhile)
        outcome = run(*WORDS)
    assert outcome.code == 3
    for name in "ab":
        assert f"fail album/{name}.png: it was changed or taken away while it was read; run again" in outcome.err
    assert results().keys() == {"c.png"}


def test_a_network_disk_that_goes_away_fails_each_photo_with_a_line(run, album, monkeypatch) -> None:
    whole = Path.exists

    def gone(self: Path) -> bool:
        if self.parent.name == "out":
            raise OSError(errno.EHOSTDOWN, "Host is down")
        return whole(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "exists", gone)
        outcome = run(*WORDS)
    assert outcome.code == 3
    assert outcome.err.count("cannot be written: Host is down") == 3


# the plan line


def test_a_batch_begins_with_its_plan_and_a_single_photo_does_not(run, album) -> None:
    outcome = run(*WORDS, "--dry-run")
    size = sum(path.stat().st_size for path in album)
    assert outcome.err.splitlines()[0].startswith(f"plan: 3 photos, {size / 1000:.1f} kB, 0.00065 megapixels → 0.0026")
    assert "plan:" not in run("upscale", "album/a.png", "-x", "2").err
    assert "plan:" not in run(*WORDS, "-q").err


def test_of_a_long_job_time_and_room_are_told_once_the_first_photo_is_done(run, album, monkeypatch) -> None:
    monkeypatch.setattr("restore.cli.forecast.WORTH_SAYING_S", 0.0)
    outcome = run(*WORDS)
    said = r"^2 left: about \d+ s on cpu, \d+(\.\d)? (bytes|kB) to write, judging by the first photo$"
    assert len(re.findall(said, outcome.err, re.MULTILINE)) == 1


def test_a_disk_too_small_for_the_rest_is_told_after_the_first_photo(run, album, monkeypatch) -> None:
    monkeypatch.setattr("restore.cli.forecast._free", lambda _: 10)
    assert "10 bytes are free, and about" in run(*WORDS).err


def test_resume_tells_the_time_before_it_begins(run, album, monkeypatch) -> None:
    stopped_at("c.png", run, monkeypatch)
    shutil.copy("album/c.png", "album/d.png")
    line = run(*WORDS, "--resume", "--dry-run").err.splitlines()[0]
    assert re.search(r"2 photos, .* about \d+ s on cpu, \d+(\.\d)? (bytes|kB) to write$", line)
