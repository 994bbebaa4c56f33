"""From what was done to a photo to the line that its result carries."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from restore.inference.chain import Chain
from restore.inference.clean import Cleaner
from restore.inference.device import choose_device
from restore.inference.recipe import UNRECORDED, recipe_from, recorded, step_of
from restore.inference.steps import parse_steps
from restore.inference.upscale import Report, Target, Upscaler
from restore.inference.verbs import Fix
from restore.io.photo import Photo
from restore.io.recipe import COMPOSITE, ENHANCED, recipe_of
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.tasks import BLIND, CLEAN, Condition

VERSION = "0.1.0"
REPORT = Report(
    factor=1.0,
    weights=("clean",),
    source_height=24,
    source_width=32,
    height=24,
    width=32,
    consistency_db=30.0,
    drift=0.0,
    seconds=1.0,
    notes=(),
)


@pytest.fixture
def photo() -> Photo:
    pixels = torch.rand(3, 24, 32, generator=torch.Generator().manual_seed(0))
    return Photo(pixels=pixels, alpha=None, gray=False, depth=8, format="PNG", mode="RGB", sha256="0" * 64)


def weights(path: Path, task: str, scale: int) -> Path:
    torch.manual_seed(scale)
    channels = 6 if task == "clean" else 4
    shape = GeneratorConfig(
        widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=scale, condition_channels=channels
    )
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    save_weights(path, network.state_dict(), Card(name=path.stem, task=task, scale=scale, size="own", generator=shape))
    return path


def word_of(path: Path, name: str) -> str:
    return f"{name} sha256:{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


@pytest.mark.parametrize(
    ("report", "step"),
    [
        (replace(REPORT, task="denoise", strength=40, condition=Condition(noise=18.26, jpeg=42, blur=0)),
         "denoise:40 noise=18.26 jpeg=42"),
        (replace(REPORT, task="dejpeg", strength=100, condition=Condition(noise=0, blur=0)), "dejpeg:100 jpeg=blind"),
        (replace(REPORT, task="deblur", strength=100, condition=Condition(noise=0, jpeg=100, blur=3.5, angle=-7.25)),
         "deblur:100 blur=3.5 angle=-7.25"),
        (replace(REPORT, task="deblur", strength=100, condition=BLIND),
         "deblur:100 noise=blind jpeg=blind blur=blind"),
        (replace(REPORT, task="denoise", strength=100, condition=replace(CLEAN, noise=5), grain=2, covered=0.25),
         "denoise:100 noise=5 grain=2 mask=0.25"),
        (replace(REPORT, task="auto", done=("dejpeg", "denoise"), strength=100, condition=replace(CLEAN, jpeg=10)),
         "dejpeg+denoise:100 jpeg=10"),
        (replace(REPORT, factor=3000 / 720, condition=CLEAN), "upscale:4.166666667"),
        (replace(REPORT, factor=4.0, condition=CLEAN, detail=25, projected=True), "upscale:4 detail=25 project=yes"),
        (replace(REPORT, factor=2.0, condition=Condition(noise=3, jpeg=80)), "upscale:2 noise=3 jpeg=80"),
        (replace(REPORT, task="grain", grain=3, weights=()), "grain:3"),
        (replace(REPORT, task="translate"), "translate"),
    ],
)  # fmt: skip
def test_a_step_is_told_as_the_options_have_it(report: Report, step: str) -> None:
    assert step_of(report) == step
    recipe = recipe_from(report, VERSION)
    assert recipe is not None
    assert recipe.steps == (step,)


def test_steps_that_did_nothing_are_left_out_and_none_means_no_recipe(photo: Photo) -> None:
    idle = replace(REPORT, task="denoise", strength=100, condition=CLEAN, weights=())
    outside = replace(idle, grain=3, covered=0.0)
    grain = replace(REPORT, task="grain", grain=3, weights=())
    assert recipe_from(idle, VERSION) is None
    assert recipe_from(outside, VERSION) is None
    assert recorded(photo, idle, VERSION) == (photo, ())
    chain = recipe_from(replace(REPORT, task="restore", steps=(idle, grain)), VERSION)
    assert chain is not None
    assert chain.steps == ("grain:3",)


def test_the_weights_are_those_whose_bytes_did_it(photo: Photo, tmp_path: Path) -> None:
    clean = weights(tmp_path / "my clean, new.safetensors", "clean", 1)
    (tmp_path / "run-x2").mkdir()
    double = weights(tmp_path / "run-x2" / "weights.safetensors", "upscale", 2)
    words = [word_of(clean, "my_clean__new"), word_of(double, "run-x2")]
    cpu = choose_device("cpu")

    _, report = Cleaner(device=cpu, weights=clean)(photo, Fix(verb="denoise"), Condition(noise=20))
    recipe = recipe_from(report, VERSION)
    assert recipe is not None
    assert recipe.weights == (words[0],)
    _, report = Upscaler(device=cpu, weights=double)(photo, Target(scale=4), CLEAN)
    recipe = recipe_from(report, VERSION)
    assert recipe is not None
    assert recipe.weights == (words[1],)  # twice the same file
    chain = Chain(parse_steps("dejpeg,upscale:2,grain:2"), device=cpu, weights=(clean, double))
    result, report = chain(photo)
    made, notes = recorded(result, report, VERSION)
    recipe = recipe_of(made)
    assert notes == ()
    assert recipe is not None
    assert [step.split()[0] for step in recipe.steps] == ["dejpeg:100", "upscale:2", "grain:2"]
    assert recipe.weights == tuple(words)
    assert recipe.input == "0" * 64
    assert str(tmp_path).encode() not in (made.xmp or b"")
    assert torch.equal(made.pixels, result.pixels)


def test_detail_is_made_by_two_files_and_both_are_named(photo: Photo, tmp_path: Path) -> None:
    fidelity = weights(tmp_path / "x2.safetensors", "upscale", 2)
    detail = weights(tmp_path / "x2-detail.safetensors", "upscale", 2)
    for asked, files in ((0, [fidelity]), (50, [fidelity, detail])):
        _, report = Upscaler(device="cpu", weights=fidelity, detail=asked)(photo, Target(scale=2), CLEAN)
        recipe = recipe_from(report, VERSION)
        assert recipe is not None
        assert recipe.weights == tuple(word_of(path, path.stem) for path in files)


def test_what_was_done_before_is_kept_in_order(photo: Photo) -> None:
    made = photo
    for task in ("dejpeg", "denoise", "deblur"):
        made, _ = recorded(made, replace(REPORT, task=task, strength=100, condition=CLEAN), VERSION)
    recipe = recipe_of(made)
    assert recipe is not None
    assert (recipe.earlier, recipe.steps) == (("dejpeg:100", "denoise:100"), ("deblur:100",))
    assert recipe.words == "dejpeg 100, denoise 100, deblur 100, by restore 0.1.0"


def test_a_picture_with_invented_parts_is_not_called_enhanced(photo: Photo) -> None:
    fill, turn, clean = (replace(REPORT, task=task) for task in ("inpaint", "translate", "denoise"))
    for report, said in ((clean, ENHANCED), (fill, COMPOSITE), (replace(REPORT, steps=(clean, fill)), COMPOSITE)):
        made, _ = recorded(photo, report, VERSION)
        assert said.encode() in (made.xmp or b"")
    made, _ = recorded(photo, turn, VERSION)
    assert b"DigitalSourceType" not in (made.xmp or b"")


def test_xmp_that_cannot_be_added_to_is_no_failure_but_a_note(photo: Photo) -> None:
    damaged = replace(photo, xmp=b"<rdf:RDF")
    assert recorded(damaged, REPORT, VERSION) == (damaged, (UNRECORDED,))
