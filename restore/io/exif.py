"""EXIF: turned upright, without thumbnail, without place; and its way into and out of TIFF files."""

from __future__ import annotations

import struct
from typing import Final

from restore.io.tags import (
    EXIF_IFD,
    GPS_IFD,
    INTEROP_IFD,
    LONG,
    ORIENTATION,
    THUMBNAIL_LENGTH,
    THUMBNAIL_OFFSET,
    DamagedTagsError,
    Directory,
    Entry,
    Order,
    byte_order,
    erase_directory,
    first_offset,
    read_directory,
    remove_entry,
    set_number,
    whole_number,
    write_directory,
)

PREFIX: Final = b"Exif\0\0"
PHOTO_TAGS: Final = frozenset(
    {270, 271, 272, 305, 306, 315, 316, 33432, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F, 0x4746}
)
"""Tags of a TIFF's first directory that tell of the photo, not of the file: description, make, model, software,
date, artist, host, copyright, the titles and keywords of Windows, the rating."""
SIZE_TAGS: Final = (0xA002, 0xA003)
"""Width and height in the EXIF directory."""
HEADERS: Final[dict[Order, bytes]] = {"<": b"II*\0", ">": b"MM\0*"}


def orientation_of(exif: bytes | None) -> int:
    """1..8 as EXIF says; 1 when it says nothing that makes sense."""
    if not exif:
        return 1
    data = exif.removeprefix(PREFIX)
    try:
        entry = read_directory(data, first_offset(data)).entries.get(ORIENTATION)
        value = whole_number(entry, byte_order(data)) if entry else 1
    except DamagedTagsError:
        return 1
    return value if 1 <= value <= 8 else 1


def upright(exif: bytes) -> bytes:
    """The same EXIF with orientation 1 and without its thumbnail; DamagedTagsError when it cannot be read."""
    data = bytearray(exif.removeprefix(PREFIX))
    main = read_directory(data, first_offset(data))
    if ORIENTATION in main.entries:
        set_number(data, main.entries[ORIENTATION], 1)
    if main.next_offset:
        _drop_thumbnail(data, main)
    return PREFIX + bytes(data)


def _drop_thumbnail(data: bytearray, main: Directory) -> None:
    order = byte_order(data)
    (count,) = struct.unpack_from(order + "H", data, main.place)
    struct.pack_into(order + "I", data, main.place + 2 + 12 * count, 0)
    try:
        entries = read_directory(data, main.next_offset).entries
        start = whole_number(entries[THUMBNAIL_OFFSET], order)
        end = start + whole_number(entries[THUMBNAIL_LENGTH], order)
    except (DamagedTagsError, KeyError):
        return  # no thumbnail in a known form: the directory is unlinked, its bytes stay
    if end >= len(data):
        del data[start:]
    else:
        data[start:end] = bytes(end - start)


def without_gps(exif: bytes) -> bytes:
    """The same EXIF without the place, its bytes overwritten with zeros."""
    data = bytearray(exif.removeprefix(PREFIX))
    main = read_directory(data, first_offset(data))
    if GPS_IFD not in main.entries:
        return exif
    erase_directory(data, whole_number(main.entries[GPS_IFD], byte_order(data)))
    remove_entry(data, main, GPS_IFD)
    return PREFIX + bytes(data)


def with_size(exif: bytes, height: int, width: int) -> bytes:
    """The same EXIF telling the new size where it told the old one."""
    data = bytearray(exif.removeprefix(PREFIX))
    try:
        main = read_directory(data, first_offset(data))
        if EXIF_IFD not in main.entries:
            return exif
        inner = read_directory(data, whole_number(main.entries[EXIF_IFD], byte_order(data)))
    except DamagedTagsError:
        return exif
    for tag, size in zip(SIZE_TAGS, (width, height), strict=True):
        if tag in inner.entries:
            set_number(data, inner.entries[tag], size)
    return PREFIX + bytes(data)


def _with_inner(entries: dict[int, Entry], data: bytes, base: int, target_order: Order) -> bytes:
    """A copy of ``entries`` and of the EXIF and GPS directories they point to in ``data``, to stand at ``base``."""
    order = byte_order(data)
    kept = {tag: entry for tag, entry in entries.items() if tag not in (EXIF_IFD, GPS_IFD)}
    inner = {}
    for tag in (EXIF_IFD, GPS_IFD):
        if tag in entries:
            try:
                found = read_directory(data, whole_number(entries[tag], order)).entries
            except DamagedTagsError:
                continue  # the pointer leads nowhere: the other tags are still worth keeping
            inner[tag] = {name: entry for name, entry in found.items() if name != INTEROP_IFD}
            kept[tag] = Entry(tag, LONG, 1, bytes(4))
    place = base + len(write_directory(kept, base, target_order))
    blocks = []
    for tag, directory in inner.items():
        kept[tag] = Entry(tag, LONG, 1, struct.pack(target_order + "I", place))
        blocks.append(write_directory(directory, place, target_order))
        place += len(blocks[-1])
    return write_directory(kept, base, target_order) + b"".join(blocks)


def exif_in_tiff(data: bytes) -> bytes | None:
    """The photo's tags of a TIFF file's first directory as EXIF; None when it has none."""
    order = byte_order(data)
    found = read_directory(data, first_offset(data)).entries
    kept = {tag: entry for tag, entry in found.items() if tag in PHOTO_TAGS or tag in (ORIENTATION, EXIF_IFD, GPS_IFD)}
    if not kept.keys() - {ORIENTATION}:
        return PREFIX + HEADERS[order] + struct.pack(order + "I", 8) + write_directory(kept, 8, order) if kept else None
    return PREFIX + HEADERS[order] + struct.pack(order + "I", 8) + _with_inner(kept, data, 8, order)


def exif_for_tiff(tiff: bytes, exif: bytes | None, extra: dict[int, Entry]) -> tuple[bytes, bytes]:
    """What adds the photo's tags of ``exif`` (of the same byte order) and ``extra`` ones to a TIFF file.

    Gives the four bytes that go to the fifth byte of the file on, and those for its end: the new directory goes to the
    end of the file and the header points there; picture data stay where they are.
    """
    order = byte_order(tiff)
    main = read_directory(tiff, first_offset(tiff))
    padding = bytes(len(tiff) % 2)
    place = len(tiff) + len(padding)
    entries = main.entries | extra
    source = exif.removeprefix(PREFIX) if exif else HEADERS[order] + struct.pack(order + "IHI", 8, 0, 0)
    found = read_directory(source, first_offset(source)).entries
    entries |= {tag: entry for tag, entry in found.items() if tag in PHOTO_TAGS or tag in (EXIF_IFD, GPS_IFD)}
    return struct.pack(order + "I", place), padding + _with_inner(entries, source, place, order)
