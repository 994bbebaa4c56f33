"""Small pictures of a job's photos before and after, made as each one passes and kept packed, for its page."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from restore.errors import RestoreError
from restore.inference.batch import Done, Failed
from restore.inference.thumbnail import small_jpegs, small_of
from restore.io.photo import Photo

PHOTO_BYTES: Final = 38_000
"""For the pictures of one photo; on the page they take a third more."""
PAGE_BYTES: Final = 39_000_000
"""For the pictures of a page."""
LEAST_BYTES: Final = 4_500
"""With fewer, nothing could be seen."""
_FORGIVEN: Final = (MemoryError, OSError, RestoreError)


class Album:
    """Small pictures of a job over ``count`` photos, or of none at all; use it as a context.

    It holds the pictures of the few photos that are being worked on, and the rest as JPEGs in a file without a name,
    which the system removes. Photos are read, and results written, in threads of their own, and that is where small
    pictures are made. Where memory or disk is not enough for them a photo has none: no photo fails because of this.
    """

    def __init__(self, count: int) -> None:
        self._open = count > 0
        self._most = max(min(PHOTO_BYTES, PAGE_BYTES // max(count, 1)), LEAST_BYTES)
        self._before: dict[Path, Photo] = {}
        self._packed: dict[Path, tuple[bytes, ...]] = {}
        self._places: dict[Path, tuple[int, tuple[int, ...]]] = {}
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Album:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    @property
    def open(self) -> bool:
        """Whether it keeps anything."""
        return self._open

    def add(self, target: Path, pictures: tuple[bytes, ...]) -> None:
        """Pictures that were made elsewhere, by an album of the same count."""
        if self._open and pictures:
            with suppress(*_FORGIVEN):
                self._keep(target, pictures)

    def before(self, source: Path, photo: Photo) -> None:
        """A photo has been read."""
        if not self._open:
            return
        with suppress(*_FORGIVEN):
            self._before[source] = small_of(photo)

    def after(self, source: Path, target: Path, result: Photo, *, unchanged: bool) -> None:
        """Its result is there and about to be written; where it is ``unchanged``, one picture is enough."""
        if not self._open:
            return
        with suppress(*_FORGIVEN):
            small = self._before.get(source)
            both = [*([small] if small is not None and not unchanged else []), small_of(result)]
            self._packed[target] = small_jpegs(both, self._most)

    def tell(self, outcome: Done | Failed) -> None:
        """What became of a photo is known: of one that failed only the photo itself is kept, if it could be read."""
        small, packed = self._before.pop(outcome.job.source, None), self._packed.pop(outcome.job.target, ())
        with suppress(*_FORGIVEN):
            if isinstance(outcome, Failed):
                packed = () if small is None else small_jpegs([small], self._most // 2)
            if packed:
                self._keep(outcome.job.target, packed)

    def pictures(self, target: Path) -> tuple[bytes, ...]:
        """JPEGs before and after; one where only one is there or both would be equal; none where there are none."""
        if self._file is None or target not in self._places:
            return ()
        start, sizes = self._places[target]
        self._file.seek(start)
        return tuple(self._file.read(size) for size in sizes)

    def _keep(self, target: Path, packed: tuple[bytes, ...]) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="restore-album-")  # noqa: SIM115 - closed with the album
        start = self._file.seek(0, 2)
        self._file.write(b"".join(packed))
        self._file.flush()  # where the disk is full, that is to be known before the place is
        self._places[target] = start, tuple(map(len, packed))


NO_ALBUM: Final = Album(0)
"""Keeps nothing."""
