"""A worker of a cluster: what it is told, what it does with one photo, and what it sends back."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restore.cli.album import Album
from restore.cli.ledger import Ledger
from restore.cli.rows import Row
from restore.cli.settings import settings_of
from restore.cli.talk import Talk
from restore.cli.walk import Account
from restore.cli.work import Work, work_for
from restore.errors import ConfigError
from restore.inference.batch import Done, Failed
from restore.io.decoder import Decoder
from restore.io.folder import Job, Plan
from restore.io.photo import Photo
from restore.io.resume import Left, difference
from restore.io.write import Sealed

if TYPE_CHECKING:
    from restore.cli.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One photo, and the hidden names under which a worker builds what belongs to it."""

    job: Job
    picture: Path | None
    """Beside the result, if one was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an errand; a few kilobytes."""

    outcome: Done | Failed
    input_sha256: str | None
    written: tuple[int, str] | None
    """Bytes of the result and their SHA-256."""
    pictures: tuple[bytes, ...]
    """Small ones, as JPEGs, if there is to be a page."""


@dataclass(slots=True)
class Slip(Ledger):
    """In place of a ledger at a worker: one photo, which is its own."""

    outcome: Done | Failed | None = None
    input_sha256: str | None = None
    written: tuple[int, str] | None = None

    def mine(self, refused: Callable[[Job, str], None]) -> Generator[Job]:  # noqa: ARG002
        """The photo."""
        yield from self.left.todo

    def read(self, source: Path, photo: Photo) -> None:  # noqa: ARG002
        """Note which bytes it was read from."""
        self.input_sha256 = photo.sha256

    def overwrites(self, target: Path) -> bool:  # noqa: ARG002
        """Its hidden name is nobody else's."""
        return True

    def sealed(self, target: Path) -> Sealed | None:  # noqa: ARG002
        """Note what was written."""
        return self._note

    def tell(self, outcome: Done | Failed) -> None:
        """Note what became of it."""
        self.outcome = outcome

    def _note(self, size: int, sha256: str) -> None:
        self.written = size, sha256


class _Mute(Talk):
    """Says nothing: what there is to say goes back with the answer."""

    def row(self, row: Row) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a worker must know and find, to do as the process that was started by hand would."""

    order: Order
    settings: Mapping[str, str]
    folder: str
    """That relative names start from."""
    seen: tuple[Path, ...]
    """Folders that all machines must see."""
    album: int
    """Photos that are to be on a page; 0 without one."""


class Hand:
    """A worker: one process on one machine, with its networks loaded."""

    def __init__(self, terms: Terms, device: str, cores: int) -> None:
        machine = replace(terms.order.machine, engine="local", device=device, threads=cores)
        self._terms = terms
        self._order = replace(terms.order, machine=machine, report=None)
        self._work: Work | None = None
        self._decoder: Decoder | None = None

    def hello(self) -> str:
        """Get ready; gives the machine's name. ConfigError where this machine would not do the same, WeightsError,
        DeviceError."""
        terms, name = self._terms, platform.node()
        with suppress(OSError):  # names may all be whole ones
            os.chdir(terms.folder)
        for folder in terms.seen:
            if not folder.exists():
                raise ConfigError(
                    f"{folder}: {name} does not see this folder; with --engine ray photos and results must lie where "
                    "all machines find them under one name: a shared folder, or a bucket (s3://...)"
                )
        here = settings_of(self._order)
        if here != dict(terms.settings):
            raise ConfigError(
                f"{name} has another restore or other weights than this computer; install the same there:\n"
                f"{difference(terms.settings, here)}"
            )
        self._work = work_for(self._order, self._order.machine.chosen(_Mute()))
        self._decoder = Decoder(timeout_s=self._order.machine.timeout_s, max_memory=self._order.machine.max_memory)
        return name

    def close(self) -> None:
        """End what it has started."""
        if self._decoder is not None:
            self._decoder.close()

    def do(self, errand: Errand) -> Answer:
        """One photo, read, restored, and written under its hidden name."""
        from restore.cli.order import restore_left

        assert self._work is not None
        order, job = self._order, errand.job
        slip = Slip(order, Plan((job,)), _Mute(), Left(todo=[job]))
        pictures = {} if errand.picture is None else {job.target: errand.picture}
        with Album(self._terms.album) as album:
            beside: dict[str, Any] = {"pictures": pictures, "album": album, "reader": self._decoder, "stays": True}
            restore_left(slip, self._work, order, Account(), slip.talk, **beside)
            assert slip.outcome is not None
            return Answer(
                outcome=slip.outcome,
                input_sha256=slip.input_sha256,
                written=slip.written,
                pictures=album.pictures(job.target),
            )
