"""PNG with 16 bits per channel (ISO/IEC 15948), which neither Pillow nor OpenCV writes with all its metadata."""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np

from restore.io.exif import PREFIX
from restore.io.photo import Photo
from restore.io.raster import Raster

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES: Final = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}
FILTER_UP: Final = 2
INCHES_PER_METRE: Final = 1 / 0.0254
IDAT_BYTES: Final = 1 << 20
XMP_KEYWORD: Final = "XML:com.adobe.xmp"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def write_deep_png(raster: Raster, photo: Photo, icc: bytes | None) -> bytes:
    """A PNG file of uint16 numbers with the photo's EXIF, XMP and DPI, and ``icc`` embedded."""
    height, width = raster.array.shape[:2]
    parts = [
        SIGNATURE,
        _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[raster.layout], 0, 0, 0)),
    ]
    if icc:
        parts.append(_chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(icc)))
    if photo.dpi:
        across, down = (round(dots * INCHES_PER_METRE) for dots in photo.dpi)
        parts.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if photo.exif:
        parts.append(_chunk(b"eXIf", photo.exif.removeprefix(PREFIX)))
    if photo.xmp:
        parts.append(_chunk(b"iTXt", XMP_KEYWORD.encode() + b"\0\0\0\0\0" + photo.xmp))
    packed = _deflated(raster)
    parts += [_chunk(b"IDAT", packed[start : start + IDAT_BYTES]) for start in range(0, len(packed), IDAT_BYTES)]
    parts.append(_chunk(b"IEND", b""))
    return b"".join(parts)


def _deflated(raster: Raster) -> bytes:
    """All rows, each as its difference from the one above (modulo 256, byte by byte)."""
    packer = zlib.compressobj(6)
    above = np.zeros(raster.array.shape[1] * raster.array.shape[2] * 2, dtype=np.uint8)
    packed = []
    for row in raster.array:
        stored = np.ascontiguousarray(row).astype(">u2").reshape(-1).view(np.uint8)
        packed.append(packer.compress(bytes([FILTER_UP]) + (stored - above).tobytes()))
        above = stored
    return b"".join([*packed, packer.flush()])
