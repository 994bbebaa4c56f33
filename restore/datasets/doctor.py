"""A look through a training set before the first step: what must be mended, what would hurt, and how much there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from restore.datasets.findings import Checked, Finding, Plan, count_of
from restore.datasets.folders import Example, copies_among
from restore.datasets.look import look_at, look_at_pair
from restore.datasets.pair_symptoms import PAIR_RULES, aligned_count
from restore.datasets.photo_symptoms import PHOTO_RULES
from restore.errors import ImageError
from restore.io.read import photo_size, read_photo

FEW_PATCHES: Final = 200
"""Side by side; a network sees each of so few hundreds of times and learns them by heart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What was found in a training set."""

    count: int
    """Photos, or pairs, to train on."""
    held_out_count: int
    examined: int
    """Of both together, how many were decoded."""
    pairs: bool
    megapixels: float
    """Of the good photos to train on."""
    smallest: tuple[int, int]
    """Height and width of the good photo with the fewest pixels."""
    median: tuple[int, int]
    """Height and width of the good photo in the middle."""
    patch_px: int
    patches: int
    """So many fit into the good photos side by side."""
    decoded_bytes: int
    """Memory that would hold all decoded photos to train on."""
    problems: tuple[Finding, ...] = ()
    """Must be mended: training would stop there."""
    warnings: tuple[Finding, ...] = ()
    """Training works, but suffers."""
    notes: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """All of it in words."""
        things = "pairs" if self.pairs else "photos"
        yield (
            f"{self.count} {things} to train on ({self.megapixels:.1f} megapixels), {self.held_out_count} to validate "
            f"on; the smallest {_by(self.smallest)}, the middle one {_by(self.median)}"
        )
        yield (
            f"{self.patches} patches of {self.patch_px} pixels side by side; {self.decoded_bytes / 1e9:.2f} GB of "
            "memory when all are decoded"
        )
        if self.examined < self.count + self.held_out_count:
            yield f"examined {self.examined} of {self.count + self.held_out_count}, evenly spread"
        for note in self.notes:
            yield f"note: {note}"
        for kind, findings in (("PROBLEM", self.problems), ("warning", self.warnings)):
            for finding in findings:
                first, *files = finding.lines()
                yield f"{kind}: {first}"
                yield from files


def examine(
    examples: Sequence[Example],
    held_out: Sequence[Example],
    scale: int,
    *,
    patch_px: int,
    limit: int | None = None,
    align: bool = False,
    faithful: bool = True,
    on_photo: Callable[[int, int], None] | None = None,
) -> Diagnosis:
    """Decode each photo once and tell what is wrong with the set; nothing is raised for what is found.

    ``examples`` is not empty and comes from the functions of datasets.folders, so that sizes fit. With ``limit`` only
    so many are decoded, evenly spread; sizes and equal files are looked for in all. ``align``: shifted pairs are going
    to be put in place. ``faithful``: partners are to show the same in the same colours, which is not so in image
    translation. ``on_photo`` is told how many are done, of how many. ImageError: a header cannot be read any more.

    A photo of a megapixel takes about 0.05 s, a pair 0.15 s.
    """
    plan = Plan(
        scale=scale,
        patch_px=patch_px,
        align=align,
        held_out=frozenset(example.hq for example in held_out),
        copies=tuple(map(tuple, copies_among(example.hq for example in (*examples, *held_out)))),
    )
    chosen = _spread([*((item, False) for item in examples), *((item, True) for item in held_out)], limit)
    seen: list[Checked] = []
    broken: list[tuple[Path, str]] = []
    for number, (example, held) in enumerate(chosen, 1):
        seen += _checked(example, broken, held_out=held, compare=faithful or align)
        if on_photo is not None:
            on_photo(number, len(chosen))
    sizes = sorted((photo_size(example.hq) for example in examples), key=lambda size: size[0] * size[1])
    megapixels = sum(height * width for height, width in sizes) / 1e6
    patches = sum((height // patch_px) * (width // patch_px) for height, width in sizes)
    pairs = examples[0].lq is not None
    findings = [rule(seen, plan) for rule in PHOTO_RULES + (PAIR_RULES if faithful else ())]
    return Diagnosis(
        count=len(examples),
        held_out_count=len(held_out),
        examined=len(chosen),
        pairs=pairs,
        megapixels=megapixels,
        smallest=sizes[0],
        median=sizes[(len(sizes) - 1) // 2],
        patch_px=patch_px,
        patches=patches,
        decoded_bytes=round(megapixels * 3e6 * (1 + pairs / scale**2)),
        problems=tuple(_broken(broken)),
        warnings=(
            *_of_the_whole(examples, held_out, patches),
            *(finding for finding in findings if finding is not None),
        ),
        notes=tuple(_notes(seen, plan)),
    )


def _spread(items: Sequence[tuple[Example, bool]], limit: int | None) -> Sequence[tuple[Example, bool]]:
    if limit is None or limit >= len(items):
        return items
    return [items[len(items) * number // limit] for number in range(limit)]


def _checked(example: Example, broken: list[tuple[Path, str]], *, held_out: bool, compare: bool) -> Iterator[Checked]:
    """Decode an example's files and look at them; what cannot be decoded is added to ``broken`` instead."""
    photos = []
    paths = (example.hq,) if example.lq is None else (example.hq, example.lq)
    for path in paths:
        try:
            photos.append(read_photo(path))
        except ImageError as error:
            broken.append((path, str(error).removeprefix(f"{path}: ")))
    if len(photos) < len(paths):
        return
    hq, *lq = (look_at(photo, path) for photo, path in zip(photos, paths, strict=True))
    pair = look_at_pair(photos[1], photos[0]) if lq and compare else None
    yield Checked(example, hq, lq[0] if lq else None, pair, held_out)


def _broken(files: Sequence[tuple[Path, str]]) -> Iterator[Finding]:
    if files:
        what = count_of(len(files), "file cannot be decoded", "files cannot be decoded")
        yield Finding(f"{what}: training would stop there; mend them or take them out", tuple(files))


def _of_the_whole(examples: Sequence[Example], held_out: Sequence[Example], patches: int) -> Iterator[Finding]:
    if not held_out:
        yield Finding(
            "nothing to validate on (photos are held out from ten on): nobody can tell when learning turns into "
            "learning by heart; give --val FOLDER or more photos"
        )
    elif examples[0].lq is not None and held_out[0].lq is None:
        yield Finding(
            "validation is on good photos shrunk by bicubic interpolation, not on your damage: give --val a folder "
            "that holds the folders lq and hq, or leave it out"
        )
    if patches < FEW_PATCHES:
        yield Finding(
            f"only {count_of(patches, 'patch', 'patches')} side by side: the network can learn them by heart; "
            "bring more photos, or start from bundled weights with --init"
        )


def _notes(seen: Sequence[Checked], plan: Plan) -> Iterator[str]:
    looks = [look for item in seen for look in (item.hq, item.lq) if look is not None]
    if number := sum(look.alpha for look in looks):
        yield f"{count_of(number, 'photo has', 'photos have')} transparency, which is left out"
    if number := sum(look.depth > 8 for look in looks):
        yield f"{count_of(number, 'photo has', 'photos have')} 16 bits; training rounds to 8"
    if number := aligned_count(seen, plan):
        yield f"{count_of(number, 'damaged photo', 'damaged photos')} will be put in place (--align)"


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
