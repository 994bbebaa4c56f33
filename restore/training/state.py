"""What a training run is at one moment, and how it survives being stopped."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from restore.errors import TrainingError
from restore.models.unet import UNet

CHECKPOINT = "checkpoint.pt"


class Average:
    """Exponential moving average of a network's parameters; what is validated and shipped."""

    def __init__(self, network: UNet, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards ``network``; early steps (counted from 0) are followed faster so that the start is forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(list(self.network.parameters()), list(network.parameters()), 1 - decay)


@dataclass(slots=True)
class TrainState:
    """All that must be kept for a run to go on as if it had never stopped."""

    generator: UNet
    average: Average
    optimizer: torch.optim.Optimizer
    step: int = 0
    elapsed_s: float = 0.0

    def save(self, folder: Path) -> None:
        """Write ``checkpoint.pt`` whole or not at all; the former one stays until then."""
        path = folder / CHECKPOINT
        temporary = path.with_name(f".{CHECKPOINT}.part")
        torch.save(
            {
                "generator": self.generator.state_dict(),
                "average": self.average.network.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "step": self.step,
                "elapsed_s": self.elapsed_s,
            },
            temporary,
        )
        temporary.replace(path)

    def load(self, folder: Path) -> None:
        """Take over the checkpoint in ``folder``; TrainingError when there is none or it does not fit."""
        path = folder / CHECKPOINT
        if not path.is_file():
            raise TrainingError(f"{path}: nothing to resume from; start the run without --resume")
        saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        try:
            self.generator.load_state_dict(saved["generator"])
            self.average.network.load_state_dict(saved["average"])
            self.optimizer.load_state_dict(saved["optimizer"])
            self.step, self.elapsed_s = saved["step"], saved["elapsed_s"]
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(f"{path}: does not fit these settings; resume with the settings in {folder}") from error
