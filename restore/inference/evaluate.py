"""How well photos are enlarged, by any number of methods, with bicubic always beside them; see ``protocol``."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final, Literal

from torch import Tensor

from restore.errors import ConfigError
from restore.inference.protocol import Damage, measure, pick_evenly, read_target, round_to_8_bits
from restore.metrics.lpips import Lpips
from restore.metrics.table import METRICS
from restore.ops.consistency import project
from restore.ops.resize import resize

BICUBIC: Final = "bicubic"
"""Name of the method that stands beside every other."""

Projection = Literal["off", "on", "both"]
"""Whether results are made to agree with the small photo (``ops.consistency.project``) before they are measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to enlarge."""

    name: str
    restore: Callable[[Tensor], Tensor]
    """Takes the shrunken photo, (1,3,h,w) float32 in [0,1], and gives (1,3,scale*h,scale*w)."""
    detail: float | None = None
    """How much detail it invents, 0 to 100, if that was chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One photo enlarged by one method."""

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
    """The pictures behind the rows of one photo, (1,3,H,W) in whole 1/255, for whoever wants to look at them."""

    photo: Path
    source: Tensor
    pictures: Mapping[str, Tensor]
    """The result of each method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Every row of one set of photos, photo by photo, bicubic first."""

    scale: int
    damage: Damage
    rows: tuple[Row, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """Their names in the order of the rows."""
        return tuple(dict.fromkeys(row.method for row in self.rows))

    def means(self, method: str) -> dict[str, float]:
        """Each figure of ``method`` averaged over the photos that have it (dB as dB, as papers do)."""
        rows = [row.figures for row in self.rows if row.method == method]
        return {name: _mean([row[name] for row in rows]) for name in METRICS if rows and name in rows[0]}


def _mean(values: Sequence[float]) -> float:
    measured = [value for value in values if not math.isnan(value)]
    return sum(measured) / len(measured) if measured else math.nan


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
    """Measure bicubic enlargement and every method on every photo.

    ``max_photos`` takes at most so many, evenly spread. ``projection`` "both" measures each method as it is and, under
    a name that says so, projected. ``on_photo`` is called after each photo.
    Raises ConfigError for a scale below 2, no photos, two methods of one name, or a result of another size; ImageError
    for a photo that cannot be read or is too small. A photo that fails ends the measurement: a mean over fewer photos
    would mislead.
    """
    damage = damage or Damage()
    if scale < 2:
        raise ConfigError(f"the scale of an evaluation must be 2 or more, got {scale}")
    names = method_names(methods, projection)
    if len(set(names)) < len(names):
        raise ConfigError(f"each method needs a name of its own, got {', '.join(names)}")
    chosen = pick_evenly(photos, max_photos)
    if not chosen:
        raise ConfigError("there are no photos to measure")
    rows: list[Row] = []
    for photo in chosen:
        target = read_target(photo, scale)
        height, width = target.shape[-2:]
        source = damage.spoil(resize(target, height // scale, width // scale, quantise=True))
        pictures: dict[str, Tensor] = {}
        for way in _results(methods, source, height, width, projection):
            if way.picture.shape != target.shape:
                raise ConfigError(f"{photo}: {way.name} gave {tuple(way.picture.shape)} for {tuple(target.shape)}")
            pictures[way.name] = way.picture
            figures = measure(way.picture, target, source, scale=scale, lpips=lpips)
            rows.append(
                Row(
                    photo=photo.name,
                    method=way.name,
                    detail=way.detail,
                    projected=way.projected,
                    height=height,
                    width=width,
                    seconds=way.seconds,
                    figures=figures,
                )
            )
        if on_photo is not None:
            on_photo(Sample(photo=photo, source=source, pictures=pictures))
    return Evaluation(scale=scale, damage=damage, rows=tuple(rows))


def method_names(methods: Sequence[Method], projection: Projection = "off") -> tuple[str, ...]:
    """Names of all that is measured, bicubic first; a projected result has a name of its own."""
    plain = [(method.name,) if projection != "on" else () for method in methods]
    projected = [(_projected(method.name),) if projection != "off" else () for method in methods]
    return (BICUBIC, *chain.from_iterable(chain.from_iterable(zip(plain, projected, strict=True))))


def _projected(name: str) -> str:
    return f"{name} projected"


@dataclass(frozen=True, slots=True)
class _Result:
    """One picture to be measured, (1,3,H,W) float64 in whole 1/255."""

    name: str
    picture: Tensor
    seconds: float
    detail: float | None = None
    projected: bool = False


def _results(
    methods: Sequence[Method], source: Tensor, height: int, width: int, projection: Projection
) -> Iterator[_Result]:
    started = time.perf_counter()
    plain = resize(source, height, width, quantise=True)
    yield _Result(BICUBIC, round_to_8_bits(plain), time.perf_counter() - started)
    for method in methods:
        started = time.perf_counter()
        result = method.restore(source.float()).detach().cpu()
        seconds = time.perf_counter() - started
        if projection != "on":
            yield _Result(method.name, round_to_8_bits(result.double()), seconds, method.detail)
        if projection != "off":
            started = time.perf_counter()
            projected = project(result.clone(), source.float())
            seconds += time.perf_counter() - started
            picture = round_to_8_bits(projected.double())
            yield _Result(_projected(method.name), picture, seconds, method.detail, projected=True)
