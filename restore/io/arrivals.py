"""Files that come into a folder: which of them are complete, told by looking again and again.

Nothing says that a file is complete: a copy over a network may stand still, and some systems give a file its full size
and time at once. So a file is taken for complete when its size and time have not changed for a while (by the clock that
looks, not by the file's: another computer may have written that) and it can be opened, which Windows refuses as long as
somebody writes. What then turns out to be cut off fails when it is read, and is looked at anew once it has changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from restore.errors import ImageError
from restore.io.decoded import unreadable
from restore.io.steady import FileState, state_of

PATIENCE_S: Final = 30.0
"""A file that stays still for so long, and cannot be opened, is worth a word."""


@dataclass(slots=True)
class _Seen:
    """A file in the state it was last seen in."""

    state: FileState
    since: float
    """When it was first seen so."""
    due: float
    """When it may be taken, if it stays so."""
    dealt_with: bool = False
    told: bool = False


@dataclass(slots=True)
class Look:
    """What one look has found."""

    complete: list[Path] = field(default_factory=list)
    """Files to be taken now."""
    growing: list[Path] = field(default_factory=list)
    """Files to be waited for."""
    refused: list[tuple[Path, ImageError]] = field(default_factory=list)
    """Files that have stood still and cannot be opened, each once; they are waited for all the same."""


class Arrivals:
    """Remembers the files of a folder from look to look; files that are gone are forgotten.

    A file is complete when it has stood still for ``settle_s`` seconds and can be opened. Times are seconds of any
    clock that never goes back.
    """

    def __init__(self, settle_s: float) -> None:
        self.settle_s = settle_s
        self._seen: dict[Path, _Seen] = {}

    def look(self, paths: Iterable[Path], now: float) -> Look:
        """See what the files are like ``now``; those that are dealt with and unchanged are in none of the lists."""
        found, seen = Look(), {}
        for path in paths:
            state = state_of(path)
            if state is None:  # gone since it was listed
                continue
            known = self._seen.get(path)
            if known is None or known.state != state:
                known = _Seen(state, since=now, due=now + self.settle_s)
            seen[path] = known
            if not known.dealt_with:
                self._sort(path, known, now, found)
        self._seen = seen
        return found

    def deal_with(self, paths: Iterable[Path]) -> None:
        """These are done with, as long as they stay as they were at the last look."""
        for path in paths:
            if path in self._seen:
                self._seen[path].dealt_with = True

    def put_off(self, paths: Iterable[Path], until: float) -> None:
        """These are complete, and come up again at that time."""
        for path in paths:
            if path in self._seen:
                self._seen[path].due, self._seen[path].dealt_with = until, False

    @staticmethod
    def _sort(path: Path, known: _Seen, now: float, found: Look) -> None:
        if now < known.due:
            found.growing.append(path)
            return
        error = _refusal(path)
        if error is None:
            found.complete.append(path)
            return
        found.growing.append(path)
        if now - known.since >= PATIENCE_S and not known.told:
            known.told = True
            found.refused.append((path, error))


def _refusal(path: Path) -> ImageError | None:
    try:
        path.open("rb").close()
    except OSError as fault:
        return unreadable(path, fault)
    return None
