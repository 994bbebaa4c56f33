"""Black and white shapes drawn on a canvas, fast enough to make every mask of a training run anew.

A canvas is a (H,W) array of bool; shapes are added to it in place. Places are (y, x) in pixels, whole numbers being the
middles of pixels, and may lie outside.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.bool_]
Numbers = NDArray[np.float64]

_CLASSES_PX: Final = (1.5, 3.0, 6.0, 12.0, 24.0, 48.0)
"""Discs of about one size are stamped together, with all pixels that the largest of them could reach."""
_FINEST_STEP_PX: Final = 0.5
_STEPS_PER_RADIUS: Final = 2.5
"""Discs this close along a line leave scallops of less than a fiftieth of their radius."""


def draw_discs(canvas: Canvas, places: Numbers, radii: Numbers) -> None:
    """Every pixel whose middle lies within ``radii`` (N,) of one of ``places`` (N,2)."""
    height, width = canvas.shape
    reach = radii[:, None]
    near = ((places > -reach - 1) & (places < np.array([height, width]) + reach)).all(axis=1)
    places, radii = places[near], radii[near]
    least = 0.0
    for most in (*_CLASSES_PX, np.inf):
        chosen = (radii > least) & (radii <= most)
        least = most
        if chosen.any():
            _stamp(canvas, places[chosen], radii[chosen])


def _stamp(canvas: Canvas, places: Numbers, radii: Numbers) -> None:
    height, width = canvas.shape
    reach = int(np.ceil(radii.max() + 0.5))
    offset = np.arange(-reach, reach + 1)
    pixel = np.rint(places).astype(np.int64)
    rest = places - pixel
    rows = (offset - rest[:, :1]) ** 2
    columns = (offset - rest[:, 1:]) ** 2
    inside = rows[:, :, None] + columns[:, None, :] <= (radii**2)[:, None, None]
    number, down, across = np.nonzero(inside)
    y, x = pixel[number, 0] + down - reach, pixel[number, 1] + across - reach
    kept = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    canvas[y[kept], x[kept]] = True


def draw_line(canvas: Canvas, places: Numbers, radii: Numbers | float) -> None:
    """A line through ``places`` (N,2) with round ends, as wide as twice ``radii``, which may change along it (N,)."""
    widths = np.broadcast_to(np.asarray(radii, dtype=np.float64), (len(places),))
    lengths = np.hypot(*np.diff(places, axis=0).T) if len(places) > 1 else np.zeros(0)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    at = np.linspace(0.0, along[-1], int(along[-1] / _step(float(widths.min()))) + 2)
    dense = np.stack([np.interp(at, along, places[:, 0]), np.interp(at, along, places[:, 1])], axis=1)
    draw_discs(canvas, dense, np.interp(at, along, widths))


def draw_segments(canvas: Canvas, starts: Numbers, stops: Numbers, radius: float) -> None:
    """Straight lines from each of ``starts`` (N,2) to its one of ``stops`` (N,2), all of one width, drawn at once."""
    longest = float(np.hypot(*(stops - starts).T).max(initial=0.0))
    share = np.linspace(0.0, 1.0, int(longest / _step(radius)) + 2)[:, None, None]
    dense = (starts + share * (stops - starts)).reshape(-1, 2)
    draw_discs(canvas, dense, np.full(len(dense), radius))


def _step(radius: float) -> float:
    return max(_FINEST_STEP_PX, radius / _STEPS_PER_RADIUS)


def draw_polygon(canvas: Canvas, corners: Numbers) -> None:
    """Every pixel whose middle lies inside the polygon of ``corners`` (N,2), by the even-odd rule."""
    height, width = canvas.shape
    top, bottom = (int(np.clip(edge, 0, height)) for edge in (np.ceil(corners[:, 0].min()), corners[:, 0].max() + 1))
    if top >= bottom:
        return
    start, stop = corners, np.roll(corners, -1, axis=0)
    y = np.arange(top, bottom)[:, None]
    crosses = (start[:, 0] <= y) != (stop[:, 0] <= y)
    fall = np.where(stop[:, 0] == start[:, 0], 1.0, stop[:, 0] - start[:, 0])
    x = start[:, 1] + (y - start[:, 0]) * (stop[:, 1] - start[:, 1]) / fall
    first = np.clip(np.ceil(x), 0, width).astype(np.int64)  # the first pixel to the right of each crossing
    turns = np.zeros((bottom - top, width + 1), dtype=np.int64)
    row, edge = np.nonzero(crosses)
    np.add.at(turns, (row, first[row, edge]), 1)
    canvas[top:bottom] |= (np.cumsum(turns, axis=1)[:, :-1] % 2).astype(bool)
