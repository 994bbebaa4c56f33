"""The lab's pictures: a pool of crops to learn from, crops to measure on, and damage."""

from __future__ import annotations

from pathlib import Path

import kornia
import numpy as np
import torch
from torch import Tensor

from restore.datasets.folders import good_photos
from restore.datasets.loader import PatchLoader, step_seed
from restore.ops.degrade import add_noise, jpeg, to_8_bits
from restore.ops.resize import resize

CROP_PX = 128
"""Side of the pool's crops; patches are cut out of them."""
_CROPS_AT_ONCE = 50
GREY = 0.5
"""What a hole is filled with before a network fills it."""
DAMAGES = ("clean", "noise", "jpeg", "blur")


class Pool:
    """Crops of training photos, held in memory, so that every run costs its steps alone."""

    def __init__(self, folder: Path, *, photos: int, crops: int) -> None:
        """Cut ``crops`` random crops out of at most ``photos`` photos of ``folder``, the same ones every time."""
        examples = good_photos(folder, patch_px=CROP_PX)
        chosen = examples[:: max(1, len(examples) // photos)][:photos]
        loader = PatchLoader(
            chosen, scale=1, patch_px=CROP_PX, batch=_CROPS_AT_ONCE, seed=0, cache_bytes=1e9, half_size_chance=0.5
        )
        self._crops = torch.cat([loader.batch(step).hq for step in range(-(-crops // _CROPS_AT_ONCE))])[:crops]

    def patches(self, seed: int, step: int, *, side: int, batch: int) -> Tensor:
        """(batch,3,side,side) in [0,1]: cuts of random crops, half of them mirrored; a function of seed and step."""
        rng = np.random.default_rng(step_seed(seed, step))
        cuts = []
        for _ in range(batch):
            crop = self._crops[int(rng.integers(len(self._crops)))]
            top, left = (int(rng.integers(CROP_PX - side + 1)) for _ in range(2))
            cut = crop[:, top : top + side, left : left + side]
            cuts.append(cut.flip(-1) if rng.random() < 0.5 else cut)
        return torch.stack(cuts).float().div_(255)


def held_out(folder: Path, *, side: int, each: int) -> Tensor:
    """(N,3,side,side) in [0,1]: ``each`` crops of every photo of ``folder``, at half size where large enough."""
    crops = []
    for number, example in enumerate(good_photos(folder, patch_px=side)):
        loader = PatchLoader(
            [example], scale=1, patch_px=side, batch=each, seed=number, cache_bytes=1e8, half_size_chance=1.0
        )
        crops.append(loader.batch(0).hq)
    return torch.cat(crops).float().div_(255)


def shrink(hq: Tensor, scale: int) -> Tensor:
    """(B,3,H,W) -> (B,3,H/scale,W/scale), antialiased, rounded to 8 bits."""
    return to_8_bits(resize(hq, hq.shape[-2] // scale, hq.shape[-1] // scale))


def boxes(count: int, side: int, rng: torch.Generator, *, least_px: int, most_px: int) -> Tensor:
    """(count,1,side,side): 1 inside one random rectangle of each picture, its sides ``least_px`` to ``most_px``."""
    masks = torch.zeros(count, 1, side, side)
    for mask in masks:
        height, width = torch.randint(least_px, most_px + 1, (2,), generator=rng).tolist()
        top = int(torch.randint(side - height + 1, (), generator=rng))
        left = int(torch.randint(side - width + 1, (), generator=rng))
        mask[:, top : top + height, left : left + width] = 1
    return masks


def with_hole(hq: Tensor, mask: Tensor) -> Tensor:
    """``hq`` (B,3,H,W) with middle grey where ``mask`` (B,1,H,W) is 1."""
    return torch.where(mask > 0, GREY, hq)


def damaged(hq: Tensor, kind: str, rng: torch.Generator) -> Tensor:
    """(B,3,H,W) in [0,1] spoiled by one of DAMAGES, each picture to another degree; rounded to 8 bits."""
    strength = torch.rand(len(hq), generator=rng)
    if kind == "noise":
        return to_8_bits(add_noise(hq, 5 + 20 * strength, rng))
    if kind == "jpeg":
        return jpeg(hq, 70 - 40 * strength, subsample=torch.ones(len(hq), dtype=torch.bool))
    if kind == "blur":
        sigma = (0.7 + 0.8 * strength)[:, None].expand(-1, 2)
        return to_8_bits(kornia.filters.gaussian_blur2d(hq, (9, 9), sigma))
    return to_8_bits(hq)
