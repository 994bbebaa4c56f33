"""How well photos are restored, by any number of methods, with what one has without them beside; see ``rules``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from torch import Tensor

from restore.errors import ConfigError
from restore.inference.protocol import Damage, pick_evenly
from restore.inference.rules import BICUBIC, Rules, UpscaleRules
from restore.metrics.lpips import Lpips
from restore.metrics.table import METRICS
from restore.ops.consistency import project

Projection = Literal["off", "on", "both"]
"""Whether results are made to agree with the small photo (``ops.consistency.project``) before they are measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to restore."""

    name: str
    restore: Callable[[Tensor], Tensor]
    """Takes the damaged photo, (1,3,H,W) float32, and gives (1,3,scale*H,scale*W); noise may lie outside [0,1]."""
    detail: float | None = None
    """How much detail it invents, 0 to 100, if that was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One photo restored by one method."""

    photo: str
    method: str
    detail: float | None
    projected: bool
    height: int
    width: int
    seconds: float
    """Time of the restoration alone, on the clock."""

    figures: Mapping[str, float]
    """Keys of ``METRICS``; without "lpips" where there is no backbone. PSNRs may be infinite, "grid" not a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The pictures behind the rows of one photo, (1,3,H,W), for whoever wants to look at them."""

    photo: Path
    source: Tensor
    """What was restored; noise that is not rounded may lie outside [0,1]."""
    pictures: Mapping[str, Tensor]
    """What was measured of each method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Every row of one set of photos, photo by photo, what stands beside the methods first."""

    rules: Rules
    rows: tuple[Row, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Their names in the order of the rows."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    def means(self, method: str) -> dict[str, float]:
        """Each figure of ``method`` averaged over the photos that have it (dB as dB, as papers do)."""
        rows = [row.figures for row in self._of(method)]
        return {name: _mean([row[name] for row in rows]) for name in METRICS if rows and name in rows[0]}

    def pace(self, method: str) -> float:
        """Seconds of ``method`` for each megapixel of result, over all photos together."""
        rows = self._of(method)
        return sum(row.seconds for row in rows) / sum(row.height * row.width / 1e6 for row in rows)

    def _of(self, method: str) -> list[Row]:
        return [row for row in self.rows if row.method == method]


def _mean(values: Sequence[float]) -> float:
    measured = [value for value in values if not math.isnan(value)]
    return sum(measured) / len(measured) if measured else math.nan


def evaluate(
    methods: Sequence[Method],
    photos: Sequence[Path],
    rules: Rules,
    *,
    lpips: Lpips | None,
    max_photos: int | None = None,
    projection: Projection = "off",
    on_photo: Callable[[Sample], None] | None = None,
) -> Evaluation:
    """Measure every method, and ``rules.plain`` beside them, on every photo.

    ``max_photos`` takes at most so many, evenly spread. ``projection`` "both" measures each method as it is and, under
    a name that says so, projected. ``on_photo`` is called after each photo.
    Raises ConfigError for no photos, two methods of one name, a result of another size, or a projection where nothing
    is enlarged; ImageError for a photo that cannot be read or is too small. A photo that fails ends the measurement: a
    mean over fewer photos would mislead.
    """
    if projection != "off" and rules.scale == 1:
        raise ConfigError("only an enlargement can be projected: at the same size that would put the damage back")
    names = method_names(methods, projection, plain=rules.plain)
    if len(set(names)) < len(names):
        raise ConfigError(f"each method needs a name of its own, got {', '.join(names)}")
    chosen = pick_evenly(photos, max_photos)
    if not chosen:
        raise ConfigError("there are no photos to measure")
    rows: list[Row] = []
    for photo in chosen:
        target, source = rules.prepare(photo)
        height, width = target.shape[-2:]
        pictures: dict[str, Tensor] = {}
        for way in _results(methods, source, rules, projection):
            if way.result.shape != target.shape:
                raise ConfigError(f"{photo}: {way.name} gave {tuple(way.result.shape)} for {tuple(target.shape)}")
            picture = way.result if way.name == rules.plain else rules.finished(way.result, target)
            pictures[way.name] = picture
            figures = rules.measure(picture, target, source, lpips)
            rows.append(
                Row(
                    photo=photo.name,
                    method=way.name,
                    detail=way.detail,
                    projected=way.projected,
                    height=height,
                    width=width,
                    seconds=way.seconds,
                    figures={name: figures[name] for name in METRICS if name in figures},
                )
            )
        if on_photo is not None:
            on_photo(Sample(photo=photo, source=source, pictures=pictures))
    return Evaluation(rules=rules, rows=tuple(rows))


def evaluate_upscale(
    methods: Sequence[Method],
    photos: Sequence[Path],
    scale: int,
    *,
    lpips: Lpips | None,
    max_photos: int | None = None,
    projection: Projection = "off",
    damage: Damage | None = None,
    on_photo: Callable[[Sample], None] | None = None,
) -> Evaluation:
    """:func:`evaluate` by the rules of enlarging, with bicubic beside; ConfigError for a scale below 2."""
    rules = UpscaleRules(scale=scale, damage=damage or Damage())
    return evaluate(
        methods, photos, rules, lpips=lpips, max_photos=max_photos, projection=projection, on_photo=on_photo
    )


def method_names(methods: Sequence[Method], projection: Projection = "off", *, plain: str = BICUBIC) -> tuple[str, ...]:
    """Names of all that is measured, ``plain`` first; a projected result has a name of its own."""
    raw = [(method.name,) if projection != "on" else () for method in methods]
    projected = [(_projected(method.name),) if projection != "off" else () for method in methods]
    return (plain, *chain.from_iterable(chain.from_iterable(zip(raw, projected, strict=True))))


def _projected(name: str) -> str:
    return f"{name} projected"


@dataclass(frozen=True, slots=True)
class _Result:
    """What one method gave, (1,3,H,W), before anything is rounded."""

    name: str
    result: Tensor
    seconds: float
    detail: float | None = None
    projected: bool = False


def _results(methods: Sequence[Method], source: Tensor, rules: Rules, projection: Projection) -> Iterator[_Result]:
    started = time.perf_counter()
    plain = rules.untouched(source)
    yield _Result(rules.plain, plain, time.perf_counter() - started)
    for method in methods:
        started = time.perf_counter()
        result = method.restore(source.float()).detach().cpu()
        seconds = time.perf_counter() - started
        if projection != "on":
            yield _Result(method.name, result, seconds, method.detail)
        if projection != "off":
            started = time.perf_counter()
            projected = project(result.clone(), source.float())
            seconds += time.perf_counter() - started
            yield _Result(_projected(method.name), projected, seconds, method.detail, projected=True)
