"""From the report on one photo to the recipe that its result carries."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

from restore.inference.translate import weights_name
from restore.inference.upscale import Report
from restore.io.photo import Photo
from restore.io.recipe import COMPOSITE, ENHANCED, WEIGHTS_DIGITS, Recipe, packet_with, recipe_of, with_recipe

UNRECORDED: Final = "what was done is not recorded in the file: its XMP cannot be added to"
_SOURCE_TYPES: Final[Mapping[str, str | None]] = {"inpaint": COMPOSITE, "translate": None}
"""What IPTC calls the results of tasks that do more than correct; nothing where it depends on the network."""


def recorded(result: Photo, report: Report, version: str) -> tuple[Photo, tuple[str, ...]]:
    """The result with its recipe, and what there is to note about that.

    The same photo where nothing was done to it, or where its XMP cannot be added to; the latter is noted.
    """
    recipe = recipe_from(report, version, input_sha256=result.sha256, before=recipe_of(result))
    if recipe is None:
        return result, ()
    made = with_recipe(result, recipe, source_type=source_type_of(report))
    return (result, (UNRECORDED,)) if made is None else (made, ())


def sidecar_packet(result: Photo, report: Report, version: str) -> bytes | None:
    """The recipe alone, as XMP; None where nothing was done. ``result`` is the photo before it was recorded."""
    recipe = recipe_from(report, version, input_sha256=result.sha256, before=recipe_of(result))
    return None if recipe is None else packet_with(None, recipe, source_type=source_type_of(report))


def source_type_of(report: Report) -> str | None:
    """IPTC's word for the result."""
    types = [_SOURCE_TYPES.get(step.task, ENHANCED) for step in report.steps or (report,)]
    return next((each for each in types if each != ENHANCED), ENHANCED)


def recipe_from(
    report: Report, version: str, *, input_sha256: str | None = None, before: Recipe | None = None
) -> Recipe | None:
    """What was done, as text that can be read back; None where that was nothing. ``before`` is the photo's own."""
    steps = tuple(step_of(step) for step in report.steps or (report,) if _did_something(step))
    if not steps:
        return None
    return Recipe(
        version=re.sub(r"[^\w.+-]", "_", version),
        steps=steps,
        weights=tuple(_weights_words(path) for path in report.files),
        input=input_sha256,
        earlier=(*before.earlier, *before.steps) if before else (),
    )


def step_of(report: Report) -> str:
    """One step: a name, how much of it, and what was told or chosen, like "denoise:40 noise=18 jpeg=42".

    Damage that the network was told is not there is left out, what it had to judge itself is blind. Levels, strength,
    quality and pixels of blur are as the options have them; mask is the share of the photo, 0 to 1.
    """
    name = "+".join(report.done) or report.task
    condition = report.condition
    words: list[str] = []
    if report.task == "grain":
        return f"grain:{report.grain:g}"
    if report.task == "tone":
        return f"tone:{report.strength:g}"
    if report.task == "upscale":
        name += f":{report.factor:.10g}"
        words += _told("noise", condition.noise, 0) + _told("jpeg", condition.jpeg, 100)
    if report.strength is not None:
        name += f":{report.strength:g}"
        words += _told("noise", condition.noise, 0) + _told("jpeg", condition.jpeg, 100)
        words += _told("blur", condition.blur, 0)
        words += [f"angle={condition.angle:g}"] if condition.angle is not None and condition.blur else []
    words += [f"{what}={amount:g}" for what, amount in (("detail", report.detail), ("grain", report.grain)) if amount]
    words += [] if report.grain_seed is None else [f"seed={report.grain_seed}"]
    words += [f"regrain={report.regrain:g}"] if report.regrain else []
    words += ["project=yes"] if report.projected else []
    words += [f"ensemble={report.ensemble}"] if report.ensemble > 1 else []
    words += [] if report.covered is None else [f"mask={report.covered:.3g}"]
    return " ".join([name, *words])


def _told(name: str, value: float | None, clean: float) -> list[str]:
    if value is None:
        return [f"{name}=blind"]
    return [] if value == clean else [f"{name}={value:g}"]


def _did_something(report: Report) -> bool:
    """Whether a network changed the picture, grain was added, or fading undone; finding damage changes nothing."""
    if report.task == "tone":
        return bool(report.strength)
    return (bool(report.weights) and report.task != "mask") or (report.grain > 0 and report.covered != 0)


def _weights_words(path: Path) -> str:
    """Name and hash; nothing of where the file lies on this machine."""
    name = re.sub(r"[^\w.+-]", "_", weights_name(path))[:200]
    try:
        return f"{name} {weights_digest(path)}"
    except OSError:  # it was there when it was loaded
        return name


def weights_digest(path: Path) -> str:
    """What a recipe says about the bytes of a weights file, like "sha256:0123456789abcdef"; OSError if it is gone."""
    state = path.stat()
    return f"sha256:{_file_sha256(path.resolve(), state.st_mtime_ns, state.st_size)[:WEIGHTS_DIGITS]}"


@lru_cache(maxsize=32)
def _file_sha256(path: Path, _changed_ns: int, _size: int) -> str:
    """Of the file in the state that the numbers stand for: it is taken once for many photos."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
