"""PNG (ISO/IEC 15948): how it is best packed, and 16 bits per channel, which neither Pillow nor OpenCV writes with all
metadata.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from restore.io.exif import PREFIX
from restore.io.photo import Photo
from restore.io.stored import Raster

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES: Final = {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}
FILTER_UP: Final = 2
INCHES_PER_METRE: Final = 1 / 0.0254
IDAT_BYTES: Final = 1 << 20
XMP_KEYWORD: Final = "XML:com.adobe.xmp"
MOST_LARGER: Final = 1.05
"""A picture is packed by runs where that makes it at most so much larger."""
_WORTH_IT_PX: Final = 1 << 18
"""Smaller pictures are packed in full in next to no time."""
_BANDS, _BAND_ROWS = 12, 8
"""Of the sample that decides; deflate looks back 32 kB, which are few rows of a large picture."""


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def runs_suffice(array: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
    """Whether numbers (H,W,C) are packed nearly as small by runs of one byte (``zlib.Z_RLE``) as in full.

    Looking for repeats is most of the work of writing a PNG, and rows of a photo hold none once they are filtered: by
    runs they are written three to five times as fast. Drawings, writing and screenshots are full of repeats and would
    become several times as large. Both are tried on bands of rows from all over the picture.
    """
    height, width, channels = array.shape
    if height * width < _WORTH_IT_PX:
        return False
    full = zlib.Z_FILTERED if array.itemsize == 1 else zlib.Z_DEFAULT_STRATEGY
    by_runs, in_full = (zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 8, how) for how in (zlib.Z_RLE, full))
    runs, whole = 0, 0
    for start in range(0, height, max(_BAND_ROWS + 1, height // _BANDS)):
        rows = array[start : start + _BAND_ROWS + 1].astype(f">u{array.itemsize}").reshape(-1, width * channels)
        stored = rows.view(np.uint8)
        filtered = stored[1:] - stored[:-1]
        if array.itemsize == 1:  # Pillow takes the best of five filters: near to what the pixel beside leaves of this
            filtered[:, channels:] -= filtered[:, :-channels].copy()
        runs += len(by_runs.compress(filtered.tobytes()))
        whole += len(in_full.compress(filtered.tobytes()))
    return runs + len(by_runs.flush()) <= MOST_LARGER * (whole + len(in_full.flush()))


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
    strategy = zlib.Z_RLE if runs_suffice(raster.array) else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 8, strategy)
    above = np.zeros(raster.array.shape[1] * raster.array.shape[2] * 2, dtype=np.uint8)
    packed = []
    for row in raster.array:
        stored = np.ascontiguousarray(row).astype(">u2").reshape(-1).view(np.uint8)
        packed.append(packer.compress(bytes([FILTER_UP]) + (stored - above).tobytes()))
        above = stored
    return b"".join([*packed, packer.flush()])
