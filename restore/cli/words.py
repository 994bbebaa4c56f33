"""The words people write after an option, made into values. Each refusal shows a right example."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from restore.errors import ConfigError, ImageError

_SIZE: Final = re.compile(r"(\d+)\s*[xX\u00d7]\s*(\d+)")
_MEMORY: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)
_BYTES: Final[Mapping[str, int]] = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(s|min|m|h|d)")
_SECONDS: Final[Mapping[str, float]] = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def parse_size(text: str) -> tuple[int, int]:
    """Width and height in pixels.

    >>> parse_size("1920x1080")
    (1920, 1080)
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None or 0 in (int(match[1]), int(match[2])):
        raise ConfigError(f"--size is WIDTHxHEIGHT in pixels, like 1920x1080; got {text!r}")
    return int(match[1]), int(match[2])


def parse_memory(text: str) -> int:
    """Bytes; k, M, G and T are powers of 1024.

    >>> parse_memory("1.5G") == 1536 * 1024 * 1024
    True
    """
    match = _MEMORY.fullmatch(text.strip())
    count = 0 if match is None else int(float(match[1]) * _BYTES[match[2].lower()])
    if count <= 0:
        raise ConfigError(f"--max-memory is an amount like 2G or 500M; got {text!r}")
    return count


def parse_duration(text: str) -> float:
    """Seconds, from one or more of d, h, m (or min) and s; a number alone is refused, as nobody can tell its unit.

    >>> parse_duration("1h30m")
    5400.0
    """
    words = text.strip().replace(" ", "").lower()
    parts = _DURATION.findall(words)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    if "".join(number + unit for number, unit in parts) != words or seconds <= 0:
        raise ConfigError(f"a time is like 90s, 45m, 2h or 1h30m; got {text!r}")
    return seconds


def parse_timeout(text: str) -> float | None:
    """Seconds, or None for off.

    >>> parse_timeout("5m"), parse_timeout("off"), parse_timeout("0")
    (300.0, None, None)
    """
    if text.strip().lower() in ("off", "0", "0s", "0m"):
        return None
    try:
        return parse_duration(text)
    except ConfigError as error:
        raise ConfigError(f"--timeout is a time like 90s or 5m, or off; got {text!r}") from error


def parse_level(option: str, text: str, low: float, high: float) -> float | None:
    """A number from ``low`` to ``high``, or None for "auto".

    >>> parse_level("--noise", "auto", 0, 50) is None
    True
    """
    if text.strip().lower() == "auto":
        return None
    try:
        level = float(text)
    except ValueError:
        level = float("nan")
    if not low <= level <= high:
        raise ConfigError(f"{option} is auto or a number from {low:g} to {high:g}; got {text!r}")
    return level


def read_list(name: str) -> tuple[str, ...]:
    """The paths in a list file, or on stdin for "-": one a line, or with a NUL between them as ``find -print0`` does.

    Empty lines, and lines that begin with #, are passed over.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ImageError(f"--from {name}: the list cannot be read ({error.strerror})") from error
    if "\0" in text:
        return tuple(path for path in text.split("\0") if path.strip())
    return tuple(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
