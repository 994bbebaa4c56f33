"""``restore upscale --evidence``: a picture to look at beside each result, and a share in the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.errors import ImageError

BEYOND = ("--detail", "100", "-x", "2")


def files(folder: str = ".") -> set[str]:
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


def test_the_picture_has_the_results_size_and_colour_only_where_detail_was_invented(
    run, make_photo, detail_weights
) -> None:
    make_photo("photo.jpg")
    outcome = run("upscale", "photo.jpg", *BEYOND, "--evidence", "why.png")
    assert outcome.code == 0
    assert files() >= {"photo_x2.jpg", "why.png"}
    with Image.open("why.png") as picture, Image.open("photo_x2.jpg") as result:
        assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", result.size)
        pixels = np.asarray(picture).astype(int)
    assert np.ptp(pixels, axis=2).max() > 60  # random weights invent a lot
    assert run("upscale", "photo.jpg", "-x", "2", "--overwrite").code == 0


@pytest.mark.parametrize("how", ["--json", "--report"])
def test_programs_get_the_share(how, run, make_photo, detail_weights) -> None:
    make_photo("photo.png")
    shares = []
    for detail in ("0", "100"):
        words = ["--json"] if how == "--json" else ["--report", "report.json"]
        outcome = run("upscale", "photo.png", "-x", "2", "--detail", detail, "--overwrite", *words)
        row = json.loads(outcome.out if how == "--json" else Path("report.json").read_text())
        shares.append((row if how == "--json" else row["photos"][0])["unsupported_share"])
    assert 0 <= shares[0] <= 1
    assert shares[1] != shares[0]


def test_several_photos_get_their_pictures_in_a_folder_as_the_results_lie(run, make_photo) -> None:
    make_photo("album/a.jpg")
    make_photo("album/trip/a.png")
    outcome = run("upscale", "album", "-x", "2", "-o", "out/", "--evidence", "why/")
    assert outcome.code == 0
    assert files("why") == {"a_evidence.png", "trip/a_evidence.png"}


def test_beside_the_photos_the_pictures_are_never_taken_for_photos(run, make_photo) -> None:
    make_photo("album/a.jpg")
    make_photo("album/b.jpg")
    for skipped in (0, 2):
        outcome = run("upscale", "album", "-x", "2", "--evidence", "album/")
        assert outcome.code == 0
        assert outcome.out.count("skip") == skipped
        assert files("album") == {f"{stem}{end}" for stem in "ab" for end in (".jpg", "_x2.jpg", "_x2_evidence.png")}


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("why.jpg", "end the name with .png"),
        ("photo.png", "would replace a photo or a result"),
        ("photo_x2.png", "would replace a photo or a result"),
        ("old.png", "exists already; add --overwrite"),
    ],
)
def test_what_would_be_lost_or_is_no_png_is_refused_before_anything_is_done(asked, message, run, make_photo) -> None:
    make_photo("photo.png")
    make_photo("old.png")
    before = Path("old.png").read_bytes()
    outcome = run("upscale", "photo.png", "-x", "2", "--evidence", asked)
    assert outcome.code == 2
    assert message in outcome.err
    assert files() == {"photo.png", "old.png"}
    assert Path("old.png").read_bytes() == before


def test_overwrite_replaces_a_picture(run, make_photo) -> None:
    make_photo("photo.png")
    make_photo("old.png")
    before = Path("old.png").read_bytes()
    assert run("upscale", "photo.png", "-x", "2", "--evidence", "old.png", "--overwrite").code == 0
    assert Path("old.png").read_bytes() != before


def test_several_photos_cannot_share_one_picture_nor_one_name(run, make_photo) -> None:
    make_photo("album/a.jpg")
    make_photo("album/a.png")
    outcome = run("upscale", "album", "-x", "2", "--evidence", "why.png")
    assert outcome.code == 2
    assert "2 photos need a folder" in outcome.err
    outcome = run("upscale", "album", "-x", "2", "--evidence", "why/")
    assert outcome.code == 2
    assert "would both become" in outcome.err
    assert files("album") == {"a.jpg", "a.png"}


def test_where_the_picture_cannot_be_written_there_is_no_result_either(run, make_photo, monkeypatch) -> None:
    make_photo("photo.png")
    Path("wall").write_bytes(b"")
    outcome = run("upscale", "photo.png", "-x", "2", "--evidence", "wall/why.png")
    assert outcome.code == 3
    assert ImageError.__name__ not in outcome.err
    assert "wall/why.png" in outcome.err
    assert files() == {"photo.png", "wall"}


def test_a_picture_through_a_pipe_can_have_its_evidence_too(run, make_photo) -> None:
    path = make_photo("photo.png")
    outcome = run("upscale", "-", "-x", "2", "--evidence", "why/", feed=path.read_bytes())
    assert outcome.code == 0
    assert outcome.picture.startswith(b"\x89PNG")
    assert files("why") == {"photo_evidence.png"}


def test_a_dry_run_draws_nothing(run, make_photo) -> None:
    make_photo("photo.png")
    assert run("upscale", "photo.png", "-x", "2", "--evidence", "why.png", "--dry-run").code == 0
    assert files() == {"photo.png"}
