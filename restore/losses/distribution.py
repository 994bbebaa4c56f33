"""Losses that compare what there is, not where it is: distributions of patches."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

PATCH_PX: Final = 7
"""Side of a patch (as in ProGAN's measure)."""

DIRECTION_COUNT: Final = 16
"""Random directions for each level; every step draws new ones."""

LEVEL_COUNT: Final = 3
SMALLEST_PX: Final = 16
"""No level of the pyramid is smaller than this."""

STRIDE_PX: Final = 2
"""Patches begin at every other pixel, odd or even as the step decides."""

GREY_LEVEL: Final = 1 / 255


def sliced_wasserstein(restored: Tensor, target: Tensor, *, seed: int, step: int) -> Tensor:
    """How far each image's patches, as a heap without places, are from its target's: one scalar, 0 when equal.

    Both images are (B,C,H,W) in [0,1]. On each level of a Laplacian pyramid, patches of 7 pixels are projected onto 16
    random directions; the projections are sorted and compared by L1, in units of their spread over the targets. Moving
    texture costs nothing, losing or inventing it does. The directions depend on ``seed`` and ``step`` alone.
    Source: Karras et al., "Progressive growing of GANs", ICLR 2018 (a measure there, a loss here).

    >>> photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> sliced_wasserstein(photo, photo, seed=0, step=0).item()
    0.0
    """
    rng = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, step]).generate_state(1)[0]))
    parts = []
    for one, other in zip(_pyramid(restored), _pyramid(target), strict=True):
        side = min(PATCH_PX, *one.shape[-2:])
        directions = torch.randn(DIRECTION_COUNT, one.shape[1], side, side, generator=rng, dtype=one.dtype)
        directions = (directions / directions.flatten(1).norm(dim=1).view(-1, 1, 1, 1)).to(one.device)
        top, left = (int(place) for place in torch.randint(STRIDE_PX, (2,), generator=rng))
        heaps = [_projections(level[..., top:, left:], directions) for level in (one, other)]
        spread = heaps[1].detach().std(unbiased=False).clamp(min=GREY_LEVEL)
        parts.append(((heaps[0] - heaps[1]) / spread).abs().mean())
    return torch.stack(parts).mean()


def _projections(level: Tensor, directions: Tensor) -> Tensor:
    """All patches of (B,C,H,W) seen from each direction, in order of size: (B,directions,patches)."""
    return F.conv2d(level, directions, stride=STRIDE_PX).flatten(2).sort(dim=2).values


def _pyramid(image: Tensor) -> list[Tensor]:
    """What each halving loses, finest first, then what is left."""
    levels: list[Tensor] = []
    while len(levels) < LEVEL_COUNT - 1 and min(image.shape[-2:]) >= 2 * SMALLEST_PX:
        small = F.avg_pool2d(image, 2)
        levels.append(image - F.interpolate(small, image.shape[-2:], mode="bilinear", align_corners=False))
        image = small
    return [*levels, image]
