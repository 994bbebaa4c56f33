"""What a result says about itself: how it was made, in its XMP, where another run finds it again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from restore.errors import ConfigError
from restore.io.encode import MARKER_BYTES
from restore.io.photo import Photo
from restore.io.xmp import UnreadableXmpError, changed_packet, read_packet

NAMESPACE: Final = "urn:restore-photos:recipe:1#"
PREFIX: Final = "restore"
SOURCE_TYPE: Final = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ DigitalSourceType"
SOURCE_TYPES: Final = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ENHANCED: Final = f"{SOURCE_TYPES}algorithmicallyEnhanced"
"""IPTC's word for a photo that a program has corrected."""
COMPOSITE: Final = f"{SOURCE_TYPES}compositeWithTrainedAlgorithmicMedia"
"""IPTC's word for a photo of which parts were invented by a network."""
WEIGHTS_DIGITS: Final = 16
"""Hexadecimal digits of a weights file's SHA-256 that are told: the first 64 bits."""

_NUMBER: Final = r"[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
_STEP: Final = re.compile(rf"[a-z]+(?:[+-][a-z]+)*(?::{_NUMBER})?(?: [a-z]+=(?:[a-z]+|-?{_NUMBER}))*")
_WORD: Final = re.compile(r"[\w.+-]{1,40}")
_WEIGHTS: Final = re.compile(rf"[\w.+-]{{1,200}}(?: sha256:[0-9a-f]{{{WEIGHTS_DIGITS}}})?")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a photo was restored; ConfigError for what could not be read back.

    >>> Recipe(version="0.1.0", steps=("dejpeg:100 jpeg=42", "upscale:2")).words
    'dejpeg 100, upscale x2, by restore 0.1.0'
    """

    version: str
    steps: tuple[str, ...]
    """What was done, in order: a name, an amount, and what was told, like "denoise:40 noise=18 jpeg=42"."""
    weights: tuple[str, ...] = ()
    """Weights files that did it: a name, and the first digits of the SHA-256 of the file's bytes, like
    "clean sha256:0123456789abcdef"."""
    input: str | None = None
    """SHA-256 of the bytes of the file that was restored, 64 hexadecimal digits; None where there was no file."""
    earlier: tuple[str, ...] = ()
    """Steps that had been done to that file before."""
    tool: str = "restore"

    def __post_init__(self) -> None:
        for pattern, parts in (
            (_WORD, (self.tool, self.version)),
            (_STEP, (*self.steps, *self.earlier)),
            (_WEIGHTS, self.weights),
            (_DIGEST, () if self.input is None else (self.input,)),
        ):
            for part in parts:
                if not pattern.fullmatch(part):
                    raise ConfigError(f"{part!r} cannot be part of a recipe; it is matched by {pattern.pattern}")
        if not self.steps:
            raise ConfigError("a recipe without a step says nothing; leave it out")

    @property
    def words(self) -> str:
        """For people: what was done and by whom, without what was told."""
        return f"{', '.join(_step_words(step) for step in (*self.earlier, *self.steps))}, by {self.tool} {self.version}"


def _step_words(step: str) -> str:
    name, _, amount = step.partition(" ")[0].partition(":")
    shown = f"{float(amount):.3g}" if amount else ""
    return f"{name} {'x' if name == 'upscale' else ''}{shown}".strip()


def recipe_of(photo: Photo) -> Recipe | None:
    """How the photo was restored before; None for one that was not, or whose XMP does not tell."""
    return recipe_in(photo.xmp)


def recipe_in(xmp: bytes | None) -> Recipe | None:
    """The recipe in a packet of XMP; None where there is none, or none that can be read."""
    if not xmp or NAMESPACE.encode() not in xmp:
        return None
    try:
        found = read_packet(xmp).properties
        return _from_values({name.removeprefix(f"{NAMESPACE} "): value for name, value in found.items()})
    except (UnreadableXmpError, ConfigError):
        return None


def with_recipe(photo: Photo, recipe: Recipe, *, source_type: str | None = ENHANCED) -> Photo | None:
    """The photo with the recipe in its XMP, in place of an earlier one; nothing else in the XMP changes.

    ``source_type`` is IPTC's word for such a picture; it is added unless the XMP has one, since what the camera said
    stands. None where the XMP is damaged, continued elsewhere in the file, or would become too long for a JPEG: it is
    better kept as it is.
    """
    try:
        xmp = packet_with(photo.xmp, recipe, source_type=source_type)
    except UnreadableXmpError:
        return None
    return replace(photo, xmp=xmp) if len(xmp) <= MARKER_BYTES else None


def packet_with(xmp: bytes | None, recipe: Recipe, *, source_type: str | None = ENHANCED) -> bytes:
    """The packet with the recipe, as above; a new one for None. UnreadableXmpError where it cannot be added to."""
    also = {SOURCE_TYPE: ("Iptc4xmpExt", source_type)} if source_type else {}
    return changed_packet(xmp, NAMESPACE, PREFIX, _to_values(recipe), also=also)


def _to_values(recipe: Recipe) -> dict[str, str]:
    values = {
        "Tool": recipe.tool,
        "Version": recipe.version,
        "Steps": ", ".join(recipe.steps),
        "Weights": ", ".join(recipe.weights),
        "Input": f"sha256:{recipe.input}" if recipe.input else "",
        "Earlier": ", ".join(recipe.earlier),
    }
    return {name: value for name, value in values.items() if value}


def _from_values(values: Mapping[str, str]) -> Recipe | None:
    if not values.get("Tool") or not values.get("Version") or not values.get("Steps"):
        return None
    return Recipe(
        tool=values["Tool"],
        version=values["Version"],
        steps=_listed(values["Steps"]),
        weights=_listed(values.get("Weights", "")),
        input=values.get("Input", "").removeprefix("sha256:") or None,
        earlier=_listed(values.get("Earlier", "")),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(", ")) if text else ()
