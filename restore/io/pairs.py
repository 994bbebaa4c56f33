"""Which result belongs to which photo, by their places in two folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from restore.io.naming import OwnOutputs
from restore.io.walk import Filter, walk


@dataclass(frozen=True, slots=True)
class Pairs:
    """Photos with their results, and what has no partner."""

    couples: tuple[tuple[Path, Path], ...]
    alone_before: tuple[Path, ...] = ()
    alone_after: tuple[Path, ...] = ()


def pair_pictures(before: Path, after: Path) -> Pairs:
    """Two files are a pair; of two folders, pictures of one place are, and else of one place but for the suffix.

    A photo may have another suffix than its result (a GIF becomes a PNG), but only where that leaves no doubt. Raises
    ImageError for a folder that cannot be opened.
    """
    if before.is_file():
        return Pairs(((before, after),))
    ours, theirs = _pictures(before, after), _pictures(after)
    couples = {place: place for place in ours if place in theirs}
    left = [place for place in theirs if place not in couples]
    for place in ours:
        if place not in couples:
            named = [other for other in left if _stem(other) == _stem(place)]
            rivals = [other for other in ours if other not in couples and _stem(other) == _stem(place)]
            if len(named) == len(rivals) == 1:
                couples[place] = named[0]
    taken = set(couples.values())
    return Pairs(
        tuple((ours[place], theirs[couples[place]]) for place in ours if place in couples),
        tuple(path for place, path in ours.items() if place not in couples),
        tuple(path for place, path in theirs.items() if place not in taken),
    )


def _pictures(folder: Path, but: Path | None = None) -> dict[str, Path]:
    found, _ = walk(folder, Filter(own_outputs=OwnOutputs("{stem}{ext}", ""), output=but))
    return {item.place.as_posix(): item.path for item in found}


def _stem(place: str) -> str:
    return PurePath(place).with_suffix("").as_posix()
