"""A file appears under its name whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from restore.io.temporary import temporary_prefix


def write_whole(path: Path, parts: Iterable[bytes], ready: Callable[[Path], None] | None = None) -> None:
    """Write ``parts`` one after the other under ``path``, over what is there; its folder must exist.

    The file is built under a hidden name beside its target, brought to the disk, and renamed. ``ready`` is called in
    between with the hidden file; whatever it raises, or ``parts`` raises, ends it and leaves nothing behind. OSError
    where the disk refuses.
    """
    handle, name = tempfile.mkstemp(prefix=temporary_prefix(), suffix=path.suffix, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            for part in parts:
                stream.write(part)
            stream.flush()
            os.fsync(stream.fileno())
        give_usual_permissions(temporary, path)
        if ready is not None:
            ready(temporary)
        temporary.replace(path)
    finally:
        with suppress(OSError):  # a disk that went away took it along; what went wrong first is what counts
            temporary.unlink(missing_ok=True)


def give_usual_permissions(temporary: Path, path: Path) -> None:
    """Those of the file to be replaced, else what the process gives new files: temporary ones are private."""
    if path.exists():
        temporary.chmod(path.stat().st_mode & 0o777)
        return
    mask = os.umask(0)
    os.umask(mask)
    temporary.chmod(0o666 & ~mask)
