"""The command with the weights that people get. One photo, seconds on a CPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data
from typer.testing import CliRunner, Result

from restore.cli.app import app
from restore.inference.doctor import decibels
from restore.io.read import read_photo
from restore.ops.resize import resize


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
