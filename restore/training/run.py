"""A training run from settings to weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lightning_fabric import Fabric

from restore.config.toml import to_toml
from restore.config.train import TrainConfig
from restore.datasets.fetch import find_files
from restore.errors import OutputError
from restore.inference.device import Device, choose_device, native_bfloat16
from restore.training.journal import Event, Journal
from restore.training.loop import WEIGHTS, Run
from restore.training.processes import find_processes, is_first
from restore.training.report import write_report
from restore.training.source import check_task, find_examples, open_source
from restore.training.state import CHECKPOINT

SETTINGS = "config.toml"


def train(config: TrainConfig, on_event: Callable[[Event], None]) -> Path:
    """Train as ``config`` says; gives the path of the exported weights.

    Raises PairingError with all problems of the folders before the first step, ConfigError, OutputError when the run
    folder already holds a run or cannot be written, and TrainingError when a loss stops being a number or the held-out
    score falls (the last good state stays).
    """
    check_task(config)
    if config.shards is None:
        find_examples(config)  # all that is wrong with the folders, before anything is made
    else:
        find_files(config.shards)
    folder = Path(config.run)
    if is_first() and (folder / CHECKPOINT).exists() and not config.resume:
        raise OutputError(f"{folder}: already holds a run; add --resume to go on with it, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    fabric = fabric_for(config)
    fabric.launch()
    first = fabric.global_rank == 0
    source = open_source(config, validates=first)
    run = Run(fabric, config, source.loader, source.held_out)
    about = {"photos": float(source.photo_count)}
    if not first:
        run.loop(None, about)
        return folder / WEIGHTS
    (folder / SETTINGS).write_text(to_toml(replace(config, resume=False)), encoding="utf-8", errors="surrogateescape")
    with Journal(folder, on_event, tensorboard=config.tensorboard) as journal:
        run.loop(journal, about)
    write_report(folder)
    return folder / WEIGHTS


def fabric_for(config: TrainConfig) -> Fabric:
    """Fabric on the device, with the processes and the precision that the settings ask for."""
    shared = find_processes(config.devices, config.batch)
    device = choose_device(config.device, threads=config.threads or (1 if shared.here > 1 else None))
    chosen = device.torch.index if shared.count == 1 else None  # cuda:1 is that one, not the first
    return Fabric(
        accelerator=device.torch.type,
        devices=shared.here if chosen is None else [chosen],
        num_nodes=shared.machines,
        strategy="ddp" if shared.count > 1 else "auto",
        precision="bf16-mixed" if _lower_precision(config, device) else "32-true",
    )


def _lower_precision(config: TrainConfig, device: Device) -> bool:
    return config.precision == "bfloat16" or (config.precision == "auto" and native_bfloat16(device.torch))
