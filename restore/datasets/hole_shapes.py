"""What holes look like: scratches, cracks, dust, hairs, writing, cables; strokes, rings, blobs, boxes, stains, tears.

Each function draws one of its kind on a canvas, wherever ``rng`` says. Fine ones have their size in pixels, since
scans of all sizes have dust of a few; wide ones go with the canvas, up to one of 256 pixels.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from restore.ops.draw import Canvas, Numbers, draw_discs, draw_line, draw_polygon, draw_segments

Rng = np.random.Generator

_LARGEST_REACH_PX: Final = 256
_FULL_TURN: Final = 2 * np.pi
_OUTLINE: Final = np.linspace(0, _FULL_TURN, 48, endpoint=False)
"""Angles at which the outline of a blob has its corners."""
_GLYPH_ROWS, _GLYPH_COLUMNS = 3, 2
"""The grid whose points the strokes of letters join."""
_GLYPH_JOINTS: Final = 5
_LIFT_CHANCE: Final = 0.2
"""So often the pen is lifted between two of them."""
_SPACE_CHANCE: Final = 0.15
"""So many letters are the space between words."""


def reach_of(canvas: Canvas) -> float:
    """The length in pixels that wide shapes are measured by."""
    return float(min(*canvas.shape, _LARGEST_REACH_PX))


def _somewhere(canvas: Canvas, rng: Rng, count: int = 1) -> Numbers:
    """(count,2) places on the canvas."""
    places: Numbers = rng.uniform(0, 1, (count, 2)) * np.array(canvas.shape)
    return places


def _walk(start: Numbers, angles: Numbers, lengths: Numbers) -> Numbers:
    """(N+1,2) places: from ``start`` on, N steps of such directions and lengths."""
    steps = np.stack([np.sin(angles), np.cos(angles)], axis=1) * lengths[:, None]
    places: Numbers = start + np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    return places


def _across(canvas: Canvas, rng: Rng, bend: float, count: int = 24) -> Numbers:
    """(count,2) places along a slightly bent line (a parabola) that may cross the whole canvas.

    ``bend`` is how far its middle lies off, as a share of its length.
    """
    length = float(np.hypot(*canvas.shape)) * rng.uniform(0.4, 1.5)
    angle = rng.uniform(0, np.pi)
    along = np.linspace(-0.5, 0.5, count) * length
    off = (1 - (2 * along / length) ** 2) * length * bend
    way = np.array([np.sin(angle), np.cos(angle)])
    side = np.array([way[1], -way[0]])
    places: Numbers = _somewhere(canvas, rng) + along[:, None] * way + off[:, None] * side
    return places


def _outline(rng: Rng, size: float, roughness: float) -> Numbers:
    """(48,2) corners of a closed outline around zero, about ``size`` pixels in radius, stretched and turned."""
    waves = np.arange(2, 7)
    swing = rng.normal(0, roughness, len(waves)) / waves
    radius = size * np.exp((swing[:, None] * np.cos(waves[:, None] * _OUTLINE + rng.uniform(0, 7, (5, 1)))).sum(axis=0))
    stretch, turn = rng.uniform(0.5, 1.0), rng.uniform(0, np.pi)
    y, x = radius * np.sin(_OUTLINE) * stretch, radius * np.cos(_OUTLINE)
    return np.stack([y * np.cos(turn) - x * np.sin(turn), y * np.sin(turn) + x * np.cos(turn)], axis=1)


def scratch(canvas: Canvas, rng: Rng) -> None:
    """Long, thin, slightly bent, 1 to 6 pixels wide; every third is interrupted."""
    places = _across(canvas, rng, rng.normal(0, 0.03))
    width = 0.6 + 2.4 * rng.uniform() ** 2
    radii = width * np.clip(1 + rng.normal(0, 0.2, len(places)), 0.5, 1.5)
    if rng.uniform() < 2 / 3:
        draw_line(canvas, places, radii)
        return
    for part in np.split(np.arange(len(places)), np.sort(rng.choice(len(places), 4, replace=False))):
        if len(part) > 1 and rng.uniform() < 0.7:
            draw_line(canvas, places[part], radii[part])


def cable(canvas: Canvas, rng: Rng) -> None:
    """One to three parallel lines across the picture, sagging, 2 to 9 pixels wide."""
    places = _across(canvas, rng, rng.normal(0, 0.06))
    radius = rng.uniform(1.0, 4.5)
    for _ in range(rng.integers(1, 4)):
        draw_line(canvas, places, radius)
        places = places + rng.uniform(-40, 40, 2)


def crack(canvas: Canvas, rng: Rng) -> None:
    """A jagged line that branches."""
    ways = [(_somewhere(canvas, rng)[0], rng.uniform(0, _FULL_TURN), int(rng.integers(8, 28)))]
    radius = rng.uniform(0.6, 1.8)
    for _ in range(5):
        if not ways:
            return
        start, angle, count = ways.pop()
        angles = angle + np.cumsum(rng.normal(0, 0.15, count)) + rng.normal(0, 0.5, count)
        places = _walk(start, angles, rng.uniform(3, 12, count))
        draw_line(canvas, places, radius * np.linspace(1, 0.6, len(places)).clip(0.6))
        for joint in rng.choice(len(places), rng.integers(0, 3)):
            ways.append((places[joint], angle + rng.choice([-1, 1]) * rng.uniform(0.5, 1.3), max(3, count // 2)))
        radius = max(0.6, 0.75 * radius)


def hair(canvas: Canvas, rng: Rng) -> None:
    """A long thin curve that winds smoothly."""
    count = int(rng.integers(20, 60))
    bends = np.convolve(rng.normal(0, 0.25, count + 8), np.ones(9) / 3, mode="valid")
    places = _walk(_somewhere(canvas, rng)[0], rng.uniform(0, _FULL_TURN) + np.cumsum(bends), np.full(count, 3.0))
    draw_line(canvas, places, rng.uniform(0.6, 1.3))


def dust(canvas: Canvas, rng: Rng) -> None:
    """Specks, mostly of a pixel or two, a few large ones."""
    count = int(rng.integers(4, 32))
    radii = 0.6 + rng.exponential(0.8, count).clip(max=4)
    places = _somewhere(canvas, rng, count)
    draw_discs(canvas, places, radii)
    lobes = places + rng.normal(0, 1, places.shape) * radii[:, None]  # specks are not round
    draw_discs(canvas, lobes, 0.8 * radii.clip(0.75))


def writing(canvas: Canvas, rng: Rng) -> None:
    """A line or two of letter-like signs, 6 to 34 pixels high, level or slanted."""
    height = rng.uniform(6, 34)
    radius = height * rng.uniform(0.04, 0.11)
    slope = rng.normal(0, 0.12) if rng.uniform() < 0.5 else 0.0
    way, side = np.array([np.sin(slope), np.cos(slope)]), np.array([np.cos(slope), -np.sin(slope)])
    start = _somewhere(canvas, rng)[0] - rng.uniform(0, 0.5) * canvas.shape[1] * way
    lines, letters = int(rng.integers(1, 3)), int(rng.integers(3, 14))
    line, letter = np.nonzero(rng.uniform(0, 1, (lines, letters)) > _SPACE_CHANCE)
    corners = start + letter[:, None] * 0.8 * height * way + line[:, None] * 1.6 * height * side
    joints = rng.integers(0, (_GLYPH_ROWS, _GLYPH_COLUMNS), (len(corners), _GLYPH_JOINTS, 2)) / 2
    places = corners[:, None] + height * (joints[..., :1] * side + joints[..., 1:] * way)
    drawn = rng.uniform(0, 1, (len(corners), _GLYPH_JOINTS - 1)) > _LIFT_CHANCE
    draw_segments(canvas, places[:, :-1][drawn], places[:, 1:][drawn], max(0.7, radius))


def stroke(canvas: Canvas, rng: Rng) -> None:
    """A brush that wanders and presses more or less, as when something is painted out by hand."""
    reach, count = reach_of(canvas), int(rng.integers(3, 12))
    angles = rng.uniform(0, _FULL_TURN) + np.cumsum(rng.normal(0, rng.uniform(0.2, 1.0), count))
    places = _walk(_somewhere(canvas, rng)[0], angles, reach * rng.uniform(0.04, 0.2, count))
    radius = reach * (0.012 + 0.07 * rng.uniform() ** 1.5)
    draw_line(canvas, places, (radius * rng.uniform(0.5, 1.4, len(places))).clip(0.6))


def ring(canvas: Canvas, rng: Rng) -> None:
    """The rim of something."""
    reach = reach_of(canvas)
    corners = _somewhere(canvas, rng) + _outline(rng, reach * rng.uniform(0.08, 0.35), rng.uniform(0, 0.6))
    draw_line(canvas, np.concatenate([corners, corners[:1]]), reach * rng.uniform(0.008, 0.04) + 0.5)


def blob(canvas: Canvas, rng: Rng) -> None:
    """A small thing with a smooth or a ragged outline; an ellipse at its smoothest."""
    size = reach_of(canvas) * rng.uniform(0.03, 0.22)
    draw_polygon(canvas, _somewhere(canvas, rng) + _outline(rng, size, rng.uniform(0, 0.8)))


def box(canvas: Canvas, rng: Rng) -> None:
    """A rectangle, upright or turned."""
    tall, wide = reach_of(canvas) * rng.uniform(0.05, 0.4, 2)
    turn = rng.uniform(0, np.pi) if rng.uniform() < 0.3 else 0.0
    y, x = np.array([-tall, -tall, tall, tall]) / 2, np.array([-wide, wide, wide, -wide]) / 2
    turned = np.stack([y * np.cos(turn) - x * np.sin(turn), y * np.sin(turn) + x * np.cos(turn)], axis=1)
    draw_polygon(canvas, _somewhere(canvas, rng) + turned)


def stain(canvas: Canvas, rng: Rng) -> None:
    """A large ragged spot with droplets around it."""
    size = reach_of(canvas) * rng.uniform(0.05, 0.16)
    middle = _somewhere(canvas, rng)
    draw_polygon(canvas, middle + _outline(rng, size, 0.9))
    count = int(rng.integers(4, 20))
    radii = (size * 0.15 * rng.exponential(1, count)).clip(0.6, 0.4 * size + 0.6)
    draw_discs(canvas, middle + rng.normal(0, 1.3 * size, (count, 2)), radii)


def tear(canvas: Canvas, rng: Rng) -> None:
    """A corner torn off, with a jagged edge."""
    reach = reach_of(canvas)
    down, across = reach * rng.uniform(0.1, 0.6, 2)
    share = np.linspace(0, 1, 14)
    jag = np.cumsum(rng.normal(0, 0.02 * reach, len(share))) * np.sin(np.pi * share)
    edge = np.stack([down * (1 - share) + jag, across * share + jag], axis=1)
    corners = np.concatenate([edge, [[-reach, across], [-reach, -reach], [down, -reach]]])
    height, width = canvas.shape
    if rng.uniform() < 0.5:
        corners[:, 0] = height - 1 - corners[:, 0]
    if rng.uniform() < 0.5:
        corners[:, 1] = width - 1 - corners[:, 1]
    draw_polygon(canvas, corners)
