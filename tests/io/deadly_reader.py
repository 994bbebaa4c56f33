"""Decodes as always, but dies or hangs for files of certain names: what a broken decoder would do."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from typing import Any

from restore.io.decoded import Decoded, decode_file
from restore.io.header import photo_size

FOREVER_S = 1000


def read(source: Path | bytes, **more: Any) -> Decoded:
    """The picture, unless the file's name says otherwise; what came before a dot in it begins with the fate."""
    _meet_fate(source)
    return decode_file(source, **more)


def size(source: Path | bytes) -> tuple[int, int]:
    """The same of a header."""
    _meet_fate(source)
    return photo_size(source)


def _meet_fate(source: Path | bytes) -> None:
    name = source.name if isinstance(source, Path) else ""
    if isinstance(source, Path):
        source.with_suffix(".asked").open("a").write("x")
    if name.startswith("abort"):
        os.abort()
    if name.startswith("segfault"):
        ctypes.string_at(0)
    if name.startswith("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("hang"):
        time.sleep(FOREVER_S)
    if name.startswith("hold"):  # in a C function that does not let other threads run
        ctypes.PyDLL(None).sleep(FOREVER_S)
    if name.startswith("once") and asked(source) == 1:
        os.abort()
    if name.startswith("bug"):
        raise ZeroDivisionError("a bug")
    if name.startswith("chatty"):
        os.write(1, b"a decoder prints\n" * 100)


def asked(source: Path | bytes) -> int:
    """How often a file was asked for."""
    assert isinstance(source, Path)
    return len(source.with_suffix(".asked").read_text())
