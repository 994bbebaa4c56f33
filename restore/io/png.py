"""PNG (ISO/IEC 15948): how it is best packed, and 16 bits per channel, which neither Pillow nor OpenCV writes with all
metadata.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from restore.io.exif import PREFIX
from restore.io.photo import Photo
from restore.io.stored import Raster
from restore.room import let_go

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
_LET_GO_ROWS = 256
_BANDS, _BAND_ROWS = 12, 8
"""Of the sample that decides; deflate looks back 32 kB, which are few rows of a large picture."""


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


Numbers = NDArray[np.uint8] | NDArray[np.uint16]


def runs_suffice(shape: tuple[int, ...], rows_from: Callable[[int, int], Numbers]) -> bool:
    """Whether numbers (H,W,C) are packed nearly as small by runs of one byte (``zlib.Z_RLE``) as in full.

    ``rows_from`` gives those of rows [first, last).

    Looking for repeats is most of the work of writing a PNG, and rows of a photo hold none once they are filtered: by
    runs they are written three to five times as fast. Drawings, writing and screenshots are full of repeats and would
    become several times as large. Both are tried on bands of rows from all over the picture.
    """
    height, width, channels = shape
    if height * width < _WORTH_IT_PX:
        return False
    itemsize = rows_from(0, 1).itemsize
    full = zlib.Z_FILTERED if itemsize == 1 else zlib.Z_DEFAULT_STRATEGY
    by_runs, in_full = (zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 8, how) for how in (zlib.Z_RLE, full))
    runs, whole = 0, 0
    for start in range(0, height, max(_BAND_ROWS + 1, height // _BANDS)):
        band = rows_from(start, min(start + _BAND_ROWS + 1, height))
        rows = band.astype(f">u{itemsize}").reshape(-1, width * channels)
        stored = rows.view(np.uint8)
        filtered = stored[1:] - stored[:-1]
        if itemsize == 1:  # Pillow takes the best of five filters: near to what the pixel beside leaves of this
            filtered[:, channels:] -= filtered[:, :-channels].copy()
        runs += len(by_runs.compress(filtered.tobytes()))
        whole += len(in_full.compress(filtered.tobytes()))
    return runs + len(by_runs.flush()) <= MOST_LARGER * (whole + len(in_full.flush()))


def write_deep_png(raster: Raster, photo: Photo, icc: bytes | None, file: BinaryIO) -> None:
    """Write a PNG of uint16 numbers with the photo's EXIF, XMP and DPI, and ``icc`` embedded."""
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
    file.write(b"".join(parts))
    waiting = bytearray()
    for packed in _deflated(raster):
        waiting += packed
        while len(waiting) >= IDAT_BYTES:
            file.write(_chunk(b"IDAT", bytes(waiting[:IDAT_BYTES])))
            del waiting[:IDAT_BYTES]
    if waiting:
        file.write(_chunk(b"IDAT", bytes(waiting)))
    file.write(_chunk(b"IEND", b""))


def _deflated(raster: Raster) -> Iterator[bytes]:
    """All rows, each as its difference from the one above (modulo 256, byte by byte)."""
    runs = runs_suffice(raster.array.shape, lambda first, last: raster.array[first:last])
    strategy = zlib.Z_RLE if runs else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 8, strategy)
    above = np.zeros(raster.array.shape[1] * raster.array.shape[2] * 2, dtype=np.uint8)
    for number, row in enumerate(raster.array):
        stored = np.ascontiguousarray(row).astype(">u2").reshape(-1).view(np.uint8)
        yield packer.compress(bytes([FILTER_UP]) + (stored - above).tobytes())
        above = stored
        if number % _LET_GO_ROWS == 0:
            let_go()
    yield packer.flush()
