"""One curve as a small SVG, drawn by hand: no library, no script needed, colours from the page's style."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import fmean
from typing import Final

from restore.training.report_curves import Curve
from restore.training.report_history import Mark, Series

WIDTH: Final = 400
HEIGHT: Final = 190
LEFT: Final = 46
RIGHT: Final = 390
TOP: Final = 16
BOTTOM: Final = 164
"""Edges of the drawn area, in the SVG's own pixels."""
MOST_POINTS: Final = 400
"""Of one line: about one for each pixel of its width."""
SMOOTH_SHARE: Final = 25
"""Noisy lines get a smooth one on top, which averages over this part (1/25) of them."""
OUTLIERS: Final = 0.01
"""Share of the noisy values at either end that may lie outside the frame."""
LOG_SPAN: Final = 10.0


@dataclass(frozen=True, slots=True)
class Point:
    """A bucket of neighbouring values: its last step, mean, least and largest."""

    step: int
    mean: float
    low: float
    high: float


def thinned(series: Series, most: int = MOST_POINTS) -> list[Point]:
    """At most ``most`` points: neighbours are put together, and how far they reach is kept.

    >>> from array import array
    >>> thinned(Series(array("q", range(5)), array("d", [0, 1, 2, 3, 4])), most=2)
    [Point(step=1, mean=0.5, low=0.0, high=1.0), Point(step=4, mean=3.0, low=2.0, high=4.0)]
    """
    count = len(series.steps)
    points = []
    for bucket in range(min(most, count)):
        first, last = bucket * count // min(most, count), (bucket + 1) * count // min(most, count)
        values = series.values[first:last]
        points.append(Point(series.steps[last - 1], fmean(values), min(values), max(values)))
    return points


def smoothed(points: Sequence[Point]) -> list[float]:
    """Means of each point and its neighbours; shorter at both ends, so that it begins and ends where the line does."""
    reach = len(points) // SMOOTH_SHARE // 2
    return [
        fmean(point.mean for point in points[at - near : at + near + 1])
        for at in range(len(points))
        for near in [min(reach, at, len(points) - 1 - at)]
    ]


@dataclass(frozen=True, slots=True)
class Axis:
    """Values to pixels, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; beyond the ends, the nearest end."""
        low, high, value = (math.log10(max(one, 1e-300)) if self.log else one for one in (self.low, self.high, value))
        share = (value - low) / (high - low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)

    def ticks(self, wanted: int = 5) -> list[float]:
        """Round values within the axis: 1, 2 or 5 times a power of ten."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            for digits in ((1, 2, 5), (1, 3), (1,)):
                marks = [digit * 10.0**decade for decade in decades for digit in digits]
                inside = [mark for mark in marks if self.low <= mark <= self.high]
                if len(inside) <= wanted + 2:
                    return inside
            return inside[:: len(inside) // wanted]
        rough = (self.high - self.low) / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        pitch = next(digit * power for digit in (1, 2, 5, 10) if digit * power >= rough * 0.99)
        first, last = math.ceil(self.low / pitch - 1e-9), math.floor(self.high / pitch + 1e-9)
        return [round(tick * pitch, 12) for tick in range(first, last + 1)]


def value_axis(curve: Curve, lines: Sequence[Sequence[Point]], extra: Sequence[float] = ()) -> Axis:
    """An axis on which the values fill the frame: few outliers left out, and the limit of a near healthy band shown."""
    ordered = sorted([point.mean for points in lines for point in points] + list(extra))
    spare = math.floor(len(ordered) * OUTLIERS)
    low, high = ordered[spare], ordered[-1 - spare]
    if curve.log and low > 0 and high / low >= LOG_SPAN:
        return Axis(low / 1.15, high * 1.15, BOTTOM, TOP, log=True)
    room = high - low
    for limit in curve.healthy or ():
        if math.isfinite(limit) and low - 2 * room <= limit <= high + 2 * room:
            low, high = min(low, limit), max(high, limit)
    margin = (high - low) * 0.08 or abs(high) * 0.05 or 1.0
    return Axis(low - margin, high + margin, BOTTOM, TOP)


def short(value: float) -> str:
    """A number with at most four digits, thousands as k and M.

    >>> short(0.03), short(31.5), short(12500.0), short(2e6), short(0.00001)
    ('0.03', '31.5', '12.5k', '2M', '1e-05')
    """
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def exact(value: float, curve: Curve) -> str:
    """A number as it is quoted: percentages whole, decibels to a hundredth, all else with three digits."""
    if curve.percent:
        return f"{value:.0%}"
    return f"{value:.2f}" if curve.unit == "dB" else f"{value:#.3g}".rstrip(".")


def draw(
    curve: Curve, found: Mapping[str, Series], marks: Sequence[Mark], last_step: int, level: float | None = None
) -> str:
    """The chart of ``curve``: one or more lines by their labels, none of them empty, and a dashed one at ``level``.

    The lines' points travel along in ``data-lines``, for the page's script to show their values.
    """
    lines = [thinned(series) for series in found.values()]
    values = value_axis(curve, lines, [] if level is None else [level])
    steps = Axis(0, max(last_step, 1), LEFT, RIGHT)
    parts = [_grid(curve, steps, values), _band(curve, values)]
    if level is not None:
        parts.append(f'<path class="level" d="M{LEFT} {values(level):.1f}H{RIGHT}"/>')
    parts += [_mark(mark, steps) for mark in marks]
    for number, points in enumerate(lines):
        noisy = len(points) > 2 * SMOOTH_SHARE and not curve.planned
        parts.append(_line(points, steps, values, number, noisy=noisy))
    data = [
        {
            "label": label,
            "unit": curve.unit,
            "steps": [point.step for point in points],
            "shown": " ".join(exact(point.mean, curve) for point in points),
            "x": [round(steps(point.step), 1) for point in points],
            "y": [round(values(point.mean), 1) for point in points],
        }
        for label, points in zip(found, lines, strict=True)
    ]
    spoken = escape(f"{curve.title} over the steps")
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{spoken}" '
        f'data-lines="{escape(json.dumps(data, separators=(",", ":")))}">{"".join(parts)}</svg>'
    )


def labels(ticks: Sequence[float], *, percent: bool = False) -> list[str]:
    """The words beside the ticks of an axis, all with the same number of decimals where their size allows it.

    >>> labels([26.5, 27.0, 27.5]), labels([0.02, 0.1, 1.0]), labels([0.0, 1e-5])
    (['26.5', '27.0', '27.5'], ['0.02', '0.10', '1.00'], ['0', '1e-05'])
    """
    if percent:
        return [f"{tick:.0%}" for tick in ticks]
    words = [short(tick) for tick in ticks]
    decimals = {len(word.partition(".")[2]) for word in words}
    if len(decimals) > 1 and all(0.001 <= abs(tick) < 1000 or tick == 0 for tick in ticks):
        return [f"{tick:.{max(decimals)}f}" for tick in ticks]
    return words


def _grid(curve: Curve, steps: Axis, values: Axis) -> str:
    lines = []
    ticks = values.ticks()
    for tick, word in zip(ticks, labels(ticks, percent=curve.percent), strict=True):
        y = values(tick)
        lines.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{RIGHT}"/>')
        lines.append(f'<text class="y" x="{LEFT - 6}" y="{y + 4:.1f}">{word}</text>')
    for tick in steps.ticks():
        lines.append(f'<text class="x" x="{steps(tick):.1f}" y="{BOTTOM + 15}">{short(tick)}</text>')
    lines.append(f'<text class="unit" x="{RIGHT}" y="{HEIGHT - 1}" text-anchor="end">step</text>')
    lines.append(f'<text class="unit" x="2" y="10">{escape("" if curve.percent else curve.unit)}</text>')
    return "".join(lines)


def _band(curve: Curve, values: Axis) -> str:
    if curve.healthy is None:
        return ""
    low, high = (values(limit) for limit in curve.healthy)
    edges = "".join(
        f'<path class="limit" d="M{LEFT} {values(limit):.1f}H{RIGHT}"/>'
        for limit in curve.healthy
        if values.low <= limit <= values.high
    )
    if low - high < 0.5:
        return edges
    return f'<rect class="band" x="{LEFT}" y="{high:.1f}" width="{RIGHT - LEFT}" height="{low - high:.1f}"/>{edges}'


def _mark(mark: Mark, steps: Axis) -> str:
    x = steps(mark.step)
    words = f"<title>{escape(f'step {mark.step}: {mark.text}')}</title>"
    if mark.kind == "warning":
        return f'<path class="warning" d="M{x:.1f} {TOP}l-4 -8h8z">{words}</path>'
    return f'<path class="back" d="M{x:.1f} {TOP - 8}V{BOTTOM}">{words}</path>'


def _line(points: Sequence[Point], steps: Axis, values: Axis, number: int, *, noisy: bool) -> str:
    places = [steps(point.step) for point in points]
    line = smoothed(points) if noisy else [point.mean for point in points]
    path = "M" + "L".join(f"{x:.1f} {values(value):.1f}" for x, value in zip(places, line, strict=True))
    drawn = f'<path class="line c{number}" d="{path}"/>'
    if noisy:
        there = [f"{x:.1f} {values(point.high):.1f}" for x, point in zip(places, points, strict=True)]
        back = [f"{x:.1f} {values(point.low):.1f}" for x, point in zip(places, points, strict=True)]
        drawn = f'<path class="reach c{number}" d="M{"L".join(there + back[::-1])}z"/>{drawn}'
    if len(points) <= SMOOTH_SHARE:
        drawn += "".join(
            f'<circle class="dot c{number}" cx="{x:.1f}" cy="{values(value):.1f}" r="2.5"/>'
            for x, value in zip(places, line, strict=True)
        )
    return drawn
