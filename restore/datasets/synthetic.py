"""Good patches to smaller, damaged ones with a matching condition, on the device, seeded."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from restore.ops.degrade import add_noise, jpeg, to_8_bits
from restore.ops.resize import resize
from restore.tasks import NOISE_UNIT, QUALITY_UNIT

_PART_CHANCE = 0.7
"""A patch that is not clean has noise with this chance, and JPEG damage with this chance."""
_SUBSAMPLE_CHANCE = 0.7
"""Most JPEG files in the world store colour at half size."""
_JPEG_BEST = 98.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """How strongly and how often to spoil patches; see TrainConfig for the meaning of each number."""

    scale: int
    clean_chance: float
    hidden_chance: float
    noise_max: float
    jpeg_min: float


def spoil(hq: Tensor, damage: Damage, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Shrink, add noise and compress (B,3,H,W) in [0,1]; give ``(lq, condition)``.

    ``lq`` is (B,3,H/scale,W/scale) rounded to 8 bits; ``condition`` (B,4,1,1) as tasks.Condition.maps, with parts
    hidden at random. Noise levels are drawn as squares, so that light noise, the common kind, comes more often.
    """
    batch, _, height, width = hq.shape
    lq = to_8_bits(resize(hq, height // damage.scale, width // damage.scale))

    def draw() -> Tensor:
        return torch.rand(batch, generator=rng, device=hq.device)

    spoiled = draw() >= damage.clean_chance
    noisy = spoiled & (draw() < _PART_CHANCE)
    coded = spoiled & (draw() < _PART_CHANCE)
    sigma = draw().square() * damage.noise_max * noisy
    quality = damage.jpeg_min + draw() * (_JPEG_BEST - damage.jpeg_min)
    subsample = draw() < _SUBSAMPLE_CHANCE
    lq = to_8_bits(add_noise(lq, sigma, rng))
    if bool(coded.any()):
        lq = lq.clone()
        lq[coded] = jpeg(lq[coded], quality[coded], subsample=subsample[coded])
    quality = torch.where(coded, quality, QUALITY_UNIT)
    noise_known = (draw() >= damage.hidden_chance).float()
    jpeg_known = (draw() >= damage.hidden_chance).float()
    maps = [sigma / NOISE_UNIT * noise_known, noise_known, (1 - quality / QUALITY_UNIT) * jpeg_known, jpeg_known]
    return lq, torch.stack(maps, dim=1).view(batch, 4, 1, 1)
