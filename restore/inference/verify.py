"""Was anything lost between a photo and its result? Size, depth, colour profile, metadata, alpha, and the picture."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from restore.io.photo import Photo, Strip
from restore.io.read import DEFAULT_MAX_MEGAPIXELS, read_photo
from restore.io.recipe import recipe_of
from restore.io.told import Told, told_by
from restore.ops.consistency import colour_drift, consistency

LEAST_DB: Final = 12.0
"""Below this a result is taken for another picture. Strong noise that was rightly taken out leaves 14 dB and more (50
grey levels), two photos that have nothing to do with each other agree to 6 to 12."""
NAMED: Final = 4
"""Lost properties that are named; more are counted."""
_ENLARGED: Final = re.compile(r"upscale:([0-9.]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What became of one photo."""

    kept: tuple[str, ...]
    """What the photo had and the result has, in words."""
    lost: tuple[str, ...]
    """What it has not, or has otherwise, in words; nothing where all was kept."""
    scale: float
    width: int
    height: int
    """Of the result."""
    consistency_db: float | None
    """PSNR over RGB of the result, shrunk to the photo's size, against the photo; None where it cannot be said."""
    drift: float | None
    """Largest difference of a channel's mean, in grey levels of 255."""


def verify_files(
    before: Path,
    after: Path,
    *,
    strip: Strip = "none",
    least_db: float = LEAST_DB,
    max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
    read: Callable[..., Photo] = read_photo,
    tell: Callable[[Path], Told] = told_by,
) -> Verdict:
    """Compare a photo's file with its result's; ``strip`` is what was left out on purpose.

    Metadata is read by Pillow, not by the code that writes results; ``read`` reads as ``read_photo`` does,
    and ``tell`` tells as ``told_by`` does. ImageError: one of them cannot be read.
    """
    first, second = (read(path, max_megapixels=max_megapixels, hashed=True) for path in (before, after))
    words = (tell(before), tell(after))
    kept, lost = _of_the_file(first, second, *words, strip)
    faults = _of_the_size(first, second)
    agreement, drift = None, None
    if not faults:
        agreement = consistency(second.pixels[None], first.pixels[None])
        drift = colour_drift(second.pixels[None], first.pixels[None])
        if agreement < least_db:
            faults = [f"the picture: agrees with the photo to {agreement:.0f} dB only, as another one would"]
    return Verdict(
        kept=tuple(kept),
        lost=(*faults, *lost),
        scale=max(second.width / first.width, second.height / first.height),
        width=second.width,
        height=second.height,
        consistency_db=agreement,
        drift=drift,
    )


def _of_the_size(first: Photo, second: Photo) -> list[str]:
    """What is wrong with the size of the result."""
    sizes = f"{first.width}x{first.height} has become {second.width}x{second.height}"
    if second.width < first.width or second.height < first.height:
        turned = (second.width >= second.height) != (first.width >= first.height)
        return [f"{'upright' if turned else 'size'}: {sizes}"]
    gap = abs(first.height * second.width - first.width * second.height)
    if gap > max(first.height + first.width, second.height + second.width) / 2:
        return [f"shape: {sizes}"]
    recipe = recipe_of(second)
    steps = recipe.steps if recipe and recipe != recipe_of(first) else ()  # a copy has the photo's own
    scale = math.prod(float(match[1]) for step in steps if (match := _ENLARGED.match(step)))
    if steps and abs(second.width - first.width * scale) > max(1.0, 0.5 * scale):
        return [f"size: {sizes}, and its own notes say x{scale:g}"]
    return []


def _of_the_file(first: Photo, second: Photo, told: Told, then: Told, strip: Strip) -> tuple[list[str], list[str]]:
    """What was kept and what was lost of all that is not the picture itself."""
    missing = told.missing_in(then, strip)
    checks = [
        (True, second.depth >= first.depth, f"{first.depth} bits", f"depth: {first.depth} bits, now {second.depth}"),
        (told.icc is not None, told.icc == then.icc, "profile", "colour profile"),
        (bool(told.tags), not [name for name in missing if not name.startswith("XMP")], "EXIF", ""),
        (told.has_xmp, not [name for name in missing if name.startswith("XMP")], "XMP", ""),
        (first.alpha is not None, second.alpha is not None, "alpha", "alpha"),
        (first.gray, second.gray, "gray", "gray: three channels now"),
        (told.orientation != 1, then.orientation == 1, "turned upright", ""),
    ]
    kept = [words for had, has, words, _ in checks if had and has]
    lost = [words for had, has, _, words in checks if had and not has and words]
    if then.orientation != 1 and first.sha256 != second.sha256:  # a copy is turned as the photo is
        lost.append(f"orientation: the tag says {then.orientation}, though pixels are upright")
    return kept, [*lost, *_some(missing)]


def _some(names: Sequence[str]) -> list[str]:
    """The first few, and how many more there are.

    >>> _some(["Artist", "Copyright"]), _some(list("abcdef"))
    (['Artist, Copyright'], ['a, b, c, d and 2 more'])
    """
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return [f"{', '.join(names[:NAMED])}{more}"] if names else []
