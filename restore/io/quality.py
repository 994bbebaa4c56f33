"""How strongly a lossy file was compressed, read from its own tables."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image, JpegImagePlugin, TiffImagePlugin

from restore.io.formats import FORMATS

# The example tables of ITU-T T.81, annex K, in zigzag-free (row) order, which nearly all encoders scale.
LUMA: Final = np.array(
    [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29,
     51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121,
     120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
)  # fmt: skip
SAMPLINGS: Final = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
"""By Pillow's numbers."""
TIFF_JPEG: Final = (6, 7)
"""TIFF's compressions that lose something."""


@dataclass(frozen=True, slots=True)
class Compression:
    """The format of a file and how much of the picture it gave up."""

    format: str
    quality: int | None = None
    subsampling: str | None = None
    lossless: bool = False


def compression_of(image: Image.Image, data: bytes) -> Compression:
    """Of an opened picture and the bytes of its file."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):  # also MPO: a JPEG with more pictures behind it
        return Compression("JPEG", jpeg_quality(image.quantization), jpeg_subsampling(image))
    name = str(image.format)
    if name == "WEBP":
        return Compression(name, lossless=webp_is_lossless(data))
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return Compression(name, lossless=image.tag_v2.get(259, 1) not in TIFF_JPEG)
    return Compression(name, lossless=name not in FORMATS or not FORMATS[name].lossy)


def scaled_table(table: Sequence[int], quality: int) -> list[int]:
    """The Independent JPEG Group's table for a quality of 1..100.

    >>> scaled_table([16, 11], 50), scaled_table([16, 11], 100)
    ([16, 11], [1, 1])
    """
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(255, max(1, (value * percent + 50) // 100)) for value in table]


LUMA_TABLES: Final = np.array([scaled_table(LUMA.tolist(), quality) for quality in range(1, 101)])


def jpeg_quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """The quality 1..100 whose brightness table is nearest to a file's first one.

    Compared by the sum, in which other makers' tables (cameras, Photoshop) agree best; exact for scaled standard
    tables up to neighbours that share one table.

    >>> jpeg_quality({0: scaled_table(LUMA.tolist(), 83)})
    83
    """
    table = tables.get(0)
    if table is None or len(table) != 64:
        return None
    apart = np.abs(LUMA_TABLES - np.asarray(table)).sum(axis=1)
    if apart.min() > 0:
        apart = np.abs(LUMA_TABLES.sum(axis=1) - sum(table))
    return int(apart.argmin()) + 1


def jpeg_subsampling(image: Image.Image) -> str | None:
    """4:4:4, 4:2:2 or 4:2:0 of an opened JPEG; None for gray, CMYK and rare samplings."""
    if image.mode != "RGB":
        return None
    return SAMPLINGS.get(JpegImagePlugin.get_sampling(image))


def webp_is_lossless(data: bytes) -> bool:
    """The first picture of a WebP file is stored in its lossless form."""
    place, end = 12, len(data)
    while place + 8 <= end:
        name, size = struct.unpack_from("<4sI", data, place)
        if name in (b"VP8L", b"VP8 "):
            return bool(name == b"VP8L")
        place += 8 + (16 if name == b"ANMF" else size + size % 2)  # a frame holds the chunks of its picture
    return False
