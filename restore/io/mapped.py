"""Room for large pictures in a file that nobody sees, which the system may put aside when memory is short."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from restore.room import in_file, keep

SHARE: Final = 8
"""A picture that takes more than this part of the memory that is allowed is kept in a file: up to three photos with
their results are alive at once, beside what works on them."""
OWN_PAGES_BYTES: Final = 1 << 24
"""From here on a picture in ordinary memory has pages of its own, which go back to the system when it is gone: freed
memory otherwise stays with the process, see :func:`restore.inference.device.tune_allocator`."""
_PRIVATE: Final = getattr(mmap, "MAP_PRIVATE", 0) | getattr(mmap, "MAP_ANONYMOUS", 0)
Stored = type[np.float32] | type[np.uint8] | type[np.uint16] | np.dtype[Any]


class Planes(Protocol):
    """Makes room for numbers of a shape and a kind; what stands there is anything."""

    def __call__(self, shape: tuple[int, ...], dtype: Stored = np.float32) -> NDArray[Any]:
        """Writable, contiguous, and shared with nobody."""


def in_memory(shape: tuple[int, ...], dtype: Stored = np.float32) -> NDArray[Any]:
    """Ordinary room."""
    count = _bytes(shape, dtype)
    if count < OWN_PAGES_BYTES:
        return np.empty(shape, dtype)
    try:
        pages = mmap.mmap(-1, count) if os.name == "nt" else mmap.mmap(-1, count, flags=_PRIVATE)
        return np.frombuffer(pages, dtype).reshape(shape)
    except OSError as fault:
        raise MemoryError(f"no room for {count} bytes") from fault


def planes_for(max_memory: int | None) -> Planes:
    """What makes room where so many bytes are allowed; None: as many as there are."""
    if max_memory is None or os.name != "posix":
        return in_memory

    def planes(shape: tuple[int, ...], dtype: Stored = np.float32) -> NDArray[Any]:
        return _mapped(shape, dtype) if _bytes(shape, dtype) > max_memory // SHARE else in_memory(shape, dtype)

    return planes


def planes_like(address: int) -> Planes:
    """What makes room for what is made of the number at this address: files where that lies in a file."""
    return _mapped if in_file(address) else in_memory


def nameless_file() -> BinaryIO:
    """A file without a name on a disk; OSError."""
    return cast("BinaryIO", tempfile.TemporaryFile(prefix="restore", dir=_folder()))


def _bytes(shape: tuple[int, ...], dtype: Stored) -> int:
    return np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))


def _mapped(shape: tuple[int, ...], dtype: Stored = np.float32) -> NDArray[Any]:
    """Room in a file without a name; ordinary room where the disk has none."""
    try:
        with nameless_file() as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, _bytes(shape, dtype))  # else a full disk would be a deadly signal
            room = np.memmap(file, dtype, "r+", shape=shape)
    except OSError:
        return in_memory(shape, dtype)
    keep(room._mmap, room.ctypes.data)  # type: ignore[attr-defined]  # numpy has no other name for it
    return room


def _folder() -> str:
    """A folder on a disk: /tmp is memory on many systems."""
    lasting = Path("/var/tmp")
    return str(lasting) if "TMPDIR" not in os.environ and os.access(lasting, os.W_OK) else tempfile.gettempdir()
