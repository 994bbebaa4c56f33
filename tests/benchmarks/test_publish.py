"""A finished run becomes weights with a card, from what ``restore eval --json`` printed and nothing else."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import publish
import pytest
import torch
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from restore.cli.app import app
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, find_weights, save_weights

CLEAN = {"stem": 2, "head": 2, "condition_channels": 6}


def a_run(folder: Path, task: str, scale: int, **shape: int) -> Path:
    """A run that has just ended, with a network of a few channels."""
    folder.mkdir()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(scale)
        network = UNet(GeneratorConfig(**{"widths": (8, 8), "encoder": (0,), "decoder": (0,), "head": scale} | shape))
        torch.nn.init.normal_(network.head.weight, std=0.01)
    card = Card(name=task, task=task, scale=scale, size="fast", generator=network.config, steps=7, seconds=60)
    save_weights(folder / "weights.safetensors", network.state_dict(), card)
    (folder / "config.toml").write_text("steps = 7\n")
    return folder


def measure(run: Path, target: Path, *words: str) -> Path:
    """One more file of figures."""
    photo = target.with_name("Small.png")
    Image.fromarray(data.astronaut()[100:164, 100:180]).save(photo)
    options = ["--data", str(photo), "--weights", str(run / "weights.safetensors"), "--json", "--device", "cpu"]
    result = CliRunner().invoke(app, ["eval", *words, *options])
    assert result.exit_code == 0, result.output
    target.write_text(result.stdout)
    return target


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkout; no LPIPS backbone is found."""
    (tmp_path / "house" / "models").mkdir(parents=True)
    monkeypatch.setattr(publish, "HOUSE", tmp_path / "house")
    monkeypatch.delenv("RESTORE_LPIPS_BACKBONE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "house"


def put(run: Path, monkeypatch: pytest.MonkeyPatch, *files: Path | str) -> None:
    words = ["publish.py", str(run), *map(str, files), "--data", "drawn", "--note", "all", "--machine", "a desk"]
    monkeypatch.setattr(sys, "argv", words)
    publish.main()


def test_figures_of_each_damage_come_onto_the_card_of_clean_weights(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path / "run", "clean", 1, **CLEAN)
    files = (
        measure(run, tmp_path / "noise.jsonl", "denoise", "--noise", "15,50"),
        measure(run, tmp_path / "blind.jsonl", "denoise", "--noise", "15", "--condition", "blind"),
        measure(run, tmp_path / "jpeg.jsonl", "dejpeg", "--jpeg", "10", "--gray"),
        measure(run, tmp_path / "blur.jsonl", "deblur", "--blur", "1.6", "--noise", "2"),
        measure(run, tmp_path / "nothing.jsonl", "denoise", "--noise", "0"),
    )
    put(run, monkeypatch, *files)
    page = (house / "models" / "clean.md").read_text()
    for row in (
        *("| Small, 1 | noise 15, told | input |", "| Small, 1 | noise 50, told | clean |"),
        *("| Small, 1 | noise 15, blind | clean |", "| Small, 1 | gray, JPEG 10, told | clean |"),
        *("| Small, 1 | blur 1.6 + noise 2, told | clean |", "`restore train clean --config models/clean.toml`"),
    ):
        assert row in page
    assert "PSNR-Y" not in page
    card = find_weights(house / "restore" / "weights" / "clean.safetensors").card
    told = [json.loads(line) for file in files for line in file.read_text().splitlines() if '"told"' in line]
    expected = {
        f"Small {line['input']} PSNR-RGB": line["means"]["clean"]["psnr_rgb"]
        for line in told
        if line["means"]["clean"]["psnr_rgb"] is not None
    }
    assert card.figures == pytest.approx(expected, abs=1e-4)
    assert {"Small noise 15 PSNR-RGB", "Small gray, JPEG 10 PSNR-RGB"} <= set(card.figures)


def test_filled_holes_are_listed_by_their_masks_and_beside_classical_ways(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    hole = Image.new("L", (80, 64))
    hole.paste(255, (20, 20, 60, 24))
    hole.save(masks / "line.png")
    run = a_run(tmp_path / "run", "inpaint", 1, stem=2, head=2, condition_channels=1)
    ours = measure(run, tmp_path / "ours.jsonl", "inpaint", "--masks", str(masks))
    classical = tmp_path / "telea.jsonl"
    words = ["--data", str(tmp_path / "Small.png"), "--masks", str(masks), "--weights", "telea", "--json"]
    result = CliRunner().invoke(app, ["eval", "inpaint", *words])
    assert result.exit_code == 0, result.output
    classical.write_text(result.stdout)
    put(run, monkeypatch, f"{ours}@thin lines", f"{classical}@thin lines")
    page = (house / "models" / "inpaint.md").read_text()
    for method in ("input", "inpaint", "telea"):
        assert f"| Small, 1 | thin lines, holes 1-10 % | {method} |" in page
    card = find_weights(house / "restore" / "weights" / "inpaint.safetensors").card
    line = json.loads(ours.read_text())
    assert card.figures == {
        "Small thin lines, holes 1-10 % PSNR in holes": pytest.approx(line["means"]["inpaint"]["psnr_hole"], abs=1e-4)
    }


def test_figures_of_clean_input_come_onto_the_card_of_an_enlarger(
    house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path / "run", "upscale", 2)
    files = (
        measure(run, tmp_path / "clean.jsonl", "upscale"),
        measure(run, tmp_path / "noisy.jsonl", "upscale", "--noise", "5", "--jpeg", "60"),
    )
    put(run, monkeypatch, *files)
    page = (house / "models" / "upscale.md").read_text()
    for row in (
        "| Small, 1 | clean, told | bicubic |",
        "| Small, 1 | noise 5 + JPEG 60, told | upscale |",
        "fast, x2;",
    ):
        assert row in page
    card = find_weights(house / "restore" / "weights" / "upscale.safetensors").card
    mean = json.loads(files[0].read_text())["means"]["upscale"]
    assert card.figures == {"Small PSNR-Y": pytest.approx(mean["psnr"], abs=1e-4)}


def test_figures_of_other_weights_are_refused(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = a_run(tmp_path / "one", "clean", 1, **CLEAN), a_run(tmp_path / "other", "clean", 1, middle=1, **CLEAN)
    figures = measure(other, tmp_path / "other.jsonl", "denoise", "--noise", "15")
    with pytest.raises(SystemExit, match="other weights"):
        put(one, monkeypatch, figures)
    assert list((house / "models").iterdir()) == []
