"""Spots and losses on prints: dust, mould, stains, flaked emulsion, tears, missing corners, worn borders.

Each function draws one of its kind somewhere on a picture of ``size`` = (height, width) and gives it as layers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from restore.datasets import hole_shapes as shapes
from restore.datasets.print_layers import (
    Layer,
    Paper,
    Rng,
    Size,
    beside,
    cloud,
    drawn,
    fibrous,
    fineness,
    plain,
    ragged,
    soft,
)
from restore.ops.draw import Canvas, draw_discs, draw_polygon


def dust(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """Specks: white ones from dust on a negative or holes in the emulsion, dark ones from dirt."""
    dark = rng.uniform() < 0.35
    tone = rng.uniform(0, 0.25) if dark else rng.uniform(0.8, 1)
    colour = (tone, tone, tone) if dark or rng.uniform() < 0.5 else paper.white
    opacity = drawn(size, rng, shapes.dust, fineness(rng))
    for _ in range(rng.integers(0, 3)):
        opacity = torch.maximum(opacity, drawn(size, rng, shapes.dust, fineness(rng)))
    return [Layer(opacity=opacity, colour=plain(colour), strength=rng.uniform(0.5, 1))]


def mould(size: Size, rng: Rng, _paper: Paper) -> list[Layer]:
    """Foxing and mould: spots with soft rims, alone or in swarms, brown, dark or pale."""
    count = int(rng.integers(2, 30))
    middle = rng.uniform(0, 1, 2) * size
    places = middle + rng.normal(0, rng.uniform(0.1, 0.5) * min(size), (count, 2))
    largest = rng.uniform(1.5, 8)

    def draw(canvas: Canvas, rng: Rng) -> None:
        draw_discs(canvas, places, (largest * rng.uniform(0.15, 1, count) ** 1.5).clip(0.8))

    spots = soft(drawn(size, rng, draw), rng.uniform(0.5, 1.4))
    spots = ragged(spots, rng, rng.uniform(-0.2, 0.7), rng.uniform(1.5, 4))
    colour = ((0.35, 0.2, 0.08), (0.12, 0.1, 0.08), (0.85, 0.8, 0.68))[int(rng.choice(3, p=[0.5, 0.25, 0.25]))]
    return [Layer(opacity=spots.clamp(0, 1), colour=plain(colour), strength=rng.uniform(0.3, 0.9))]


def stain(size: Size, rng: Rng, _paper: Paper) -> list[Layer]:
    """A dried drop: a little darker within, with a rim."""
    inside = drawn(size, rng, shapes.stain if rng.uniform() < 0.4 else shapes.blob)
    edge = soft(inside, rng.uniform(0.8, 2.5))
    rim = (4 * edge * (1 - edge)).clamp(0, 1)
    colour = plain(((0.35, 0.22, 0.08), (0.15, 0.12, 0.1), (0.95, 0.92, 0.85))[int(rng.integers(3))])
    return [
        Layer(opacity=edge, colour=colour, strength=rng.uniform(0.12, 0.45)),
        Layer(opacity=rim, colour=colour, strength=rng.uniform(0.15, 0.6)),
    ]


def draw_flake(canvas: Canvas, rng: Rng, size: float) -> None:
    turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 9))))
    reach = size * rng.uniform(0.2, 1, len(turns))
    middle = rng.uniform(0, 1, 2) * canvas.shape
    draw_polygon(canvas, middle + reach[:, None] * np.stack([np.sin(turns), np.cos(turns)], axis=1))


def flakes(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """Emulsion that has come off: jagged spots of bare paper, some with a dark edge."""
    count, largest = int(rng.integers(1, 12)), rng.uniform(2, 12)

    def draw(canvas: Canvas, rng: Rng) -> None:
        for _ in range(count):
            draw_flake(canvas, rng, 2 * largest * rng.uniform(0.2, 1))

    bare = Layer(opacity=drawn(size, rng, draw, 2), colour=fibrous(size, rng, paper.white))
    bare = replace(bare, opacity=ragged(bare.opacity, rng, rng.uniform(-0.4, 0.4)))
    return [beside(bare, rng), bare] if rng.uniform() < 0.6 else [bare]


def torn(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """A corner that is missing: what lies behind the print shows, with a fringe of bare paper."""
    lost = drawn(size, rng, shapes.tear)
    return with_fringe(size, rng, paper, lost, rng.uniform(0.6, 3.5))


def tear(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """A gap from the border inwards, narrowing, with frayed white edges."""
    height, width = size
    depth, mouth = rng.uniform(0.15, 0.8) * height, rng.uniform(0.5, 7)
    down = np.linspace(-2, depth, 12)
    middle = rng.uniform(0, width) + np.cumsum(rng.normal(0, 0.02 * height, 12)) + rng.normal(0, 0.25) * down
    half = mouth * (1 - down.clip(0) / depth) + 0.3
    left, right = (np.stack([down, middle + side * half], axis=1) for side in (-1, 1))
    lost = drawn(size, rng, lambda canvas, _: draw_polygon(canvas, np.concatenate([left, right[::-1]])))
    if rng.uniform() < 0.5:
        lost = lost.flip(0)
    if rng.uniform() < 0.5 and height == width:
        lost = lost.T.contiguous()
    return with_fringe(size, rng, paper, lost, rng.uniform(0.5, 2))


def worn_edge(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """The border of a print, rubbed off unevenly; behind it what the print lies on."""
    height, width = size
    depth = rng.uniform(0, 5) + rng.uniform(0.5, 2.5) * cloud((2, width), rng, rng.uniform(4, 25))[:1]
    depth = depth + 0.6 * cloud((2, width), rng, 2)[:1]
    lost = (depth + 0.5 - torch.arange(height)[:, None]).clamp(0, 1)
    if rng.uniform() < 0.5:
        lost = lost.flip(0)
    if rng.uniform() < 0.5 and height == width:
        lost = lost.T.contiguous()
    return with_fringe(size, rng, paper, lost, rng.uniform(0.5, 2.5))


def with_fringe(size: Size, rng: Rng, paper: Paper, lost: Tensor, reach: float) -> list[Layer]:
    near = soft(lost, reach)
    fringe = ((near + 0.12 * cloud(size, rng, 3)) * 6 - 0.8).clamp(0, 1) * (near > 0.02)
    behind = paper.behind if rng.uniform() < 0.7 else paper.white
    return [
        Layer(opacity=fringe, colour=fibrous(size, rng, paper.white)),
        Layer(opacity=lost, colour=(plain(behind) + 0.01 * cloud(size, rng, 4)).clamp(0, 1)),
    ]
