"""Photos read by a process of their own: a decoder that crashes, eats the memory or never returns costs one photo.

Decoders are large programs in C that get files from anywhere. One process (:mod:`restore.io.decoder_child`) is started
once and decodes one picture after the other; pixels come back through memory that both have open. Where it dies, or
takes too long, it is replaced. It is a wall against accidents, and no prison: it may do what this process may do.
"""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from restore.errors import DeviceError, ImageError
from restore.io.decoder_child import Asked, Broken, Found, Ready, Refused, Seen, receive, send
from restore.io.decoder_process import Child
from restore.io.header import photo_size
from restore.io.mapped import Planes, in_memory, planes_for
from restore.io.photo import Photo
from restore.io.read import DEFAULT_MAX_MEGAPIXELS, read_photo
from restore.io.remote import Remote
from restore.io.told import Told, told_by

DEFAULT_TIMEOUT_S: Final = 300.0
READER: Final = "restore.io.decoded:decode_file"
SIZER: Final = "restore.io.header:photo_size"
TELLER: Final = "restore.io.told:told_by"
HEADER_S: Final = 30.0
"""A header that takes longer is given up, as it is read for a forecast or a dry run only."""
START_S: Final = 120.0
"""A process that has not loaded its decoders by then never will: it takes a third of a second."""
_WHAT_NEXT: Final = "open it in an editor and save it anew, or leave it out"


class _DiedError(Exception):
    """The process is gone; says how."""


class Decoder:
    """Reads photos as :func:`restore.io.read.read_photo` does, in another process, which is started at once.

    ``timeout_s`` bounds how long one file may take to be read and decoded; None: no bound. ``reader`` is the function
    that does it, "module:name", called as :func:`restore.io.decoded.decode_file` is, and ``sizer`` the one that looks
    at a header, as :func:`restore.io.header.photo_size` does; ``max_memory`` says from where on pictures are kept in
    files, in both processes (:mod:`restore.io.mapped`). Close it, or use it as a context: the other process then ends,
    as it does when this one dies. One picture at a time; other threads wait their turn.
    """

    def __init__(
        self,
        *,
        timeout_s: float | None = DEFAULT_TIMEOUT_S,
        reader: str = READER,
        sizer: str = SIZER,
        max_memory: int | None = None,
    ) -> None:
        self._timeout_s, self._reader, self._sizer = timeout_s, reader, sizer
        self._max_memory, self._planes = max_memory, planes_for(max_memory)
        self._turn = threading.Lock()
        self._closed = self._called_off = False
        self._child: Child | None = None
        with suppress(DeviceError):  # told when it is needed
            self._child = self._started()

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the process; None while there is none."""
        return None if self._child is None else self._child.process.pid

    def call_off(self) -> None:
        """Refuse the picture that is being read, if one is; others can be read afterwards."""
        child = self._child
        if self._turn.locked() and child is not None:
            self._called_off = True
            child.process.kill()

    def close(self) -> None:
        """End the process, also in the middle of a picture, which is then refused."""
        self._closed = True
        if (child := self._child) is not None:
            child.process.kill()
        with self._turn:
            self._drop()

    def read(
        self,
        source: Path | bytes,
        *,
        max_megapixels: float = DEFAULT_MAX_MEGAPIXELS,
        hashed: bool = False,
    ) -> Photo:
        """Read the first picture of a file (a path, or its bytes); the rest as for ``read_photo``.

        ImageError as of ``read_photo``, and when the decoder dies of the file twice (the second time in a fresh
        process: the first may have been chance) or takes longer than the limit. DeviceError when no process can be
        started. MemoryError when there is no room for the pixels.
        """
        if not sys.executable:  # within another program: there is no Python to start
            return read_photo(source, max_megapixels=max_megapixels, hashed=hashed, planes=self._planes)
        answer: Photo = self._ask_twice(Asked(source, max_megapixels, hashed, self._max_memory), self._timeout_s)
        return answer

    def size(self, path: Path) -> tuple[int, int]:
        """As :func:`restore.io.header.photo_size` gives it; errors as of :meth:`read`, the limit is at most HEADER_S.

        What lies in a bucket is looked at by this process, which has the connection.
        """
        if not sys.executable or isinstance(path, Remote):
            return photo_size(path)
        limit = None if self._timeout_s is None else min(self._timeout_s, HEADER_S)
        height, width = self._ask_twice(Asked(path, 0.0, hashed=False, look=self._sizer), limit)
        return height, width

    def told(self, path: Path) -> Told:
        """As :func:`restore.io.told.told_by` gives it; errors as of :meth:`read`."""
        if not sys.executable:
            return told_by(path)
        answer: Told = self._ask_twice(Asked(path, 0.0, hashed=False, look=TELLER), self._timeout_s)
        return answer

    def _ask_twice(self, asked: Asked, limit_s: float | None) -> Any:
        where = "<bytes>" if isinstance(asked.source, bytes) else str(asked.source)
        with self._turn:
            self._called_off = False
            for last in (False, True):
                try:
                    return self._ask(asked, where, limit_s)
                except _DiedError as death:
                    if last:
                        raise ImageError(
                            f"{where}: reading it takes the decoder down ({death}), twice in a row, so it is left "
                            f"alone; {_WHAT_NEXT}"
                        ) from death
        raise AssertionError

    def _ask(self, asked: Asked, where: str, limit_s: float | None) -> Any:
        child = self._ready(where)
        with child.within(limit_s):
            try:
                send(child.requests, asked)
                answer = receive(child.answers)
            except (EOFError, OSError):
                answer = None
        if answer is None:
            how = child.end()
            self._drop()
            if child.overdue and limit_s is not None:
                raise ImageError(
                    f"{where}: reading it was given up after {_duration(limit_s)}: the decoder hangs, or the "
                    f"disk does; copy it again from where it came, or {self._more(limit_s)}"
                )
            self._refuse_if_closed(where)
            raise _DiedError(how)
        match answer:
            case Found():
                return child.photo(answer, self._planes)
            case Seen():
                return answer.answer
            case Refused():
                raise answer.error
            case Broken():
                raise RuntimeError(f"a bug in the process that decodes:\n{answer.traceback}")
        raise TypeError(f"the process that decodes answered {answer!r}")

    def _ready(self, where: str) -> Child:
        """A process that waits to be asked, a new one where the last one has ended."""
        self._refuse_if_closed(where)
        if self._child is not None and (self._child.overdue or self._child.process.poll() is not None):
            self._drop()
        if self._child is None:
            self._child = self._started()
        child = self._child
        self._refuse_if_closed(where)
        if child.ready:
            return child
        with child.within(START_S), suppress(EOFError, OSError):
            child.ready = isinstance(receive(child.answers), Ready)
        if not child.ready:
            how = child.end()
            self._drop()
            self._refuse_if_closed(where)
            raise DeviceError(f"{where}: not read, as the process that decodes could not be started ({how}); try again")
        return child

    def _started(self) -> Child:
        try:
            return Child.started(self._reader, on_disk=self._max_memory is not None)
        except OSError as fault:
            raise DeviceError(
                f"the process that decodes pictures cannot be started ({fault}); close other programs"
            ) from fault

    def _more(self, limit_s: float) -> str:
        return f"allow more with --timeout {_duration(3 * limit_s)}" if limit_s == self._timeout_s else "leave it out"

    def _drop(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None

    def _refuse_if_closed(self, where: str) -> None:
        if self._closed or self._called_off:
            raise ImageError(f"{where}: reading it was called off; the same command reads it again")


class Here:
    """The same within this process, for when there is nothing to protect."""

    def __init__(self, planes: Planes = in_memory) -> None:
        self.read = partial(read_photo, planes=planes)
        self.size, self.told = photo_size, told_by

    def call_off(self) -> None:
        """Nothing can be called off."""

    def close(self) -> None:
        """Nothing to end."""


def decoder_for(
    count: int, timeout_s: float | None, *, apart: bool = False, max_memory: int | None = None
) -> Decoder | Here:
    """Who reads so many photos: for one alone no process is started, unless it is to be ``apart``.

    Large pictures are kept in files where ``max_memory`` says that they must, see :mod:`restore.io.mapped`.
    """
    if count > 1 or apart:
        return Decoder(timeout_s=timeout_s, max_memory=max_memory)
    return Here(planes_for(max_memory))


def _duration(seconds: float) -> str:
    """As --timeout is written."""
    return f"{seconds / 60:g}m" if seconds >= 60 else f"{seconds:g}s"
