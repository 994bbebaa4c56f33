"""What the task ``scratch`` learns from: good patches as old prints, damaged or not, and maps of the damage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from restore.datasets import defect_areas as areas
from restore.datasets import defect_lines as lines
from restore.datasets.print_layers import Defect, Layer, Paper, Rng
from restore.datasets.print_look import aged, scanned

KINDS: Final[tuple[tuple[Defect, float], ...]] = (
    (lines.scratches, 3.0),
    (lines.ticks, 2.5),
    (lines.film_lines, 1.2),
    (lines.crease, 2.8),
    (lines.web, 2.8),
    (lines.cracks, 1.6),
    (areas.dust, 3.5),
    (lines.hairs, 2.0),
    (areas.mould, 1.2),
    (areas.stain, 0.6),
    (areas.flakes, 1.5),
    (areas.torn, 0.8),
    (areas.tear, 0.8),
    (areas.worn_edge, 0.8),
)
"""All kinds, and how often each is drawn against the others."""
COUNTS_FROM: Final = 0.25
"""Opacity from which a soft edge belongs to a defect."""
VISIBLE: Final = 0.08
"""A defect counts where, within two pixels, it changes the picture by more than this: white on white is no damage."""
_NEAR_PX: Final = 2
_MOST_KINDS: Final = 4
_MOST_SHARE: Final = 0.35
"""Of a patch that is damaged: more is no print any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintDamage:
    """How often and how strongly; see TrainConfig for the meaning of each number."""

    clean_chance: float
    """Share of patches without any defect; they are old prints all the same."""
    noise_max: float
    """Strongest film grain, in grey levels."""
    jpeg_min: float


def spoil_as_old_print(hq: Tensor, damage: PrintDamage, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """(B,3,H,W) in [0,1] as scans of old prints, in whole 1/255, and where they are damaged: (B,1,H,W) of 0 and 1.

    What changes a picture without being damage (toning, fading, grain, softness, JPEG) is not in the map.
    """
    device = hq.device
    numbers = np.random.default_rng(int(torch.randint(1 << 62, (), generator=rng, device=device)))
    made = [_print(patch, damage, numbers) for patch in hq.cpu()]
    picture = torch.stack([picture for picture, _ in made]).to(device)
    mask = torch.stack([mask for _, mask in made])[:, None].to(device)
    return scanned(picture, damage.jpeg_min, rng), mask


def _print(patch: Tensor, damage: PrintDamage, rng: Rng) -> tuple[Tensor, Tensor]:
    """One picture (3,H,W) and its map (H,W)."""
    image, paper = aged(patch, rng, damage.noise_max)
    if rng.uniform() < damage.clean_chance:
        return image, torch.zeros(image.shape[1:])
    return damaged(image, paper, rng)


def damaged(image: Tensor, paper: Paper, rng: Rng) -> tuple[Tensor, Tensor]:
    """(3,H,W) with defects of one to four kinds, and where: (H,W) of 0 and 1, which is never 1 nowhere."""
    size = (image.shape[1], image.shape[2])
    shares = np.array([share for _, share in KINDS])
    while True:
        count = 1 + min(int(rng.geometric(0.45)) - 1, _MOST_KINDS - 1)
        picture, mask = image, torch.zeros(size)
        for place in rng.choice(len(KINDS), count, p=shares / shares.sum()):
            layers = KINDS[place][0](size, rng, paper)
            covered, changed = coated(picture, layers)
            if float(torch.maximum(mask, changed).mean()) <= _MOST_SHARE:
                picture, mask = covered, torch.maximum(mask, changed)
        if bool(mask.any()):
            return picture, mask


def coated(image: Tensor, layers: Sequence[Layer]) -> tuple[Tensor, Tensor]:
    """(3,H,W) under all layers, and where that shows: (H,W) of 0 and 1."""
    picture, opaque = image, torch.zeros(image.shape[1:])
    for layer in layers:
        picture = torch.lerp(picture, layer.colour.expand_as(picture), layer.opacity * layer.strength)
        opaque = torch.maximum(opaque, layer.opacity)
    change = (picture - image).abs().amax(dim=0)
    near = F.max_pool2d(change[None], 2 * _NEAR_PX + 1, stride=1, padding=_NEAR_PX)[0]
    return picture, ((opaque > COUNTS_FROM) & (near > VISIBLE)).to(torch.float32)
