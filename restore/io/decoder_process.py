"""One process that decodes, seen from the one that asks it: how it is started, killed, and gives its pixels."""

from __future__ import annotations

import math
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import IO, Any, BinaryIO, Final, cast

import numpy as np

from restore.io.decoder_child import Found
from restore.io.mapped import Planes, nameless_file
from restore.io.photo import Photo
from restore.io.read import photo_of_file
from restore.io.stored import Raster
from restore.room import keep

KEPT_BYTES: Final = 1 << 26
"""Shared memory that is kept from one picture to the next."""
_BOOT: Final = (
    "import sys; own, sys.path[:] = sys.argv[1:4], sys.argv[4:]; "
    "from restore.io.decoder_child import serve; serve(*own)"
)


@dataclass(eq=False, slots=True)
class Child:
    """One process, and what it shares with this one."""

    process: subprocess.Popen[bytes]
    shelf: IO[bytes]
    """The file for pixels."""
    lifeline: int | None
    """The end of a pipe that stays open as long as this process lives."""
    ready: bool = False
    overdue: bool = False
    """Whether it was killed because it took too long."""
    _guard: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def started(cls, reader: str, *, on_disk: bool = False) -> Child:
        """A new process, which may take a moment until it is ready; OSError. ``on_disk``: where pixels are to lie."""
        shelf = _shelf(on_disk)
        more: dict[str, Any] = {}
        life, lifeline = None, None
        try:
            if os.name == "posix":
                life, lifeline = os.pipe()
                more = {"pass_fds": (shelf.fileno(), life), "process_group": 0}  # Ctrl-C is not for it
            else:
                more = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
            name = str(shelf.fileno()) if os.name == "posix" else shelf.name
            words = [sys.executable, "-P", "-c", _BOOT, reader, name, "" if life is None else str(life), *sys.path]
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)
        except OSError:
            shelf.close()
            if lifeline is not None:
                os.close(lifeline)
            raise
        finally:
            if life is not None:
                os.close(life)
        return cls(process, shelf, lifeline)

    @property
    def requests(self) -> BinaryIO:
        """Where it is asked."""
        return cast("BinaryIO", self.process.stdin)

    @property
    def answers(self) -> BinaryIO:
        """Where it answers."""
        return cast("BinaryIO", self.process.stdout)

    @contextmanager
    def within(self, seconds: float | None) -> Iterator[None]:
        """Kill it when the block takes longer, which ends every waiting for it."""

        waiting = True

        def late() -> None:
            with self._guard:
                if waiting:
                    self.overdue = True
                    self.process.kill()

        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            with self._guard:
                waiting = False
            timer.cancel()

    def photo(self, found: Found, planes: Planes) -> Photo:
        """The picture that it has put on the shelf."""
        dtype = np.dtype(found.dtype)
        count = math.prod(found.shape) * dtype.itemsize
        mapped = mmap.mmap(self.shelf.fileno(), count, access=mmap.ACCESS_READ)
        array = np.frombuffer(mapped, dtype).reshape(found.shape)
        keep(mapped, array.ctypes.data)
        photo = photo_of_file(replace(found.decoded, raster=Raster(array, found.decoded.raster.layout)), planes)
        del array
        mapped.close()
        if count > KEPT_BYTES:
            self.shelf.truncate(KEPT_BYTES)
        return photo

    def end(self) -> str:
        """Kill it, if it lives, and give back what it had; says how it ended."""
        self.process.kill()
        code = self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self.shelf.close()
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None
        return _how(code)


def _shelf(on_disk: bool) -> IO[bytes]:
    """A file for pixels, in memory where the system can and they need not lie on a disk."""
    in_memory = getattr(os, "memfd_create", None)
    if in_memory is not None and on_disk:
        with suppress(OSError):
            return nameless_file()
    if in_memory is not None:
        return os.fdopen(in_memory("restore"), "r+b", buffering=0)
    return tempfile.NamedTemporaryFile(prefix="restore", buffering=0)


def _how(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"exit code {code}"
    if -code == getattr(signal, "SIGKILL", None):
        return "killed, most likely for lack of memory"
    return (signal.strsignal(-code) or f"signal {-code}").lower()
