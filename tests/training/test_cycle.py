"""Unpaired training on tiny data: it learns, resumes to the bit, refuses wrong folders, and its damage makes pairs."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.config.cycle import CycleConfig, cycle_config, cycle_toml
from restore.datasets.folders import paired_photos
from restore.datasets.unpaired import UnpairedLoader
from restore.errors import ConfigError, OutputError, PairingError, TrainingError, WeightsError
from restore.inference.spoil_pairs import Spoiler, make_pairs, plan_pairs
from restore.inference.translate import Translator
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, find_weights, load_tensors_of, save_weights
from restore.ops.random_maps import RANDOM_MAPS, random_maps
from restore.training.cycle import falling_rate
from restore.training.cycle_loop import train_unpaired
from restore.training.journal import Event
from restore.training.replay import Replay

TINY = {
    **{"widths": (8, 8), "encoder": (0,), "middle": 1, "decoder": (0,), "batch": 2, "patch_px": 32, "threads": 1},
    **{"discriminator_width": 8, "discriminator_layers": 2, "device": "cpu", "precision": "float32"},
}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Browned photos of one scene, and good ones of others."""
    damaged, good = tmp_path / "damaged", tmp_path / "good"
    damaged.mkdir()
    good.mkdir()
    for number in range(2):
        photo = data.astronaut()[100 * number : 100 * number + 96, 180:276]
        brown = photo.mean(axis=2, keepdims=True) * [0.9, 0.7, 0.45] + 20
        Image.fromarray(brown.astype(np.uint8)).save(damaged / f"scan{number}.png")
    for name, photo in (("coffee", data.coffee()), ("rocket", data.rocket())):
        Image.fromarray(photo[150:246, 200:296]).save(good / f"{name}.png")
    return damaged, good


def config(folders: tuple[Path, Path], run: Path, **settings: object) -> CycleConfig:
    values: dict[str, object] = {**TINY, "damaged": str(folders[0]), "good": str(folders[1]), "run": str(run)}
    return CycleConfig(**{**values, **settings})  # type: ignore[arg-type]


def quiet(event: Event) -> None:
    assert all(np.isfinite(value) for value in event.values.values())


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"), dtype=float)


def save_damage(path: Path, *, task: str = "damage", maps: int = RANDOM_MAPS) -> Path:
    """Damage that depends on the picture and on every random map."""
    torch.manual_seed(0)
    shape = GeneratorConfig(widths=(8,), encoder=(), middle=1, decoder=(), stem=2, head=2, condition_channels=maps)
    network = UNet(shape)
    torch.nn.init.normal_(network.head.weight, std=0.05)
    save_weights(path, network.state_dict(), Card(name="tiny", task=task, scale=1, size="own", generator=shape))
    return path


def test_a_short_run_learns_the_colour_of_the_damage_and_leaves_all_that_it_promises(folders, tmp_path) -> None:
    run, settings = tmp_path / "run", {"steps": 120, "lr": 4e-3, "ema": 0.8, "lambda_cycle": 1.0, "r1": 0.0}
    events: list[Event] = []
    damage, repair = train_unpaired(config(folders, run, **settings), events.append)
    gaps = [event.values["colour_gap"] for event in events if event.kind == "validated"]
    assert gaps[-1] < gaps[0] / 2
    steps = [event for event in events if event.kind == "step"]
    assert steps[-1].values["adversarial/generator"] < steps[0].values["adversarial/generator"]
    assert {"loss", "loss/identity", "adversarial/generator", "adversarial/accuracy", "good/accuracy"} <= set(
        steps[0].values
    )
    assert events[-1].kind == "done"
    lines = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == [event.kind for event in events]
    with Image.open(run / "samples" / "0000120.png") as sheet:
        assert sheet.size == (4 * 192, 2 * 192)
    told = cycle_config(tomllib.loads((run / "config.toml").read_text()))
    assert told == config(folders, run, **settings)
    cards = [find_weights(path).card for path in (damage, repair)]
    assert [(card.task, card.steps, card.generator.condition_channels) for card in cards] == [
        ("damage", 120, RANDOM_MAPS),
        ("translate", 120, 0),
    ]
    assert Translator(repair, device="cpu").plan(10, 20).width == 20


@pytest.fixture
def lines_every_five_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that checkpoints are due soon."""
    monkeypatch.setattr("restore.training.cycle_loop._LOG_EVERY_STEPS", 5)


class _StopAfter:
    """Ends a run as Ctrl-C would, right after a checkpoint."""

    def __init__(self, step: int) -> None:
        self.step = step

    def __call__(self, event: Event) -> None:
        if event.kind == "saved" and event.step == self.step:
            raise KeyboardInterrupt


def test_a_resumed_run_gives_the_same_bits_as_an_uninterrupted_one(folders, tmp_path, lines_every_five_steps) -> None:
    settings = {"steps": 12, "checkpoint_every_s": 1e-6, "replay": 5, "augment": 0.5}
    whole = train_unpaired(config(folders, tmp_path / "whole", **settings), quiet)
    with pytest.raises(KeyboardInterrupt):
        train_unpaired(config(folders, tmp_path / "parts", **settings), _StopAfter(5))
    parts = train_unpaired(config(folders, tmp_path / "parts", **settings, resume=True), quiet)
    for one, two in zip(whole, parts, strict=True):
        once, twice = load_tensors_of(find_weights(one)), load_tensors_of(find_weights(two))
        assert all(torch.equal(once[name], twice[name]) for name in once)
    first, second = (torch.load(tmp_path / run / "checkpoint.pt", weights_only=True) for run in ("whole", "parts"))
    for side in (0, 1):
        kept = [each["discriminators"][side]["replay"] for each in (first, second)]
        assert len(kept[0]) == 5
        assert all(torch.equal(*pair) for pair in zip(*kept, strict=True))
        networks = [each["discriminators"][side]["adversary"]["discriminator"] for each in (first, second)]
        assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])


def test_a_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_state(
    folders, tmp_path, lines_every_five_steps
) -> None:
    run = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        train_unpaired(config(folders, run, steps=12, checkpoint_every_s=1e-6), _StopAfter(5))
    good = (run / "checkpoint.pt").read_bytes()
    with pytest.raises(TrainingError, match=r"stopped being a number near step 10.*checkpoint.pt.*--resume"):
        train_unpaired(config(folders, run, steps=12, lr=1e30, resume=True), quiet)
    assert (run / "checkpoint.pt").read_bytes() == good


def test_a_full_disk_leaves_the_checkpoint_before(folders, tmp_path, monkeypatch) -> None:
    run = tmp_path / "run"
    train_unpaired(config(folders, run, steps=1), quiet)
    good = (run / "checkpoint.pt").read_bytes()

    def full(values: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torch.save", full)
    with pytest.raises(OutputError, match=r"No space left.*the one before is whole"):
        train_unpaired(config(folders, run, steps=2, resume=True), quiet)
    assert (run / "checkpoint.pt").read_bytes() == good
    assert sorted(path.name for path in run.glob(".*")) == []


def test_runs_are_not_overwritten_and_only_their_own_checkpoints_are_taken(folders, tmp_path) -> None:
    run = tmp_path / "run"
    with pytest.raises(TrainingError, match="nothing to resume from"):
        train_unpaired(config(folders, run, steps=1, resume=True), quiet)
    train_unpaired(config(folders, run, steps=1), quiet)
    with pytest.raises(OutputError, match="already holds a run; add --resume"):
        train_unpaired(config(folders, run, steps=1), quiet)
    with pytest.raises(TrainingError, match="does not fit these settings"):
        train_unpaired(config(folders, run, steps=2, resume=True, widths=(16, 16)), quiet)
    torch.save({"version": 2, "what": "upscale x2, pixel training"}, run / "checkpoint.pt")
    with pytest.raises(TrainingError, match="is of a run for upscale x2"):
        train_unpaired(config(folders, run, steps=2, resume=True), quiet)


def test_folders_that_cannot_teach_are_refused_before_the_first_step(folders, tmp_path) -> None:
    damaged, good = folders
    (good / "inner").mkdir()
    for one, other, words in (
        (damaged, damaged, "one and the same folder"),
        (good / "inner", good, "one within the other"),
        (tmp_path / "nowhere", good, "no such folder"),
        (damaged, tmp_path / "nowhere", "no such folder"),
    ):
        with pytest.raises(PairingError, match=words):
            train_unpaired(config((one, other), tmp_path / "run"), quiet)
    (good / "again.png").write_bytes((damaged / "scan0.png").read_bytes())
    with pytest.raises(PairingError, match=r"1 photo is in both folders.*\n.*scan0.png = .*again.png"):
        train_unpaired(config(folders, tmp_path / "run"), quiet)
    (good / "again.png").unlink()
    with pytest.raises(PairingError, match="96x96 is smaller than the training patch of 128"):
        train_unpaired(config(folders, tmp_path / "run", patch_px=128), quiet)
    assert not (tmp_path / "run").exists()


def test_patches_depend_on_seed_and_step_alone_and_are_never_turned(tmp_path) -> None:
    for name, level in (("damaged", 40), ("good", 200)):
        (tmp_path / name).mkdir()
        slope = np.tile((np.arange(64) + level // 4 * 3)[:, None, None], (1, 64, 3)).astype(np.uint8)
        Image.fromarray(slope).save(tmp_path / name / "slope.png")
    sides = [sorted((tmp_path / name).iterdir()) for name in ("damaged", "good")]
    loader = UnpairedLoader(*sides, patch_px=16, batch=3, seed=1, cache_bytes=1e6)
    stream = loader.stream(5)
    first, second = next(stream), next(stream)
    stream.close()
    assert torch.equal(first.damaged, loader.batch(5).damaged)
    assert torch.equal(second.good, loader.batch(6).good)
    for patches in (first.damaged, first.good):
        assert patches.shape == (3, 3, 16, 16)
        assert bool((patches[:, :, 1:].int() - patches[:, :, :-1].int() == 1).all())  # down is still down


def test_a_replay_shows_new_pictures_while_it_fills_and_half_of_the_time_old_ones_afterwards() -> None:
    replay, rng = Replay(10), torch.Generator().manual_seed(0)
    filling = torch.arange(10.0).view(10, 1, 1, 1)
    assert torch.equal(replay.swap(filling, rng), filling)
    old = 0
    for number in range(10, 1010):
        (shown,) = replay.swap(torch.full((1, 1, 1, 1), float(number)), rng).flatten().tolist()
        assert shown <= number
        old += shown != number
    assert 400 < old < 600  # a chance of one half: five standard deviations are 79
    assert len(replay) == 10


def test_a_replay_goes_on_after_being_saved_as_if_it_had_never_stopped() -> None:
    one, other = Replay(3), Replay(3)
    one.swap(torch.rand(3, 1, 2, 2), torch.Generator().manual_seed(0))
    other.load(one.state(), torch.device("cpu"))
    pictures = torch.rand(20, 1, 2, 2)
    shown = [replay.swap(pictures, torch.Generator().manual_seed(1)) for replay in (one, other)]
    assert torch.equal(*shown)
    with pytest.raises(ValueError, match="do not fit into a replay of 2"):
        Replay(2).load(one.state(), torch.device("cpu"))


def test_random_maps_have_unit_size_and_the_shapes_that_they_are_named_for() -> None:
    maps = random_maps(40, 64, 48, torch.Generator().manual_seed(0))
    assert maps.shape == (40, RANDOM_MAPS, 64, 48)
    grain, blotches, columns, rows, mood = maps.unbind(dim=1)
    assert float(grain.std()) == pytest.approx(1, abs=0.02)
    assert all(0.5 < float(each.std()) < 1.2 for each in (blotches, columns, rows, mood))
    assert float(mood.std(dim=(-2, -1)).max()) == 0

    def step(each: torch.Tensor, dim: int) -> float:
        return float(each.diff(dim=dim).square().mean())

    assert step(blotches, -1) < step(grain, -1) / 50
    assert step(columns, -2) < step(columns, -1) / 100
    assert step(rows, -1) < step(rows, -2) / 100


def test_the_step_size_stays_and_then_falls_on_a_line_to_zero() -> None:
    rates = [falling_rate(2.0, progress=step / 8, decay_from=0.5) for step in range(9)]
    assert rates == pytest.approx([2, 2, 2, 2, 2, 1.5, 1, 0.5, 0])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"patch_px": 34}, "multiple of 4"),
        ({"patch_px": 8}, "at least 12"),
        ({"steps": 5, "budget_s": 5.0}, "either --steps or --budget"),
        ({"replay": 0}, "replay must be positive"),
        ({"lambda_cycle": -1.0}, "lambda_cycle must not be negative"),
        ({"decay_from": 2.0}, "decay_from must be 0 to 1"),
        ({"discriminator_norm": "batch"}, "must be one of spectral, none"),
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        CycleConfig(**{**TINY, "damaged": "a", "good": "b", **wrong})


def test_settings_survive_the_way_through_toml() -> None:
    settings = CycleConfig(
        damaged='an "old" one\\', good="fotos/\u00fc", widths=(16,), encoder=(), decoder=(), resume=True
    )
    assert cycle_config(tomllib.loads(cycle_toml(settings))) == settings
    with pytest.raises(ConfigError, match="missing: --damaged and --good"):
        cycle_config({})


def test_made_pairs_are_accepted_for_training_and_differ_by_the_damage_alone(folders, tmp_path) -> None:
    _, good = folders
    (good / "deep").mkdir()
    Image.fromarray(data.camera()[:75, :81]).save(good / "deep" / "gray.tif")
    spoiler = Spoiler(save_damage(tmp_path / "damage.safetensors"), device="cpu")
    jobs = plan_pairs(good, tmp_path / "pairs")
    assert [error for _, error in make_pairs(jobs, spoiler, seed=3)] == [None, None, None]
    pairs = paired_photos(tmp_path / "pairs" / "lq", tmp_path / "pairs" / "hq", scale=1, patch_px=64)
    assert len(pairs) == 3
    for pair in pairs:
        truth, spoilt = pixels_of(pair.hq), pixels_of(pair.lq)
        source = next(job.source for job in jobs if job.hq == pair.hq)
        assert np.array_equal(truth, pixels_of(source))
        assert 0.5 < np.abs(truth - spoilt).mean() < 120


def test_pairs_for_enlarging_are_shrunk_before_they_are_damaged(folders, tmp_path) -> None:
    spoiler = Spoiler(save_damage(tmp_path / "damage.safetensors"), device="cpu")
    Image.fromarray(data.camera()[:75, :81]).save(folders[1] / "odd.png")
    assert not any(error for _, error in make_pairs(plan_pairs(folders[1], tmp_path / "x2"), spoiler, scale=2))
    pairs = paired_photos(tmp_path / "x2" / "lq", tmp_path / "x2" / "hq", scale=2, patch_px=64)
    assert {pixels_of(pair.hq).shape for pair in pairs} == {(96, 96, 3), (74, 80, 3)}


def test_damage_repeats_for_a_seed_differs_for_another_and_is_the_same_in_tiles(tmp_path) -> None:
    path = save_damage(tmp_path / "damage.safetensors")
    image = torch.from_numpy(data.coffee()[100:173, 100:191]).permute(2, 0, 1)[None].float() / 255
    whole, tiled = Spoiler(path, device="cpu"), Spoiler(path, device="cpu", tile=24)
    assert torch.equal(whole(image, 1), whole(image, 1))
    assert float((whole(image, 1) - whole(image, 2)).abs().mean()) > 1 / 255
    assert torch.allclose(whole(image, 1), tiled(image, 1), atol=1e-5)
    assert whole(image, 1).shape == image.shape


def test_one_bad_photo_fails_alone_and_leaves_no_half_of_a_pair(folders, tmp_path) -> None:
    _, good = folders
    (good / "broken.png").write_bytes(b"no picture")
    spoiler = Spoiler(save_damage(tmp_path / "damage.safetensors"), device="cpu")
    told = {job.name: error for job, error in make_pairs(plan_pairs(good, tmp_path / "pairs"), spoiler)}
    assert "broken.png" in str(told.pop("broken"))
    assert told == {"coffee": None, "rocket": None}
    assert len(paired_photos(tmp_path / "pairs" / "lq", tmp_path / "pairs" / "hq", scale=1, patch_px=64)) == 2


def test_pairs_never_land_on_something_else(folders, tmp_path) -> None:
    _, good = folders
    with pytest.raises(OutputError, match="lies within"):
        plan_pairs(good, good / "pairs")
    (tmp_path / "pairs" / "hq").mkdir(parents=True)
    (tmp_path / "pairs" / "hq" / "coffee.png").touch()
    with pytest.raises(OutputError, match=r"coffee.png: exists already; add --overwrite"):
        plan_pairs(good, tmp_path / "pairs")
    assert len(plan_pairs(good, tmp_path / "pairs", overwrite=True)) == 2
    (good / "coffee.jpg").write_bytes((good / "coffee.png").read_bytes())
    with pytest.raises(OutputError, match="would become one pair; rename one"):
        plan_pairs(good, tmp_path / "other")


def test_only_damage_weights_spoil(tmp_path) -> None:
    with pytest.raises(WeightsError, match="are for 'translate', not for damage"):
        Spoiler(save_damage(tmp_path / "other.safetensors", task="translate"), device="cpu")
    with pytest.raises(WeightsError, match="another version"):
        Spoiler(save_damage(tmp_path / "few.safetensors", maps=2), device="cpu")
