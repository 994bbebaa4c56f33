"""Room for large pictures in a file that nobody sees, which the system may put aside when memory is short."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

Planes = Callable[[tuple[int, ...]], NDArray[np.float32]]
"""Makes room for float32 numbers of a shape; what stands there is anything."""
SHARE: Final = 8
"""A picture that takes more than this part of the memory that is allowed is kept in a file: up to three photos with
their results are alive at once, beside what works on them."""


def in_memory(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Ordinary room."""
    return np.empty(shape, np.float32)


def planes_for(max_memory: int | None) -> Planes:
    """What makes room where so many bytes are allowed; None: as many as there are."""
    if max_memory is None or os.name != "posix":
        return in_memory

    def planes(shape: tuple[int, ...]) -> NDArray[np.float32]:
        large = 4 * int(np.prod(shape, dtype=np.int64)) > max_memory // SHARE
        return _mapped(shape) if large else in_memory(shape)

    return planes


def _mapped(shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Room in a file without a name; ordinary room where the disk has none."""
    count = 4 * int(np.prod(shape, dtype=np.int64))
    try:
        with tempfile.TemporaryFile(prefix="restore", dir=_folder()) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, count)  # else a full disk would be a deadly signal, later
            return np.memmap(file, np.float32, "r+", shape=shape)
    except OSError:
        return in_memory(shape)


def _folder() -> str:
    """A folder on a disk: /tmp is memory on many systems."""
    lasting = Path("/var/tmp")
    return str(lasting) if "TMPDIR" not in os.environ and os.access(lasting, os.W_OK) else tempfile.gettempdir()
