"""Draws the thin scratches in datasets/masks: `python benchmarks/make_masks.py --out datasets/masks`.

They are there to measure with, and no network learns from them: the shapes are drawn here, apart from those of training
(restore/datasets/hole_shapes.py). The files are kept because a measurement needs the same holes next year; drawn with
another numpy they may differ.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from restore.ops.draw import Canvas, Numbers, draw_discs, draw_line

HEIGHT, WIDTH = 320, 480
SEED = 480_320
COUNT = 12
LEAST, MOST = 0.012, 0.09
"""Share of hole of the first and of the last mask; in between it grows evenly."""


def main() -> None:
    """Write the masks, a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for number, share in enumerate(np.linspace(LEAST, MOST, COUNT)):
        canvas = draw(np.random.default_rng([SEED, number]), float(share))
        path = folder / f"scratches-{number:02}.png"
        Image.fromarray(canvas).save(path, optimize=True)
        print(f"{path.name}  {canvas.mean():.1%}  {path.stat().st_size} bytes")


def draw(rng: np.random.Generator, share: float) -> Canvas:
    """(HEIGHT,WIDTH) of bool: scratches, hairs, folds and dust, until that share is covered."""
    canvas = np.zeros((HEIGHT, WIDTH), dtype=bool)
    ways = (film_scratch, film_scratch, slanted_scratch, hair, fold, dust)
    while canvas.mean() < share:
        ways[int(rng.integers(len(ways)))](canvas, rng)
    return canvas


def film_scratch(canvas: Canvas, rng: np.random.Generator) -> None:
    """Nearly upright, over much of the height, 1 to 3 pixels wide, as a projector leaves it."""
    top, bottom = np.sort(rng.uniform(-0.3, 1.3, 2)) * HEIGHT
    left = rng.uniform(0, WIDTH)
    rows = np.linspace(top, bottom, 20)
    columns = left + np.cumsum(rng.normal(0, 1.2, 20)) + rng.normal(0, 0.03) * (rows - top)
    draw_line(canvas, np.stack([rows, columns], axis=1), rng.uniform(0.5, 1.5))


def slanted_scratch(canvas: Canvas, rng: np.random.Generator) -> None:
    """Straight, in any direction, pressed harder in its middle: up to 5 pixels wide."""
    length, angle = rng.uniform(60, 350), rng.uniform(0, np.pi)
    along = np.linspace(-0.5, 0.5, 15)
    way = np.array([np.sin(angle), np.cos(angle)])
    places: Numbers = rng.uniform(0, 1, 2) * (HEIGHT, WIDTH) + along[:, None] * length * way
    draw_line(canvas, places, 0.6 + rng.uniform(0.3, 1.9) * np.cos(np.pi * along))


def hair(canvas: Canvas, rng: np.random.Generator) -> None:
    """Curled, 1 to 2 pixels wide."""
    count = int(rng.integers(15, 40))
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(rng.normal(0, 0.15), 0.15, count))
    steps = np.stack([np.sin(angles), np.cos(angles)], axis=1) * 5
    draw_line(canvas, rng.uniform(0, 1, 2) * (HEIGHT, WIDTH) + np.cumsum(steps, axis=0), rng.uniform(0.5, 1.0))


def fold(canvas: Canvas, rng: np.random.Generator) -> None:
    """A crack from edge to edge, jagged, 2 to 4 pixels wide."""
    at = np.linspace(-0.02, 1.02, 70)
    swing = np.cumsum(rng.normal(0, 1.5, 70)) + rng.uniform(0.1, 0.9) * (HEIGHT if rng.uniform() < 0.5 else WIDTH)
    across = np.stack([swing, at * WIDTH], axis=1) if rng.uniform() < 0.5 else np.stack([at * HEIGHT, swing], axis=1)
    draw_line(canvas, across, np.clip(rng.normal(1.3, 0.4, 70), 0.7, 2.2))


def dust(canvas: Canvas, rng: np.random.Generator) -> None:
    """A dozen or two specks, 1 to 6 pixels wide."""
    count = int(rng.integers(10, 25))
    draw_discs(canvas, rng.uniform(0, 1, (count, 2)) * (HEIGHT, WIDTH), rng.exponential(1.0, count).clip(0.5, 3.0))


if __name__ == "__main__":
    main()
