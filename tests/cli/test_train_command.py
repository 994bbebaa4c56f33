"""``restore train``: flags over a file over the defaults, the data checked first, and a run of a few steps."""

from __future__ import annotations

import json
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from restore.cli.live import LiveTalk
from restore.cli.train import recipe_path
from restore.config.toml import load_toml
from restore.config.train import TrainConfig, train_config
from restore.training import run as training
from restore.training.journal import Event

TINY = """
widths = [8]
encoder = []
middle = 1
decoder = []
patch_px = 32
batch = 2
"""


def settings_of(run, *words: str | Path) -> TrainConfig:
    outcome = run("train", "upscale", *words, "--print-config")
    assert outcome.code == 0, outcome.err
    return train_config(tomllib.loads(outcome.out))


@pytest.mark.parametrize(
    ("words", "changed"),
    [
        (["-o", "there"], {"run": "there"}),
        (["-x", "2"], {"scale": 2}),
        (["--size", "base"], {"size": "base"}),
        (["--steps", "70"], {"steps": 70}),
        (["--budget", "1h30m"], {"budget_s": 5400.0}),
        (["--batch", "6"], {"batch": 6}),
        (["--patch", "64"], {"patch_px": 64}),
        (["--lr", "0.002"], {"lr": 0.002}),
        (["--seed", "7"], {"seed": 7}),
        (["--val", "held"], {"val": "held"}),
        (["--init", "upscale-x2"], {"init": "upscale-x2"}),
        (["--resume"], {"resume": True}),
        (["--devices", "2"], {"devices": 2}),
        (["--device", "cpu"], {"device": "cpu"}),
        (["--threads", "3"], {"threads": 3}),
        (["--precision", "float32"], {"precision": "float32"}),
        (["--tensorboard"], {"tensorboard": True}),
    ],
)
def test_every_flag_sets_its_setting_and_no_other(run, words, changed) -> None:
    default, told = settings_of(run, "--hq", "photos"), settings_of(run, "--hq", "photos", *words)
    names = [field.name for field in fields(TrainConfig)]
    found = {name: getattr(told, name) for name in names if getattr(told, name) != getattr(default, name)}
    assert found == changed


def test_help_names_the_defaults(run) -> None:
    words = " ".join(run("train", "--help").out.replace("│", " ").split())
    for default in ("Patches per step (default 16)", "Shape of the network (default fast)"):
        assert default in words


def test_pairs_take_two_folders(run) -> None:
    told = settings_of(run, "--pairs", "lq", "hq")
    assert (told.pairs_lq, told.pairs_hq, told.hq) == ("lq", "hq", None)


def test_flags_win_over_the_file_and_the_file_over_the_defaults(run) -> None:
    Path("mine.toml").write_text('hq = "photos"\nbatch = 4\nseed = 9\nsteps = 10\n')
    told = settings_of(run, "--config", "mine.toml", "--batch", "8")
    assert (told.hq, told.batch, told.seed, told.steps) == ("photos", 8, 9, 10)
    assert told.lr == TrainConfig(hq="photos").lr


def test_a_flag_replaces_the_other_choice_of_the_file(run) -> None:
    Path("mine.toml").write_text('hq = "photos"\nsteps = 10\n')
    told = settings_of(run, "--config", "mine.toml", "--budget", "2h", "--pairs", "lq", "hq")
    assert (told.steps, told.budget_s) == (None, 7200)
    assert (told.hq, told.pairs_lq) == (None, "lq")


def test_print_config_is_a_file_that_config_reads_back(run) -> None:
    outcome = run("train", "upscale", "--hq", "photos", "--steps", "5", "--print-config")
    Path("printed.toml").write_text(outcome.out)
    assert settings_of(run, "--config", "printed.toml") == train_config(load_toml(Path("printed.toml")))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "training needs photos: give either --hq"),
        (["--hq", "a", "--pairs", "b", "c"], "give either --hq"),
        (["--hq", "a", "--steps", "5", "--budget", "2h"], "either --steps or --budget"),
        (["--hq", "a", "--budget", "2"], "like 90s, 45m, 2h"),
        (["--hq", "a", "--lr", "nan"], "lr must be positive"),
        (["--hq", "a", "--config", "missing.toml"], "missing.toml: cannot be read"),
        (["--hq", "missing"], "missing: no such folder"),
    ],
)
def test_settings_that_do_not_fit_are_wrong_use(run, words, message) -> None:
    outcome = run("train", "upscale", *words)
    assert outcome.code == 2
    assert outcome.err.startswith("error: ")
    assert message in outcome.err


def test_an_unknown_setting_in_the_file_gets_a_hint(run) -> None:
    Path("mine.toml").write_text('hq = "photos"\nstepz = 10\n')
    outcome = run("train", "upscale", "--config", "mine.toml")
    assert outcome.code == 2
    assert "unknown setting 'stepz'; did you mean 'steps'?" in outcome.err


def test_check_says_how_many_photos_there_are_and_trains_nothing(run, make_photo) -> None:
    for number in range(12):
        make_photo(f"photos/{number}.png", 64, 64)
    outcome = run("train", "upscale", "--hq", "photos", "--patch", "32", "--check")
    assert outcome.code == 0
    assert outcome.out.startswith("11 photos to train on")
    assert "1 to validate on" in outcome.out
    assert "20 steps went well" in outcome.out
    assert not Path("run").exists()


def test_inpaint_begins_with_its_recipe_and_flags_win(run) -> None:
    outcome = run("train", "inpaint", "--hq", "photos", "--batch", "3", "--print-config")
    told, recipe = train_config(tomllib.loads(outcome.out)), load_toml(recipe_path("inpaint"))
    assert (told.task, told.scale, told.batch) == ("inpaint", 1, 3)
    assert told.losses == recipe["losses"]
    assert told.patch_px == recipe["patch_px"]


def test_check_tries_filling_holes_and_writes_nothing(run, make_photo) -> None:
    for number in range(9):
        make_photo(f"photos/{number}.png", 80, 80)
    Path("tiny.toml").write_text(TINY + "losses = {hole = 1.0, known = 0.1}\nscale = 1\n")
    outcome = run("train", "inpaint", "--hq", "photos", "--check", "--steps", "100", "--config", "tiny.toml")
    assert outcome.code == 0, outcome.err
    assert "20 steps went well" in outcome.out
    assert not Path("run").exists()


def test_check_names_every_problem_at_once(run, make_photo) -> None:
    make_photo("lq/a.png", 16, 16)
    make_photo("hq/a.png", 64, 64)
    make_photo("lq/b.png", 16, 16)
    make_photo("hq/c.png", 20, 20)
    make_photo("lq/c.png", 7, 7)
    outcome = run("train", "upscale", "--pairs", "lq", "hq", "-x", "4", "--patch", "32", "--check")
    assert outcome.code == 2
    for words in ("b.png: no partner", "c.png: 20x20 is smaller than the training patch of 32", "7x7 times 4 is 28x28"):
        assert words in outcome.err
    assert "a.png" not in outcome.err


def test_a_short_run_gives_weights_that_the_command_can_use(run, make_photo) -> None:
    for number in range(3):
        make_photo(f"photos/{number}.png", 64, 64)
    Path("tiny.toml").write_text(TINY)
    outcome = run(
        *("train", "upscale", "--hq", "photos", "--config", "tiny.toml", "-x", "2", "-o", "mine"),
        *("--steps", "3", "--device", "cpu", "--threads", "1"),
    )
    assert outcome.code == 0, outcome.err
    weights = Path(outcome.out.strip())
    assert weights.is_file()
    assert "start at step 0" in outcome.err
    assert "done at step 3" in outcome.err
    assert [json.loads(line)["kind"] for line in Path("mine/journal.jsonl").read_text().splitlines()][-1] == "done"
    make_photo("photo.png")
    assert run("upscale", "photo.png", "-x", "2", "--weights", weights).code == 0
    again = run("train", "upscale", "--hq", "photos", "--config", "tiny.toml", "-x", "2", "-o", "mine", "--steps", "3")
    assert again.code == 2
    assert "add --resume" in again.err


def test_quiet_training_says_only_where_the_weights_are(run, monkeypatch) -> None:
    def quickly(config: TrainConfig, on_event: LiveTalk) -> Path:
        on_event(Event("start", 0, {"photos": 3.0}))
        return Path(config.run) / "weights.safetensors"

    monkeypatch.setattr(training, "train", quickly)
    assert run("train", "upscale", "--hq", "photos").err == "start at step 0  photos 3\n"
    outcome = run("train", "upscale", "--hq", "photos", "-q")
    assert (outcome.out, outcome.err) == (f"{Path('run') / 'weights.safetensors'}\n", "")


def test_ctrl_c_in_training_says_how_to_go_on(run, monkeypatch) -> None:
    def pressed(*_: object) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "train", pressed)
    outcome = run("train", "upscale", "--hq", "photos", "-o", "mine")
    assert outcome.code == 130
    assert "--resume goes on from the last checkpoint in mine" in outcome.err


def test_scratch_begins_with_its_recipe_and_flags_win(run) -> None:
    outcome = run("train", "scratch", "--hq", "photos", "--batch", "3", "--print-config")
    told, recipe = train_config(tomllib.loads(outcome.out)), load_toml(recipe_path("scratch"))
    assert (told.task, told.scale, told.batch) == ("scratch", 1, 3)
    assert (told.losses, told.clean_chance) == (recipe["losses"], recipe["clean_chance"])
