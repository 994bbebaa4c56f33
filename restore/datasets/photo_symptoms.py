"""What can be wrong with good photos that load: one function for each symptom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import torch

from restore.datasets.findings import Checked, Finding, Plan, Rule, count_of, found, found_in

LEAST_QUALITY: Final = 75
"""Below this JPEG quality blocks show, and a network learns to draw them."""
ENLARGED: Final = 0.02
"""Fineness below which a photo holds nothing that half its size would not hold.

Of 72 photos that had been shrunk none is below, and 70 of their copies enlarged by two (bicubic, bilinear, Lanczos)
are; so are 3 of 537 photos as they are, all three out of focus or shaken.
"""
BLANK: Final = 2.0
"""Grey levels of contrast."""
ALIKE: Final = 4.0
"""Grey levels between two thumbnails: copies of other sizes and qualities differ by 1, other photos by 12 and more."""
_SAME_SHAPE: Final = 0.03


def leaks(seen: Sequence[Checked], plan: Plan) -> Finding | None:
    """Held-out photos that are trained on, too: in a file that is equal, or one that looks so."""
    files: dict[Path, str] = {}
    for group in plan.copies:
        trained = [path for path in group if path not in plan.held_out]
        files |= {path: f"the same file as {trained[0]}" for path in group if trained and path in plan.held_out}
    for held, other in _lookalikes(seen):
        if held.held_out and not other.held_out:
            files.setdefault(held.hq.path, f"looks like {other.hq.path}")
    photos = count_of(len(files), "photo to validate on is", "photos to validate on are")
    return found(
        sorted(files.items()), f"{photos} trained on in another copy: the figures will be too good; take the copy out"
    )


def twice(seen: Sequence[Checked], plan: Plan) -> Finding | None:
    """Training photos that are there more than once."""
    files: dict[Path, str] = {}
    for group in plan.copies:
        first, *others = [path for path in group if path not in plan.held_out] or [group[0]]
        files |= dict.fromkeys(others, f"the same file as {first}")
    for item, other in _lookalikes(seen):
        if not item.held_out and not other.held_out:
            files.setdefault(item.hq.path, f"looks like {other.hq.path}")
    photos = count_of(len(files), "photo is", "photos are")
    return found(sorted(files.items()), f"{photos} there twice and would count twice: take one of each two out")


def gray_among_colour(seen: Sequence[Checked], _: Plan) -> Finding | None:
    """The fewer of gray and coloured good photos, where there are both."""
    gray = [item.hq for item in seen if item.hq.gray]
    coloured = [item.hq for item in seen if not item.hq.gray]
    if not gray or not coloured:
        return None
    if len(gray) <= len(coloured):
        photos = count_of(len(gray), "gray photo", "gray photos")
        cure = "weak colours may come out gray; take the gray ones out if they do"
        return found_in(gray, f"{photos} among {len(coloured)} in colour: {cure}")
    photos = count_of(len(coloured), "photo", "photos")
    cure = "too few to learn colour from; make them gray, or bring more"
    return found_in(coloured, f"{photos} in colour among {len(gray)} gray ones: {cure}")


def bad_jpegs(seen: Sequence[Checked], _: Plan) -> Finding | None:
    """Good photos with a low JPEG quality."""
    files = [
        (item.hq.path, f"JPEG quality {item.hq.quality}")
        for item in seen
        if item.hq.quality is not None and item.hq.quality < LEAST_QUALITY
    ]
    photos = count_of(
        len(files), "good photo is a strongly compressed JPEG", "good photos are strongly compressed JPEGs"
    )
    cure = "the network learns to draw their blocks; find better copies, or shrink them to half their size"
    return found(files, f"{photos} (quality below {LEAST_QUALITY}): {cure}")


def soft(seen: Sequence[Checked], _: Plan) -> Finding | None:
    """Good photos without fine detail."""
    looks = [item.hq for item in seen if item.hq.fineness is not None and item.hq.fineness < ENLARGED]
    photos = count_of(len(looks), "good photo has", "good photos have")
    cure = "the network learns softness; take them out, or shrink them to half their size"
    return found_in(looks, f"{photos} no fine detail (enlarged, out of focus or shaken): {cure}")


def blank(seen: Sequence[Checked], _: Plan) -> Finding | None:
    """Good photos of one tone."""
    looks = [item.hq for item in seen if item.hq.contrast < BLANK]
    return found_in(looks, f"{count_of(len(looks), 'photo shows', 'photos show')} next to nothing: take them out")


PHOTO_RULES: Final[tuple[Rule, ...]] = (leaks, twice, gray_among_colour, bad_jpegs, soft, blank)


def _lookalikes(seen: Sequence[Checked]) -> Iterator[tuple[Checked, Checked]]:
    """Pairs of examples whose good photos look the same, the held-out or later one first."""
    order = [item for item in sorted(seen, key=lambda item: item.held_out) if item.hq.contrast >= BLANK]
    if not order:
        return
    thumbnails = torch.stack([item.hq.thumbnail for item in order])
    for number, item in enumerate(order):
        near = (thumbnails[:number] - thumbnails[number]).abs().mean(dim=1) < ALIKE
        for other in near.nonzero().flatten().tolist():
            shapes = [look.width / look.height for look in (item.hq, order[other].hq)]
            if abs(shapes[0] / shapes[1] - 1) < _SAME_SHAPE:
                yield item, order[other]
