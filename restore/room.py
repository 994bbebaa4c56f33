"""Pages of pictures that are kept in files: which there are, and letting them go. Plain Python.

A picture in a mapped file stays in the memory of the process, page by page, once it has been touched. Whoever walks
down large pictures calls :func:`let_go` or :func:`trim` after each band of rows: the numbers stay in the file (or on
their way to it), and only the band that is worked on is resident. Costs nothing where no picture lies in a file.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, Final

_TICK_S: Final = 0.02
_kept: dict[int, tuple[weakref.ref[mmap.mmap], int, int]] = {}
"""By a number: a mapped file, the address where it begins and its bytes."""


def keep(mapped: mmap.mmap, address: int) -> None:
    """Note that a picture lies in this mapped file, whose first byte is at this address, for as long as it does."""
    number = id(mapped)
    gone = weakref.ref(mapped, lambda _: _kept.pop(number, None))
    _kept[number] = gone, address, len(mapped)


def in_file(address: int) -> bool:
    """Whether the number at this address lies in one of the files: memory is short then, for a picture of that size."""
    for found, start, count in list(_kept.values()):
        mapped = found()
        if start <= address < start + count and mapped is not None and not mapped.closed:
            return True
    return False


def let_go() -> None:
    """Take all pages of all such pictures out of this process; whoever touches one gets it back as it was."""
    if not _kept or not hasattr(mmap, "MADV_DONTNEED"):
        return
    for found, _, _ in list(_kept.values()):
        mapped = found()
        if mapped is not None:
            with suppress(ValueError):  # it was closed meanwhile
                mapped.madvise(mmap.MADV_DONTNEED)


@contextmanager
def letting_go() -> Iterator[None]:
    """Let go again and again during the block, for a function that walks over a whole picture by itself."""
    if not _kept:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_TICK_S):
            let_go()

    watcher = threading.Thread(target=watch, name="let go", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
        let_go()


def trim() -> None:
    """Let go, and give the system back what was freed in this process and is kept for later (glibc), holes included.

    Does nothing where no picture lies in a file. What is freed stays with the process otherwise, and in a walk of many
    bands each of which leaves a small result, the freed room is full of holes that are too small for the next band.
    """
    if not _kept:
        return
    let_go()
    release = _malloc_trim()
    if release is not None:
        release(0)


@cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
