"""Training folders to lists of photos; every problem of a folder in one error, before the first step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from restore.errors import ImageError, PairingError
from restore.io.folder import PHOTO_SUFFIXES
from restore.io.read import photo_size

_SHOWN = 20
"""Problems listed by name in one message; more are counted."""


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
    """Every photo of a folder as an example; PairingError lists all unreadable or too small ones."""
    paths = photos_in(folder)
    _refuse(folder, _problems_of_sizes(paths, patch_px))
    return [Example(path) for path in paths]


def paired_photos(lq_folder: Path, hq_folder: Path, *, scale: int, patch_px: int) -> list[Example]:
    """Partners by relative path without suffix; PairingError lists every missing partner and every wrong size.

    ``patch_px`` is the side of a good patch; a damaged photo must be exactly 1/``scale`` the size of its partner.
    """
    lq = _by_name(lq_folder)
    hq = _by_name(hq_folder)
    problems = [f"{lq[name]}: no partner in {hq_folder}" for name in sorted(lq.keys() - hq.keys())]
    problems += [f"{hq[name]}: no partner in {lq_folder}" for name in sorted(hq.keys() - lq.keys())]
    shared = sorted(lq.keys() & hq.keys())
    for name in shared:
        problems += _problems_of_pair(lq[name], hq[name], scale, patch_px)
    _refuse(lq_folder, problems)
    return [Example(hq[name], lq[name]) for name in shared]


def hold_out(examples: list[Example], count: int) -> tuple[list[Example], list[Example]]:
    """Split into (training, validation) with up to ``count`` evenly spread photos held out, at most a tenth."""
    count = min(count, len(examples) // 10)
    if count == 0:
        return examples, []
    held = {len(examples) * number // count for number in range(count)}
    return [e for i, e in enumerate(examples) if i not in held], [examples[i] for i in sorted(held)]


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


def _problems_of_sizes(paths: Iterable[Path], patch_px: int) -> list[str]:
    problems = []
    for path in paths:
        try:
            height, width = photo_size(path)
        except ImageError as error:
            problems.append(str(error))
            continue
        if min(height, width) < patch_px:
            problems.append(f"{path}: {width}x{height} is smaller than the training patch of {patch_px} pixels")
    return problems


def _problems_of_pair(lq: Path, hq: Path, scale: int, patch_px: int) -> list[str]:
    problems = _problems_of_sizes([hq], patch_px)
    try:
        low, high = photo_size(lq), photo_size(hq)
    except ImageError as error:
        return [*problems, str(error)] if str(error) not in problems else problems
    if (low[0] * scale, low[1] * scale) != high:
        problems.append(
            f"{lq}: {low[1]}x{low[0]} times {scale} is {low[1] * scale}x{low[0] * scale}, "
            f"but its partner {hq} has {high[1]}x{high[0]}"
        )
    return problems


def _refuse(folder: Path, problems: list[str]) -> None:
    if not problems:
        return
    shown = "\n".join(f"  {problem}" for problem in problems[:_SHOWN])
    more = f"\n  and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    raise PairingError(f"{folder}: {count} to mend before training can start:\n{shown}{more}")
