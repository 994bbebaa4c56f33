"""Tag directories in TIFF's form (TIFF 6.0, section 2), in which EXIF lives too: read, patch in place, write.

EXIF is patched in place where it can be, since makers' notes hold offsets that break when they are moved.
All functions raise DamagedTagsError when the bytes do not follow the form.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

Order = Literal["<", ">"]

ORIENTATION: Final = 0x0112
XMP: Final = 700
EXIF_IFD: Final = 0x8769
GPS_IFD: Final = 0x8825
INTEROP_IFD: Final = 0xA005
THUMBNAIL_OFFSET: Final = 0x0201
THUMBNAIL_LENGTH: Final = 0x0202
SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes per value of each TIFF type."""
BYTE, ASCII, SHORT, LONG = 1, 2, 3, 4


class DamagedTagsError(ValueError):
    """The bytes are no tag directory, or point outside themselves."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag: its value as stored (byte order of the file) and where the entry and the value stand."""

    tag: int
    type: int
    count: int
    raw: bytes
    place: int = 0
    value_place: int = 0


@dataclass(slots=True)
class Directory:
    """Tags of one directory, and where the next one begins (0: none)."""

    entries: dict[int, Entry]
    next_offset: int = 0
    place: int = 0


def byte_order(data: bytes | bytearray) -> Order:
    """Of a classic TIFF header; BigTIFF is refused."""
    if data[:4] == b"II*\0":
        return "<"
    if data[:4] == b"MM\0*":
        return ">"
    raise DamagedTagsError("no tag header")


def first_offset(data: bytes | bytearray) -> int:
    """Where the first directory begins."""
    return _number(data, 4, "I", byte_order(data))


def read_directory(data: bytes | bytearray, offset: int) -> Directory:
    """The directory at ``offset``; tags of unknown type or with a value outside the data are left out."""
    order = byte_order(data)
    count = _number(data, offset, "H", order)
    entries = {entry.tag: entry for entry in _entries(data, offset + 2, count, order)}
    end = offset + 2 + 12 * count
    following = _number(data, end, "I", order) if end + 4 <= len(data) else 0
    return Directory(entries, following, offset)


def _entries(data: bytes | bytearray, start: int, count: int, order: Order) -> Iterator[Entry]:
    for place in range(start, start + 12 * count, 12):
        if place + 12 > len(data):
            raise DamagedTagsError("directory is cut off")
        tag, kind, number = struct.unpack_from(order + "HHI", data, place)
        size = SIZES.get(kind, 0) * number
        value_place = place + 8 if size <= 4 else _number(data, place + 8, "I", order)
        if size and value_place + size <= len(data):
            yield Entry(tag, kind, number, bytes(data[value_place : value_place + size]), place, value_place)


def _number(data: bytes | bytearray, place: int, form: str, order: Order) -> int:
    try:
        (value,) = struct.unpack_from(order + form, data, place)
    except struct.error as fault:
        raise DamagedTagsError("points outside its data") from fault
    return int(value)


def whole_number(entry: Entry, order: Order) -> int:
    """The first value of a SHORT or LONG entry."""
    form = {SHORT: "H", LONG: "I", 13: "I", BYTE: "B"}.get(entry.type)
    if form is None:
        raise DamagedTagsError(f"tag {entry.tag} is no number")
    return _number(entry.raw, 0, form, order)


def set_number(data: bytearray, entry: Entry, value: int) -> None:
    """Overwrite a one-value entry; its type becomes LONG when the value needs it."""
    order = byte_order(data)
    kind = SHORT if value < 65536 and entry.type == SHORT else LONG
    packed = struct.pack(order + ("HH" if kind == SHORT else "I"), *((value, 0) if kind == SHORT else (value,)))
    struct.pack_into(order + "HHI4s", data, entry.place, entry.tag, kind, 1, packed)


def remove_entry(data: bytearray, directory: Directory, tag: int) -> None:
    """Take one entry out of a directory that stays in place; the rest moves up, the freed bytes become zero."""
    order = byte_order(data)
    start = directory.entries[tag].place
    count = _number(data, directory.place, "H", order)
    end = directory.place + 2 + 12 * count + 4
    data[start : end - 12] = data[start + 12 : end]
    data[end - 12 : end] = bytes(12)
    struct.pack_into(order + "H", data, directory.place, count - 1)


def erase_directory(data: bytearray, offset: int) -> None:
    """Zero a directory with all its values, so that nothing of it can be read back."""
    directory = read_directory(data, offset)
    for entry in directory.entries.values():
        data[entry.value_place : entry.value_place + len(entry.raw)] = bytes(len(entry.raw))
    count = _number(data, offset, "H", byte_order(data))
    data[offset : offset + 2 + 12 * count] = bytes(2 + 12 * count)


def write_directory(entries: dict[int, Entry], base: int, order: Order, next_offset: int = 0) -> bytes:
    """A directory that will stand at ``base`` (even), followed by its long values."""
    tags = sorted(entries)
    head = bytearray(struct.pack(order + "H", len(tags)))
    body = bytearray()
    body_place = base + 2 + 12 * len(tags) + 4
    for tag in tags:
        entry = entries[tag]
        if len(entry.raw) <= 4:
            value = entry.raw.ljust(4, b"\0")
        else:
            value = struct.pack(order + "I", body_place + len(body))
            body += entry.raw + bytes(len(entry.raw) % 2)
        head += struct.pack(order + "HHI4s", tag, entry.type, entry.count, value)
    return bytes(head + struct.pack(order + "I", next_offset) + body)
