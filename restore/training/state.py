"""What a training run is at one moment, and how it survives being stopped."""

from __future__ import annotations

import copy
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from restore.errors import TrainingError
from restore.training.adversary import Adversary
from restore.training.checkpoint import read_checkpoint, write_checkpoint

CHECKPOINT = "checkpoint.pt"
GOOD = "good.pt"
"""The checkpoint of the last validation that was as it should be."""
VERSION = 2
"""Of the checkpoint's layout."""


class Average:
    """Exponential moving average of a network's parameters; what is validated and shipped."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards ``network``; early steps (counted from 0) are followed faster so that the start is forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)
        for own, other in zip(self.network.buffers(), network.buffers(), strict=True):
            own.copy_(other)


@dataclass(slots=True)
class TrainState:
    """All that must be kept for a run to go on as if it had never stopped."""

    generator: nn.Module
    average: Average
    optimizer: torch.optim.Optimizer
    what: str
    """Task, scale and kind of run: a checkpoint of another is refused."""
    adversary: Adversary | None = None
    step: int = 0
    elapsed_s: float = 0.0
    best_db: float | None = None
    """Best held-out PSNR in dB so far; of a task that finds damage, IoU in percent."""

    def save(self, folder: Path) -> None:
        """Write ``checkpoint.pt`` whole or not at all; the former one stays until then. OutputError when it cannot."""
        write_checkpoint(folder / CHECKPOINT, self.values())

    def values(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "version": VERSION,
            "what": self.what,
            "generator": self.generator.state_dict(),
            "average": self.average.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "adversary": None if self.adversary is None else self.adversary.state(),
            "step": self.step,
            "elapsed_s": self.elapsed_s,
            "best_db": self.best_db,
        }

    def load(self, folder: Path) -> None:
        """Take over the checkpoint in ``folder``; TrainingError when there is none or it is of another run."""
        path = folder / CHECKPOINT
        saved = read_checkpoint(path, cure=f"put {folder / GOOD} in its place if there is one, or start anew")
        if saved.get("version") != VERSION:
            raise TrainingError(f"{path}: written by another version of restore; start anew with --init WEIGHTS")
        if saved.get("what") != self.what:
            raise TrainingError(f"{path}: is of a run for {saved.get('what')}, this one is for {self.what}")
        try:
            self.generator.load_state_dict(saved["generator"])
            self.average.network.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            if self.adversary is not None:
                self.adversary.load(saved["adversary"])
            self.step, self.elapsed_s, self.best_db = saved["step"], saved["elapsed_s"], saved["best_db"]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise TrainingError(f"{path}: does not fit these settings; resume with the settings in {folder}") from error

    @staticmethod
    def mark_good(folder: Path) -> None:
        """Keep the present checkpoint as the one to come back to."""
        temporary = folder / f".{GOOD}.part"
        shutil.copyfile(folder / CHECKPOINT, temporary)
        temporary.replace(folder / GOOD)

    def go_back(self, folder: Path) -> bool:
        """Return to the last good state, on disk too; False when there is none."""
        if not (folder / GOOD).is_file():
            return False
        shutil.copyfile(folder / GOOD, folder / f".{CHECKPOINT}.part")
        (folder / f".{CHECKPOINT}.part").replace(folder / CHECKPOINT)
        self.load(folder)
        return True
