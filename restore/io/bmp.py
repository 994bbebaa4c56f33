"""BMP with alpha: the version-4 header, which Pillow reads but does not write."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from restore.io.photo import Photo
from restore.io.stored import Raster

HEADER_BYTES: Final = 14 + 108
BITFIELDS: Final = 3
SRGB_SPACE: Final = 0x73524742
PER_METRE: Final = 1 / 0.0254


def write_alpha_bmp(raster: Raster, photo: Photo) -> bytes:
    """A 32-bit BMP file of (H,W,4) uint8 RGBA numbers, bottom row first as is usual, with DPI."""
    height, width = raster.array.shape[:2]
    pixels = np.ascontiguousarray(raster.array[::-1][..., [2, 1, 0, 3]]).tobytes()
    across, down = (round(dots * PER_METRE) for dots in photo.dpi or (0, 0))
    file_header = struct.pack("<2sIHHI", b"BM", HEADER_BYTES + len(pixels), 0, 0, HEADER_BYTES)
    header = struct.pack("<IiiHHIIiiII", 108, width, height, 1, 32, BITFIELDS, len(pixels), across, down, 0, 0)
    masks = struct.pack("<5I48x", 0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000, SRGB_SPACE)
    return file_header + header + masks + pixels
