"""Which process a thing belongs to, and whether that process still lives: for claims on photos and unfinished files.

A process is told by its computer, the boot of that computer, its number and the moment it started, so that a number
given to another process later, or after a power cut, is not taken for the first one.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Final

FOREIGN_S: Final = 3600.0
"""Seconds for which a process that cannot be asked about, such as one on another computer, counts as living."""
UNKNOWN: Final = "0"
"""In place of a moment or a boot that the system does not tell."""
OWNER: Final = r"[0-9a-f]{6}-[0-9a-f]+-[0-9]+-[0-9a-f]+"
"""Pattern of what :func:`this_process` gives."""

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES: Final = Path("/proc")
_STATE, _START = 0, 19
"""Fields of /proc/PID/stat, counted from the state on."""


def this_process() -> str:
    """This process: computer, boot, number and start, as one word that can be part of a file name.

    >>> is_alive(this_process(), age_s=1e9)
    True
    """
    return _owner_of(os.getpid())


def is_alive(owner: str, *, age_s: float) -> bool:
    """Whether the process ``owner`` still runs; of one that cannot be asked about, by ``age_s`` of what it left.

    >>> is_alive("ffffff-0-1-0", age_s=10), is_alive("ffffff-0-1-0", age_s=1e6), is_alive("nonsense", age_s=0)
    (True, False, False)
    """
    if not re.fullmatch(OWNER, owner):
        return False
    host, boot, number, start = owner.split("-")
    if host != _host():
        return age_s < FOREIGN_S
    if boot != _boot():
        return False
    now = _start_of(int(number))
    if now == UNKNOWN:
        return owner == this_process() or age_s < FOREIGN_S
    return now == start


@lru_cache(maxsize=8)
def _owner_of(number: int) -> str:
    return f"{_host()}-{_boot()}-{number}-{_start_of(number) or UNKNOWN}"


@lru_cache(maxsize=1)
def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return hashlib.sha256(_BOOT.read_bytes()).hexdigest()[:8]
    except OSError:
        return UNKNOWN


def _start_of(number: int) -> str | None:
    """When the process started, in a form of the system's; None when there is none, UNKNOWN when it cannot be asked."""
    if (_PROCESSES / "self" / "stat").exists():
        try:
            text = (_PROCESSES / str(number) / "stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()  # the name before it may hold anything
        return None if fields[_STATE] in "ZX" else f"{int(fields[_START]):x}"  # dead, though its parent has not looked
    if sys.platform == "win32":
        return _start_under_windows(number)
    else:  # noqa: RET505 - so that the types of either system can be checked
        words = ["ps", "-o", "lstart=", "-p", str(number)]
        told = subprocess.run(words, capture_output=True, check=False).stdout.strip()
        return hashlib.sha256(told).hexdigest()[:8] if told else None


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _MAY_BE_ASKED, _NO_SUCH_PROCESS = 0x1000, 87
    """PROCESS_QUERY_LIMITED_INFORMATION and ERROR_INVALID_PARAMETER."""

    def _start_under_windows(number: int) -> str | None:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel.OpenProcess.restype = wintypes.HANDLE
        kernel.GetProcessTimes.argtypes = [wintypes.HANDLE, *[ctypes.POINTER(wintypes.FILETIME)] * 4]
        kernel.CloseHandle.argtypes = [wintypes.HANDLE]
        handle = kernel.OpenProcess(_MAY_BE_ASKED, False, number)
        if not handle:
            return None if ctypes.get_last_error() == _NO_SUCH_PROCESS else UNKNOWN
        born, died, kernel_time, user_time = (wintypes.FILETIME() for _ in range(4))
        known = kernel.GetProcessTimes(handle, *(ctypes.byref(each) for each in (born, died, kernel_time, user_time)))
        kernel.CloseHandle(handle)
        if not known:
            return UNKNOWN
        if died.dwHighDateTime or died.dwLowDateTime:
            return None
        return f"{born.dwHighDateTime:x}{born.dwLowDateTime:08x}"
