"""What a look through a training set is told in: examples that were checked, and findings about them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from restore.datasets.folders import Example
from restore.datasets.look import Look, PairLook

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: what and the cure, in a sentence, and the files, each with its own detail."""

    what: str
    files: tuple[tuple[Path, str], ...] = ()

    def lines(self) -> Iterator[str]:
        """The sentence, then up to five files."""
        yield self.what
        for path, detail in self.files[:_SHOWN]:
            yield f"  {path}: {detail}" if detail else f"  {path}"
        if len(self.files) > _SHOWN:
            yield f"  and {len(self.files) - _SHOWN} more"


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """An example that could be decoded, and what was seen."""

    example: Example
    hq: Look
    lq: Look | None = None
    pair: PairLook | None = None
    held_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the training is going to do with the photos."""

    scale: int
    patch_px: int
    align: bool = False
    held_out: frozenset[Path] = frozenset()
    """Good photos to validate on."""
    copies: tuple[tuple[Path, ...], ...] = ()
    """Groups of good photos of the whole set, held out or not, whose files are equal."""


Rule = Callable[[Sequence[Checked], Plan], Finding | None]
"""One symptom: from what was seen to what is to be told, if anything."""


def count_of(number: int, one: str, more: str) -> str:
    """A number with its noun.

    >>> count_of(1, "photo", "photos"), count_of(3, "photo", "photos")
    ('1 photo', '3 photos')
    """
    return f"{number} {one if number == 1 else more}"


def found_in(looks: Sequence[Look], what: str) -> Finding | None:
    """A finding about photos without details; None when there are none."""
    return found([(look.path, "") for look in looks], what)


def found(files: Sequence[tuple[Path, str]], what: str) -> Finding | None:
    """A finding about files with their details; None when there are none."""
    return Finding(what, tuple(files)) if files else None
