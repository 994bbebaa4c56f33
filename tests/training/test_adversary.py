"""Adversarial runs on tiny data: the order of the game, its steadiers, resuming to the bit, and going back."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from skimage import data

from restore.config.adversarial import AdversarialConfig
from restore.config.train import TrainConfig
from restore.errors import ConfigError, OutputError, TrainingError
from restore.models.weights import find_weights, load_tensors_of
from restore.training.journal import Event
from restore.training.run import train
from restore.training.state import CHECKPOINT, GOOD
from restore.training.step import Batch

GAME = AdversarialConfig(weight=0.1, width=4, layers=1, warmup_steps=3, ramp_steps=4, lr=1e-3)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, photo in enumerate([data.astronaut(), data.coffee()]):
        Image.fromarray(photo[100:228, 100:228]).save(folder / f"{number}.png")
    return folder


def config(photos: Path, run: Path, game: AdversarialConfig = GAME, **settings: object) -> TrainConfig:
    values: dict[str, object] = {
        **{"widths": (8,), "encoder": (), "middle": 1, "decoder": (), "precision": "float32", "threads": 1},
        **{"hq": str(photos), "run": str(run), "scale": 2, "batch": 2, "patch_px": 32, "steps": 10},
        "adversarial": game,
    }
    return TrainConfig(**{**values, **settings})  # type: ignore[arg-type]


def silent(event: Event) -> None:
    assert event.kind


def run_of(settings: TrainConfig) -> dict[str, torch.Tensor]:
    return load_tensors_of(find_weights(train(settings, silent)))


def journal_of(run: Path, kind: str) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def differ(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return any(not torch.equal(one[name], other[name]) for name in one)


def test_the_generator_rests_while_the_discriminator_warms_up(photos: Path, tmp_path: Path) -> None:
    run_of(config(photos, tmp_path / "warm", replace(GAME, warmup_steps=5), steps=5))
    saved = torch.load(tmp_path / "warm" / CHECKPOINT, weights_only=True)
    assert saved["optimizer"]["state"] == {}
    assert saved["adversary"]["optimizer"]["state"] != {}
    assert saved["generator"]["head.weight"].abs().max() == 0  # as at the start


def test_the_journal_tells_of_both_players(photos: Path, tmp_path: Path) -> None:
    run_of(config(photos, tmp_path / "run", replace(GAME, feature_matching=1.0)))
    line = journal_of(tmp_path / "run", "step")[-1]
    told = {"generator", "discriminator", "real", "fake", "gap", "accuracy", "gradient_ratio", "weight", "matching"}
    assert told <= {name.removeprefix("adversarial/") for name in line}
    assert line["adversarial/gap"] == pytest.approx(line["adversarial/real"] - line["adversarial/fake"], abs=1e-5)
    assert 0 <= line["adversarial/accuracy"] <= 1
    assert {"loss", "loss/l1"} <= line.keys()


def test_an_adaptive_weight_holds_the_ratio_of_the_gradients(photos: Path, tmp_path: Path) -> None:
    game = replace(GAME, adaptive=True, weight=0.05, warmup_steps=0, ramp_steps=0, norm="none")
    run_of(config(photos, tmp_path / "run", game, losses={"l1": 1e-4}, steps=4))
    assert journal_of(tmp_path / "run", "step")[-1]["adversarial/gradient_ratio"] == pytest.approx(0.05, rel=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        {"objective": "non-saturating"},
        {"objective": "relativistic"},
        {"objective": "wasserstein", "norm": "none"},
        {"discriminator": "unet"},
        {"norm": "batch"},
        {"scales": 2},
        {"layers": 2},
        {"feature_matching": 5.0},
        {"adaptive": True},
        {"r1": 10.0, "r1_every": 2},
        {"augment": 0.9},
        {"augment": 0.5, "augment_target": 0.6},
        {"lecam": 10.0},
        {"flat_share": 0.0},
        {"betas": (0.5, 0.9)},
    ],
)
def test_every_setting_of_the_game_changes_what_is_learnt(
    photos: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    usual = run_of(config(photos, tmp_path / "usual"))
    assert differ(usual, run_of(config(photos, tmp_path / "changed", replace(GAME, **change))))  # type: ignore[arg-type]


class _StopAfter:
    def __init__(self, saves: int) -> None:
        self.left = saves

    def __call__(self, event: Event) -> None:
        if event.kind == "saved":
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt


@pytest.mark.parametrize(
    "change",
    [{}, {"norm": "batch"}, {"augment": 0.3, "augment_target": 0.6, "lecam": 0.3, "r1": 1.0, "r1_every": 3}],
)
def test_a_resumed_game_equals_an_uninterrupted_one(photos: Path, tmp_path: Path, change: dict[str, object]) -> None:
    game = replace(GAME, **change)  # type: ignore[arg-type]
    settings = {"steps": 60, "losses": {"l1": 1.0, "random_features": 0.1, "artefact": 1.0}, "checkpoint_every_s": 1e-6}
    whole = run_of(config(photos, tmp_path / "whole", game, **settings))
    broken = config(photos, tmp_path / "broken", game, **settings)
    with pytest.raises(KeyboardInterrupt):
        train(broken, _StopAfter(1))  # after step 50
    resumed = run_of(replace(broken, resume=True))
    assert not differ(whole, resumed)
    discriminators = [
        torch.load(tmp_path / run / CHECKPOINT, weights_only=True)["adversary"] for run in ("whole", "broken")
    ]
    assert not differ(discriminators[0]["discriminator"], discriminators[1]["discriminator"])
    assert discriminators[0]["memory"] == discriminators[1]["memory"]


def test_a_falling_score_goes_back_to_the_last_good_state_and_says_so(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    unseen = tmp_path / "unseen"
    unseen.mkdir()
    Image.fromarray(data.rocket()[100:228, 100:228]).save(unseen / "rocket.png")
    calm = config(photos, run, AdversarialConfig(), val=str(unseen), steps=100, lr=1e-3, validate_every_s=1e-6)
    with pytest.raises(KeyboardInterrupt):
        train(calm, _StopAfter(2))
    wild = replace(calm, resume=True, lr=30.0, max_drop_db=0.5, steps=400)
    with pytest.raises(TrainingError, match=r"held-out PSNR fell from .* back to step 50.*stopped.*Lower --lr"):
        train(wild, silent)
    assert (run / CHECKPOINT).read_bytes() == (run / GOOD).read_bytes()
    assert find_weights(run / "weights.safetensors").card.steps == 50
    assert "fell" in str(journal_of(run, "rolled back")[-1]["message"])


def test_a_full_disk_leaves_the_old_checkpoint(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tmp_path / "run"
    run_of(config(photos, run))
    before = (run / CHECKPOINT).read_bytes()

    def no_space(values: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", no_space)
    with pytest.raises(OutputError, match=r"checkpoint.pt: .*No space left.*the one before is whole.*--resume"):
        train(config(photos, run, resume=True, steps=20), silent)
    assert (run / CHECKPOINT).read_bytes() == before
    assert not list(run.glob(".*.part"))


def test_a_checkpoint_of_another_run_is_refused(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_of(config(photos, run))
    with pytest.raises(TrainingError, match=r"of a run for upscale x2, adversarial training, this one is for .*pixel"):
        train(config(photos, run, AdversarialConfig(), resume=True), silent)
    with pytest.raises(TrainingError, match=r"upscale x4"):
        train(config(photos, run, resume=True, scale=4), silent)
    saved = torch.load(run / CHECKPOINT, weights_only=True)
    torch.save(saved | {"version": 1}, run / CHECKPOINT)
    with pytest.raises(TrainingError, match="another version"):
        train(config(photos, run, resume=True), silent)
    (run / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="damaged"):
        train(config(photos, run, resume=True), silent)


def test_an_unknown_setting_of_the_game_is_refused_by_name() -> None:
    from restore.config.train import train_config

    with pytest.raises(ConfigError, match=r"\[adversarial\] unknown setting 'wieght'; did you mean 'weight'"):
        train_config({"hq": "photos", "adversarial": {"wieght": 1.0}})
    with pytest.raises(ConfigError, match=r"adversarial.objective must be one of"):
        train_config({"hq": "photos", "adversarial": {"objective": "gan"}})
    with pytest.raises(ConfigError, match=r"adversarial.scales must be 1 to 3"):
        train_config({"hq": "photos", "adversarial": {"scales": 4}})


def test_around_a_hole_the_discriminator_is_shown_the_same_known_pixels_on_both_sides() -> None:
    # Known pixels have noise that the truth has not: shown these, it would learn to see noise instead of fillings.
    truth, known, filled = (torch.full((1, 3, 8, 8), value) for value in (0.5, 0.4, 0.9))
    mask = torch.zeros(1, 1, 8, 8)
    mask[..., 2:4, 2:6] = 1
    batch = Batch(lq=known, hq=truth, condition=mask, given=None, mask=mask, seed=0)
    real, fake = batch.laid_in(truth), batch.laid_in(filled)
    inside = mask.expand(-1, 3, -1, -1) != 0
    assert torch.equal(real[inside], truth[inside])
    assert torch.equal(fake[inside], filled[inside])
    assert torch.equal(real[~inside], known[~inside])
    assert torch.equal(fake[~inside], known[~inside])
    whole = Batch(lq=known, hq=truth, condition=mask, given=None, seed=0)
    assert torch.equal(whole.laid_in(filled), filled)


def test_filling_holes_is_learnt_against_a_discriminator_too(photos: Path, tmp_path: Path) -> None:
    shape = {"widths": (8, 8), "encoder": (1,), "decoder": (1,), "task": "inpaint", "scale": 1}
    settings = config(photos, tmp_path / "run", **shape, losses={"hole": 1.0}, warmup_steps=1, init=None)
    alone = config(
        photos, tmp_path / "alone", AdversarialConfig(), **shape, losses={"hole": 1.0}, warmup_steps=1, init=None
    )
    assert differ(run_of(settings), run_of(alone))
    lines = journal_of(tmp_path / "run", "step")
    assert all(math.isfinite(value) for value in lines[-1].values() if isinstance(value, float))
    assert lines[-1]["adversarial/weight"] > 0
