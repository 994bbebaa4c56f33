"""``restore denoise``, ``dejpeg`` and ``deblur`` as a person types them, with all that ``restore upscale`` keeps."""

from __future__ import annotations

import json
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from typer.main import get_command

from restore.cli.app import app
from restore.cli.common import Asked
from restore.inference.restorer import Restorer
from restore.io.journal import NAME
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.tasks import Condition

WHAT = {"denoise": "denoised", "dejpeg": "dejpegged", "deblur": "deblurred"}
TOLD = {"denoise": ("--noise", "20"), "dejpeg": ("--quality-was", "20"), "deblur": ("--blur", "2")}
"""What makes each verb work on any photo."""


@pytest.fixture
def clean_weights(tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-ins, with a small network for the verbs among them."""
    folder = tmp_path / "package"
    folder.mkdir()
    for path in tiny_weights.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    torch.manual_seed(5)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    for name, size in (("clean", "fast"), ("clean-base", "base"), ("clean-light", "light"), ("clean-detail", "fast")):
        if name == "clean-detail":
            nn.init.normal_(network.head.weight, std=0.04)
        card = Card(name=name, task="clean", scale=1, size=size, generator=shape)
        save_weights(folder / f"{name}.safetensors", network.state_dict(), card)
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: folder)
    return folder


@pytest.fixture
def conditions(monkeypatch: pytest.MonkeyPatch) -> list[Condition]:
    """What the network was told, each time."""
    seen: list[Condition] = []
    whole = Restorer.restore
    monkeypatch.setattr(
        Restorer, "restore", lambda self, image, known, **rest: seen.append(known) or whole(self, image, known, **rest)
    )
    return seen


def pixels_of(path: Path | str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def files(folder: str = ".") -> set[str]:
    return {path.as_posix() for path in Path(folder).glob("*") if path.is_file()}


def mask(name: str, width: int = 48, height: int = 32, *, left: int = 24) -> None:
    """White from the column ``left`` on."""
    area = np.zeros((height, width), np.uint8)
    area[:, left:] = 255
    Path(name).parent.mkdir(exist_ok=True)
    Image.fromarray(area).save(name)


@pytest.mark.parametrize("verb", WHAT)
def test_a_photo_gets_a_result_of_its_size_beside_it_and_a_line(run, make_photo, clean_weights, verb) -> None:
    make_photo("photo.jpg", quality=92)
    outcome = run(verb, "photo.jpg", *TOLD[verb])
    assert outcome.code == 0
    assert files() == {"photo.jpg", f"photo_{WHAT[verb]}.jpg"}
    assert pixels_of(f"photo_{WHAT[verb]}.jpg").shape == (32, 48, 3)
    told = {"denoise": "noise 20, JPEG 92", "dejpeg": "JPEG 20", "deblur": "JPEG 92, blur 2.0"}[verb]
    assert re.fullmatch(
        rf"ok   photo\.jpg → photo_{WHAT[verb]}\.jpg  \d+\.\d s  {verb} by clean, 48x32, (noise \d+, )?{told}, "
        r"strength 100, changed by \d+\.\d levels, \d+% of it explained, colour drift 0\.\d\n",
        outcome.out,
    )
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (["denoise"], None),
        (["denoise", "--noise", "12.5"], Condition(noise=12.5, jpeg=40, blur=0)),
        (["dejpeg"], Condition(noise=0, jpeg=40, blur=0)),
        (["dejpeg", "--quality-was", "auto"], Condition(noise=0, jpeg=40, blur=0)),
        (["dejpeg", "--quality-was", "25"], Condition(noise=0, jpeg=25, blur=0)),
        (["deblur"], Condition(noise=0, jpeg=40, blur=None)),
        (["deblur", "--blur", "1.5"], Condition(noise=0, jpeg=40, blur=1.5)),
        (
            ["deblur", "--motion", "12", "--angle", "45"],
            replace(Condition.of_motion(12, 45), noise=0, jpeg=40),
        ),
    ],
)
@pytest.mark.usefixtures("clean_weights")
def test_each_verb_tells_the_network_its_own_damage(run, make_photo, conditions, monkeypatch, *, words, known) -> None:
    monkeypatch.setattr("restore.inference.verbs.condition_of", lambda photo: Condition(noise=0, jpeg=photo.quality))
    make_photo("photo.jpg", quality=40)
    outcome = run(words[0], "photo.jpg", *words[1:])
    assert outcome.code == 0
    assert conditions == ([] if known is None else [known])
    assert ("no noise was found" in outcome.out) == (known is None)


def test_what_the_network_has_to_judge_is_told_as_blind(run, make_photo, clean_weights) -> None:
    make_photo()
    assert "JPEG blind" in run("dejpeg", "photo.png").out
    row = json.loads(run("deblur", "photo.png", "--json").out)
    assert (row["task"], row["blur"], row["explained"]) == ("deblur", None, None)


@pytest.mark.parametrize("verb", WHAT)
def test_strength_0_is_the_photo_itself_and_100_is_the_default(run, make_photo, clean_weights, verb) -> None:
    make_photo()
    for strength in (0, 40, 100):
        assert run(verb, "photo.png", *TOLD[verb], "--strength", str(strength), "-o", f"{strength}.png").code == 0
    assert run(verb, "photo.png", *TOLD[verb], "-o", "plain.png").code == 0
    assert np.array_equal(pixels_of("0.png"), pixels_of("photo.png"))
    assert np.array_equal(pixels_of("100.png"), pixels_of("plain.png"))
    photo = pixels_of("photo.png").astype(float)
    change = [np.square(pixels_of(f"{strength}.png") - photo).sum() for strength in (40, 100)]
    assert 0 < change[0] < change[1]


@pytest.mark.parametrize("option", ["--mask", "--protect"])
def test_a_mask_says_where_and_the_rest_is_the_photo_to_the_byte(run, make_photo, clean_weights, option) -> None:
    make_photo()
    mask("mask.png")
    outcome = run("denoise", "photo.png", "--noise", "20", option, "mask.png")
    assert outcome.code == 0
    assert "mask 50%" in outcome.out
    before, after = pixels_of("photo.png"), pixels_of("photo_denoised.png")
    kept, changed = (slice(0, 24), slice(24, 48)) if option == "--mask" else (slice(24, 48), slice(0, 24))
    assert np.array_equal(before[:, kept], after[:, kept])
    assert (before[:, changed] != after[:, changed]).any()


def test_a_mask_that_covers_nothing_is_told(run, make_photo, clean_weights) -> None:
    make_photo()
    mask("mask.png", left=48)
    outcome = run("denoise", "photo.png", "--noise", "20", "--mask", "mask.png")
    assert outcome.code == 0
    assert "mask 0%, unchanged" in outcome.out
    assert "the mask covers 0 %" in outcome.out
    assert np.array_equal(pixels_of("photo.png"), pixels_of("photo_denoised.png"))


def test_a_folder_of_masks_goes_with_a_folder_of_photos(run, make_photo, clean_weights) -> None:
    make_photo("album/a.png")
    make_photo("album/b.jpg")
    make_photo("album/c.png")
    mask("masks/a.png", left=12)
    mask("masks/b.png", left=36)
    outcome = run("denoise", "album", "--noise", "20", "--mask", "masks", "-o", "out/")
    assert outcome.code == 3
    assert "mask 75%" in outcome.out
    assert "mask 25%" in outcome.out
    assert "album/c.png: --mask masks: there is no mask called 'c'" in outcome.err
    assert files("out") == {"out/a.png", "out/b.jpg", f"out/{NAME}"}


def test_grain_is_added_on_request_and_can_be_seeded(run, make_photo, clean_weights) -> None:
    make_photo()
    words = ("denoise", "photo.png", "--noise", "20")
    assert "grain 4" in run(*words, "--grain", "4", "-o", "a.png").out
    run(*words, "--grain", "4", "-o", "again.png")
    run(*words, "--grain", "4", "--seed", "7", "-o", "seeded.png")
    run(*words, "-o", "plain.png")
    assert np.array_equal(pixels_of("a.png"), pixels_of("again.png"))
    assert not np.array_equal(pixels_of("a.png"), pixels_of("seeded.png"))
    assert not np.array_equal(pixels_of("a.png"), pixels_of("plain.png"))


def test_json_and_report_say_what_was_told_and_done(run, make_photo, clean_weights) -> None:
    make_photo()
    mask("mask.png")
    outcome = run(
        "denoise",
        "photo.png",
        "--noise",
        "20",
        "--strength",
        "60",
        "--mask",
        "mask.png",
        "--json",
        "--report",
        "r.json",
    )
    row = json.loads(outcome.out)
    assert (row["status"], row["task"], row["weights"]) == ("ok", "denoise", ["clean"])
    assert (row["noise"], row["jpeg"], row["blur"]) == (20, 100, 0)
    assert (row["strength"], row["mask"], row["grain"], row["steps"]) == (60, 0.5, 0, [])
    assert 0 <= row["explained"] <= 1
    assert json.loads(Path("r.json").read_text())["photos"] == [row]


def test_a_dry_run_writes_nothing_and_checks_the_mask(run, make_photo, clean_weights) -> None:
    make_photo()
    mask("mask.png")
    mask("small.png", 20, 10)
    before = files()
    words = ("denoise", "photo.png", "--strength", "40", "--dry-run")
    assert run(*words, "--mask", "mask.png").out == "plan photo.png → photo_denoised.png  48x32, strength 40\n"
    wrong = run(*words, "--mask", "small.png")
    assert wrong.code == 2
    assert "20x10" in wrong.err
    assert files() == before


def test_a_folder_and_a_pipe_work_as_for_upscale(run, make_photo, clean_weights) -> None:
    make_photo("album/a.png")
    path = make_photo("album/b.png")
    assert run("dejpeg", "album", "--quality-was", "30").code == 0
    again = run("dejpeg", "album", "--quality-was", "30")
    assert again.out.count("skip ") == 2
    later = run("denoise", "album", "--noise", "20")
    assert later.out.count("ok ") == 2  # results of another verb are no photos
    piped = run("denoise", "-", "--noise", "20", feed=path.read_bytes())
    assert piped.picture.startswith(b"\x89PNG")


def test_a_size_of_the_network_or_weights_can_be_chosen(run, make_photo, clean_weights) -> None:
    make_photo()
    words = ("denoise", "photo.png", "--noise", "20", "--json", "--overwrite")
    for size in ("base", "light"):
        assert json.loads(run(*words, "--model-size", size).out)["weights"] == [f"clean-{size}"]
    own = clean_weights / "clean.safetensors"
    Path("mine.safetensors").write_bytes(own.read_bytes())
    assert json.loads(run(*words, "--weights", "mine.safetensors").out)["weights"] == ["mine"]


def test_deblurring_invents_as_much_detail_as_is_asked_for_and_says_so(run, make_photo, clean_weights) -> None:
    make_photo()
    seen = []
    for detail in ("0", "50", "100"):
        outcome = run("deblur", "photo.png", "--blur", "1.5", "--detail", detail, "-o", f"{detail}.png", "--json")
        values = json.loads(outcome.out)
        assert values["detail"] == float(detail)
        seen.append(pixels_of(f"{detail}.png").astype(int))
    run("deblur", "photo.png", "--blur", "1.5", "-o", "plain.png")
    assert (pixels_of("plain.png") == seen[0]).all()  # none is the default
    change = [np.abs(picture - seen[0]).mean() for picture in seen[1:]]
    assert 0 < change[0] < change[1]
    assert "detail 50" in run("deblur", "photo.png", "--blur", "1.5", "--detail", "50", "--dry-run").out


def test_detail_of_a_network_without_detail_weights_ends_the_run_before_it_begins(
    run, make_photo, clean_weights
) -> None:
    make_photo()
    outcome = run("deblur", "photo.png", "--detail", "50", "--model-size", "light")
    assert outcome.code == 6
    assert "clean-light.safetensors has no detail weights beside it" in outcome.err
    assert files() == {"photo.png"}


# wrong use


def test_without_bundled_weights_the_way_on_is_told(run, make_photo) -> None:
    make_photo()
    outcome = run("denoise", "photo.png")
    assert outcome.code == 6
    assert "brings no clean weights of size 'fast'" in outcome.err
    assert "--weights FILE" in outcome.err
    assert files() == {"photo.png"}


def test_weights_for_enlarging_are_refused(run, make_photo, clean_weights) -> None:
    make_photo()
    outcome = run("denoise", "photo.png", "--weights", "upscale-x2")
    assert outcome.code == 6
    assert "for 'upscale', not for clean" in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["denoise", "--strength", "101"], "--strength"),
        (["denoise", "--strength", "nan"], "--strength"),
        (["denoise", "--noise", "60"], "--noise is auto or a number from 0 to 50"),
        (["dejpeg", "--quality-was", "0"], "--quality-was is auto or a number from 1 to 100"),
        (["deblur", "--blur", "5"], "--blur is auto or a number from 0 to 4"),
        (["deblur", "--motion", "9"], "a movement is given by --motion PX and --angle DEGREES"),
        (["deblur", "--motion", "9", "--angle", "0", "--blur", "1"], "without --blur"),
        (["deblur", "--motion", "30", "--angle", "0"], "a movement must be 1 to 19 pixels long, got 30"),
        (["deblur", "--motion", "9", "--angle", "200"], "-180 to 180 degrees, got 200"),
        (["denoise", "--grain", "51"], "--grain"),
        (["deblur", "--detail", "101"], "--detail"),
        (["denoise", "--seed", "3"], "--seed is for the grain"),
        (["denoise", "--mask", "nowhere.png"], "--mask nowhere.png: there is no such file"),
        (["denoise", "--protect", "nowhere.png"], "--protect nowhere.png: there is no such file"),
        (["denoise", "--noise", "20", "--mask", "small.png"], "the mask has 20x10 pixels and the photo 48x32"),
        (["denoise", "--noise", "20", "--mask", "text.png"], "text.png"),
    ],
)
def test_wrong_use_is_explained_and_nothing_is_written(run, make_photo, clean_weights, words, message) -> None:
    make_photo()
    mask("small.png", 20, 10)
    Path("text.png").write_text("no picture")
    before = files()
    outcome = run(words[0], "photo.png", *words[1:])
    assert outcome.code == (3 if "text.png" in words else 2)
    assert message in re.sub(r"\s*│\n│\s*", " ", outcome.err)
    assert files() == before


# several steps


def test_steps_are_taken_with_one_load_and_one_write(run, make_photo, clean_weights) -> None:
    make_photo("photo.jpg", quality=60)
    outcome = run("run", "photo.jpg", "--steps", "dejpeg,denoise:40,upscale:2,grain:2")
    assert outcome.code == 0
    assert files() == {"photo.jpg", "photo_restored.jpg"}
    assert pixels_of("photo_restored.jpg").shape == (64, 96, 3)
    assert re.search(
        r"x2 48x32 → 96x64, dejpeg JPEG 60 strength 100, denoise (noise \d+ strength 40|had nothing to do), "
        r"upscale x2, grain 2, "
        r"faithful \d+ dB, colour drift",
        outcome.out,
    )


def test_json_lists_every_step(run, make_photo, clean_weights) -> None:
    make_photo("photo.jpg", quality=60)
    row = json.loads(run("run", "photo.jpg", "--steps", "dejpeg:80,upscale:2", "--json").out)
    assert (row["task"], row["scale"], row["weights"]) == ("restore", 2, ["clean", "upscale-x2"])
    assert [step["task"] for step in row["steps"]] == ["dejpeg", "upscale"]
    assert (row["steps"][0]["jpeg"], row["steps"][0]["strength"]) == (60, 80)
    assert row["steps"][1]["jpeg"] == 100


def test_the_plan_of_steps_names_them(run, make_photo, clean_weights) -> None:
    make_photo()
    outcome = run("run", "photo.png", "--steps", "deblur:30,upscale:4", "--dry-run")
    assert outcome.out == "plan photo.png → photo_restored.png  x4 48x32 → 192x128, deblur 30, upscale x4\n"


def test_steps_take_weights_of_ones_own_and_need_no_others(run, make_photo, clean_weights) -> None:
    make_photo()
    Path("mine.safetensors").write_bytes((clean_weights / "clean.safetensors").read_bytes())
    (clean_weights / "clean.safetensors").unlink()
    assert run("run", "photo.png", "--steps", "upscale:2", "-o", "a.png").code == 0
    missing = run("run", "photo.png", "--steps", "denoise,upscale:2")
    assert missing.code == 6
    assert "--weights FILE" in missing.err
    row = run("run", "photo.png", "--steps", "dejpeg,upscale:2", "--weights", "mine.safetensors", "--json")
    assert json.loads(row.out)["weights"] == ["mine", "upscale-x2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--steps", "dejpeg", "--model", "upscale-x2"], "give --model FILE or --steps LIST, not both"),
        ([], "give --model FILE or --steps LIST"),
        (["--model", "upscale-x2", "--weights", "clean"], "--weights are for --steps"),
        (["--steps", "sharpen"], "unknown step 'sharpen'; known: dejpeg, denoise"),
        (["--steps", "denoise:400"], "a strength from 0 to 100"),
        (["--steps", "upscale,upscale"], "upscale stands there twice"),
        (["--steps", "grain:3,denoise"], "put grain last"),
        (["--steps", "upscale:2", "--weights", "clean"], "no step needs them"),
    ],
)
def test_steps_that_make_no_sense_are_refused(run, make_photo, clean_weights, words, message) -> None:
    make_photo()
    outcome = run("run", "photo.png", *words)
    assert outcome.code == 2
    assert message in outcome.err
    assert files() == {"photo.png"}


def test_run_applies_clean_weights_as_any_others(run, make_photo, clean_weights) -> None:
    make_photo("photo.jpg")
    outcome = run("run", "photo.jpg", "--model", "clean", "--json")
    assert outcome.code == 0
    row = json.loads(outcome.out)
    assert (row["task"], row["weights"], row["target"]) == ("clean", ["clean"], "photo_clean.jpg")


def test_all_verbs_over_photos_have_the_shared_options_in_one_order() -> None:
    shared = [field.name for field in fields(Asked)]
    commands = get_command(app).commands  # type: ignore[attr-defined]
    for verb in ("upscale", "denoise", "dejpeg", "deblur", "run"):
        names = [option.name for option in commands[verb].params]
        assert [name for name in names if name in shared] == shared
        assert names[:2] == ["paths", "output"]
        assert commands[verb].help


# evidence, and masks in steps


@pytest.mark.parametrize("words", [("denoise", "--noise", "20"), ("auto",), ("run", "--steps", "denoise:50,dejpeg")])
def test_what_was_invented_can_be_drawn_and_its_share_is_told(run, make_photo, clean_weights, words) -> None:
    make_photo("photo.jpg", quality=30)
    outcome = run(words[0], "photo.jpg", *words[1:], "-o", "new.jpg", "--evidence", "why.png", "--json")
    assert outcome.code == 0
    assert pixels_of("why.png").shape == (32, 48, 3)
    assert 0 < json.loads(outcome.out)["unsupported_share"] < 1


def test_steps_work_where_the_mask_is_white_and_are_byte_equal_elsewhere(run, make_photo, clean_weights) -> None:
    make_photo()
    mask("mask.png")
    steps = ("run", "photo.png", "--steps", "denoise:80,deblur")
    assert run(*steps, "-o", "masked.png", "--mask", "mask.png").code == 0
    assert run(*steps, "-o", "kept.png", "--protect", "mask.png").code == 0
    before, masked, kept = (pixels_of(name) for name in ("photo.png", "masked.png", "kept.png"))
    assert np.array_equal(masked[:, :24], before[:, :24])
    assert np.array_equal(kept[:, 24:], before[:, 24:])
    assert (masked[:, 24:] != before[:, 24:]).any()
    assert (kept[:, :24] != before[:, :24]).any()


def test_a_mask_for_steps_that_know_none_is_refused(run, make_photo, clean_weights) -> None:
    make_photo()
    mask("mask.png")
    outcome = run("run", "photo.png", "--steps", "upscale:2", "--mask", "mask.png")
    assert outcome.code == 2
    assert "masks are for dejpeg, denoise, deblur" in outcome.err
