"""Lines that time draws on prints: scratches, film lines, folds, cracks and hairs.

Each function draws one of its kind somewhere on a picture of ``size`` = (height, width) and gives it as layers.
"""

from __future__ import annotations

import numpy as np
import torch

from restore.datasets import hole_shapes as shapes
from restore.datasets.defect_areas import draw_flake
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
    line_colour,
    plain,
    ragged,
    soft,
)
from restore.ops.draw import Canvas, Numbers, draw_line

_SWING_STEPS = 6
"""Steps of a crumbled line over which it grows wide or thin."""


def scratches(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """Long lines across, thin or wide, full or half transparent, some with a second edge."""
    layers = []
    for _ in range(1 + rng.geometric(0.45)):
        shape = drawn(size, rng, shapes.scratch, fineness(rng))
        opacity = ragged(shape, rng, rng.uniform(-0.4, 0.8), rng.uniform(1.5, 12))
        line = Layer(opacity=opacity, colour=plain(line_colour(rng, paper)), strength=rng.uniform(0.45, 1))
        layers += [beside(line, rng), line] if rng.uniform() < 0.3 else [line]
    return layers


def ticks(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """Short thin scratches, about parallel, as from handling."""
    way, count = rng.uniform(0, np.pi), int(rng.integers(2, 24))
    spread = rng.uniform(0.05, 1.5)

    def draw(canvas: Canvas, rng: Rng) -> None:
        fine = canvas.shape[0] / size[0]
        for _ in range(count):
            angle, length = rng.normal(way, spread), fine * (3 + rng.exponential(12))
            start = rng.uniform(0, 1, 2) * canvas.shape
            bend = rng.normal(0, 0.1, 3).cumsum()
            steps = np.stack([np.sin(angle + bend), np.cos(angle + bend)], axis=1) * length / 3
            draw_line(canvas, np.concatenate([start[None], start + steps.cumsum(axis=0)]), rng.uniform(0.6, 1.1))

    opacity = ragged(drawn(size, rng, draw, fineness(rng)), rng, rng.uniform(-0.4, 0.5))
    return [Layer(opacity=opacity, colour=plain(line_colour(rng, paper)), strength=rng.uniform(0.4, 1))]


def film_lines(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """Lines straight down (seldom across), as a projector or a scanner makes them; often some beside each other."""
    height, width = size if rng.uniform() < 0.75 else size[::-1]
    middle, count = rng.uniform(0, width), int(rng.integers(1, 5))
    lines = torch.zeros(height, width)
    for _ in range(count):
        place = middle + rng.normal(0, rng.choice([3, 40]))
        wander = place + rng.uniform(0, 1.2) * cloud((height, 2), rng, 60)[:, :1]
        half = rng.uniform(0.3, 1.4)
        line = (half + 0.5 - (torch.arange(width) - wander).abs()).clamp(0, 1)
        steady = torch.sigmoid(3 * (cloud((height, 2), rng, rng.uniform(8, 60))[:, :1] + rng.uniform(0, 3)))
        lines = torch.maximum(lines, line * steady)
    lines = lines if (height, width) == size else lines.T
    return [Layer(opacity=lines, colour=plain(line_colour(rng, paper)), strength=rng.uniform(0.35, 1))]


def _fold(size: Size, rng: Rng) -> Numbers:
    """(24,2) places along a straight or slightly bent line that crosses the whole picture."""
    angle = rng.uniform(0, np.pi) if rng.uniform() < 0.6 else rng.choice([0, np.pi / 2]) + rng.normal(0, 0.06)
    reach = float(np.hypot(*size))
    along = np.linspace(-reach, reach, 24)[:, None] * np.array([np.sin(angle), np.cos(angle)])
    places: Numbers = rng.uniform(0.1, 0.9, 2) * size + along + rng.normal(0, rng.uniform(0.2, 2.5), (24, 2))
    return places


def _crumbled(canvas: Canvas, rng: Rng, places: Numbers, width: float) -> None:
    """A line through ``places`` (N,2) that is about twice ``width`` wide, and much more or less so every few pixels."""
    at = np.linspace(0, len(places) - 1, 8 * len(places))
    dense = np.stack([np.interp(at, np.arange(len(places)), line) for line in places.T], axis=1)
    knots = np.arange(0, len(at) + _SWING_STEPS, _SWING_STEPS)
    slow = np.interp(np.arange(len(at)), knots, rng.normal(0, 0.45, len(knots)))
    swing = slow + rng.normal(0, 0.4 / (1 + width), len(at))  # thick lines with much of it look like beads
    draw_line(canvas, dense + rng.normal(0, 0.3 * width, dense.shape), (width * np.exp(swing)).clip(0.55, 4 * width))


def crease(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """A fold: the emulsion has come off along it, more here and less there; a soft shadow lies on one side."""
    places = _fold(size, rng)
    width = rng.uniform(0.3, 1.8)
    fine = 2 if width < 1 else 1

    def draw(canvas: Canvas, rng: Rng) -> None:
        _crumbled(canvas, rng, places * fine, width * fine)

    line = drawn(size, rng, draw, fine)
    shoulder = soft(line, rng.uniform(1.2, 3.5))
    shift = tuple(int(step) for step in rng.integers(-2, 3, 2))
    dark = rng.uniform() < 0.75
    shadow = Layer(
        opacity=torch.roll(shoulder / shoulder.max().clamp(min=0.05), shift, (0, 1)),
        colour=plain((0.05, 0.04, 0.03) if dark else paper.white),
        strength=rng.uniform(0.1, 0.45),
    )
    broken = ragged(line, rng, rng.uniform(0, 0.9), rng.uniform(1.5, 8))
    core = Layer(opacity=broken, colour=fibrous(size, rng, paper.white), strength=rng.uniform(0.5, 1))
    return [shadow, core] if rng.uniform() < 0.8 else [core]


def web(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """Long cracks that wander from border to border and fork, as on a print that was rolled up or crumpled."""
    count, fine = 1 + int(rng.geometric(0.35)), int(rng.integers(1, 3))
    width = rng.uniform(0.35, 1.3)

    def draw(canvas: Canvas, rng: Rng) -> None:
        for _ in range(min(count, 9)):
            angle, steps = rng.uniform(0, 2 * np.pi), int(rng.integers(8, 40))
            start = rng.uniform(0, 1, 2) * canvas.shape
            own = fine * width * np.exp(rng.normal(0, 0.4))
            for _ in range(rng.integers(1, 4)):
                angles = angle + np.cumsum(rng.normal(0, 0.14, steps)) + rng.normal(0, 0.25, steps)
                walk = np.stack([np.sin(angles), np.cos(angles)], axis=1) * fine * rng.uniform(3, 9, (steps, 1))
                places = np.concatenate([start[None], start + walk.cumsum(axis=0)])
                _crumbled(canvas, rng, places, own)
                start, angle = places[rng.integers(len(places))], angle + rng.choice([-1, 1]) * rng.uniform(0.4, 1.5)
                own, steps = 0.75 * own, max(4, int(0.7 * steps))

    opacity = ragged(drawn(size, rng, draw, fine), rng, rng.uniform(-0.3, 0.8), rng.uniform(1.5, 6))
    line = Layer(opacity=opacity, colour=fibrous(size, rng, paper.white), strength=rng.uniform(0.45, 1))
    return [beside(line, rng), line] if rng.uniform() < 0.4 else [line]


def cracks(size: Size, rng: Rng, paper: Paper) -> list[Layer]:
    """Branching cracks of very uneven width; much used prints are full of them."""
    count, fine = int(rng.integers(1, 4) if rng.uniform() < 0.6 else rng.integers(4, 14)), int(rng.integers(1, 3))

    def draw(canvas: Canvas, rng: Rng) -> None:
        for _ in range(count):
            shapes.crack(canvas, rng)
            if rng.uniform() < 0.5:
                draw_flake(canvas, rng, 4 * fine)

    opacity = ragged(drawn(size, rng, draw, fine), rng, rng.uniform(-0.2, 0.7))
    line = Layer(opacity=opacity, colour=fibrous(size, rng, paper.white), strength=rng.uniform(0.55, 1))
    return [beside(line, rng), line] if rng.uniform() < 0.5 else [line]


def hairs(size: Size, rng: Rng, _paper: Paper) -> list[Layer]:
    """Hairs and fibres on the glass: dark ones, or white ones from a negative."""
    layers = []
    for _ in range(rng.integers(1, 4)):
        tone = rng.uniform(0, 0.25) if rng.uniform() < 0.45 else rng.uniform(0.75, 1)
        opacity = drawn(size, rng, shapes.hair, fineness(rng))
        layers.append(Layer(opacity=opacity, colour=plain((tone, tone, tone)), strength=rng.uniform(0.5, 1)))
    return layers
