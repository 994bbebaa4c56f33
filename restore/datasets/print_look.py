"""How old prints look without any damage: toned, faded, soft, grainy, printed in dots, written on, and scanned.

None of it is to be found by a detector of damage; it learns so from patches that have it and no damage.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import torch
from torch import Tensor

from restore.datasets import hole_shapes as shapes
from restore.datasets.print_layers import Colour, Paper, Rng, cloud, drawn, plain, soft
from restore.ops.color import luma
from restore.ops.degrade import add_noise, jpeg, to_8_bits

_AS_IT_IS_CHANCE: Final = 0.15
"""So many photos have not aged at all: new ones get scratched too, and most of them are not."""
_TONED_CHANCE, _FADED_CHANCE, _VIGNETTE_CHANCE = 0.35, 0.5, 0.15
_INK_CHANCE: Final = 0.08
"""So often something is written on a print, or a cable hangs in the picture."""
_MARGIN_CHANCE: Final = 0.18
_HALFTONE_CHANCE: Final = 0.04
_SOFT_CHANCE, _GRAIN_CHANCE = 0.5, 0.5
_SOFTEST_PX: Final = 1.5
_SCAN_SOFT_CHANCE, _SCAN_NOISE_CHANCE, _SHARPENED_CHANCE, _JPEG_CHANCE = 0.4, 0.5, 0.25, 0.6
_SCAN_SOFTEST_PX: Final = 0.9
_SHARPEST: Final = 1.2
_SCAN_NOISE: Final = 4.0
_JPEG_BEST: Final = 98.0
_SUBSAMPLE_CHANCE: Final = 0.75


def aged(image: Tensor, rng: Rng, grain_max: float) -> tuple[Tensor, Paper]:
    """(3,H,W) in [0,1] as a print that was kept well, and its paper; ``grain_max`` is in grey levels."""
    size = (image.shape[1], image.shape[2])
    behind = (rng.uniform(0, 0.12) if rng.uniform() < 0.4 else rng.uniform(0.85, 1.0),) * 3
    if rng.uniform() < _AS_IT_IS_CHANCE:
        return image, Paper((0.97, 0.97, 0.97), behind)
    image = _inked(image, rng) if rng.uniform() < _INK_CHANCE else image
    warm = rng.uniform(0, 1) if rng.uniform() < 0.7 else 0.0
    bright = rng.uniform(0.82, 1.0)
    white = (bright, bright * (1 - 0.06 * warm), bright * (1 - 0.2 * warm))
    if rng.uniform() < _TONED_CHANCE:
        image = _toned(image, rng, white)
    if rng.uniform() < _FADED_CHANCE:
        image = _faded(image, rng)
    if rng.uniform() < _VIGNETTE_CHANCE:
        image = image * (1 - rng.uniform(0.1, 0.5) * cloud(size, rng, 1.5 * max(size)).abs().clamp(0, 1))
    if rng.uniform() < _SOFT_CHANCE:
        image = soft(image, rng.uniform(0, _SOFTEST_PX))
    if rng.uniform() < _GRAIN_CHANCE:
        image = image + _grain(size, rng, grain_max * rng.uniform() ** 2)
    if rng.uniform() < _HALFTONE_CHANCE:
        image = _halftone(image, rng)
    if rng.uniform() < _MARGIN_CHANCE:
        image = _margin(image, rng, white)
    return image.clamp(0, 1), Paper(white, behind)


def scanned(image: Tensor, jpeg_min: float, rng: torch.Generator) -> Tensor:
    """(B,3,H,W) in [0,1] as files of scans: a little soft or sharpened, noisy, compressed; in whole 1/255."""
    batch = len(image)

    def draw() -> Tensor:
        return torch.rand(batch, generator=rng, device=image.device)

    spread, amount = draw() * _SCAN_SOFTEST_PX, draw() * _SHARPEST
    softened, sharpened = draw() < _SCAN_SOFT_CHANCE, draw() < _SHARPENED_CHANCE
    image = image.clone()
    for place in range(batch):
        if softened[place]:
            image[place] = soft(image[place], float(spread[place]))
        if sharpened[place]:
            image[place] += amount[place] * (image[place] - soft(image[place], 1.0))
    image = add_noise(image, draw().square() * _SCAN_NOISE * (draw() < _SCAN_NOISE_CHANCE), rng)
    image = to_8_bits(image)
    coded, quality = draw() < _JPEG_CHANCE, jpeg_min + draw().sqrt() * (_JPEG_BEST - jpeg_min)
    subsample = draw() < _SUBSAMPLE_CHANCE
    if bool(coded.any()):
        image[coded] = jpeg(image[coded], quality[coded], subsample=subsample[coded])
    return image


def _inked(image: Tensor, rng: Rng) -> Tensor:
    """With writing in one ink, or a cable before the sky: lines that belong to the picture."""
    size = (image.shape[1], image.shape[2])
    if rng.uniform() < 0.5:
        ink = rng.uniform(0, 0.3) if rng.uniform() < 0.7 else rng.uniform(0.8, 1)
        colour: Colour = (ink, ink, min(1.0, ink + rng.uniform(0, 0.3)))
        return torch.lerp(image, plain(colour).expand_as(image), drawn(size, rng, shapes.writing, 2))
    tone = rng.uniform(0, 0.2)
    cable = soft(drawn(size, rng, shapes.cable, int(rng.integers(1, 4))), rng.uniform(0.4, 0.9))
    return torch.lerp(image, plain((tone, tone, tone)).expand_as(image), cable)


def _toned(image: Tensor, rng: Rng, white: Colour) -> Tensor:
    """One colour of each brightness: sepia mostly, cold tones now and then."""
    light = luma(image[None])[0]
    strength = rng.uniform(0, 0.25)
    middle = (strength, 0.35 * strength, -strength) if rng.uniform() < 0.85 else (-0.5 * strength, 0.0, strength)
    tint = 4 * light * (1 - light) * 0.5
    return (light * plain(white) + tint * plain(middle)).clamp(0, 1)


def _faded(image: Tensor, rng: Rng) -> Tensor:
    """Less contrast, another gamma, and in colour photos a cast."""
    dark = rng.uniform(0, 0.3) * torch.from_numpy(rng.uniform(0.6, 1, 3)).to(torch.float32).view(3, 1, 1)
    bright = 1 - rng.uniform(0, 0.3)
    if bool((image[0] == image[1]).all()):
        dark = dark.mean().expand(3, 1, 1)
    return dark + (bright - dark) * image.clamp(0, 1) ** math.exp(rng.normal(0, 0.25))


def _grain(size: tuple[int, int], rng: Rng, sigma: float) -> Tensor:
    """(1,H,W): gray, white or clumped noise of so many grey levels."""
    noise = torch.from_numpy(rng.normal(0, 1, size)).to(torch.float32)
    if rng.uniform() < 0.6:
        noise = soft(noise, rng.uniform(0.4, 1.0))
        noise /= noise.std()
    return sigma / 255 * noise[None]


def _halftone(image: Tensor, rng: Rng) -> Tensor:
    """Printed in dots, as in newspapers and postcards."""
    height, width = image.shape[1:]
    period, turn = rng.uniform(2.5, 6), rng.uniform(0, np.pi / 2)
    down, right = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    along = (right * math.cos(turn) + down * math.sin(turn)) * 2 * math.pi / period
    across = (down * math.cos(turn) - right * math.sin(turn)) * 2 * math.pi / period
    screen = (along.cos() + across.cos()) / 4
    dots = torch.sigmoid(rng.uniform(4, 10) * (image + screen - 0.5))
    return torch.lerp(image, dots, rng.uniform(0.3, 1.0))


def _margin(image: Tensor, rng: Rng, white: Colour) -> Tensor:
    """With the straight border of the print, its shadow, and what the print lies on: edges, and no damage."""
    image = image.clone()
    outer, width = int(rng.integers(0, 12)), int(rng.integers(2, 24)) if rng.uniform() < 0.7 else 0
    tone = rng.uniform(0, 0.15) if rng.uniform() < 0.5 else rng.uniform(0.7, 1.0)
    line, thin = rng.uniform(0, 0.5), int(rng.integers(1, 4)) if rng.uniform() < 0.5 else 0
    for turn in range(1 + int(rng.integers(2))):
        side = image.rot90(turn, (1, 2))
        side[:, : outer + width + thin] = plain((line,) * 3)
        side[:, : outer + width] = plain(white)
        side[:, :outer] = plain((tone,) * 3)
        side[:, max(0, outer - thin) : outer] = plain((line,) * 3)
    return image
