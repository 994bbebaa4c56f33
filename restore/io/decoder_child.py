"""The process that decodes pictures for another one: see :mod:`restore.io.decoder`. It never loads torch.

Requests come in on one pipe and answers go out on another, each a length and a pickle; pixels go through a file that
both have open, so that they are copied once and never pickled. The process ends when the pipe of requests does, and on
Linux also in the middle of a decoder that never returns, when the process that asked is gone.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import struct
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from restore.errors import RestoreError
from restore.io.decoded import Decoded
from restore.io.mapped import planes_for
from restore.io.stored import Raster
from restore.room import let_go

STRIP_BYTES: Final = 1 << 24
"""Pixels are copied in strips of so many bytes, since a turned picture must first be put in order."""
NO_PIXELS: Final = np.zeros((0, 0, 0), np.uint8)
_LENGTH: Final = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Asked:
    """One picture to decode."""

    source: Path | bytes
    max_megapixels: float
    hashed: bool
    max_memory: int | None = None
    """Bytes, of which large pictures are to take no more than their share, see :mod:`restore.io.mapped`."""
    look: str = ""
    """A function, "module:name", that is given the source and whose answer is wanted, in place of the picture."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The process has loaded what it needs."""


@dataclass(frozen=True, slots=True)
class Found:
    """A picture: ``decoded`` without its pixels, which are the first bytes of the file that both have open."""

    decoded: Decoded
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at the file gave."""

    answer: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """There is none, for a reason that a person is told."""

    error: RestoreError | MemoryError


@dataclass(frozen=True, slots=True)
class Broken:
    """A bug: its traceback."""

    traceback: str


def send(pipe: BinaryIO, message: object) -> None:
    """Write one message; OSError when nobody reads any more."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read one message; EOFError when there will be no more, or half of one."""
    head = pipe.read(_LENGTH.size)
    if len(head) == _LENGTH.size:
        (count,) = _LENGTH.unpack(head)
        data = pipe.read(count)
        if len(data) == count:
            return pickle.loads(data)
    raise EOFError


def serve(reader: str, shelf: str, lifeline: str) -> None:
    """Decode by the function ``reader`` ("module:name") what is asked for on stdin, until it ends.

    ``shelf`` is the file for pixels: its number, or its path where files cannot be handed on. ``lifeline`` is the
    number of a pipe whose other end dies with the process that asks, or nothing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    if lifeline:
        _end_with(int(lifeline))
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a folder of bad files must not fill the disk with dumps
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a decoder prints is no answer
    decode = _function(reader)
    with open(int(shelf) if shelf.isdigit() else shelf, "r+b", buffering=0) as pixels:  # noqa: PTH123 - or its number
        send(answers, Ready())
        while True:
            try:
                asked: Asked = receive(requests)
            except EOFError:
                return
            send(answers, _answer(decode, asked, pixels))


def _function(name: str) -> Callable[..., Any]:
    module, _, name = name.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def _answer(decode: Callable[..., Decoded], asked: Asked, pixels: Any) -> Found | Seen | Refused | Broken:
    try:
        if asked.look:
            return Seen(_function(asked.look)(asked.source))
        planes = planes_for(asked.max_memory)
        decoded = decode(asked.source, max_megapixels=asked.max_megapixels, hashed=asked.hashed, planes=planes)
        array = decoded.raster.array
        _store(array, pixels)
    except RestoreError as error:
        return Refused(error)
    except MemoryError:
        return Refused(MemoryError())
    except Exception:  # noqa: BLE001 - raised again where it was asked for
        return Broken(traceback.format_exc())
    return Found(replace(decoded, raster=Raster(NO_PIXELS, decoded.raster.layout)), array.shape, array.dtype.str)


def _store(array: np.ndarray, pixels: Any) -> None:
    """Write the numbers row by row. Written, not mapped: a full disk is then an error and no deadly signal."""
    rows = max(1, STRIP_BYTES // max(1, array[:1].nbytes))
    pixels.seek(0)
    try:
        for first in range(0, len(array), rows):
            strip = np.ascontiguousarray(array[first : first + rows]).data.cast("B")
            while strip:
                strip = strip[pixels.write(strip) :]
            let_go()
    except OSError as fault:
        raise MemoryError from fault


def _end_with(lifeline: int) -> None:
    """End this process when the other end of a pipe is closed, whatever it is doing."""

    def wait() -> None:
        os.read(lifeline, 1)
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()  # waits in vain for a decoder that holds the interpreter
    if sys.platform == "linux":
        import fcntl

        signal.signal(signal.SIGIO, signal.SIG_DFL)  # which ends it
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([lifeline], [], [], 0)[0]:  # it had closed before
            os._exit(0)
