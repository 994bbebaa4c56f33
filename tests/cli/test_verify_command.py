"""``restore verify``: what a result has lost of its photo is named, and nothing else is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

ARTIST, TAKEN, PLACE, ORIENTATION = 0x013B, 0x9003, 1, 0x0112
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'
)


def exif(artist: str | None = "Ada", *, place: bool = True, orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    if artist:
        block[ARTIST] = artist
    block.get_ifd(0x8769)[TAKEN] = "2024:05:01 12:00:00"
    if place:
        block.get_ifd(0x8825)[PLACE] = "N"
    if orientation != 1:
        block[ORIENTATION] = orientation
    return block


def full(make_photo: Callable[..., Path], name: str, **changed: object) -> Path:
    """A photo with everything a photo can have; None leaves a thing out."""
    saving = {"icc_profile": SRGB, "exif": exif(), "xmp": XMP, "quality": 95} | changed
    return make_photo(name, **{key: value for key, value in saving.items() if value is not None})


def test_results_of_this_command_have_kept_everything(run, make_photo) -> None:
    full(make_photo, "album/a.jpg")
    full(make_photo, "album/trip/turned.jpg", exif=exif(orientation=6))
    make_photo("album/plain.png")
    assert run("upscale", "album", "-o", "out/", "-x", "2").code == 0
    outcome = run("verify", "album", "out")
    assert outcome.code == 0
    first, plain, turned = outcome.out.splitlines()
    assert first.startswith("ok   album/a.jpg → out/a.jpg  x2, 8 bits, profile, EXIF, XMP, faithful ")
    assert "turned upright" in turned
    assert "EXIF" not in plain
    assert "3 kept everything, 0 lost something, 0 without a result" in outcome.err


def test_a_copy_that_lies_on_its_side_as_its_photo_does_has_lost_nothing(run, make_photo) -> None:
    full(make_photo, "album/turned.jpg", exif=exif(orientation=6))
    full(make_photo, "album/other.jpg", exif=exif(orientation=6))
    Path("out").mkdir()
    Path("out/turned.jpg").write_bytes(Path("album/turned.jpg").read_bytes())
    full(make_photo, "out/other.jpg", exif=exif(orientation=6), quality=96)
    outcome = run("verify", "album", "out")
    assert outcome.code == 3
    assert "ok   album/turned.jpg → out/turned.jpg  same size" in outcome.out
    assert "album/other.jpg → out/other.jpg  lost orientation: the tag says 6" in outcome.err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"icc_profile": None}, "lost colour profile ("),
        ({"exif": None}, "lost Artist, DateTimeOriginal, GPS GPSLatitudeRef ("),
        ({"exif": exif("Eve")}, "lost Artist ("),
        ({"exif": exif(None)}, "lost Artist ("),
        ({"exif": exif(place=False)}, "lost GPS GPSLatitudeRef ("),
        ({"exif": exif(orientation=3)}, "lost the picture"),
        ({"xmp": None}, "lost XMP ("),
        ({"xmp": XMP.replace(b'"5"', b'"1"')}, "lost XMP Rating ("),
        ({"width": 40}, "lost size: 48x32 has become 40x32"),
        ({"width": 96}, "lost shape: 48x32 has become 96x32"),
        ({"width": 32, "height": 48}, "lost upright: 48x32 has become 32x48"),
    ],
)
def test_what_is_lost_is_named(run, make_photo, changed, said) -> None:
    full(make_photo, "in.jpg")
    full(make_photo, "out.jpg", **changed)
    outcome = run("verify", "in.jpg", "out.jpg")
    assert outcome.code == 3
    assert said in outcome.err
    assert run("verify", "in.jpg", "in.jpg").code == 0


def test_depth_alpha_and_gray_are_looked_at(run) -> None:
    deep = (np.add.outer(np.arange(12), np.arange(16)) * 2000).astype(np.uint16)
    Image.fromarray(deep).save("deep.png")
    Image.fromarray((deep >> 8).astype(np.uint8)).save("flat.png")
    outcome = run("verify", "deep.png", "flat.png")
    assert (outcome.code, "lost depth: 16 bits, now 8" in outcome.err) == (3, True)
    colours = np.repeat((deep >> 8).astype(np.uint8)[..., None], 4, 2)
    Image.fromarray(colours).save("clear.png")
    Image.fromarray(colours[..., :3]).save("solid.png")
    assert "lost alpha" in run("verify", "clear.png", "solid.png").err
    assert "lost gray: three channels now" in run("verify", "flat.png", "solid.png").err


def test_another_picture_is_no_result(run, make_photo) -> None:
    make_photo("in.png")
    with Image.open("in.png") as image:
        image.transpose(Image.Transpose.ROTATE_180).save("out.png")
    outcome = run("verify", "in.png", "out.png")
    assert outcome.code == 3
    assert "lost the picture: agrees with the photo to" in outcome.err
    assert run("verify", "in.png", "out.png", "--faithful", "0").code == 0


def test_what_was_stripped_on_purpose_is_not_lost(run, make_photo) -> None:
    full(make_photo, "in.jpg")
    for strip, others in (("gps", ("none",)), ("all", ("none", "gps"))):
        run("upscale", "in.jpg", "-x", "2", "--strip", strip, "-o", f"{strip}.jpg")
        assert run("verify", "in.jpg", f"{strip}.jpg", "--strip", strip).code == 0
        for other in others:
            assert run("verify", "in.jpg", f"{strip}.jpg", "--strip", other).code == 3


def test_a_size_that_is_not_what_the_result_says_of_itself_is_lost(run, make_photo) -> None:
    make_photo("in.jpg")
    run("upscale", "in.jpg", "-x", "4", "-o", "out.jpg")
    with Image.open("out.jpg") as image:
        image.resize((96, 64), Image.Resampling.BICUBIC).save("out.jpg", xmp=image.info["xmp"])
    assert "its own notes say x4" in run("verify", "in.jpg", "out.jpg").err


def test_photos_and_results_without_a_partner_are_named(run, make_photo) -> None:
    make_photo("album/a.png")
    make_photo("album/b.png")
    make_photo("out/a.png")
    make_photo("out/c.png")
    outcome = run("verify", "album", "out")
    assert outcome.code == 3
    assert "fail album/b.png: has no result" in outcome.err
    assert "out/c.png: is no result of a photo there" in outcome.err
    assert "1 kept everything, 0 lost something, 1 without a result" in outcome.err


def test_another_suffix_is_a_partner_where_there_is_no_doubt(run, make_photo) -> None:
    make_photo("album/moving.gif")
    make_photo("album/a.png")
    make_photo("out/moving.png")
    make_photo("out/a.png")
    outcome = run("verify", "album", "out", "--json")
    pairs = {row["source"]: row["target"] for row in map(json.loads, outcome.out.splitlines())}
    assert pairs == {"album/moving.gif": "out/moving.png", "album/a.png": "out/a.png"}
    make_photo("album/moving.bmp")
    assert "album/moving.gif: has no result" in run("verify", "album", "out").err


def test_programs_get_a_row_for_every_pair(run, make_photo) -> None:
    full(make_photo, "album/a.jpg")
    make_photo("album/b.png")
    full(make_photo, "out/a.jpg", exif=None)
    Path("out/b.png").write_bytes(b"no picture")
    outcome = run("verify", "album", "out", "--json")
    first, second = (json.loads(line) for line in outcome.out.splitlines())
    assert (first["status"], first["lost"]) == ("lost", ["Artist, DateTimeOriginal, GPS GPSLatitudeRef"])
    assert (first["scale"], first["width"], first["kept"]) == (1.0, 48, ["8 bits", "profile", "XMP"])
    assert (second["status"], second["error"]) == ("failed", "ImageError")
    assert outcome.code == 3


def test_wrong_use_is_told(run, make_photo) -> None:
    make_photo("album/a.png")
    assert run("verify", "album", "album/a.png").code == 2
    assert run("verify", "album", "missing").code == 2
    Path("empty").mkdir()
    Path("bare").mkdir()
    assert run("verify", "empty", "bare").code == 4
