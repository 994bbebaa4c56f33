"""Where a run's patches and its held-out photos come from: a folder, two folders, or shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from restore.config.train import TrainConfig
from restore.datasets.folders import Example, good_photos, hold_out, paired_photos, validation_photos
from restore.datasets.loader import PatchLoader
from restore.errors import ConfigError
from restore.tasks import find_task
from restore.training.loop import Loader
from restore.training.validate import Held, Stored, load_held_out
from restore.training.validate_detector import load_held_prints

_HELD_OUT_COUNT = 8


@dataclass(frozen=True, slots=True)
class Source:
    """Patches to learn from, photos to validate on, and how many photos there are."""

    loader: Loader
    held_out: list[Held]
    photo_count: int


def check_task(config: TrainConfig) -> None:
    """ConfigError when the task cannot be trained so."""
    task = find_task(config.task)
    if config.scale not in task.scales:
        raise ConfigError(f"{task.name} can be trained for x{', x'.join(map(str, task.scales))}, not x{config.scale}")
    if task.needs_pairs and config.hq is not None:
        raise ConfigError(f"{task.name} is learnt from pairs: give --pairs FROM_FOLDER TO_FOLDER instead of --hq")
    if task.masked and config.pairs_lq is not None:
        raise ConfigError(f"{task.name} makes its own holes: give good photos, --hq FOLDER, instead of --pairs")
    if task.detects and config.pairs_lq is not None:
        raise ConfigError(f"{task.name} makes its own damage: give good photos, --hq FOLDER, instead of --pairs")
    if task.detects and config.adversarial.on:
        raise ConfigError(f"{task.name} gives no picture that a discriminator could judge; leave [adversarial] out")


def find_examples(config: TrainConfig) -> tuple[list[Example], list[Example]]:
    """Training and validation photos of folders; PairingError lists everything that is wrong with them."""
    if config.hq is not None:
        examples = good_photos(Path(config.hq), patch_px=config.patch_px)
    else:
        lq, hq = Path(str(config.pairs_lq)), Path(str(config.pairs_hq))
        examples = paired_photos(lq, hq, scale=config.scale, patch_px=config.patch_px)
    if config.val is None:
        return hold_out(examples, _HELD_OUT_COUNT)
    return examples, validation_photos(Path(config.val), examples, scale=config.scale)


def open_source(config: TrainConfig, *, validates: bool) -> Source:
    """The source that the settings name; held-out photos are only decoded where this process ``validates``.

    Raises PairingError with all problems of the folders, ConfigError, and TrainingError for shards that cannot be read.
    """
    if config.shards is not None:
        return _shards(config, config.shards, validates=validates)
    examples, held = find_examples(config)
    loader = PatchLoader(
        examples,
        scale=config.scale,
        patch_px=config.patch_px,
        batch=config.batch,
        seed=config.seed,
        cache_bytes=config.cache_gb * 1e9,
        align=config.align,
        half_size_chance=config.half_size_chance,
        turns=config.turns,
    )
    return Source(loader, _held_out(config, held) if validates else [], len(examples))


def _shards(config: TrainConfig, pattern: str, *, validates: bool) -> Source:
    from restore.datasets.shards import ShardLoader

    loader = ShardLoader(
        pattern,
        scale=config.scale,
        patch_px=config.patch_px,
        batch=config.batch,
        seed=config.seed,
        held_count=0 if config.val else _HELD_OUT_COUNT,
        align=config.align,
        half_size_chance=config.half_size_chance,
        turns=config.turns,
    )
    if find_task(config.task).needs_pairs and not loader.paired:
        raise ConfigError(f"{pattern}: {config.task} is learnt from pairs, like 0001.lq.png beside 0001.hq.png")
    if find_task(config.task).masked and loader.paired:
        raise ConfigError(f"{pattern}: {config.task} makes its own holes: give shards of good photos, not of pairs")
    if find_task(config.task).detects and loader.paired:
        raise ConfigError(f"{pattern}: {config.task} makes its own damage: give shards of good photos, not of pairs")
    held = validation_photos(Path(config.val), [], scale=config.scale) if config.val else loader.held_out
    return Source(loader, _held_out(config, held) if validates else [], loader.photo_count)


def _held_out(config: TrainConfig, held: Sequence[Stored]) -> list[Held]:
    task = find_task(config.task)
    if task.detects:
        return load_held_prints(held)
    return load_held_out(held, config.scale, align=config.align, masked=task.masked)
