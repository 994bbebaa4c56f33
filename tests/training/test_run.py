"""Training runs on tiny data: they learn, resume to the bit, stop on nonsense, and share work among processes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.config.train import TrainConfig
from restore.errors import ConfigError, OutputError, PairingError, TrainingError
from restore.models.weights import find_weights, load_network, load_tensors_of
from restore.training.journal import Event
from restore.training.run import train

TINY = {"widths": (8, 8), "encoder": (1,), "middle": 1, "decoder": (1,), "precision": "float32", "threads": 1}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, photo in enumerate([data.astronaut(), data.coffee(), data.rocket()]):
        Image.fromarray(photo[100:300, 100:300]).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def unseen(tmp_path: Path) -> Path:
    """Other parts of the same pictures: what is trained on cannot be validated on."""
    folder = tmp_path / "unseen"
    folder.mkdir()
    for number, photo in enumerate([data.astronaut(), data.coffee(), data.rocket()]):
        Image.fromarray(photo[150:350, 300:500]).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def pairs(tmp_path: Path, photos: Path) -> tuple[Path, Path]:
    small = tmp_path / "small"
    small.mkdir()
    for path in photos.iterdir():
        Image.open(path).resize((100, 100), Image.Resampling.BICUBIC).save(small / path.name)
    return small, photos


def config(photos: Path, run: Path, **settings: object) -> TrainConfig:
    values: dict[str, object] = {**TINY, "hq": str(photos), "run": str(run), "scale": 2, "batch": 4, "patch_px": 48}
    return TrainConfig(**{**values, **settings})  # type: ignore[arg-type]


def quiet(event: Event) -> None:
    assert all(np.isfinite(value) for value in event.values.values())


def test_a_short_run_beats_bicubic_and_leaves_all_that_it_promises(photos: Path, unseen: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    events: list[Event] = []
    path = train(config(photos, run, steps=150, val=str(unseen), lr=3e-3, clean_chance=1.0), events.append)
    assert events[-1].kind == "done"
    assert events[-1].values["gain_db"] > 0.05
    card = find_weights(path).card
    assert (card.steps, card.scale, card.task) == (150, 2, "upscale")
    assert load_network(find_weights(path)).config.widths == (8, 8)
    lines = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == [event.kind for event in events]
    with Image.open(run / "samples" / "0000150.png") as sheet:
        assert sheet.size == (3 * 192, 3 * 192)
    assert "steps = 150" in (run / "config.toml").read_text()


def test_tensorboard_gets_the_numbers_when_asked_for(photos: Path, tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(config(photos, tmp_path / "run", steps=2, tensorboard=True), quiet)
    board = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    board.Reload()
    assert {"loss", "lr"} <= set(board.Tags()["scalars"])
    assert board.Scalars("loss")[0].step == 2


class _StopAfter:
    """Ends a run as Ctrl-C would, right after a checkpoint."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, event: Event) -> None:
        if event.kind == "saved" and event.step == self.step:
            raise KeyboardInterrupt


def test_a_resumed_run_gives_the_same_bits_as_an_uninterrupted_one(photos: Path, tmp_path: Path) -> None:
    whole = train(config(photos, tmp_path / "whole", steps=100), quiet)
    settings = {"steps": 100, "checkpoint_every_s": 1e-6}
    with pytest.raises(KeyboardInterrupt):
        train(config(photos, tmp_path / "parts", **settings), _StopAfter(50))
    parts = train(config(photos, tmp_path / "parts", **settings, resume=True), quiet)
    once, twice = load_tensors_of(find_weights(whole)), load_tensors_of(find_weights(parts))
    assert all(torch.equal(once[name], twice[name]) for name in once)
    raw = [torch.load(tmp_path / run / "checkpoint.pt", weights_only=True) for run in ("whole", "parts")]
    assert all(torch.equal(raw[0]["generator"][name], raw[1]["generator"][name]) for name in raw[0]["generator"])


def test_another_seed_gives_other_weights(photos: Path, tmp_path: Path) -> None:
    one, two = (
        load_tensors_of(find_weights(train(config(photos, tmp_path / str(seed), steps=5, seed=seed), quiet)))
        for seed in (1, 2)
    )
    assert any(not torch.equal(one[name], two[name]) for name in one)


def test_a_run_by_the_clock_ends_in_time_with_the_step_size_near_zero(photos: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    train(config(photos, tmp_path / "run", budget_s=3.0), events.append)
    steps = [event for event in events if event.kind == "step"]
    assert steps[-1].values["progress"] == 1.0
    assert steps[-1].values["lr"] < 0.05 * 1e-3


def test_a_loss_that_is_not_a_number_stops_the_run_and_keeps_the_last_good_state(photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train(config(photos, run, steps=200, checkpoint_every_s=1e-6), _StopAfter(50))
    good = (run / "checkpoint.pt").read_bytes()
    says = r"loss stopped being a number.*last good state is .*checkpoint.pt.*--resume"
    with pytest.raises(TrainingError, match=says):
        train(config(photos, run, steps=200, lr=1e30, clip=1e30, resume=True), quiet)
    assert (run / "checkpoint.pt").read_bytes() == good


def test_pairs_are_learnt_from_as_they_are(pairs: tuple[Path, Path], unseen: Path, tmp_path: Path) -> None:
    lq, hq = pairs
    settings = config(
        hq, tmp_path / "run", hq=None, pairs_lq=str(lq), pairs_hq=str(hq), steps=150, val=str(unseen), lr=3e-3
    )
    events: list[Event] = []
    train(settings, events.append)
    assert events[-1].values["gain_db"] > 0.02


_TWO_PROCESSES = """
import sys
import tarfile
from restore.config.toml import load_toml
from restore.config.train import train_config
from restore.training.run import train
from pathlib import Path
if __name__ == "__main__":
    train(train_config(load_toml(Path(sys.argv[1]))), lambda event: None)
"""


def test_two_processes_learn_what_one_learns(pairs: tuple[Path, Path], tmp_path: Path) -> None:
    from restore.config.toml import to_toml

    lq, hq = pairs
    weights = {}
    for devices in (1, 2):
        settings = config(
            hq, tmp_path / f"run{devices}", hq=None, pairs_lq=str(lq), pairs_hq=str(hq), steps=10, devices=devices,
            device="cpu",
        )  # fmt: skip
        (tmp_path / "settings.toml").write_text(to_toml(settings))
        (tmp_path / "script.py").write_text(_TWO_PROCESSES)
        command = [sys.executable, str(tmp_path / "script.py"), str(tmp_path / "settings.toml")]
        subprocess.run(command, check=True, capture_output=True, timeout=240)
        weights[devices] = load_tensors_of(find_weights(tmp_path / f"run{devices}" / "weights.safetensors"))
    for name, tensor in weights[1].items():
        assert torch.allclose(tensor, weights[2][name], atol=2e-3), name


def test_weights_of_another_scale_start_the_trunk_and_leave_the_head_fresh(photos: Path, tmp_path: Path) -> None:
    first = train(config(photos, tmp_path / "x2", steps=3), quiet)
    second = train(config(photos, tmp_path / "x4", steps=1, scale=4, init=str(first), lr=1e-12), quiet)
    old, new = load_tensors_of(find_weights(first)), load_tensors_of(find_weights(second))
    assert torch.allclose(old["stem.weight"], new["stem.weight"], atol=1e-3)
    assert new["head.weight"].abs().max() < 1e-6


def test_a_run_folder_is_never_trained_over_and_resuming_nothing_is_said(photos: Path, tmp_path: Path) -> None:
    train(config(photos, tmp_path / "run", steps=1), quiet)
    with pytest.raises(OutputError, match="already holds a run; add --resume"):
        train(config(photos, tmp_path / "run", steps=1), quiet)
    with pytest.raises(TrainingError, match="nothing to resume from"):
        train(config(photos, tmp_path / "new", steps=1, resume=True), quiet)
    with pytest.raises(TrainingError, match="does not fit these settings"):
        train(config(photos, tmp_path / "run", steps=2, resume=True, widths=(4, 4)), quiet)


def test_bad_data_and_impossible_settings_stop_before_anything_is_written(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(PairingError, match="smaller than the training patch of 400"):
        train(config(photos, tmp_path / "run", patch_px=400), quiet)
    with pytest.raises(ConfigError, match="x2, x3, x4, not x6"):
        train(config(photos, tmp_path / "run", scale=6), quiet)
    assert not (tmp_path / "run").exists()


def test_photos_of_a_shard_that_cannot_be_used_are_told_in_the_journal_once(photos: Path, tmp_path: Path) -> None:
    shard = tmp_path / "photos.tar"
    with tarfile.open(shard, "w") as archive:
        for path in sorted(photos.iterdir()):
            archive.add(path, path.name)
        torn = tarfile.TarInfo("torn.png")
        torn.size = 7
        archive.addfile(torn, io.BytesIO(b"no png!"))
    events: list[Event] = []
    settings = {"hq": None, "shards": str(shard), "val": None, "steps": 150, "batch": 2, "patch_px": 32}
    train(config(photos, tmp_path / "run", **settings), events.append)
    told = [event.message for event in events if event.kind == "warning" and "torn.png" in event.message]
    assert len(told) == 1
    assert told[0].startswith("left out: ")


def test_a_short_run_of_cleaning_takes_noise_and_jpeg_damage_away(photos: Path, unseen: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    settings = {"task": "clean", "scale": 1, "steps": 150, "val": str(unseen), "lr": 4e-3, "noise_max": 50.0}
    path = train(config(photos, tmp_path / "run", **settings, jpeg_min=10, clean_chance=0.0), events.append)
    assert events[-1].values["gain_db"] > 0.05
    card = find_weights(path).card
    assert (card.task, card.scale, card.generator.condition_channels) == ("clean", 1, 6)


def test_a_short_run_of_filling_holes_beats_the_smooth_filling_it_starts_from(
    photos: Path, unseen: Path, tmp_path: Path
) -> None:
    events: list[Event] = []
    settings = {"task": "inpaint", "scale": 1, "steps": 300, "val": str(unseen), "lr": 4e-3, "patch_px": 64}
    shape = {"middle": 2, "dilations": (1, 2), "losses": {"hole": 1.0, "known": 0.1}}
    path = train(config(photos, tmp_path / "run", **settings, **shape, clean_chance=1.0), events.append)
    first, *_, last = (event.values for event in events if event.kind == "validated")
    assert first["gain_db"] == pytest.approx(0, abs=1e-6)  # untrained, it is the smooth filling
    assert last["gain_db"] > 0.05
    card = find_weights(path).card
    assert (card.task, card.scale, card.generator.condition_channels) == ("inpaint", 1, 1)
    with Image.open(tmp_path / "run" / "samples" / "0000300.png") as sheet:
        pixels = np.asarray(sheet).reshape(3 * 192, 3, 192, 3)
    holes = (pixels == (255, 0, 255)).all(axis=-1).sum(axis=(0, 2))
    assert holes[0] > 1000  # the first column shows the holes, the others what is and should be there
    assert holes[1:].tolist() == [0, 0]


def test_what_cannot_be_learnt_about_holes_is_refused_at_once(
    photos: Path, pairs: tuple[Path, Path], tmp_path: Path
) -> None:
    lq, hq = pairs
    paired = {"hq": None, "pairs_lq": str(lq), "pairs_hq": str(hq)}
    with pytest.raises(ConfigError, match="inpaint makes its own holes: give good photos"):
        train(config(photos, tmp_path / "run", task="inpaint", scale=1, **paired), quiet)
    with pytest.raises(ConfigError, match="hole and known are for tasks that fill holes, which upscale does not"):
        train(config(photos, tmp_path / "run", losses={"hole": 1.0}), quiet)
    with pytest.raises(ConfigError, match="inpaint can be trained for x1, not x2"):
        train(config(photos, tmp_path / "run", task="inpaint"), quiet)


def test_pairs_that_are_equal_already_are_validated_with_finite_numbers(tmp_path: Path) -> None:
    """An untrained network gives its input back, which here is the truth: an infinite PSNR, told as 100 dB."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(20):
        Image.fromarray(data.astronaut()[16 * number : 16 * number + 96, 150:246]).save(folder / f"{number:02}.png")
    events: list[Event] = []
    settings = {"hq": None, "pairs_lq": str(folder), "pairs_hq": str(folder), "task": "clean", "scale": 1, "steps": 1}
    train(config(folder, tmp_path / "run", **settings), events.append)
    first = next(event for event in events if event.kind == "validated")
    assert first.values["psnr_y"] == 100
    assert first.values["gain_db"] == 0
