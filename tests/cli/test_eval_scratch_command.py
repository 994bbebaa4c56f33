"""``restore eval scratch`` as a person types it, with a detector that says damage everywhere."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from skimage import data
from torch import nn
from typer.testing import CliRunner, Result

from restore.cli.evaluate import evaluate
from restore.inference.scratch_rules import TOP_HAT, ScratchRules
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights

SHAPE = GeneratorConfig(
    widths=(4,),
    encoder=(),
    middle=0,
    decoder=(),
    stem=2,
    head=2,
    condition_channels=0,
    residual=False,
    out_channels=1,
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets") / "Drawn"
    folder.mkdir()
    for name in ("astronaut", "coffee"):
        Image.fromarray(getattr(data, name)()[100:165, 100:181]).save(folder / f"{name}.png")
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sure of damage in every pixel."""
    path = tmp_path_factory.mktemp("weights") / "sure.safetensors"
    with torch.random.fork_rng(devices=[]):
        network = UNet(SHAPE)
    nn.init.constant_(network.head.bias, 9.0)
    save_weights(path, network.state_dict(), Card(name="sure", task="scratch", scale=1, size="fast", generator=SHAPE))
    return path


def measured(*words: str | Path) -> Result:
    app = typer.Typer()
    app.command()(evaluate)
    return CliRunner().invoke(app, ["scratch", *map(str, words)])


def test_damaged_photos_and_photos_as_they_are_are_measured_apart(photos: Path, weights: Path) -> None:
    result = measured("--data", photos, "--weights", weights, "--json")
    assert result.exit_code == 0, result.stderr
    damaged, clean = (json.loads(line) for line in result.stdout.splitlines())
    assert (damaged["input"], clean["input"]) == ("damaged prints", "photos as they are")
    assert set(damaged["means"]) == set(clean["means"]) == {TOP_HAT, "sure"}
    sure = damaged["means"]["sure"]
    assert sure["recall"] == 100
    assert sure["iou"] == pytest.approx(sure["precision"])  # all is found: what is right of it is the share of damage
    assert clean["means"]["sure"] == {"false_positives": 100}
    shares = [100 * float((ScratchRules(damaged=True).prepare(path)[0][0, 0]).mean()) for path in photos.iterdir()]
    assert sure["iou"] == pytest.approx(np.mean(shares), abs=1e-4)


def test_the_same_photo_is_damaged_the_same_way_every_time_whatever_else_is_measured(photos: Path) -> None:
    path = photos / "coffee.png"
    (target, source), (again, same) = (ScratchRules(damaged=True).prepare(path) for _ in range(2))
    assert torch.equal(target, again)
    assert torch.equal(source, same)
    clean_target, clean = ScratchRules(damaged=False).prepare(path)
    assert not clean_target.any()
    pixels = np.asarray(Image.open(path))
    assert np.array_equal((clean[0] * 255).round().byte().permute(1, 2, 0).numpy(), pixels)


def test_the_classical_way_alone_needs_no_weights_and_finds_thin_things(photos: Path, tmp_path: Path) -> None:
    result = measured("--data", photos, "--weights", TOP_HAT)
    assert result.exit_code == 0, result.stderr
    assert "found in vain" in result.stdout
    assert "LPIPS" not in result.stdout
    picture = torch.full((1, 3, 40, 40), 0.3, dtype=torch.float64)
    picture[..., 20, :] = 1  # a line
    picture[..., :10, :15] = 0.9  # a thing
    found = ScratchRules(damaged=True).untouched(picture)
    assert bool((found[0, 0, 20] == 1).all())
    assert float(found.sum()) == 3 * 40


def test_without_weights_it_says_where_they_come_from(photos: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    result = measured("--data", photos)
    assert result.exit_code == 6
    assert "restore train scratch" in result.stderr


@pytest.mark.parametrize("words", [("-x", "2"), ("--noise", "25"), ("--condition", "blind"), ("--masks", "masks")])
def test_options_of_other_tasks_are_refused(photos: Path, words: tuple[str, str]) -> None:
    result = measured("--data", photos, "--weights", TOP_HAT, *words)
    assert result.exit_code == 2
    assert f"{words[0]} means nothing for scratch" in result.stderr
