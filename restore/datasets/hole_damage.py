"""What the task ``inpaint`` learns from: good patches with holes, filled smoothly, and the masks of the holes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from restore.datasets.holes import draw_masks
from restore.ops.degrade import add_noise, jpeg, to_8_bits
from restore.ops.prefill import prefill

_JPEG_CHANCE: Final = 0.6
"""Of the patches whose known pixels are not clean; all of them have noise."""
_JPEG_BEST: Final = 98.0
_SUBSAMPLE_CHANCE: Final = 0.75
_PAINTED_CHANCE: Final = 0.5
"""So often a patch had been scratched before it was compressed: the scratch rings into what is known around it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoleDamage:
    """How strongly and how often the known pixels are spoilt; see TrainConfig for the meaning of each number."""

    clean_chance: float
    noise_max: float
    jpeg_min: float


def spoil_with_holes(hq: Tensor, damage: HoleDamage, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Tear holes into (B,3,H,W) in [0,1]; give the prefilled pictures and the masks (B,1,H,W) of 0 and 1.

    What lay in a hole is gone: the filling is made of known pixels alone. These have light noise and JPEG damage in the
    patches that are not clean, and are then in whole 1/255.
    """
    batch, _, height, width = hq.shape

    def draw() -> Tensor:
        return torch.rand(batch, generator=rng, device=hq.device)

    mask = draw_masks(batch, height, width, rng)
    dirty = draw() >= damage.clean_chance
    coded = dirty & (draw() < _JPEG_CHANCE)
    sigma = draw().square() * damage.noise_max * dirty
    quality = damage.jpeg_min + draw() * (_JPEG_BEST - damage.jpeg_min)
    subsample = draw() < _SUBSAMPLE_CHANCE
    painted = (draw() < _PAINTED_CHANCE).view(-1, 1, 1, 1) & (mask != 0)
    paint = torch.rand(batch, 3, 1, 1, generator=rng, device=hq.device)
    known = add_noise(hq, sigma, rng)
    if bool(coded.any()):
        scratched = torch.where(painted, paint, known).clamp(0, 1)
        known[coded] = jpeg(scratched[coded], quality[coded], subsample=subsample[coded])
    known = torch.where(dirty.view(-1, 1, 1, 1), to_8_bits(known), hq)
    return prefill(known, mask), mask
