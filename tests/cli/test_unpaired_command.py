"""``restore train-unpaired`` and ``restore make-pairs``: flags, a short run, pairs that training accepts, refusals."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from restore.cli.unpaired import make_pairs, train_unpaired
from restore.config.cycle import CycleConfig, cycle_config
from restore.datasets.folders import paired_photos

TINY = """
widths = [8]
encoder = []
middle = 1
decoder = []
patch_px = 32
batch = 1
discriminator_width = 8
discriminator_layers = 2
steps = 2
"""

app = typer.Typer()
app.command("train-unpaired")(train_unpaired)
app.command("make-pairs")(make_pairs)


@pytest.fixture(autouse=True)
def in_the_tests_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def call(*words: str):
    return CliRunner().invoke(app, list(words))


def settings_of(*words: str) -> CycleConfig:
    outcome = call("train-unpaired", *words, "--print-config")
    assert outcome.exit_code == 0, outcome.stderr
    return cycle_config(tomllib.loads(outcome.stdout))


BOTH = ("--damaged", "scans", "--good", "photos")


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["-o", "there"], {"run": "there"}),
        (["--steps", "70"], {"steps": 70}),
        (["--budget", "1h30m"], {"budget_s": 5400.0}),
        (["--batch", "6"], {"batch": 6}),
        (["--patch", "64"], {"patch_px": 64}),
        (["--lr", "0.002"], {"lr": 0.002}),
        (["--seed", "7"], {"seed": 7}),
        (["--resume"], {"resume": True}),
        (["--device", "cpu"], {"device": "cpu"}),
        (["--threads", "3"], {"threads": 3}),
    ],
)
def test_every_flag_sets_its_setting_and_no_other(words, changed) -> None:
    default, told = settings_of(*BOTH), settings_of(*BOTH, *words)
    names = [field.name for field in fields(CycleConfig)]
    assert {name: getattr(told, name) for name in names if getattr(told, name) != getattr(default, name)} == changed


def test_flags_win_over_the_file(tmp_path) -> None:
    Path("mine.toml").write_text(TINY)
    told = settings_of(*BOTH, "--config", "mine.toml", "--batch", "3", "--budget", "1h")
    assert (told.batch, told.patch_px, told.steps, told.budget_s) == (3, 32, None, 3600.0)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--damaged", "scans"), "missing: --good"),
        ((*BOTH, "--steps", "5", "--budget", "1h"), "either --steps or --budget"),
        ((*BOTH, "--patch", "30"), "patch_px must be a multiple of 4"),
        (BOTH, "scans: no such folder"),
    ],
)
def test_wrong_use_is_told_in_one_line(words, says) -> None:
    outcome = call("train-unpaired", *words)
    assert outcome.exit_code == 2
    assert says in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_damage_is_learnt_and_makes_pairs_that_training_accepts(make_photo) -> None:
    for number in range(2):
        make_photo(f"scans/{number}.png", 40, 40)
        make_photo(f"photos/{number}.png", 60, 44)
    Path("tiny.toml").write_text(TINY)
    words = ("--config", "tiny.toml", "-o", "mine", "--threads", "1", "--device", "cpu")
    outcome = call("train-unpaired", *BOTH, *words)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.split() == ["mine/damage.safetensors", "mine/repair.safetensors"]
    outcome = call("make-pairs", "photos", "--damage", "mine/damage.safetensors", "-o", "pairs", "--threads", "1")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stdout.split() == ["pairs/lq", "pairs/hq"]
    assert len(paired_photos(Path("pairs/lq"), Path("pairs/hq"), scale=1, patch_px=32)) == 2
