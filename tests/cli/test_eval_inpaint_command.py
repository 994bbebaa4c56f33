"""``restore eval inpaint`` as a person types it, with a network that leaves the smooth filling as it is."""

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
from restore.models.build import build_generator
from restore.models.unet import GeneratorConfig
from restore.models.weights import Card, save_weights

SHAPE = GeneratorConfig(widths=(8, 16), encoder=(0,), middle=1, decoder=(0,), stem=2, head=2, condition_channels=1)


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
def masks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 4 % and of 25 %."""
    folder = tmp_path_factory.mktemp("masks")
    for name, side in (("small", 20), ("large", 50)):
        area = np.zeros((100, 100), bool)
        area[10 : 10 + side, 30 : 30 + side] = True
        Image.fromarray(area).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    with torch.random.fork_rng(devices=[]):
        network = build_generator(SHAPE)
    card = Card(name="untrained", task="inpaint", scale=1, size="fast", generator=SHAPE)
    save_weights(path, network.state_dict(), card)
    return path


def run(*words: object) -> Result:
    app = typer.Typer()
    app.command("eval")(evaluate)
    return CliRunner().invoke(app, [str(word) for word in (*words, "--device", "cpu")])


def records(*words: object) -> list[dict]:
    result = run("inpaint", *words, "--json")
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_each_bin_of_holes_is_measured_beside_the_smooth_filling(photos, masks, weights) -> None:
    lines = records("--data", photos, "--masks", masks, "--weights", weights, "--regrain", "0")
    assert [(line["input"], line["holes"]) for line in lines] == [
        ("holes 1-10 %", [1, 10]),
        ("holes 20-30 %", [20, 30]),
    ]
    for line in lines:
        assert (line["task"], line["weights"], line["set"]) == ("inpaint", "untrained", "Drawn")
        assert [row["method"] for row in line["photos"]] == ["input", "untrained regrain 0"] * 2
        assert set(line["means"]["input"]) == {"psnr_hole", "psnr_rgb"}
        for figure, value in line["means"]["input"].items():
            assert line["means"]["untrained regrain 0"][figure] == pytest.approx(value, abs=0.1)
        row = line["photos"][0]
        share = {1: 0.04, 20: 0.25}[line["holes"][0]]
        assert row["psnr_rgb"] == pytest.approx(row["psnr_hole"] - 10 * np.log10(share), abs=0.5)


@pytest.mark.parametrize("way", ["telea", "ns", "biharmonic"])
def test_classical_ways_are_measured_by_name_and_need_no_weights(photos, masks, way) -> None:
    lines = records("--data", photos / "coffee.png", "--masks", masks, "--weights", way)
    assert [row["method"] for row in lines[0]["photos"]] == ["input", way]
    assert lines[0]["weights"] is None
    assert lines[0]["means"][way]["psnr_hole"] > 10
    assert lines[0]["means"][way]["psnr_hole"] != lines[0]["means"]["input"]["psnr_hole"]


def test_a_way_that_this_opencv_has_not_names_the_package_that_has_it(photos, masks, monkeypatch) -> None:
    monkeypatch.delattr("cv2.xphoto", raising=False)
    result = run("inpaint", "--data", photos, "--masks", masks, "--weights", "fsr")
    assert result.exit_code == 2
    assert "opencv-contrib-python" in result.stderr


def test_input_alone_is_the_smooth_filling(photos, masks) -> None:
    (line, _) = records("--data", photos, "--masks", masks, "--weights", "input")
    assert list(line["means"]) == ["input"]


def test_a_table_a_csv_and_pictures(photos, masks, tmp_path) -> None:
    words = ("inpaint", "--data", photos, "--masks", masks, "--weights", "ns")
    result = run(*words, "--csv", tmp_path / "f.csv", "--save", tmp_path / "looks")
    assert result.exit_code == 0
    assert "Drawn: 2 photos, holes 1-10 %" in result.stdout
    assert "PSNR in holes dB" in result.stdout
    assert "lower is better" not in result.stdout  # nothing of that kind was measured
    with (tmp_path / "f.csv").open(newline="", encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 8
    saved = sorted(path.relative_to(tmp_path / "looks").as_posix() for path in tmp_path.rglob("*_input.png"))
    assert saved[0] == "Drawn/holes-1-10/astronaut_input.png"
    with Image.open(tmp_path / "looks" / saved[0]) as image, Image.open(photos / "astronaut.png") as photo:
        changed = (np.asarray(image) != np.asarray(photo)).any(axis=2)  # the row of that name: holes smoothly filled
    assert changed.mean() == pytest.approx(0.04, abs=0.01)


def test_without_bundled_weights_it_says_what_to_do(photos, masks, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    result = run("inpaint", "--data", photos, "--masks", masks)
    assert result.exit_code == 6
    for word in ("--weights FILE", "restore train inpaint", "--weights input, telea, ns, fsr, fsr-fast or biharmonic"):
        assert word in result.stderr


def test_the_bundled_weights_are_measured_without_a_name(photos, masks, weights, tmp_path, monkeypatch) -> None:
    (tmp_path / "inpaint.safetensors").write_bytes(weights.read_bytes())
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    line = records("--data", photos / "coffee.png", "--masks", masks)[0]
    assert line["weights"] == "untrained"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("inpaint",), "add --masks FOLDER"),
        (("inpaint", "--masks", "MASKS", "--noise", "5"), "--noise means nothing for inpaint"),
        (("inpaint", "--masks", "MASKS", "--jpeg", "50"), "--jpeg means nothing for inpaint"),
        (("inpaint", "--masks", "MASKS", "--gray"), "--gray means nothing for inpaint"),
        (("inpaint", "--masks", "MASKS", "-x", "2"), "-x means nothing for inpaint"),
        (("inpaint", "--masks", "MASKS", "--condition", "blind"), "--condition means nothing for inpaint"),
        (("denoise", "--noise", "5", "--masks", "MASKS"), "--masks means nothing for denoise"),
        (("upscale", "--masks", "MASKS"), "--masks means nothing for upscale"),
    ],
)
def test_wrong_use_ends_with_code_2_and_one_line(words, message, photos, masks) -> None:
    task, *options = words
    result = run(task, *(masks if word == "MASKS" else word for word in options), "--data", photos)
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert result.stdout == ""


def test_the_masks_that_are_checked_in_are_what_their_readme_says() -> None:
    folder = Path(__file__).parents[2] / "datasets" / "masks"
    paths = sorted(folder.glob("*.png"))
    assert len(paths) == 12
    shares = []
    for path in paths:
        with Image.open(path) as image:
            assert (image.mode, image.size) == ("1", (480, 320))
            shares.append(np.asarray(image).mean())
    assert shares == sorted(shares)
    assert 0.01 < shares[0] < shares[-1] < 0.1
    assert sum(path.stat().st_size for path in paths) < 60_000


def test_weights_in_an_ensemble_have_a_row_of_their_own_name(photos, masks, weights) -> None:
    (line, _) = records("--data", photos, "--masks", masks, "--weights", weights, "--regrain", "0", "--ensemble", 2)
    assert list(line["means"]) == ["input", "untrained regrain 0 ensemble 2"]
