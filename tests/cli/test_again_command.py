"""What was done to a photo, done again from what its result says."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from restore.errors import ConfigError
from restore.inference.again import OTHER_PHOTO, replay_of
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.tasks import Condition


def save_clean(path: Path, seed: int = 5) -> Path:
    torch.manual_seed(seed)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    save_weights(path, network.state_dict(), Card(name="clean", task="clean", scale=1, size="fast", generator=shape))
    nn.init.normal_(network.head.weight, std=0.04)
    card = Card(name="clean-detail", task="clean", scale=1, size="fast", generator=shape)
    save_weights(path.with_name(f"{path.stem}-detail.safetensors"), network.state_dict(), card)
    return path


@pytest.fixture(autouse=True)
def clean_file(run, tmp_path: Path) -> Path:
    return save_clean(tmp_path / "c.safetensors")


OWN = ("--weights", "c.safetensors")
COMMANDS = {
    "upscale": (("upscale", "-x", "2"), ()),
    "upscale to a size": (("upscale", "--size", "131x131"), ()),
    "denoise": (("denoise", "--noise", "8", "--strength", "40", *OWN), OWN),
    "an ensemble": (("denoise", "--noise", "8", "--ensemble", "4", *OWN), OWN),
    "an ensemble of steps": (("run", "--steps", "dejpeg,upscale:2", "--ensemble", "2", *OWN), OWN),
    "denoise with seeded grain": (("denoise", "--grain", "3", "--seed", "7", *OWN), OWN),
    "dejpeg": (("dejpeg", *OWN), OWN),
    "deblur moved": (("deblur", "--motion", "7", "--angle", "20", *OWN), OWN),
    "deblur with detail": (("deblur", "--blur", "1.5", "--detail", "30", *OWN), OWN),
    "auto": (("auto", *OWN), OWN),
    "steps": (("run", "--steps", "dejpeg:50,upscale:2,grain:2", *OWN), OWN),
    "model": (("run", "--model", "c.safetensors"), OWN),
}


@pytest.mark.parametrize("what", COMMANDS)
def test_a_result_alone_is_enough_to_make_it_again_byte_for_byte(run, make_photo, what) -> None:
    words, own = COMMANDS[what]
    photo = make_photo("photo.jpg", width=64, height=64, quality=40)
    assert run(*words, photo, "-o", "once.png").code == 0
    outcome = run("again", "once.png", *own, "-o", "out/")
    assert outcome.code == 0, outcome.err
    assert "recipe" not in outcome.out  # nothing differs
    assert Path("out/photo.jpg").is_file()
    run("again", "once.png", *own, "-o", "twice.png")
    assert Path("twice.png").read_bytes() == Path("once.png").read_bytes()


def test_a_sidecar_serves_where_the_file_itself_may_not_tell(run, make_photo) -> None:
    photo = make_photo("photo.jpg")
    assert run("upscale", photo, "-x", "2", "--strip", "all", "--sidecar").code == 0
    result, sidecar = Path("photo_x2.jpg"), Path("photo_x2.jpg.xmp")
    first = result.read_bytes()
    refused = run("again", result)
    assert refused.code != 0
    assert "there is no recipe in it" in refused.err
    result.unlink()
    assert run("again", sidecar, "-o", result, "--strip", "all").code == 0
    assert result.read_bytes() == first


def test_a_sidecar_that_exists_is_kept_and_then_there_is_no_result_either(run, make_photo) -> None:
    photo = make_photo("photo.jpg")
    Path("photo_x2.jpg.xmp").write_text("mine")
    outcome = run("upscale", photo, "-x", "2", "--sidecar")
    assert outcome.code == 2
    assert "photo_x2.jpg.xmp: the sidecar exists already" in outcome.out + outcome.err
    assert Path("photo_x2.jpg.xmp").read_text() == "mine"
    assert not Path("photo_x2.jpg").exists()


def test_a_photo_that_nothing_was_done_to_has_no_sidecar(run, make_photo) -> None:
    assert run("denoise", make_photo("photo.png"), "--noise", "0", "--sidecar", *OWN, "-o", "same.png").code == 0
    assert not Path("same.png.xmp").exists()


def test_another_photo_gets_the_very_numbers_of_the_recipe_and_that_is_noted(run, make_photo) -> None:
    run("denoise", make_photo("one.png"), "--noise", "20", *OWN, "-o", "done.png")
    other = make_photo("other.png", width=40)
    row = json.loads(run("again", "done.png", other, *OWN, "--json", "-o", "o.png").out)
    assert OTHER_PHOTO in row["notes"]
    assert row["noise"] == 20
    run("denoise", other, "--noise", "20", *OWN, "-o", "direct.png")
    with Image.open("o.png") as again, Image.open("direct.png") as direct:
        assert np.array_equal(np.asarray(again), np.asarray(direct))


def test_the_photo_is_found_by_its_bytes_whatever_it_is_called_now(run, make_photo) -> None:
    photo = make_photo("photo.jpg")
    run("upscale", photo, "-x", "2", "-o", "r.jpg")
    make_photo("decoy.jpg", width=50)
    shutil.move(photo, "another name.jpg")
    assert run("again", "r.jpg").code == 0
    assert Path("another name_again.jpg").is_file()
    Path("another name.jpg").unlink()
    outcome = run("again", "r.jpg")
    assert outcome.code == 2
    assert "restore again r.jpg PHOTO" in outcome.err


def test_other_weights_are_refused_unless_they_will_do(run, make_photo) -> None:
    run("denoise", make_photo("photo.png"), "--noise", "20", *OWN, "-o", "once.png")
    save_clean(Path("c.safetensors"), seed=6)
    refused = run("again", "once.png", *OWN, "-o", "twice.png")
    assert refused.code == 6
    assert "not at hand" in refused.err
    assert not Path("twice.png").exists()
    allowed = run("again", "once.png", *OWN, "--anyway", "-o", "twice.png")
    assert allowed.code == 0
    assert "made with other weights than the recipe's" in allowed.out


def test_a_mask_has_to_be_given_again(run, make_photo) -> None:
    photo = make_photo("photo.png")
    mask = np.zeros((32, 48), np.uint8)
    mask[:, :24] = 255
    Image.fromarray(mask).save("mask.png")
    run("denoise", photo, "--noise", "20", "--mask", "mask.png", *OWN, "-o", "once.png")
    refused = run("again", "once.png", photo, *OWN, "-o", "twice.png")
    assert refused.code != 0
    assert "worked within a mask" in refused.out + refused.err
    assert run("again", "once.png", photo, "--mask", "mask.png", *OWN, "-o", "twice.png").code == 0
    assert Path("twice.png").read_bytes() == Path("once.png").read_bytes()


def test_no_result_is_named_and_a_wrong_one_has_a_clear_error(run, make_photo) -> None:
    assert "restore again RESULT" in run("again").err
    assert "no such file" in run("again", "nix.png").err
    assert "there is no recipe in it" in run("again", make_photo()).err
    Path("bad.xmp").write_text("<x")
    assert "there is no recipe in it" in run("again", "bad.xmp").err


@pytest.mark.parametrize("step", ["inpaint mask=0.1", "tone:50", "translate", "sharpen:3", "denoise:40 magic=3"])
def test_steps_that_a_recipe_does_not_hold_all_of_are_refused_with_what_does_them(step) -> None:
    with pytest.raises(ConfigError, match=r"cannot be done again|is not one that this version knows"):
        replay_of(step)


def test_a_step_is_read_as_the_numbers_that_were_told() -> None:
    replay = replay_of("dejpeg+denoise:70 noise=blind jpeg=42.5 blur=1.84 angle=-20.5 grain=2 seed=9 mask=0.25")
    assert (replay.kind, replay.verb, replay.amount, replay.done) == ("clean", None, 70, ("dejpeg", "denoise"))
    assert replay.condition == Condition(noise=None, jpeg=42.5, blur=1.84, angle=-20.5)
    assert (replay.grain, replay.seed, replay.covered) == (2, 9, 0.25)
