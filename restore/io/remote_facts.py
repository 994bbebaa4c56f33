"""What packages tell of files in buckets and on servers, in the form of the operating system."""

from __future__ import annotations

import hashlib
import os
import stat
from datetime import datetime
from typing import Any, Final

_TIMES: Final = ("LastModified", "last_modified", "mtime", "modified", "updated", "created")
"""What file systems call the last change."""
_MARKS: Final = ("ETag", "etag", "md5Hash", "checksum")
"""What some have instead of a time."""


def facts_of(info: dict[str, Any], name: str) -> os.stat_result:
    """What a file system tells of a file, in the form of the operating system."""
    folder = info.get("type") == "directory"
    number = int.from_bytes(hashlib.blake2b(str(info.get("name", name)).encode(), digest_size=7).digest())
    row = (0o040755 if folder else 0o100644, number, -1, 1, 0, 0, int(info.get("size") or 0), 0, 0, 0)
    return os.stat_result(row, {"st_mtime_ns": _changed(info)})


def _changed(info: dict[str, Any]) -> int:
    """The last change in nanoseconds since 1970; where none is told, a number that changes with the contents."""
    for name in _TIMES:
        match info.get(name):
            case datetime() as when:
                return int(when.timestamp() * 1e6) * 1000
            case float() | int() as seconds:
                return int(seconds * 1e6) * 1000
            case str() as words:
                return _number(words)
    return next((_number(str(info[name])) for name in _MARKS if info.get(name)), 0)


def _number(words: str) -> int:
    return int.from_bytes(hashlib.blake2b(words.encode(), digest_size=7).digest())


def is_folder(facts: os.stat_result) -> bool:
    """Whether these are the facts of a folder."""
    return stat.S_ISDIR(facts.st_mode)
