"""What each file format is called and what it can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from restore.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One row of the table: suffixes (first is the one we give) and what survives in such a file."""

    suffixes: tuple[str, ...]
    max_side: int
    """Longest side in pixels that the format or its encoder allows."""
    gray: bool = True
    alpha: bool = True
    gray_alpha: bool = False
    """Gray with alpha without turning into colour with alpha."""
    cmyk: bool = False
    deep: bool = False
    """16 bits per channel."""
    icc: bool = True
    exif: bool = True
    xmp: bool = True
    dpi: bool = False
    lossy: bool = False


FORMATS: Final[Mapping[str, Format]] = {
    "JPEG": Format(
        suffixes=(".jpg", ".jpeg", ".jpe", ".jfif"), max_side=65500, alpha=False, cmyk=True, dpi=True, lossy=True
    ),
    "PNG": Format(suffixes=(".png",), max_side=2**31 - 1, gray_alpha=True, deep=True, dpi=True),
    "TIFF": Format(suffixes=(".tif", ".tiff"), max_side=2**31 - 1, gray_alpha=True, cmyk=True, deep=True, dpi=True),
    "WEBP": Format(suffixes=(".webp",), max_side=16383, gray=False, lossy=True),
    "AVIF": Format(suffixes=(".avif",), max_side=65536, lossy=True),
    "HEIF": Format(suffixes=(".heic", ".heif", ".hif"), max_side=65536, lossy=True),
    "BMP": Format(suffixes=(".bmp", ".dib"), max_side=32767, icc=False, exif=False, xmp=False, dpi=True),
}
"""The formats we write."""

READ_ONLY: Final[Mapping[str, tuple[str, ...]]] = {"GIF": (".gif",)}
"""Formats we read but never write: 256 colours would spoil the result."""

PHOTO_SUFFIXES: Final[frozenset[str]] = frozenset(
    suffix for row in FORMATS.values() for suffix in row.suffixes
) | frozenset(suffix for suffixes in READ_ONLY.values() for suffix in suffixes)
"""Lower-case suffixes that mark a file in a folder as a picture."""


def format_named(word: str) -> str:
    """Pillow's name for what a person types; ConfigError lists the known words.

    >>> format_named("jpg"), format_named(".TIF"), format_named("heic")
    ('JPEG', 'TIFF', 'HEIF')
    """
    plain = word.strip().lower().removeprefix(".")
    for name, row in FORMATS.items():
        if plain == name.lower() or f".{plain}" in row.suffixes:
            return name
    known = ", ".join(row.suffixes[0].removeprefix(".") for row in FORMATS.values())
    raise ConfigError(f"unknown format {word!r}; known: {known}")


def format_of(path: Path) -> str | None:
    """The format that a file name promises, or None for other suffixes.

    >>> format_of(Path("Photo.JPEG")), format_of(Path("anim.gif")), format_of(Path("notes.txt"))
    ('JPEG', 'GIF', None)
    """
    suffix = path.suffix.lower()
    for name, row in FORMATS.items():
        if suffix in row.suffixes:
            return name
    return next((name for name, suffixes in READ_ONLY.items() if suffix in suffixes), None)


def writable(photo_format: str, *, alpha: bool) -> str:
    """The format in which a photo read from ``photo_format`` is written when nobody asked for another.

    >>> writable("JPEG", alpha=False), writable("JPEG", alpha=True), writable("GIF", alpha=False)
    ('JPEG', 'PNG', 'PNG')
    """
    row = FORMATS.get(photo_format)
    return "PNG" if row is None or (alpha and not row.alpha) else photo_format
