"""The command with the weights that people get. One photo, seconds on a CPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data
from typer.testing import CliRunner, Result

import restore
from restore.cli.app import app
from restore.inference.golden import decibels
from restore.io.read import read_photo
from restore.ops.resize import resize
from restore.tasks import CLEAN


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> torch.Tensor:
    """The original (1,3,192,192), shrunk to half and a quarter in half.png and quarter.png."""
    monkeypatch.chdir(tmp_path)
    whole = torch.from_numpy(data.astronaut()[60:252, 130:322].copy()).permute(2, 0, 1)[None].float() / 255
    for name, side in (("half", 96), ("quarter", 48)):
        small = (resize(whole, side, side, quantise=True)[0].clamp(0, 1) * 255).round().byte()
        Image.fromarray(small.permute(1, 2, 0).numpy()).save(f"{name}.png")
    return whole


@pytest.mark.parametrize(("scale", "name"), [(2, "half"), (4, "quarter")])
def test_a_result_is_nearer_to_the_original_than_bicubic_and_keeps_its_colours(photo, scale, name) -> None:
    outcome = run("upscale", f"{name}.png", "-x", str(scale), "--clean", "--json")
    assert outcome.exit_code == 0, outcome.output
    row = json.loads(outcome.stdout)
    assert row["consistency_db"] > 35
    assert row["colour_drift"] < 0.5
    result = read_photo(Path(f"{name}_x{scale}.png")).pixels[None]
    bicubic = resize(read_photo(Path(f"{name}.png")).pixels[None], 192, 192).clamp(0, 1)
    assert decibels(result, photo) > decibels(bicubic, photo) + 0.5


def test_the_bundled_weights_are_whole_and_compute_right() -> None:
    assert run("models", "verify").exit_code == 0
    outcome = run("doctor")
    assert outcome.exit_code == 0, outcome.output
    assert "all is well" in outcome.output


def whole_photo() -> torch.Tensor:
    """(1,3,256,256): enough of a photo to measure its damage by."""
    return torch.from_numpy(data.astronaut()[:256, 100:356].copy()).permute(2, 0, 1)[None].float() / 255


def to_file(pixels: torch.Tensor, name: str, **saving: int) -> None:
    array = (pixels[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(array).save(name, **saving)


@pytest.mark.parametrize(("damage", "done", "gain"), [("noise", "denoise", 6.0), ("jpeg", "dejpeg", 0.7)])
def test_auto_finds_the_damage_and_brings_the_photo_nearer_to_the_original(
    damage, done, gain, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    whole = whole_photo()
    if damage == "noise":
        noise = torch.randn(whole.shape, generator=torch.Generator().manual_seed(0))
        to_file(whole + noise * (25 / 255), "bad.png")
    else:
        to_file(whole, "bad.jpg", quality=15)
    name = next(Path().glob("bad.*")).name
    outcome = run("auto", name, "-o", "good.png", "--json")
    assert outcome.exit_code == 0, outcome.output
    row = json.loads(outcome.stdout)
    assert row["done"] == [done]
    assert row["colour_drift"] < 0.5
    before, after = (decibels(read_photo(Path(path)).pixels[None], whole) for path in (name, "good.png"))
    assert after > before + gain


def test_a_photo_told_clean_comes_back_nearly_unchanged() -> None:
    whole = whole_photo()
    assert decibels(restore.Restorer("clean", device="cpu").restore(whole, CLEAN), whole) > 45
