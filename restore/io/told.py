"""What a picture file tells beside its pixels, as Pillow reads it and not as this package does: to check the latter."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PIL import Image
from PIL.ExifTags import GPSTAGS, IFD, TAGS

from restore.io.decode import DECODE_FAULTS, open_header, quiet
from restore.io.decoded import unreadable
from restore.io.xmp import UnreadableXmpError, read_packet

if TYPE_CHECKING:
    from restore.io.photo import Strip

ORIENTATION: Final = 0x0112
DESCRIPTIVE: Final = frozenset(
    (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298, 0x9C9B, 0x9C9C, 0x9C9D, 0x9C9E, 0x9C9F)
)
"""Tags of the main directory that say something about the photo (title, camera, program, time, artist, rights): the
others there say how this very file is built."""
OWN_SIZE: Final = frozenset((0xA002, 0xA003, 0xA005))
"""Of the EXIF directory: width and height, which change with the picture, and a place in the file."""
MAKER_NOTE: Final = 0x927C
_PLACE: Final = "GPS "


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The words of one file. Names are those of the standard, such as DateTimeOriginal and "GPS GPSLatitude"."""

    orientation: int
    """As the tag says, 1 to 8; 1 is upright."""
    icc: bytes | None
    tags: Mapping[str, str]
    """Of EXIF."""
    has_xmp: bool
    properties: Mapping[str, str]
    """Of XMP; none where it cannot be understood."""

    def missing_in(self, other: Told, strip: Strip) -> list[str]:
        """Names of what the other file does not tell, or tells otherwise, though ``strip`` did not ask for that."""
        if strip == "all":
            return []
        tags = [name for name in self.tags if self.tags[name] != other.tags.get(name)]
        lost = [name for name in tags if strip == "none" or not name.startswith(_PLACE)]
        if self.has_xmp and not other.has_xmp:
            return [*lost, "XMP"]
        held = [name for name in self.properties if other.properties.get(name) != self.properties[name]]
        held = [name for name in held if strip == "none" or not re.search(r"gps\w*$", name, re.IGNORECASE)]
        return [*lost, *(f"XMP {name.rpartition(' ')[2]}" for name in held)]


def told_by(path: Path) -> Told:
    """What the file at ``path`` tells; ImageError when it is no picture or cannot be opened."""
    try:
        with path.open("rb") as stream, open_header(stream, str(path)) as image, quiet():
            icc, xmp = image.info.get("icc_profile"), image.info.get("xmp")
            exif = _exif(image)
    except OSError as fault:
        raise unreadable(path, fault) from fault
    turned = exif.get(ORIENTATION, 1)
    packet = xmp.encode() if isinstance(xmp, str) else xmp
    return Told(
        orientation=turned if isinstance(turned, int) and 1 <= turned <= 8 else 1,
        icc=icc if isinstance(icc, bytes) and icc else None,
        tags=_named(exif),
        has_xmp=bool(packet),
        properties=_properties(packet) if isinstance(packet, bytes) else {},
    )


def _exif(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except DECODE_FAULTS:  # damaged: there is nothing to keep
        return Image.Exif()


def _named(exif: Image.Exif) -> dict[str, str]:
    found = {TAGS.get(tag, f"{tag:#x}"): str(exif[tag]) for tag in DESCRIPTIVE & exif.keys()}
    with suppress(*DECODE_FAULTS):
        inner = exif.get_ifd(IFD.Exif)
        kept = {tag: value for tag, value in inner.items() if tag not in OWN_SIZE}
        found |= {
            TAGS.get(tag, f"{tag:#x}"): "present" if tag == MAKER_NOTE else str(value) for tag, value in kept.items()
        }
    with suppress(*DECODE_FAULTS):
        place = exif.get_ifd(IFD.GPSInfo)
        found |= {f"{_PLACE}{GPSTAGS.get(tag, f'{tag:#x}')}": str(value) for tag, value in place.items()}
    return found


def _properties(packet: bytes) -> dict[str, str]:
    """Those of a packet that a result has to have as well: all but the orientation and notes of this package."""
    try:
        found = read_packet(packet).properties
    except UnreadableXmpError:
        return {}
    return {
        name: value
        for name, value in found.items()
        if "restore-photos" not in name and not name.endswith(" Orientation") and not _sized(name)
    }


def _sized(name: str) -> bool:
    """Whether the property repeats EXIF's own size of the picture."""
    return name.endswith((" PixelXDimension", " PixelYDimension", " ImageWidth", " ImageLength"))
