"""``restore eval upscale`` as a person types it, with a network that is still plain bicubic."""

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

SHAPE = GeneratorConfig(widths=(8, 16), encoder=(0,), middle=1, decoder=(0,), head=2)


@pytest.fixture(autouse=True)
def _no_backbone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("RESTORE_LPIPS_BACKBONE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "Drawn"
    folder.mkdir()
    for name in ("astronaut", "coffee", "chelsea"):
        Image.fromarray(getattr(data, name)()[100:164, 100:180]).save(folder / f"{name}.png")
    (folder / "readme.txt").write_text("not a photo")
    (folder / ".hidden.png").write_bytes(b"not a photo either")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole weights file whose network has learnt nothing yet: it answers with bicubic."""
    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    with torch.random.fork_rng(devices=[]):
        network = build_generator(SHAPE)
    card = Card(name="untrained", task="upscale", scale=2, size="fast", generator=SHAPE)
    save_weights(path, network.state_dict(), card)
    return path


@pytest.fixture
def places(photos: Path, weights: Path, tmp_path: Path) -> dict[str, Path]:
    (tmp_path / "empty").mkdir()
    return {"PHOTOS": photos, "WEIGHTS": weights, "EMPTY": tmp_path / "empty"}


def run(*words: object) -> Result:
    app = typer.Typer()
    app.command("eval")(evaluate)
    return CliRunner().invoke(app, [str(word) for word in ("upscale", *words)])


def test_the_table_has_both_methods_their_means_and_a_word_about_lpips(photos: Path, weights: Path) -> None:
    result = run("--data", photos, "--weights", weights, "--device", "cpu")
    assert result.exit_code == 0, result.output
    for word in (
        *("astronaut.png", "coffee.png", "chelsea.png", "mean", "bicubic", "untrained"),
        *("PSNR-Y dB", "SSIM-Y", "LR-PSNR dB", "colour drift /255", "fine detail", "grid"),
    ):
        assert word in result.stdout
    assert "LPIPS squeeze v0.1 was not measured" in " ".join(result.stdout.split())
    assert "3 photos, x2" in result.stdout


def test_json_holds_one_object_per_set_whose_means_fit_its_rows(photos: Path, weights: Path) -> None:
    result = run("--data", photos, "--data", photos / "coffee.png", "--weights", weights, "--json", "--device", "cpu")
    assert result.exit_code == 0, result.output
    whole, single = (json.loads(line) for line in result.stdout.splitlines())
    assert (whole["set"], single["set"], whole["scale"]) == ("Drawn", "coffee", 2)
    assert (whole["weights"], whole["condition"]) == ("untrained", "told")
    rows = [row["psnr"] for row in whole["photos"] if row["method"] == "untrained"]
    assert len(rows) == 3
    assert whole["means"]["untrained"]["psnr"] == pytest.approx(np.mean(rows), abs=1e-5)
    assert "lpips" not in whole["means"]["bicubic"]
    # an untrained network is bicubic but for the rounding between the two passes
    assert whole["means"]["untrained"]["psnr"] == pytest.approx(whole["means"]["bicubic"]["psnr"], abs=0.1)


def test_csv_has_a_line_per_photo_and_method_and_is_not_overwritten_unasked(
    photos: Path, weights: Path, tmp_path: Path
) -> None:
    target = tmp_path / "figures.csv"
    words = ("--data", photos, "--weights", weights, "--csv", target, "--max", 2, "--noise", 5, "--device", "cpu")
    assert run(*words).exit_code == 0
    with target.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert [(line["photo"], line["method"]) for line in lines] == [
        (name, method) for name in ("astronaut.png", "chelsea.png") for method in ("bicubic", "untrained")
    ]
    assert {(line["noise"], line["jpeg"], line["lpips"], line["scale"]) for line in lines} == {("5.0", "", "", "2")}
    assert all(float(line["psnr"]) > 20 for line in lines)
    refused = run(*words)
    assert refused.exit_code == 2
    assert "--overwrite" in refused.stderr
    assert run(*words, "--overwrite").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["figures.csv"]


def test_save_leaves_the_input_bicubic_and_restored_pictures(photos: Path, weights: Path, tmp_path: Path) -> None:
    place = tmp_path / "looks"
    words = ("--data", photos, "--weights", weights, "--save", place, "--max", 1, "--device", "cpu")
    result = run(*words)
    assert result.exit_code == 0, result.output
    pictures = {path.stem: np.asarray(Image.open(path)).astype(int) for path in (place / "Drawn").iterdir()}
    sizes = {name: picture.shape for name, picture in pictures.items()}
    large, small = (64, 80, 3), (32, 40, 3)
    assert sizes == {"astronaut_input": small, "astronaut_bicubic": large, "astronaut_untrained": large}
    with Image.open(photos / "astronaut.png") as photo:
        shrunken = np.asarray(photo.resize((40, 32), Image.Resampling.BICUBIC)).astype(int)
    inside = (slice(3, -3), slice(3, -3))  # Pillow does not mirror the border
    assert np.abs(pictures["astronaut_input"] - shrunken)[inside].max() <= 1
    assert np.abs(pictures["astronaut_untrained"] - pictures["astronaut_bicubic"]).mean() < 0.5  # nothing learnt yet
    assert run(*words).exit_code == 2


def test_the_network_is_told_what_the_option_says(
    photos: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from restore.inference.restorer import Restorer
    from restore.tasks import BLIND, CLEAN, Condition

    heard: list[Condition] = []
    untold = Restorer.restore

    def listen(self: Restorer, image: torch.Tensor, condition: Condition = BLIND) -> torch.Tensor:
        heard.append(condition)
        return untold(self, image, condition)

    monkeypatch.setattr(Restorer, "restore", listen)
    words = ("--data", photos, "--weights", weights, "--max", 1, "--noise", 10, "--jpeg", 50, "--device", "cpu")
    for told in ("told", "clean", "blind"):
        assert run(*words, "--condition", told).exit_code == 0
    assert heard == [Condition(noise=10.0, jpeg=50.0, blur=0.0), CLEAN, BLIND]
    assert run(*words[:6], "--device", "cpu").exit_code == 0
    assert heard[-1] == CLEAN
    Image.fromarray(data.astronaut()[:256, :320]).save(tmp_path / "large.png")  # noise shows where there is room
    grainy = ("--data", tmp_path / "large.png", "--weights", weights, "--noise", 20, "--device", "cpu")
    assert run(*grainy, "--condition", "measured").exit_code == 0
    assert heard[-1].noise == pytest.approx(20, rel=0.35)
    assert heard[-1].jpeg == 100


@pytest.fixture
def blendable(tmp_path: Path) -> Path:
    """Fidelity weights that are bicubic, and detail weights beside them that print a pattern."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build_generator(SHAPE)
        for file, name in (("mine", "mine"), ("mine-detail", "mine-detail")):
            card = Card(name=name, task="upscale", scale=2, size="own", generator=SHAPE)
            save_weights(tmp_path / f"{file}.safetensors", network.state_dict(), card)
            torch.nn.init.normal_(network.head.weight, std=0.01)
    return tmp_path / "mine.safetensors"


def test_each_detail_of_a_list_has_a_block_of_figures(photos: Path, blendable: Path, tmp_path: Path) -> None:
    target = tmp_path / "figures.csv"
    words = ("--data", photos, "--weights", blendable, "--detail", "0,50,100", "--max", 2, "--device", "cpu")
    result = run(*words, "--json", "--csv", target)
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    names = ["bicubic", "mine detail 0", "mine detail 50", "mine detail 100"]
    assert [(one["method"], one["detail"]) for one in record["methods"]] == list(
        zip(names, (None, 0, 50, 100), strict=True)
    )
    assert list(record["means"]) == names
    assert (record["weights"], record["detail_weights"]) == ("mine", "mine-detail")
    assert len(record["sha256"]) == len(record["detail_sha256"]) == 64
    falling = [record["means"][name]["consistency"] for name in names[1:]]
    assert falling[0] > falling[1] > falling[2]
    assert record["means"]["mine detail 0"]["psnr"] == pytest.approx(record["means"]["bicubic"]["psnr"], abs=0.1)
    with target.open(newline="", encoding="utf-8") as file:
        rows = [(line["method"], line["detail"], line["projected"]) for line in csv.DictReader(file)]
    assert rows[:4] == [
        ("bicubic", "", "False"),
        ("mine detail 0", "0.0", "False"),
        ("mine detail 50", "50.0", "False"),
        ("mine detail 100", "100.0", "False"),
    ]


def test_projected_results_stand_beside_the_raw_ones_on_request(photos: Path, blendable: Path) -> None:
    words = ("--data", photos, "--weights", blendable, "--detail", "100", "--max", 1, "--device", "cpu", "--json")
    records = {way: json.loads(run(*words, "--project", way).stdout) for way in ("off", "on", "both")}
    raw, projected = "mine detail 100", "mine detail 100 projected"
    assert list(records["off"]["means"]) == ["bicubic", raw]
    assert list(records["on"]["means"]) == ["bicubic", projected]
    both = records["both"]["means"]
    assert both[projected] == records["on"]["means"][projected]
    assert both[raw] == records["off"]["means"][raw]
    assert both[projected]["consistency"] > both[raw]["consistency"] + 6
    assert [one["projected"] for one in records["both"]["methods"]] == [False, False, True]


def test_every_method_saves_its_own_picture(photos: Path, blendable: Path, tmp_path: Path) -> None:
    place = tmp_path / "looks"
    words = ("--data", photos / "coffee.png", "--weights", blendable, "--detail", "0,80", "--project", "both")
    assert run(*words, "--save", place, "--device", "cpu").exit_code == 0
    assert {path.name for path in (place / "coffee").iterdir()} == {
        "coffee_input.png",
        "coffee_bicubic.png",
        "coffee_mine-detail-0.png",
        "coffee_mine-detail-0-projected.png",
        "coffee_mine-detail-80.png",
        "coffee_mine-detail-80-projected.png",
    }
    assert run(*words, "--save", place, "--device", "cpu").exit_code == 2


def test_weights_for_another_task_are_not_measured(photos: Path, tmp_path: Path) -> None:
    card = Card(name="clean", task="denoise", scale=2, size="own", generator=SHAPE)
    save_weights(tmp_path / "clean.safetensors", build_generator(SHAPE).state_dict(), card)
    result = run("--data", photos, "--weights", tmp_path / "clean.safetensors", "--device", "cpu")
    assert result.exit_code == 6
    assert "not for upscale" in result.stderr


def test_bicubic_alone_needs_no_weights(photos: Path) -> None:
    result = run("--data", photos, "--weights", "bicubic", "-x", 3, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert (record["scale"], list(record["means"]), record["weights"]) == (3, ["bicubic"], None)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--data", "nowhere"), 2, "nowhere"),
        (("--data", "EMPTY"), 4, "no photos"),
        (("--data", "PHOTOS", "--weights", "WEIGHTS", "-x", "4"), 2, "enlarges by 2"),
        (("--data", "PHOTOS", "-x", "1"), 2, "2 or more"),
        (("--data", "PHOTOS", "--weights", "upscale-x9"), 6, "upscale-x9"),
        (("--data", "PHOTOS", "--weights", "WEIGHTS", "--jpeg", "0"), 2, "1 to 100"),
        (("--data", "PHOTOS", "--weights", "WEIGHTS", "--noise", "60"), 2, "noise"),
        (("--data", "PHOTOS", "--weights", "WEIGHTS", "--lpips-backbone", "gone.pth"), 6, "gone.pth"),
        (("--data", "PHOTOS", "--weights", "WEIGHTS", "--detail", "30"), 6, "untrained-detail.safetensors"),
        (("--data", "PHOTOS", "--weights", "WEIGHTS", "--detail", "0,101"), 2, "from 0 to 100"),
        (("--data", "PHOTOS", "--weights", "WEIGHTS", "--detail", "50,50"), 2, "different numbers"),
        (("--data", "PHOTOS", "--weights", "WEIGHTS", "--detail", "some"), 2, "like 0,50,100"),
        (("--data", "PHOTOS", "--weights", "bicubic", "--detail", "50"), 2, "leave --detail out"),
    ],
)
def test_wrong_use_ends_with_its_code_and_one_line(
    words: tuple[str, ...], code: int, message: str, places: dict[str, Path]
) -> None:
    result = run(*(places.get(word, word) for word in words), "--device", "cpu")
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
