"""Shapes on a canvas: the pixels that geometry says, wherever they lie, and no others."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import draw

from restore.ops.draw import draw_discs, draw_line, draw_polygon, draw_segments


def empty(height: int = 60, width: int = 80) -> np.ndarray:
    return np.zeros((height, width), dtype=bool)


def distance_to_segment(start: tuple[float, float], stop: tuple[float, float]) -> np.ndarray:
    y, x = np.mgrid[:60, :80]
    fall, run = stop[0] - start[0], stop[1] - start[1]
    share = np.clip(((y - start[0]) * fall + (x - start[1]) * run) / (fall**2 + run**2), 0, 1)
    return np.hypot(y - start[0] - share * fall, x - start[1] - share * run)


@pytest.mark.parametrize("radius", [0.7, 2.0, 5.5, 17.3, 60.0])
def test_a_disc_is_all_pixels_within_its_radius(radius: float) -> None:
    y, x = np.mgrid[:60, :80]
    for place in [(30.3, 40.7), (-2.0, 5.0), (59.9, 79.9)]:
        canvas = empty()
        draw_discs(canvas, np.array([place]), np.array([radius]))
        assert np.array_equal(canvas, np.hypot(y - place[0], x - place[1]) <= radius)


@pytest.mark.parametrize("radius", [0.8, 1.5, 4.0, 12.0])
def test_a_line_is_all_pixels_near_its_segment_but_for_its_very_rim(radius: float) -> None:
    for start, stop in [((10.2, 5.1), (44.0, 70.3)), ((30.0, -20.0), (30.0, 100.0))]:
        canvas = empty()
        draw_line(canvas, np.array([start, stop]), radius)
        distance = distance_to_segment(start, stop)
        assert not canvas[distance > radius].any()
        assert canvas[distance < 0.93 * radius].all()


def test_many_segments_at_once_are_the_same_as_each_for_itself() -> None:
    rng = np.random.default_rng(0)
    starts, stops = rng.uniform(-5, 75, (2, 9, 2))
    stops[0] = starts[0]  # one of no length
    together = empty()
    draw_segments(together, starts, stops, 2.0)
    near = np.zeros((60, 80))
    for start, stop in zip(starts[1:], stops[1:], strict=True):
        near = np.maximum(near, distance_to_segment(tuple(start), tuple(stop)) < 0.93 * 2)
    assert together[near > 0].all()
    alone = empty()
    for start, stop in zip(starts, stops, strict=True):
        draw_line(alone, np.stack([start, stop]), 2.1)
    assert not (together & ~alone).any()
    draw_segments(together, np.zeros((0, 2)), np.zeros((0, 2)), 1.0)  # nothing to draw is no error


def test_a_line_gets_wider_as_its_radii_do() -> None:
    canvas = empty()
    draw_line(canvas, np.array([(30.0, 5.0), (30.0, 75.0)]), np.array([1.0, 12.0]))
    tall = canvas.sum(axis=0)
    assert tall[8] <= 4
    assert tall[72] >= 22
    assert (np.diff(tall[5:70]) >= 0).all()


def test_a_polygon_is_what_another_library_draws_but_for_its_rim() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        corners = rng.uniform(-20, 90, (7, 2))
        canvas = empty()
        draw_polygon(canvas, corners)
        other = draw.polygon2mask((60, 80), corners)
        assert (canvas != other).sum() <= 3


def test_what_lies_outside_the_canvas_is_left_out() -> None:
    canvas = empty()
    draw_discs(canvas, np.array([(-50.0, 10.0), (300.0, 300.0)]), np.array([20.0, 1.0]))
    draw_line(canvas, np.array([(-9.0, -9.0), (-9.0, 200.0)]), 3.0)
    draw_polygon(canvas, np.array([(-30.0, 0.0), (-10.0, 9.0), (-10.0, 0.0)]))
    draw_polygon(canvas, np.array([(0.0, 100.0), (9.0, 120.0), (20.0, 100.0)]))
    assert not canvas.any()
