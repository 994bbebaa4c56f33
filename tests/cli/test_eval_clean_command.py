"""``restore eval denoise``, ``dejpeg`` and ``deblur`` as a person types them, with a network that changes nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from skimage import data
from typer.testing import CliRunner, Result

from restore.cli.evaluate import evaluate
from restore.inference.restorer import Restorer
from restore.models.build import build_generator
from restore.models.unet import GeneratorConfig
from restore.models.weights import Card, save_weights
from restore.tasks import BLIND, CLEAN, Condition

SHAPE = GeneratorConfig(widths=(8, 16), encoder=(0,), middle=1, decoder=(0,), stem=2, head=2, condition_channels=6)


@pytest.fixture(autouse=True)
def _no_backbone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RESTORE_LPIPS_BACKBONE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "Drawn"
    folder.mkdir()
    for name in ("astronaut", "coffee"):
        Image.fromarray(getattr(data, name)()[100:165, 100:181]).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole weights file whose network has learnt nothing yet: it gives back what it gets."""
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    with torch.random.fork_rng(devices=[]):
        network = build_generator(SHAPE)
    save_weights(
        path, network.state_dict(), Card(name="untrained", task="clean", scale=1, size="fast", generator=SHAPE)
    )
    return path


@pytest.fixture
def places(photos: Path, weights: Path) -> dict[str, Path]:
    return {"PHOTOS": photos, "WEIGHTS": weights}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Condition]:
    """What the network is told, photo by photo."""
    told: list[Condition] = []
    untold = Restorer.restore

    def listen(self: Restorer, image: torch.Tensor, condition: Condition = BLIND) -> torch.Tensor:
        told.append(condition)
        return untold(self, image, condition)

    monkeypatch.setattr(Restorer, "restore", listen)
    return told


def run(task: str, *words: object) -> Result:
    app = typer.Typer()
    app.command("eval")(evaluate)
    return CliRunner().invoke(app, [str(word) for word in (task, *words, "--device", "cpu")])


def records(task: str, *words: object) -> list[dict]:
    result = run(task, *words, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_table_has_the_input_beside_the_network_for_each_noise(photos: Path, weights: Path) -> None:
    result = run("denoise", "--data", photos, "--weights", weights, "--noise", "15,50")
    assert result.exit_code == 0, result.output
    for word in (
        *("astronaut.png", "coffee.png", "mean", "input", "untrained"),
        *("PSNR-RGB dB", "SSIM-RGB", "colour drift /255", "fine detail", "grid"),
        "Drawn: 2 photos, noise 15, condition told",
        "Drawn: 2 photos, noise 50, condition told",
    ):
        assert word in result.stdout
    for word in ("PSNR-Y", "LR-PSNR", "PSNR-B", "bicubic"):
        assert word not in result.stdout


def test_a_network_that_changes_nothing_has_the_figures_of_the_noise_as_a_file(photos: Path, weights: Path) -> None:
    words = ("--data", photos, "--weights", weights, "--noise", 25)
    (exact,), (held,) = records("denoise", *words), records("denoise", *words, "--as-file")
    assert (exact["input"], exact["rounded"]) == ("noise 25", False)
    assert (held["input"], held["rounded"]) == ("noise 25 as a file", True)
    assert exact["means"]["input"]["psnr_rgb"] == pytest.approx(20 * np.log10(255 / 25), abs=0.1)
    as_file = held["means"]["input"]["psnr_rgb"]
    assert as_file > exact["means"]["input"]["psnr_rgb"] + 0.1
    for record in (exact, held):
        assert record["means"]["untrained"]["psnr_rgb"] == pytest.approx(as_file, abs=0.02)


def test_each_jpeg_is_a_line_of_json_with_all_that_was_done(photos: Path, weights: Path) -> None:
    lines = records("dejpeg", "--data", photos, "--weights", weights, "--first-jpeg", 10, "--jpeg", "30,90", "--gray")
    assert [(line["first_jpeg"], line["jpeg"], line["gray"], line["input"]) for line in lines] == [
        (10, 30, True, "gray, JPEG 10 + JPEG 30"),
        (10, 90, True, "gray, JPEG 10 + JPEG 90"),
    ]
    assert [(line["task"], line["set"], line["scale"], line["condition"]) for line in lines] == [
        ("dejpeg", "Drawn", 1, "told")
    ] * 2
    for line in lines:
        assert line["means"]["untrained"]["psnr_rgb"] == pytest.approx(line["means"]["input"]["psnr_rgb"], abs=0.02)
        assert line["means"]["input"]["psnr_b"] <= line["means"]["input"]["psnr_rgb"]
        (_, ours) = line["methods"]
        took, megapixels = (
            sum(row["seconds"] for row in line["photos"] if row["method"] == "untrained"),
            2 * 65 * 81 / 1e6,
        )
        rounding = 2 * 0.00005 / megapixels  # two photos, each to four digits
        assert ours["seconds_per_megapixel"] == pytest.approx(took / megapixels, abs=rounding + 0.0001)


def test_gray_and_colour_are_measured_differently(photos: Path) -> None:
    words = ("--data", photos, "--weights", "input", "--jpeg", 20)
    (colour,), (gray,) = records("dejpeg", *words), records("dejpeg", *words, "--gray")
    assert gray["means"]["input"]["psnr_rgb"] > colour["means"]["input"]["psnr_rgb"] + 0.5
    assert list(gray["means"]) == ["input"]
    assert gray["weights"] is None


@pytest.mark.parametrize(
    ("words", "truth"),
    [
        (("denoise", "--noise", "25"), Condition(noise=25, jpeg=100, blur=0)),
        (("denoise", "--noise", "25", "--jpeg", "40"), Condition(noise=25, jpeg=40, blur=0)),
        (("dejpeg", "--jpeg", "20"), Condition(noise=0, jpeg=20, blur=0)),
        (("dejpeg", "--first-jpeg", "10", "--jpeg", "30"), Condition(noise=0, jpeg=10, blur=0)),
        (("deblur", "--blur", "1.6", "--noise", "2"), Condition(noise=2, jpeg=100, blur=1.6)),
    ],
)
def test_the_network_is_told_the_truth_or_nothing_as_the_option_says(
    words: tuple[str, ...], truth: Condition, photos: Path, weights: Path, heard: list[Condition]
) -> None:
    for told in ("told", "clean", "blind"):
        task, *damage = words
        assert (
            run(task, *damage, "--data", photos, "--weights", weights, "--max", 1, "--condition", told).exit_code == 0
        )
    assert heard == [truth, CLEAN, BLIND]


def test_of_a_movement_the_network_is_told_its_spread(photos: Path, weights: Path, heard: list[Condition]) -> None:
    run("deblur", "--data", photos, "--weights", weights, "--max", 1, "--motion", "9")
    # a straight line of uniform weight has the variance length^2 / 12, the mean of both axes half of it
    assert heard[0].blur == pytest.approx(9 / 24**0.5, rel=0.1)


def test_measured_is_what_the_verb_would_find_in_the_pixels(
    photos: Path, weights: Path, heard: list[Condition]
) -> None:
    words = ("--data", photos, "--weights", weights, "--max", 1, "--condition", "measured")
    assert run("denoise", *words, "--noise", 30).exit_code == 0
    assert heard[0].noise == pytest.approx(30, rel=0.35)
    assert heard[0].blur == 0


def test_where_the_verb_finds_nothing_to_do_the_input_is_what_is_measured(
    photos: Path, weights: Path, heard: list[Condition]
) -> None:
    words = ("--data", photos, "--weights", weights, "--condition", "measured", "--noise", 0)
    (line,) = records("denoise", *words)
    assert heard == []
    assert line["means"]["untrained"] == line["means"]["input"]
    assert line["means"]["input"]["psnr_rgb"] is None  # equal pixels are infinitely good


def test_csv_has_a_line_per_damage_photo_and_method(photos: Path, weights: Path, tmp_path: Path) -> None:
    target = tmp_path / "figures.csv"
    words = ("--data", photos, "--weights", weights, "--csv", target, "--blur", "1,2")
    assert run("deblur", *words).exit_code == 0
    with target.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(line["blur"], line["photo"], line["method"]) for line in lines] == [
        (blur, name, method)
        for blur in ("1.0", "2.0")
        for name in ("astronaut.png", "coffee.png")
        for method in ("input", "untrained")
    ]
    assert all(float(line["psnr_rgb"]) > 15 for line in lines)
    assert "psnr" not in lines[0]
    assert run("deblur", *words).exit_code == 2
    assert run("deblur", *words, "--overwrite").exit_code == 0


def test_save_leaves_the_damaged_and_the_cleaned_picture_of_each_damage(
    photos: Path, weights: Path, tmp_path: Path
) -> None:
    words = ("--data", photos / "coffee.png", "--weights", weights, "--save", tmp_path / "looks")
    assert run("denoise", *words, "--noise", "15,50").exit_code == 0
    assert sorted(path.relative_to(tmp_path / "looks").as_posix() for path in tmp_path.rglob("*.png")) == [
        f"coffee/noise-{noise}/coffee_{word}.png" for noise in (15, 50) for word in ("input", "untrained")
    ]
    saved = np.asarray(Image.open(tmp_path / "looks/coffee/noise-50/coffee_input.png")).astype(float)
    photo = np.asarray(Image.open(photos / "coffee.png")).astype(float)
    grain = np.random.RandomState(0).normal(0, 50, photo.shape)
    assert np.abs(saved - (photo + grain).clip(0, 255)).max() <= 0.5 + 1e-6
    assert run("denoise", *words, "--noise", "15,50").exit_code == 2
    one = tmp_path / "one"
    assert run("denoise", *words[:-1], one, "--noise", "15").exit_code == 0
    assert {path.name for path in (one / "coffee").iterdir()} == {"coffee_input.png", "coffee_untrained.png"}


def test_without_bundled_weights_it_says_what_to_do(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    result = run("denoise", "--data", photos, "--noise", 15)
    assert result.exit_code == 6
    for word in ("--weights FILE", "restore train clean", "--weights input"):
        assert word in result.stderr


def test_the_bundled_weights_are_those_called_clean(
    photos: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clean.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    (line,) = records("denoise", "--data", photos, "--noise", 15)
    assert line["weights"] == "untrained"


def test_weights_for_enlarging_are_not_measured_on_noise(photos: Path, tmp_path: Path) -> None:
    shape = GeneratorConfig(widths=(8, 16), encoder=(0,), middle=1, decoder=(0,), head=2)
    card = Card(name="x2", task="upscale", scale=2, size="own", generator=shape)
    save_weights(tmp_path / "x2.safetensors", build_generator(shape).state_dict(), card)
    result = run("denoise", "--data", photos, "--noise", 15, "--weights", tmp_path / "x2.safetensors")
    assert result.exit_code == 6
    assert "not for clean" in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("denoise",), "--noise 15,25,50"),
        (("dejpeg", "--noise", "15"), "--jpeg 10,20,40"),
        (("deblur",), "--blur 1.6 or --motion 9"),
        (("denoise", "--noise", "15,15"), "different numbers"),
        (("denoise", "--noise", "some"), "like 15,25,50"),
        (("denoise", "--noise", "-1"), "grey levels"),
        (("denoise", "--noise", "75"), "0 to 50 grey levels"),
        (("dejpeg", "--jpeg", "10.5"), "like 10,20,40"),
        (("dejpeg", "--jpeg", "101"), "1 to 100"),
        (("denoise", "--noise", "5", "--first-jpeg", "10"), "with --jpeg"),
        (("deblur", "--blur", "1", "--motion", "5"), "blur is one of"),
        (("deblur", "--blur", "1", "--as-file"), "needs --noise"),
        (("dejpeg", "--jpeg", "10", "--noise", "5", "--as-file"), "in any case"),
        (("denoise", "--noise", "5", "-x", "2"), "-x means nothing for denoise"),
        (("denoise", "--noise", "5", "--detail", "50"), "--detail means nothing"),
        (("denoise", "--noise", "5", "--project", "on"), "--project means nothing"),
        (("upscale", "--blur", "1"), "--blur means nothing for upscale"),
        (("upscale", "--gray"), "--gray means nothing for upscale"),
        (("upscale", "--noise", "5", "--as-file"), "--as-file means nothing for upscale"),
    ],
)
def test_wrong_use_ends_with_code_2_and_one_line(words: tuple[str, ...], message: str, places: dict[str, Path]) -> None:
    task, *options = words
    result = run(task, *options, "--data", places["PHOTOS"], "--weights", places["WEIGHTS"])
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_noise_beyond_what_can_be_told_can_still_be_measured_blind(photos: Path, weights: Path) -> None:
    words = ("--data", photos, "--weights", weights, "--max", 1, "--noise", 75, "--condition", "blind")
    (line,) = records("denoise", *words)
    assert line["means"]["input"]["psnr_rgb"] == pytest.approx(20 * np.log10(255 / 75), abs=0.2)
