"""Files by path or URL: named by a pattern, and brought to this computer. S3, the web and more through fsspec."""

from __future__ import annotations

import errno
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import IO, BinaryIO, Final, cast

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from restore.errors import ConfigError, PairingError, TrainingError

_CHUNK_BYTES: Final = 8 * 2**20
"""Fetched at a time; a fetch that is no longer wanted ends after one of these."""
_PAUSES_S: Final = (2.0, 8.0)
"""Before the second and the third try."""
_EXTRA: Final = 'S3 and web addresses need pip install "restore-photos[shards]"'


def spell_out(pattern: str) -> list[str]:
    """Braces as a shell expands them: numbers keep their zeros. ConfigError for braces of another kind.

    >>> spell_out("a-{08..10}.tar"), spell_out("{x,y}/{1..2}.tar")
    (['a-08.tar', 'a-09.tar', 'a-10.tar'], ['x/1.tar', 'x/2.tar', 'y/1.tar', 'y/2.tar'])
    """
    head, opened, rest = pattern.partition("{")
    if not opened:
        return [pattern]
    inner, closed, tail = rest.partition("}")
    first, dots, last = inner.partition("..")
    if closed and dots and first.isdecimal() and last.isdecimal() and int(first) <= int(last):
        words = [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
    elif closed and "," in inner and not dots:
        words = inner.split(",")
    else:
        raise ConfigError(f"{pattern}: braces must hold a rising range like {{000..012}} or words like {{a,b}}")
    return [head + word + end for word in words for end in spell_out(tail)]


def find_files(pattern: str) -> list[str]:
    """The files that a path or URL names, with ``{000..012}`` and ``{a,b}`` spelled out and ``*`` looked up.

    A folder stands for all tar files in it.

    ConfigError when there are none, when one is missing (of remote ones the first and the last are looked for: each
    costs a request), or when the package for such a URL is not installed; TrainingError when nothing answers there.
    """
    found = [name for spelled in spell_out(pattern) for name in _matching(spelled)]
    if not found:
        raise ConfigError(f"{pattern}: nothing matches; give a path or URL like photos-{{000..012}}.tar")
    looked_for = found if is_local(found[0]) else dict.fromkeys((found[0], found[-1]))
    missing = [name for name in looked_for if not _exists(name)]
    if missing:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        raise ConfigError(f"{missing[0]}: no such file{more}; check the path and the numbers in {pattern}")
    return found


def is_local(name: str) -> bool:
    """Whether the file lies on this computer (or a disk that looks so), and so is read where it is."""
    return isinstance(_locate(name)[0], LocalFileSystem)


def fetched(name: str, stop: Event) -> BinaryIO:
    """The file, open to read at any place; a remote one is copied into a nameless temporary file first.

    A fetch that breaks off is tried again from the start, three times in all. PairingError when there is no such file,
    ConfigError without the right to read it, TrainingError when it cannot be fetched, when there is no room for the
    copy, or when ``stop`` is set on the way.
    """
    filesystem, path = _locate(name)
    pauses = list(_PAUSES_S)
    with _told(name):
        if isinstance(filesystem, LocalFileSystem):
            return open(path, "rb")  # noqa: PTH123 - the path is fsspec's
        while True:
            try:
                return _copied(filesystem, path, name, stop)
            except (FileNotFoundError, PermissionError):
                raise
            except _faults():
                if not pauses or stop.wait(pauses.pop(0)):
                    raise


def _copied(filesystem: AbstractFileSystem, path: str, name: str, stop: Event) -> BinaryIO:
    copy = cast(BinaryIO, tempfile.TemporaryFile(prefix="restore-"))  # noqa: SIM115 - it is what is given back
    try:
        with filesystem.open(path, "rb", block_size=_CHUNK_BYTES) as remote:
            while chunk := remote.read(_CHUNK_BYTES):
                if stop.is_set():
                    raise TrainingError(f"{name}: no longer needed")
                _write(copy, chunk, name)
    except BaseException:
        copy.close()
        raise
    return copy


def _write(copy: IO[bytes], chunk: bytes, name: str) -> None:
    try:
        copy.write(chunk)
        copy.flush()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise TrainingError(
            f"{name}: no room for a copy of it in {tempfile.gettempdir()} ({error.strerror}); make room, or set TMPDIR "
            "to a folder on a larger disk and go on with --resume"
        ) from error


def _matching(name: str) -> list[str]:
    filesystem, path = _locate(name)
    if name.endswith("/") or (isinstance(filesystem, LocalFileSystem) and filesystem.isdir(path)):
        path = f"{path.rstrip('/')}/*.tar"
    elif not any(sign in name for sign in "*["):
        return [name]
    with _told(name):
        return [str(filesystem.unstrip_protocol(found)) for found in sorted(filesystem.glob(path))]


def _exists(name: str) -> bool:
    filesystem, path = _locate(name)
    with _told(name):
        try:
            filesystem.info(path)
        except FileNotFoundError:
            return False
    return True


def _locate(name: str) -> tuple[AbstractFileSystem, str]:
    try:
        filesystem, path = url_to_fs(name)
    except ValueError as error:
        raise ConfigError(f"{name}: cannot be read from there ({error}); use a path, s3:// or https://") from error
    except ImportError as error:
        raise ConfigError(f"{name}: this kind of address needs one more package ({error}). {_EXTRA}") from error
    return filesystem, path


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Faults of any file system, in our words."""
    try:
        yield
    except FileNotFoundError as error:
        raise PairingError(f"{name}: no such file; check the path and the numbers of the shards") from error
    except PermissionError as error:
        raise ConfigError(f"{name}: reading is not permitted ({error}); check the rights, for S3 the keys") from error
    except _faults() as error:
        raise TrainingError(
            f"{name}: cannot be read ({str(error) or type(error).__name__}); check the address, the keys and the "
            "connection, then go on with --resume"
        ) from error


def _faults() -> tuple[type[Exception], ...]:
    """What file systems raise when a connection breaks: OSError, and the roots of the packages behind s3 and http."""
    roots = (("botocore.exceptions", "BotoCoreError"), ("aiohttp", "ClientError"))
    loaded = [getattr(sys.modules[module], root) for module, root in roots if module in sys.modules]
    return (OSError, *loaded)
