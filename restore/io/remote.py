"""Photos in buckets and on servers: an address such as s3://bucket/in/a.jpg is a path like any other.

What a file system cannot do is hidden here and not asked for elsewhere: a result appears by one upload that is whole or
not there, times of change come from the listing, and the package that knows the protocol (fsspec, s3fs for S3) finds
addresses and keys by its own means. None of these are ever in a path: what an address holds beyond the place (a
password, the signature after a question mark) is kept apart, in memory alone.
"""

from __future__ import annotations

import errno
import io
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from restore.errors import ConfigError
from restore.io.address import is_address, scheme_of, shown_address, state_folder, whole_address, without_secrets
from restore.io.remote_facts import facts_of, is_folder

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    _Base = Path
else:
    _Base = type(Path())

_WHOLE: Final = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oci", "oss", "memory"))
"""Stores where an upload is seen when it is complete, and not before. Elsewhere a result is moved to its name."""
_HEADER_BYTES: Final = 2**17
"""Fetched at once when only a part of a file is looked at."""

_listed: dict[str, dict[str, os.stat_result]] = {}
"""Folders that were looked through, by their address, with what was found in each."""
_stale: set[str] = set()
"""Places in these that may have changed since."""


class Remote(_Base):
    """A place in a bucket or on a server. Faults of any kind are OSErrors, as of files on a disk."""

    def __str__(self) -> str:
        return super().__str__().replace("\\", "/").replace(":/", "://", 1)

    def __reduce__(self) -> tuple[Any, ...]:
        return path_of, (whole_address(str(self)),)

    def absolute(self) -> Remote:
        """The place itself."""
        return self

    def resolve(self, strict: bool = False) -> Remote:  # noqa: ARG002 - the signature is pathlib's
        """The place itself: there are no links."""
        return self

    def relative_to(self, *other: Any, **_more: Any) -> Path:  # type: ignore[override]
        """The way from a folder to here, as a plain path; ValueError where there is none."""
        above = str(other[0]).rstrip("/") + "/"
        if not str(self).startswith(above):
            raise ValueError(f"{self} is not in {above}")
        return Path(str(self).removeprefix(above))

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:  # noqa: ARG002
        """Size and time, from the last listing if there is one; :meth:`forget` has them asked for anew."""
        name = str(self)
        for root, files in _listed.items():
            if name.startswith(root) and name not in _stale:
                if name in files:
                    return files[name]
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        with self._reached() as (files_there, key):
            return facts_of(files_there.info(key), name)

    def exists(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002
        """Whether there is something; OSError where nobody answers."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether this is a folder, or a place that others begin with; False where nobody answers."""
        with suppress(OSError):
            return is_folder(self.stat())
        return False

    def is_file(self) -> bool:
        """Whether this is a file; False where nobody answers."""
        with suppress(OSError):
            return not is_folder(self.stat())
        return False

    def read_bytes(self) -> bytes:
        """The whole file."""
        with self._reached() as (files, key):
            return bytes(files.cat_file(key))

    def open(self, *_mode: Any, **_more: Any) -> Any:
        """The file for reading: what is read is fetched, not the whole."""
        with self._reached() as (files, key):
            return _Reading(self, files.open(key, "rb", block_size=_HEADER_BYTES, cache_type="bytes"))

    def put(self, data: bytes) -> None:
        """Make a file of these bytes, whole or not at all, over what is there."""
        self.forget()
        with self._reached() as (files, key):
            if scheme_of(str(self)) in _WHOLE:
                files.pipe_file(key, data)
                return
            folder, _, name = key.rpartition("/")
            files.makedirs(folder, exist_ok=True)
            built = f"{folder}/.restore-{uuid.uuid4().hex[:12]}-{name}"
            try:
                files.pipe_file(built, data)
                files.mv(built, key)
            except BaseException:
                with suppress(Exception):
                    files.rm_file(built)
                raise

    def place(self, target: Remote) -> None:
        """Give the file another name, over what is there: it appears whole."""
        target.forget()
        with self._reached() as (files, key):
            files.mv(key, target._key())

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove the file."""
        self.forget()
        try:
            with self._reached() as (files, key):
                files.rm_file(key)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: folders are parts of names."""

    def forget(self) -> None:
        """What is known of this place from a listing may no longer be so."""
        with suppress(OSError), self._reached() as (files, _):
            files.invalidate_cache()
        _stale.add(str(self))

    def look_through(self) -> tuple[str, ...]:
        """Places of all files in here, from here, sorted, the hidden ones too; their sizes and times are then known.

        Names that no path can have (an empty part, a dot) are passed over. A folder that is not there is empty.
        """
        with self._reached() as (files, key):
            files.invalidate_cache()
            found = files.find(key, detail=True)
            root, inner = f"{self}/", f"{key.rstrip('/')}/"
            facts = {
                root + name.removeprefix(inner): facts_of(info, name)
                for name, info in found.items()
                if name.startswith(inner) and not {"", ".", ".."} & set(name.removeprefix(inner).split("/"))
            }
        _listed[root] = facts
        _stale.difference_update([name for name in _stale if name.startswith(root)])
        return tuple(sorted(name.removeprefix(root) for name in facts))

    def _key(self) -> str:
        return _located(self)[1]

    @contextmanager
    def _reached(self) -> Iterator[tuple[AbstractFileSystem, str]]:
        """The file system and its name of this place; whatever goes wrong there is an OSError without secrets."""
        try:
            yield _located(self)
        except FileNotFoundError as fault:
            raise self._told(FileNotFoundError, errno.ENOENT, "no such file, folder or bucket") from self._cause(fault)
        except PermissionError as fault:
            raise self._told(PermissionError, errno.EACCES, _said(fault)) from self._cause(fault)
        except ConfigError:
            raise
        except Exception as fault:  # noqa: BLE001 - each package has its own tree of errors
            raise self._told(OSError, errno.EIO, _said(fault)) from self._cause(fault)

    def _told(self, kind: type[OSError], number: int, words: str) -> OSError:
        return kind(number, words, str(self))

    def _cause(self, fault: Exception) -> Exception | None:
        """The fault, unless a traceback of it could show what must not be shown."""
        return None if whole_address(str(self)) != str(self) else fault


class _Reading(io.RawIOBase):
    """A file of a package, with our errors."""

    def __init__(self, remote: Remote, file: Any) -> None:
        self._remote, self._file = remote, file

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Bytes from here on; how many."""
        with self._remote._reached():
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go there."""
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        """Where this is."""
        return int(self._file.tell())


def path_of(word: str) -> Path:
    """The path that a person's word means; a Remote for the URL of anything that is not on this computer.

    ConfigError for a URL of no known kind, or one whose package is not installed.
    """
    if not is_address(word):
        return Path(word)
    if "::" in word:
        raise ConfigError(f"{shown_address(word)}: addresses within addresses are not read; copy the files out first")
    if scheme_of(word) == "file":
        from fsspec.implementations.local import LocalFileSystem

        return Path(str(LocalFileSystem._strip_protocol(word)))
    remote = Remote(shown_address(word))
    _located(remote)
    return remote


def home_of(folder: Path) -> Path:
    """Where notes about the results in ``folder`` are kept: there, or on this computer if it is not on a disk."""
    return state_folder(str(folder)) if isinstance(folder, Remote) else folder


def full_name(path: Path) -> str:
    """The name of a file from wherever one stands; links are not followed."""
    return str(path) if isinstance(path, Remote) else os.path.abspath(path)  # noqa: PTH100


def _located(remote: Remote) -> tuple[AbstractFileSystem, str]:
    from fsspec.core import url_to_fs

    shown = str(remote)
    try:
        files, key = url_to_fs(whole_address(shown))
    except ImportError as error:
        needed = 'pip install "restore-photos[cloud]"'
        raise ConfigError(f"{shown}: this kind of address needs one more package ({error}); try {needed}") from error
    except ValueError as error:
        raise ConfigError(f"{shown}: there is no way to files of this kind ({_said(error)}); try s3://...") from None
    return files, str(key)


def _said(fault: Exception) -> str:
    """What a package says, in one line, without addresses: these may hold signatures."""
    status = getattr(fault, "status", None)
    if isinstance(status, int):
        return f"the server answers {status} {getattr(fault, 'message', '')}".rstrip()
    first = (str(fault).strip() or type(fault).__name__).splitlines()[0]
    return without_secrets(first)
