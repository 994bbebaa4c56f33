"""The tag table of an ICC profile (ICC.1:2022), and who converts its colours. Nothing here needs torch."""

from __future__ import annotations

import struct
from typing import Final

from restore.io.stored import Family

SPACES: Final = {b"GRAY": "gray", b"RGB ": "rgb", b"CMYK": "cmyk"}
MATRIX_TAGS: Final = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
PROFILE_FAULTS: Final = (struct.error, ValueError, IndexError, OverflowError)
"""What damaged profiles raise."""


def tags_of(icc: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """The tags of a profile by name, and its colour space; ValueError when it is damaged."""
    if len(icc) < 132 or icc[36:40] != b"acsp":
        raise ValueError("no profile signature")
    (count,) = struct.unpack_from(">I", icc, 128)
    if not 0 < count <= 1000:
        raise ValueError("tag table")
    tags = {}
    for index in range(count):
        name, offset, size = struct.unpack_from(">4sII", icc, 132 + 12 * index)
        if offset + size > len(icc):
            raise ValueError("cut off")
        tags[name] = icc[offset : offset + size]
    return tags, icc[16:20]


def needs_engine(icc: bytes, family: Family, depth: int) -> bool:
    """Whether colours of such numbers go through the colour engine: CMYK, and 8-bit RGB by tables.

    False also for a profile that is damaged, or for other colours: it is dropped.
    """
    try:
        tags, space = tags_of(icc)
    except PROFILE_FAULTS:
        return False
    if SPACES.get(space) != family:
        return False
    return family == "cmyk" or (family == "rgb" and depth == 8 and not all(tag in tags for tag in MATRIX_TAGS))
