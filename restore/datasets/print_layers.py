"""Coats over a picture, and the means to draw them: shapes finer than pixels, frayed edges, clouds, bare paper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.draw import Canvas

Rng = np.random.Generator
Size = tuple[int, int]
Colour = tuple[float, float, float]

_FINEST: Final = 3
"""Fine things are drawn on a canvas up to so many times as large, and are then a third of a pixel thin."""
_THIN_GAIN: Final = 0.5
"""Thinner lines cover a pixel less; they are made denser by this share for each step of fineness, to stay visible."""
_FADED_INKS: Final[tuple[Colour, ...]] = (
    (0.2, 0.75, 0.45),
    (0.25, 0.6, 0.95),
    (0.95, 0.85, 0.2),
    (0.9, 0.35, 0.6),
    (0.95, 0.5, 0.2),
)
"""What shows where a scratch in a colour film has not gone through all of its layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One coat over a picture: each pixel moves by ``opacity`` times ``strength`` towards ``colour``."""

    opacity: Tensor
    """(H,W) float32 in [0,1]: the shape, 1 in its full parts."""
    colour: Tensor
    """(3,1,1) or (3,H,W) float32 in [0,1]."""
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class Paper:
    """What lies under the emulsion, and behind the print where it is torn."""

    white: Colour
    behind: Colour


Defect = Callable[[Size, Rng, Paper], list[Layer]]
"""Draws one kind of defect somewhere on a picture of that height and width."""


def drawn(size: Size, rng: Rng, draw: Callable[[Canvas, Rng], None], fine: int = 1) -> Tensor:
    """(H,W) in [0,1]: how much of each pixel is covered by what ``draw`` leaves on a canvas ``fine`` times as large."""
    height, width = size
    canvas = np.zeros((height * fine, width * fine), dtype=bool)
    draw(canvas, rng)
    covered = torch.from_numpy(canvas).to(torch.float32)
    if fine > 1:
        covered = F.avg_pool2d(covered[None, None], fine)[0, 0] * (1 + _THIN_GAIN * (fine - 1))
    return covered.clamp_(max=1)


def cloud(size: Size, rng: Rng, px: float) -> Tensor:
    """(H,W) of about unit spread, changing smoothly within ``px`` pixels."""
    nodes = rng.normal(0, 1, [int(side / px) + 3 for side in size])
    grid = torch.from_numpy(nodes).to(torch.float32)[None, None]
    whole = F.interpolate(grid, size=[max(side, 2) for side in size], mode="bicubic", align_corners=True)
    return whole[0, 0, : size[0], : size[1]]


def soft(planes: Tensor, sigma: float) -> Tensor:
    """(H,W) or (C,H,W) under a Gaussian of so many pixels; beyond the border it goes on as it ends.

    Two passes over few pixels: ``ops.blur``, which can do any kernel, takes ten times as long for this one.
    """
    reach = max(1, int(np.ceil(2.5 * sigma)))
    line = torch.exp(-torch.arange(-reach, reach + 1, dtype=torch.float32).square() / (2 * max(sigma, 1e-3) ** 2))
    line = (line / line.sum()).to(planes.device)
    stack = planes.reshape(-1, 1, *planes.shape[-2:])
    padded = F.pad(stack, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1)).view_as(planes)


def ragged(plane: Tensor, rng: Rng, amount: float, px: float = 2.0) -> Tensor:
    """The shape with gaps and frayed edges; the more, the larger ``amount`` (0 to 1)."""
    if amount <= 0:
        return plane
    kept = torch.sigmoid(4 * (cloud((plane.shape[0], plane.shape[1]), rng, px) + 2.2 - 3 * amount))
    return plane * kept


def plain(colour: Colour) -> Tensor:
    """The colour as (3,1,1)."""
    return torch.tensor(colour, dtype=torch.float32).view(3, 1, 1)


def fibrous(size: Size, rng: Rng, colour: Colour) -> Tensor:
    """Bare paper of that colour, (3,H,W): uneven, and soiled here and there."""
    grain = 0.03 * torch.from_numpy(rng.normal(0, 1, size)).to(torch.float32) + 0.05 * cloud(size, rng, 9)
    return (plain(colour) + grain - rng.uniform(0, 0.12)).clamp(0, 1)


def fineness(rng: Rng) -> int:
    """How many times as large a fine thing is drawn: 1 to 3."""
    return int(rng.integers(1, _FINEST + 1))


def line_colour(rng: Rng, paper: Paper) -> Colour:
    """Mostly bare paper or white; else dark, or one of the film's inks."""
    kind = rng.uniform()
    if kind < 0.45:
        return paper.white
    if kind < 0.7:
        bright = rng.uniform(0.75, 1)
        return (bright, bright, bright)
    if kind < 0.88:
        dark = rng.uniform(0, 0.2)
        return (dark, dark, dark)
    return _FADED_INKS[int(rng.integers(len(_FADED_INKS)))]


def beside(line: Layer, rng: Rng) -> Layer:
    """The other edge of a groove: a pixel or two away, dark along a bright line and bright along a dark one."""
    dark = float(line.colour.mean()) > 0.5
    shift = tuple(int(step) for step in rng.choice([-1, 1], 2) * rng.integers(1, 3, 2))
    return Layer(
        opacity=torch.roll(line.opacity, shift, (0, 1)) * (1 - line.opacity),
        colour=plain((0.0, 0.0, 0.0) if dark else (1.0, 1.0, 1.0)),
        strength=rng.uniform(0.25, 0.7),
    )
