"""``restore compare``: two pictures or two folders in, one page out; nothing is lost, and the codes hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image


def files(folder: str = ".") -> set[str]:
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


def test_two_pictures_become_one_page(run, make_photo) -> None:
    make_photo("photo.jpg")
    assert run("upscale", "photo.jpg", "-x", "2").code == 0
    outcome = run("compare", "photo.jpg", "photo_x2.jpg", "-o", "slider.html")
    assert outcome.code == 0
    line, page = outcome.out.splitlines()
    assert line.startswith("ok   photo.jpg → photo_x2.jpg  48x32 → 96x64, LR-PSNR ")
    assert ", colour drift " in line
    assert page == "slider.html"
    source = Path("slider.html").read_text(encoding="utf-8")
    assert source.startswith("<!doctype html>")
    assert source.count("<img ") == 2
    assert files() == {"photo.jpg", "photo_x2.jpg", "slider.html"}


def test_without_a_name_the_page_lies_beside_the_second_picture(run, make_photo) -> None:
    make_photo("a.png")
    make_photo("out/b.png")
    make_photo("other/c.png")
    assert run("compare", "a.png", "out/b.png").code == 0
    assert run("compare", "other", "other").code == 0
    assert files() - {"a.png", "out/b.png", "other/c.png"} == {"out/b_compare.html", "other_compare.html"}


def test_programs_get_a_row_for_each_pair(run, make_photo) -> None:
    make_photo("a.png")
    make_photo("large.png", width=96, height=64)
    same = json.loads(run("compare", "a.png", "a.png", "-o", "same.html", "--json").out)
    assert (same["psnr"], same["ssim"], same["colour_drift"], same["page"]) == (None, 1.0, 0.0, "same.html")
    row = json.loads(run("compare", "a.png", "large.png", "-o", "sizes.html", "--json").out)
    assert "psnr" not in row
    assert row["consistency_db"] > 10
    assert (row["before_width"], row["after_width"]) == (48, 96)
    assert 0 <= row["unsupported_share"] <= 1


def test_the_limit_of_the_page_shrinks_its_pictures_and_never_the_figures(run, make_photo) -> None:
    make_photo("a.png", width=96, height=64)
    make_photo("b.png", width=96, height=64)
    wide = run("compare", "a.png", "b.png", "-o", "wide.html", "--json")
    narrow = run("compare", "a.png", "b.png", "-o", "narrow.html", "--max-side", "24", "--json")
    assert 'width="24"' in Path("narrow.html").read_text()
    assert 'width="24"' not in Path("wide.html").read_text()
    assert json.loads(wide.out)["ssim"] == json.loads(narrow.out)["ssim"]


def test_two_folders_become_one_page_of_the_names_that_both_have(run, make_photo) -> None:
    for name in ("in/a.png", "in/trip/b.png", "in/only.png", "out/a.png", "out/trip/b.png", "out/more.png"):
        make_photo(name)
    outcome = run("compare", "in", "out/", "-o", "all.html")
    assert outcome.code == 0
    assert outcome.out.count("ok   ") == 2
    assert "without a partner: in/only.png" in outcome.err
    assert "without a partner: out/more.png" in outcome.err
    assert Path("all.html").read_text().count("<img ") == 4


def test_a_pair_that_cannot_be_compared_does_not_stop_the_others(run, make_photo) -> None:
    for name in ("in/a.png", "in/b.png", "in/c.png", "out/a.png"):
        make_photo(name)
    make_photo("out/b.png", width=30)
    Path("out/c.png").write_bytes(b"no picture")
    outcome = run("compare", "in", "out", "-o", "all.html")
    assert outcome.code == 3
    assert outcome.err.count("fail ") == 2
    assert "different shapes" in outcome.err
    assert Path("all.html").read_text().count("<img ") == 2
    Path("out/a.png").write_bytes(b"no picture")
    outcome = run("compare", "in", "out", "-o", "none.html")
    assert outcome.code == 4
    assert not Path("none.html").exists()


def test_folders_without_a_common_name_are_nothing_usable(run, make_photo) -> None:
    make_photo("in/a.png")
    make_photo("out/b.png")
    outcome = run("compare", "in", "out", "-o", "all.html")
    assert outcome.code == 4
    assert "no picture in in has the name of one in out" in outcome.err
    assert not Path("all.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a.png", "tall.png", "-o", "x.html"), "different shapes"),
        (("a.png", "missing.png", "-o", "x.html"), "missing.png: there is no such file"),
        (("a.png", "folder", "-o", "x.html"), "two pictures or two folders"),
        (("a.png", "notes.png", "-o", "x.html"), "notes.png"),
        (("a.png", "b.png", "-o", "x.png"), "ends with .html"),
        (("a.png", "b.png", "-o", "old.html"), "exists already; add --overwrite"),
        (("a.png", "b.png", "-o", "nowhere/x.html"), "no folder 'nowhere'"),
        (("a.png", "b.png", "--max-side", "2"), "max-side"),
    ],
)
def test_wrong_use_is_told_and_leaves_everything_as_it_was(words, message, run, make_photo) -> None:
    make_photo("a.png")
    make_photo("b.png")
    make_photo("folder/a.png")
    make_photo("tall.png", width=32, height=48)
    Path("notes.png").write_bytes(b"no picture")
    Path("old.html").write_text("old")
    before = files()
    outcome = run("compare", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert files() == before
    assert Path("old.html").read_text() == "old"


def test_overwrite_replaces_the_page_and_never_a_picture(run, make_photo) -> None:
    make_photo("a.png")
    Path("old.html").write_text("old")
    assert run("compare", "a.png", "a.png", "-o", "old.html", "--overwrite").code == 0
    assert Path("old.html").read_text().startswith("<!doctype html>")
    with Image.open("a.png") as picture:
        picture.save("odd.html", "PNG")
    before = Path("odd.html").read_bytes()
    outcome = run("compare", "a.png", "odd.html", "-o", "odd.html", "--overwrite")
    assert outcome.code == 2
    assert "would replace a picture" in outcome.err
    assert Path("odd.html").read_bytes() == before


def test_quiet_says_only_where_the_page_is(run, make_photo) -> None:
    make_photo("a.png")
    assert run("compare", "a.png", "a.png", "-o", "x.html", "-q").out == "x.html\n"
