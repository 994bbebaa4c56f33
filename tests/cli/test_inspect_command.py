"""``restore inspect``: a line for each photo, and nothing written."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

COFFEE = Image.fromarray(data.coffee()).reduce(2)


def save(name: str, picture: Image.Image = COFFEE, **saving: object) -> None:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **saving)  # type: ignore[arg-type]


def noisy(level: float) -> Image.Image:
    pixels = np.asarray(COFFEE) + np.random.default_rng(0).normal(0, level, (200, 300, 3))
    return Image.fromarray(pixels.clip(0, 255).round().astype(np.uint8))


def test_a_line_says_what_was_found_and_what_to_do(run) -> None:
    save("photo.jpg", noisy(20), quality=95)
    save("clean.png")
    outcome = run("inspect", "photo.jpg", "clean.png")
    assert outcome.code == 0
    first, second = outcome.out.splitlines()
    line = r"ok   photo\.jpg  noise (\d+), JPEG q 95, sharp, gray: no, clipped: \d % → suggested: denoise"
    match = re.fullmatch(line, first)
    assert match is not None
    assert int(match[1]) == pytest.approx(20, abs=3)
    assert second == "ok   clean.png  no noise, no JPEG, sharp, gray: no, clipped: 0 % → nothing to do"
    assert "2 done" in outcome.err
    assert {path.name for path in Path().iterdir()} == {"photo.jpg", "clean.png"}


def test_json_has_numbers_and_steps(run) -> None:
    save("photo.jpg", quality=40)
    (line,) = run("inspect", "photo.jpg", "--json").out.splitlines()
    found = json.loads(line)
    assert found["status"] == "ok"
    assert (found["source"], found["width"], found["height"]) == ("photo.jpg", 300, 200)
    assert found["file_quality"] == found["quality"] == pytest.approx(40, abs=1)
    assert found["suggested"] == ["dejpeg"]
    assert found["condition"]["jpeg"] == found["quality"]
    assert found["tone"] == "colour"
    assert found["coarse"] is False


def test_a_folder_is_searched_and_results_of_earlier_runs_are_photos_too(run) -> None:
    for name in ("album/a.png", "album/a_x4.png", "album/deep/b.png"):
        save(name)
    (Path("album") / "notes.txt").write_text("no photo")
    assert [line.split()[1] for line in run("inspect", "album").out.splitlines()] == [
        "album/a.png", "album/a_x4.png", "album/deep/b.png",
    ]  # fmt: skip
    assert len(run("inspect", "album", "--no-recursive").out.splitlines()) == 2
    assert len(run("inspect", "album", "--exclude", "deep/*").out.splitlines()) == 2
    assert len(run("inspect", "album", "--include", "b*").out.splitlines()) == 1
    assert len(run("inspect", "album/*.png").out.splitlines()) == 2


def test_a_broken_file_is_one_failure_and_no_end(run) -> None:
    save("album/a.png")
    Path("album/b.jpg").write_bytes(b"")
    save("album/c.png")
    outcome = run("inspect", "album")
    assert outcome.code == 3
    assert [line.split()[:2] for line in outcome.out.splitlines()] == [["ok", "album/a.png"], ["ok", "album/c.png"]]
    assert outcome.err.splitlines()[0].startswith("fail album/b.jpg: ")
    assert "2 done, 1 failed" in outcome.err
    failed = json.loads(run("inspect", "album", "--json").out.splitlines()[1])
    assert (failed["status"], failed["source"], failed["error"]) == ("failed", "album/b.jpg", "ImageError")
    assert "target" not in failed


def test_where_nothing_can_be_read_the_code_says_so(run) -> None:
    Path("bad.jpg").write_bytes(b"Dear Ada,")
    assert run("inspect", "bad.jpg").code == 4
    Path("empty").mkdir()
    outcome = run("inspect", "empty")
    assert outcome.code == 4
    assert outcome.err.startswith("error: no pictures found in empty; other files there: 0")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "no photo was given"),
        (("missing.jpg",), "missing.jpg: there is no such file"),
        (("*.jpg",), "no file matches"),
        (("-", "photo.png"), "cannot be mixed"),
        (("photo.png", "--max-megapixels", "0"), "max-megapixels"),
    ],
)
def test_wrong_use_is_refused(run, words, said) -> None:
    save("photo.png")
    outcome = run("inspect", *words)
    assert outcome.code == 2
    assert said in outcome.err


def test_a_picture_that_is_too_large_is_refused_unopened(run) -> None:
    save("photo.png")
    outcome = run("inspect", "photo.png", "--max-megapixels", "0.01")
    assert outcome.code == 4
    assert "more than the limit" in outcome.err


def test_a_picture_from_stdin_is_measured(run) -> None:
    buffer = io.BytesIO()
    noisy(15).save(buffer, "PNG")
    outcome = run("inspect", "-", feed=buffer.getvalue())
    assert outcome.code == 0
    assert outcome.out.startswith("ok   -  noise 15, ")


def test_quiet_keeps_failures_only_and_a_list_names_the_photos(run) -> None:
    save("photo.png")
    Path("bad.jpg").write_bytes(b"")
    Path("list.txt").write_text("photo.png\nbad.jpg\n")
    outcome = run("inspect", "--from", "list.txt", "-q")
    assert (outcome.code, outcome.out) == (3, "")
    assert outcome.err.startswith("fail bad.jpg")


def test_ctrl_c_says_how_many_are_left(run, monkeypatch) -> None:
    save("a.png")
    save("b.png")

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("restore.inference.inspect.inspect", interrupted)
    outcome = run("inspect", "a.png", "b.png")
    assert outcome.code == 130
    assert "stopped with 2 left" in outcome.err
