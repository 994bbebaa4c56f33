"""Training folders to lists of photos; every problem of a folder in one error, before the first step."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from restore.errors import ImageError, PairingError
from restore.io.folder import PHOTO_SUFFIXES
from restore.io.read import DEFAULT_MAX_MEGAPIXELS, photo_size, unreadable

_SHOWN: Final = 20
"""Problems listed by name in one message; more are counted."""
_LEAST_VALIDATION_PX: Final = 64
"""A photo to validate on needs no whole patch, but enough to measure."""
_HEAD_BYTES: Final = 1 << 16
PAIR_FOLDERS: Final = ("lq", "hq")
"""A validation folder with these two in it holds pairs."""

Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True, slots=True)
class Example:
    """One training photo: the good file and, for a paired folder, its damaged partner."""

    hq: Path
    lq: Path | None = None


def photos_in(folder: Path) -> list[Path]:
    """All photos below ``folder``, sorted by path; PairingError if there is no such folder or none in it."""
    if not folder.is_dir():
        raise PairingError(f"{folder}: no such folder; give the folder that holds your photos")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in PHOTO_SUFFIXES and path.is_file() and not path.name.startswith(".")
    )
    if not found:
        raise PairingError(f"{folder}: no photos in it (looked for {', '.join(sorted(PHOTO_SUFFIXES))})")
    return found


def good_photos(folder: Path, *, patch_px: int) -> list[Example]:
    """Every photo of a folder as an example; PairingError lists all unreadable, too small and too large ones."""
    problems: list[str] = []
    sizes = _sizes(photos_in(folder), problems)
    problems += _misfits(sizes, patch_px)
    _refuse(folder, problems)
    return [Example(path) for path in sizes]


def paired_photos(lq_folder: Path, hq_folder: Path, *, scale: int, patch_px: int) -> list[Example]:
    """Partners by relative path without suffix; PairingError lists every missing partner and every wrong size.

    ``patch_px`` is the side of a good patch; a damaged photo must be exactly 1/``scale`` the size of its partner.
    """
    lq, hq = _by_name(lq_folder), _by_name(hq_folder)
    shared = sorted(lq.keys() & hq.keys())
    if not shared:
        first = f"{lq[min(lq)].name} and {hq[min(hq)].name}"
        raise PairingError(
            f"{lq_folder}: no photo has the name of one in {hq_folder} (for instance {first}); "
            "partners need the same name and place in their folders, only the suffix may differ"
        )
    problems = [f"{lq[name]}: no partner in {hq_folder}" for name in sorted(lq.keys() - hq.keys())]
    problems += [f"{hq[name]}: no partner in {lq_folder}" for name in sorted(hq.keys() - lq.keys())]
    sizes = _sizes([folder[name] for name in shared for folder in (lq, hq)], problems)
    pairs = [(lq[name], hq[name]) for name in shared if lq[name] in sizes and hq[name] in sizes]
    problems += _wrong_scales(pairs, sizes, scale)
    problems += _misfits({good: sizes[good] for _, good in pairs}, patch_px)
    _refuse(lq_folder, problems)
    return [Example(good, damaged) for damaged, good in pairs]


def validation_photos(folder: Path, training: Sequence[Example], *, scale: int) -> list[Example]:
    """The photos of a validation folder: pairs when it holds the folders lq and hq and training is on pairs.

    PairingError: nothing in it, unreadable or tiny photos, or photos that are trained on as well (the same content,
    under whatever name), on which a figure would say nothing.
    """
    lq, hq = (folder / name for name in PAIR_FOLDERS)
    if training and training[0].lq is not None and lq.is_dir() and hq.is_dir():
        examples = paired_photos(lq, hq, scale=scale, patch_px=_LEAST_VALIDATION_PX)
    else:
        examples = good_photos(folder, patch_px=_LEAST_VALIDATION_PX)
    trained, validated = ({example.hq for example in each} for each in (training, examples))
    problems = []
    for group in copies_among([*trained, *validated]):
        learnt = [path for path in group if path in trained]
        also = sorted({path for path in group if path in validated}) if learnt else []
        problems += [f"{path}: is trained on, too ({learnt[0]}); take it out of one of the two" for path in also]
    _refuse(folder, problems)
    return examples


def hold_out(examples: list[Example], count: int) -> tuple[list[Example], list[Example]]:
    """Split into (training, validation) with up to ``count`` evenly spread photos held out, at most a tenth."""
    count = min(count, len(examples) // 10)
    if count == 0:
        return examples, []
    held = {len(examples) * number // count for number in range(count)}
    return [e for i, e in enumerate(examples) if i not in held], [examples[i] for i in sorted(held)]


def copies_among(paths: Iterable[Path]) -> list[list[Path]]:
    """Groups of two or more files with the same bytes, or of one file named twice; ImageError if one is unreadable.

    Only files of the same length and the same first 64 kB are read to their end.
    """
    groups = [list(paths)]
    for trait in (_length, _head, _digest):
        split: dict[tuple[int, int | bytes], list[Path]] = defaultdict(list)
        for number, group in enumerate(groups):
            for path in group:
                try:
                    split[number, trait(path)].append(path)
                except OSError as fault:
                    raise unreadable(path, fault) from fault
        groups = [group for group in split.values() if len(group) > 1]
    return [sorted(group) for group in groups]


def _length(path: Path) -> int:
    return path.stat().st_size


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.blake2b(stream.read(_HEAD_BYTES)).digest()


def _digest(path: Path) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "blake2b").digest()


def _by_name(folder: Path) -> dict[str, Path]:
    names: dict[str, Path] = {}
    twice: list[str] = []
    for path in photos_in(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        if name in names:
            twice.append(f"{path}: has the same name as {names[name]}")
        names[name] = path
    _refuse(folder, twice)
    return names


def _sizes(paths: Iterable[Path], problems: list[str]) -> dict[Path, Size]:
    """Sizes by the headers; what cannot be read is added to ``problems``."""
    sizes: dict[Path, Size] = {}
    for path in paths:
        try:
            sizes[path] = photo_size(path)
        except ImageError as error:
            problems.append(str(error))
    return sizes


def _misfits(sizes: Mapping[Path, Size], patch_px: int) -> list[str]:
    problems = []
    for path, (height, width) in sizes.items():
        if min(height, width) < patch_px:
            problems.append(f"{path}: {width}x{height} is smaller than the training patch of {patch_px} pixels")
        elif height * width / 1e6 > DEFAULT_MAX_MEGAPIXELS:
            problems.append(f"{path}: {width}x{height} is over {DEFAULT_MAX_MEGAPIXELS:g} megapixels; cut it up")
    return problems


def _wrong_scales(pairs: Sequence[tuple[Path, Path]], sizes: Mapping[Path, Size], scale: int) -> list[str]:
    ratios = {_whole_ratio(sizes[lq], sizes[hq]) for lq, hq in pairs}
    if len(pairs) > 1 and len(ratios) == 1 and (ratio := ratios.pop()) not in (None, scale):
        return [f"all {len(pairs)} pairs are x{ratio}, but you train x{scale}: {_scale_cure(ratio)}"]
    wrong = [_wrong_scale(lq, hq, sizes[lq], sizes[hq], scale) for lq, hq in pairs]
    return [problem for problem in wrong if problem]


def _wrong_scale(lq: Path, hq: Path, low: Size, high: Size, scale: int) -> str:
    wanted = (low[0] * scale, low[1] * scale)
    if wanted == high:
        return ""
    what = f"{lq}: {low[1]}x{low[0]} times {scale} is {wanted[1]}x{wanted[0]}, but its partner {hq} has "
    what += f"{high[1]}x{high[0]}"
    if (ratio := _whole_ratio(low, high)) is not None:
        return f"{what}; this pair is x{ratio}: {_scale_cure(ratio)}"
    if low[0] * low[1] > high[0] * high[1]:
        return f"{what}; the damaged photo is the larger one: are the two folders swapped?"
    if wanted == high[::-1]:
        return f"{what}; one of the two lies on its side: turn it"
    if all(0 <= high[i] - wanted[i] < scale for i in (0, 1)):
        return f"{what}; cut the good one to {wanted[1]}x{wanted[0]}, at best before it is shrunk"
    return f"{what}; cut or shrink one of them"


def _whole_ratio(low: Size, high: Size) -> int | None:
    ratio = high[0] // low[0]
    return ratio if ratio > 0 and (low[0] * ratio, low[1] * ratio) == high else None


def _scale_cure(ratio: int | None) -> str:
    return "use -x 1 with a task that keeps the size, or shrink the damaged ones" if ratio == 1 else f"use -x {ratio}"


def _refuse(folder: Path, problems: list[str]) -> None:
    if not problems:
        return
    shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
    more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    raise PairingError(f"{folder}: {count} to mend before training can start:\n{shown}{more}")
