"""From settings to the damage that a run makes on its good patches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from restore.config.train import TrainConfig
from restore.datasets.clean_damage import CleanDamage, spoil_same_size
from restore.datasets.hole_damage import HoleDamage, spoil_with_holes
from restore.datasets.old_print import PrintDamage, spoil_as_old_print
from restore.datasets.synthetic import Damage, spoil

Spoil = Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor]]
"""(B,3,H,W) in [0,1] and a generator on the same device -> the damaged patches, and what the network is told.

Where the task is to find damage, the second is what it should find instead, (B,1,H,W) of 0 and 1.
"""


def spoil_for(config: TrainConfig) -> Spoil:
    """What the task of a run does to good patches."""
    if config.task == "clean":
        return partial(
            _call_clean,
            CleanDamage(
                clean_chance=config.clean_chance,
                hidden_chance=config.hidden_chance,
                noise_max=config.noise_max,
                jpeg_min=config.jpeg_min,
                blur_max=config.blur_max,
                coarse_chance=config.coarse_chance,
                noise_share=config.noise_share,
                jpeg_share=config.jpeg_share,
                blur_share=config.blur_share,
            ),
        )
    if config.task == "inpaint":
        holes = HoleDamage(clean_chance=config.clean_chance, noise_max=config.noise_max, jpeg_min=config.jpeg_min)
        return partial(_call_holes, holes)
    if config.task == "scratch":
        old = PrintDamage(clean_chance=config.clean_chance, noise_max=config.noise_max, jpeg_min=config.jpeg_min)
        return partial(_call_old_print, old)
    return partial(
        _call_shrunk,
        Damage(
            scale=config.scale,
            clean_chance=config.clean_chance,
            hidden_chance=config.hidden_chance,
            noise_max=config.noise_max,
            jpeg_min=config.jpeg_min,
        ),
    )


def _call_clean(damage: CleanDamage, hq: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    return spoil_same_size(hq, damage, rng)


def _call_holes(damage: HoleDamage, hq: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    return spoil_with_holes(hq, damage, rng)


def _call_old_print(damage: PrintDamage, hq: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    return spoil_as_old_print(hq, damage, rng)


def _call_shrunk(damage: Damage, hq: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    return spoil(hq, damage, rng)


def without_colour(hq: Tensor, chance: float, rng: torch.Generator) -> Tensor:
    """(B,3,H,W) in [0,1] with the colour of some patches taken away; the luma of JFIF, rounded to 8 bits."""
    gray = torch.rand(len(hq), generator=rng, device=hq.device) < chance
    shares = torch.tensor([0.299, 0.587, 0.114], device=hq.device).view(1, 3, 1, 1)
    luma = (hq * shares).sum(dim=1, keepdim=True).mul(255).round().div(255)
    return torch.where(gray.view(-1, 1, 1, 1), luma, hq)
