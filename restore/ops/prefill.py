"""Holes filled with a smooth interpolation of what surrounds them: where a network starts from."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

MIDDLE_GREY: Final = 0.5
"""What a picture without a single known pixel is filled with."""
RELAXATIONS: Final = 4
"""Steps towards the harmonic filling at each size of the pyramid: in the holes of held-out photos 0.5 to 0.6 dB better
than none, and twice as many are less than 0.1 dB better still."""


def prefill(image: Tensor, mask: Tensor) -> Tensor:
    """(B,3,H,W) with the holes of ``mask`` (B,1,H,W), 1 in a hole and 0 elsewhere, filled smoothly; any H and W.

    What lies under the mask is never read, be it NaN; known pixels stay as they are, to the bit. Each picture is filled
    from itself alone; one that is wholly masked becomes middle grey.
    Source: the pull-push pyramid of Gortler et al., "The Lumigraph", 1996, relaxed at every size (nested iteration).
    """
    hole = mask != 0
    if not bool(hole.any()):
        return image.clone()
    known = (~hole).to(image.dtype)
    return torch.where(hole, _filled(torch.where(hole, 0.0, image), known), image)


def _filled(image: Tensor, weight: Tensor) -> Tensor:
    """``image`` with values wherever ``weight`` (B,1,H,W) is 0, from coarser and coarser averages of the known ones."""
    height, width = image.shape[-2:]
    hole = weight == 0
    if height == width == 1:
        return torch.where(hole, MIDDLE_GREY, image)
    if not bool(hole.any()):
        return image
    even = (0, width % 2, 0, height % 2)
    known = F.avg_pool2d(F.pad(weight, even), 2)
    total = F.avg_pool2d(F.pad(image * weight, even), 2)
    coarse = _filled(torch.where(known > 0, total / known.clamp_min(1e-6), 0.0), (known > 0).to(image.dtype))
    enlarged = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
    filled = torch.where(hole, enlarged, image)
    for _ in range(RELAXATIONS):
        filled = torch.where(hole, _neighbours(filled), filled)
    return filled


def _neighbours(image: Tensor) -> Tensor:
    """The mean of each pixel's eight neighbours, nearer ones twice; beyond the edge lies the edge again."""
    padded = F.pad(image, (1, 1, 1, 1), mode="replicate")
    lines = padded[..., :-2] + padded[..., 2:] + 2 * padded[..., 1:-1]
    return (lines[..., :-2, :] + lines[..., 2:, :] + 2 * lines[..., 1:-1, :] - 4 * image) / 12
