"""What a result says about itself, and that a photo that was restored before is known again."""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import nn

import restore
from restore.io.read import read_photo
from restore.io.recipe import Recipe, recipe_of
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights

BY = f"by restore {restore.__version__}"
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:CreatorTool="Camera 3"'
    b' xmp:Rating="5"/></rdf:RDF></x:xmpmeta>'
)
VERBS = {
    "upscale": (("upscale", "-x", "2"), ["upscale:2 jpeg=92"], "upscale x2"),
    "denoise": (("denoise", "--noise", "20", "--weights", "c.safetensors", "--strength", "40"),
                ["denoise:40 noise=20 jpeg=92"], "denoise 40"),
    "dejpeg": (("dejpeg", "--weights", "c.safetensors"), ["dejpeg:100 jpeg=92"], "dejpeg 100"),
    "deblur": (("deblur", "--blur", "1.5", "--weights", "c.safetensors"),
               ["deblur:100 jpeg=92 blur=1.5"], "deblur 100"),
    "steps": (("run", "--steps", "dejpeg:50,upscale:2,grain:2", "--weights", "c.safetensors"),
              ["dejpeg:50 jpeg=92", "upscale:2", "grain:2"], "dejpeg 50, upscale x2, grain 2"),
    "model": (("run", "--model", "c.safetensors"), ["clean:100 jpeg=92"], "clean 100"),
}  # fmt: skip
"""Words, the steps that they leave in the result, and what is said of it later."""


@pytest.fixture(autouse=True)
def clean_file(run, tmp_path: Path) -> Path:
    torch.manual_seed(5)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    path = tmp_path / "c.safetensors"
    save_weights(path, network.state_dict(), Card(name="clean", task="clean", scale=1, size="own", generator=shape))
    return path


def recipe_in(path: Path | str) -> Recipe | None:
    return recipe_of(read_photo(Path(path)))


def without_noise_and_blur(steps: tuple[str, ...]) -> list[str]:
    """How much noise and blur is measured in the drawn photo is no matter here, unless it was asked for."""
    return [re.sub(r" (noise|blur)=(?!20\b|1\.5\b)\S+", "", step) for step in steps]


@pytest.mark.parametrize("verb", VERBS)
def test_a_result_says_how_it_was_made_and_a_second_run_says_so(run, make_photo, verb) -> None:
    words, steps, said = VERBS[verb]
    photo = make_photo("photo.jpg", quality=92, xmp=XMP)
    first = run(*words, photo, "-o", "once.jpg")
    assert first.code == 0
    assert "restored before" not in first.out
    recipe = recipe_in("once.jpg")
    assert recipe is not None
    assert without_noise_and_blur(recipe.steps) == steps
    assert recipe.version == restore.__version__
    assert recipe.input == hashlib.sha256(photo.read_bytes()).hexdigest()
    if verb != "upscale":
        assert f"c sha256:{hashlib.sha256(Path('c.safetensors').read_bytes()).hexdigest()[:16]}" in recipe.weights
    again = run("upscale", "once.jpg", "-x", "2", "-o", "twice.jpg")
    assert f"restored before ({said}, {BY})" in again.out
    second = recipe_in("twice.jpg")
    assert second is not None
    assert second.earlier == recipe.steps
    assert second.input == hashlib.sha256(Path("once.jpg").read_bytes()).hexdigest()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_notes_that_a_photo_was_restored_before(run, make_photo, verb) -> None:
    run("upscale", make_photo(), "-x", "2", "-o", "once.png")
    outcome = run(*VERBS[verb][0], "once.png", "-o", "twice.png", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["notes"][0] == f"restored before (upscale x2, {BY})"


def test_inspect_tells_the_recipe(run, make_photo) -> None:
    photo = make_photo()
    run("upscale", photo, "-x", "2", "--clean")
    assert f", restored before (upscale x2, {BY}) → " in run("inspect", "photo_x2.png").out
    told = json.loads(run("inspect", "photo_x2.png", "--json").out)["restored"]
    assert (told["tool"], told["version"], told["steps"]) == ("restore", restore.__version__, ["upscale:2"])
    assert told["input"] == hashlib.sha256(photo.read_bytes()).hexdigest()
    assert "restored before" not in run("inspect", photo).out
    assert json.loads(run("inspect", photo, "--json").out)["restored"] is None


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_the_recipe_costs_no_pixel_and_no_caption_and_strip_all_leaves_it_out(run, make_photo, suffix) -> None:
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    saving = {"png": {"pnginfo": info}, "tif": {"tiffinfo": {700: XMP}}}.get(suffix, {"xmp": XMP})
    photo = make_photo(f"photo.{suffix}", **saving)
    run("upscale", photo, "-x", "2", "-o", f"told.{suffix}")
    run("upscale", photo, "-x", "2", "-o", f"bare.{suffix}", "--strip", "all")
    assert recipe_in(f"told.{suffix}") is not None
    assert recipe_in(f"bare.{suffix}") is None
    assert b"restore" not in Path(f"bare.{suffix}").read_bytes()
    with Image.open(f"told.{suffix}") as told, Image.open(f"bare.{suffix}") as bare:
        assert np.array_equal(np.asarray(told), np.asarray(bare))
        assert b'xmp:CreatorTool="Camera 3"' in told.info["xmp"]
        assert b'xmp:Rating="5"' in told.info["xmp"]
    assert Path(f"told.{suffix}").stat().st_size - Path(f"bare.{suffix}").stat().st_size < 2000


def test_the_same_photo_and_command_give_the_same_bytes(run, make_photo) -> None:
    photo = make_photo("photo.jpg")
    for name in ("a.jpg", "b.jpg"):
        assert run("upscale", photo, "-x", "2", "-o", name).code == 0
    assert Path("a.jpg").read_bytes() == Path("b.jpg").read_bytes()


def test_a_picture_from_stdin_has_the_hash_of_its_bytes(run, make_photo) -> None:
    data = make_photo().read_bytes()
    picture = run("upscale", "-", "-x", "2", feed=data).picture
    recipe = recipe_of(read_photo(picture))
    assert recipe is not None
    assert recipe.input == hashlib.sha256(data).hexdigest()


def test_a_photo_that_nothing_was_done_to_is_not_called_restored(run, make_photo) -> None:
    photo = make_photo()
    for number, words in enumerate((("--noise", "0"), ("--noise", "20", "--strength", "0"))):
        outcome = run("denoise", photo, *words, "--weights", "c.safetensors", "-o", f"{number}.jpg")
        assert outcome.code == 0
        assert recipe_in(f"{number}.jpg") is None


def test_a_format_that_holds_no_xmp_is_no_cause_for_a_note(run, make_photo) -> None:
    outcome = run("upscale", make_photo(), "-x", "2", "-o", "result.bmp", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["notes"] == []


def test_damaged_xmp_is_kept_and_it_is_said_that_nothing_was_added(run, make_photo) -> None:
    photo = make_photo("photo.jpg", xmp=b"<x:xmpmeta> cut o")
    outcome = run("upscale", photo, "-x", "2")
    assert outcome.code == 0
    assert "not recorded" in outcome.out
    with Image.open(io.BytesIO(Path("photo_x2.jpg").read_bytes())) as image:
        assert image.info["xmp"] == b"<x:xmpmeta> cut o"
    assert "not recorded" not in run("upscale", photo, "-x", "2", "--strip", "all", "--overwrite").out
