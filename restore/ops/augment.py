"""Augmentation that gradients pass through: what a discriminator sees of few photos."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_FARTHEST = 1 / 8
"""A picture is moved by up to this share of its side."""
_HOLE = 1 / 4
"""Side of the hole that is cut out, as a share of the picture's."""


def augment(pictures: Tensor, chance: float, rng: torch.Generator) -> Tensor:
    """Mirror, move and cut a hole into each of (B,C,H,W), each with ``chance``; all channels alike, gaps filled with 0.

    A picture and what it was made from are augmented as one tensor, so that they still fit. Differentiable. Nothing
    touches colours: those are what a restoration must keep. ``rng`` is on the host.
    Source: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", 2020.
    """
    return torch.stack([_one(picture, chance, rng) for picture in pictures])


def _one(picture: Tensor, chance: float, rng: torch.Generator) -> Tensor:
    height, width = picture.shape[-2:]
    happens = [draw < chance for draw in torch.rand(3, generator=rng).tolist()]
    across, down, left, top = torch.rand(4, generator=rng).tolist()
    if happens[0]:
        picture = picture.flip(-1)
    if happens[1]:
        right, below = round((2 * across - 1) * _FARTHEST * width), round((2 * down - 1) * _FARTHEST * height)
        picture = F.pad(picture, (right, -right, below, -below))
    if happens[2]:
        hole_height, hole_width = max(round(_HOLE * height), 1), max(round(_HOLE * width), 1)
        y, x = round(top * (height - hole_height)), round(left * (width - hole_width))
        kept = torch.ones(1, height, width, device=picture.device, dtype=picture.dtype)
        kept[:, y : y + hole_height, x : x + hole_width] = 0
        picture = picture * kept
    return picture
