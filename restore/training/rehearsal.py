"""A few steps of a run before it is started: how long it will take, how much memory and disk."""

from __future__ import annotations

import io
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from restore.config.train import TrainConfig
from restore.errors import TrainingError
from restore.training.loop import Loader, Run
from restore.training.run import fabric_for

STEPS = 20
_WARM = 4
"""The first steps read photos and plan kernels; they are not timed."""
_SHEET_BYTES = 700_000
"""A sample sheet: four rows of three 192-pixel crops as PNG."""
_EVENT_BYTES = 600
_LOG_EVERY_STEPS = 50


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a run will take."""

    steps_per_s: float
    seconds: float
    """Of the whole run, validations apart."""
    steps: int
    memory_bytes: int
    """Peak of this process, or of the GPU."""
    disk_bytes: int
    free_bytes: int
    first_loss: float
    last_loss: float

    def lines(self) -> list[str]:
        """The same in words."""
        room = "" if self.disk_bytes < self.free_bytes else f", but only {_megabytes(self.free_bytes)} are free"
        memory = _megabytes(self.memory_bytes) if self.memory_bytes else "unknown"
        return [
            f"{STEPS} steps went well: loss {self.first_loss:.4f} to {self.last_loss:.4f}",
            f"{self.steps_per_s:.1f} steps/s: {self.steps} steps in about {_duration(self.seconds)}, validations apart",
            f"memory about {memory}; disk about {_megabytes(self.disk_bytes)}{room}",
        ]


def rehearse(config: TrainConfig, loader: Loader) -> Rehearsal:
    """Twenty steps of the run, nothing written; TrainingError when the loss is no number."""
    fabric = fabric_for(config)
    run = Run(fabric, config, loader, [])
    patches = loader.stream(0)
    losses: list[float] = []
    started = 0.0
    for step in range(STEPS + _WARM):
        if step == _WARM:
            started = time.perf_counter()
        told = run.step(next(patches), progress=0.0)
        run.state.step += 1
        loss = told.get("loss", told.get("adversarial/discriminator"))
        losses.append(float(loss) if loss is not None else 0.0)
    took = time.perf_counter() - started
    patches.close()
    if not all(abs(loss) < float("inf") for loss in losses):
        raise TrainingError("the loss is not a number within the first steps: lower --lr, or use --precision float32")
    speed = STEPS / took
    steps = config.total_steps or round((config.budget_s or 0.0) * speed)
    seconds = steps / speed
    saved = io.BytesIO()
    torch.save(run.state.values(), saved)
    disk = 2 * saved.tell() + int(seconds / config.validate_every_s + 1) * _SHEET_BYTES
    disk += steps // _LOG_EVERY_STEPS * _EVENT_BYTES
    return Rehearsal(
        steps_per_s=speed,
        seconds=seconds,
        steps=steps,
        memory_bytes=_peak_memory(fabric.device),
        disk_bytes=disk,
        free_bytes=shutil.disk_usage(_standing(Path(config.run))).free,
        first_loss=losses[0],
        last_loss=losses[-1],
    )


def _standing(path: Path) -> Path:
    """The nearest folder above that is there."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _megabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _duration(seconds: float) -> str:
    minutes, hours = round(seconds / 60), round(seconds / 3600, 1)
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{hours} h"
