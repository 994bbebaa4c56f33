"""`restore train --check`: the data, twenty steps, and an estimate; nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner

from restore.cli.app import app
from restore.config.adversarial import AdversarialConfig
from restore.config.train import TrainConfig
from restore.errors import TrainingError
from restore.training.rehearsal import Rehearsal, rehearse
from restore.training.source import open_source


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, photo in enumerate([data.astronaut(), data.coffee(), data.rocket()]):
        Image.fromarray(photo[100:300, 100:300]).save(folder / f"{number}.png")
    return folder


def config(photos: Path, run: Path, **settings: object) -> TrainConfig:
    values: dict[str, object] = {
        **{"widths": (8,), "encoder": (), "middle": 1, "decoder": (), "precision": "float32", "threads": 1},
        **{"hq": str(photos), "run": str(run), "scale": 2, "batch": 2, "patch_px": 32, "steps": 1000},
    }
    return TrainConfig(**{**values, **settings})  # type: ignore[arg-type]


def rehearsed(settings: TrainConfig) -> Rehearsal:
    return rehearse(settings, open_source(settings, validates=False).loader)


def test_a_rehearsal_tells_time_memory_and_disk_and_writes_nothing(photos: Path, tmp_path: Path) -> None:
    found = rehearsed(config(photos, tmp_path / "run"))
    assert found.steps == 1000
    assert found.seconds == pytest.approx(1000 / found.steps_per_s)
    assert found.memory_bytes > 1e7
    assert 0 < found.disk_bytes < found.free_bytes
    assert not (tmp_path / "run").exists()


def test_a_run_by_the_clock_is_told_its_steps(photos: Path, tmp_path: Path) -> None:
    found = rehearsed(config(photos, tmp_path / "run", steps=None, budget_s=100.0))
    assert found.seconds == pytest.approx(100.0, rel=0.2)


def test_a_second_network_takes_more_disk(photos: Path, tmp_path: Path) -> None:
    game = AdversarialConfig(weight=0.1, width=16)
    alone, both = (rehearsed(config(photos, tmp_path / "run", adversarial=g)) for g in (AdversarialConfig(), game))
    assert both.disk_bytes > alone.disk_bytes


def test_nonsense_is_found_before_the_run(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not a number within the first steps"):
        rehearsed(config(photos, tmp_path / "run", lr=1e36, clip=1e30, warmup_steps=1, middle=4))


def test_the_command_examines_and_rehearses(photos: Path, tmp_path: Path) -> None:
    words = ["train", "upscale", "--hq", str(photos), "-x", "2", "--batch", "2", "--patch", "32", "--check"]
    result = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "run"), "--steps", "100"])
    assert result.exit_code == 0, result.output
    assert "20 steps went well" in result.output
    assert "steps/s: 100 steps in about" in result.output
    assert not (tmp_path / "run").exists()


def test_a_recipe_is_laid_under_the_flags(photos: Path) -> None:
    words = ["train", "upscale", "--hq", str(photos), "--recipe", "detail", "--lr", "0.0003", "--print-config"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "lr = 0.0003" in result.output
    assert "[adversarial]" in result.output
    pix2pix = CliRunner().invoke(
        app, ["train", "translate", "--pairs", "A", "B", "--recipe", "pix2pix", "--print-config"]
    )
    assert 'size = "pix2pix"' in pix2pix.output
    assert "scale = 1" in pix2pix.output
