"""What a photo tells beside its pixels: EXIF, XMP and DPI, read out of a file and made ready for another."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from PIL import Image

from restore.io import exif as exif_blocks
from restore.io.tags import DamagedTagsError

if TYPE_CHECKING:
    from restore.io.photo import Photo, Strip

ORIENTATION_XMP: Final = re.compile(r"""(<tiff:Orientation>|\btiff:Orientation\s*=\s*["'])\s*[1-8]""")
GPS_ATTRIBUTE: Final = re.compile(r"""\s[\w-]+:gps\w*\s*=\s*("[^"]*"|'[^']*')""", re.IGNORECASE)
GPS_ELEMENT: Final = re.compile(r"<([\w-]+:gps\w*)\b[^>]*?(/>|>.*?</\1\s*>)", re.IGNORECASE | re.DOTALL)
THUMBNAIL_XMP: Final = re.compile(r"<xmp:Thumbnails\b.*?</xmp:Thumbnails\s*>", re.DOTALL)
IPTC_RESOURCE, IPTC_TIFF = 0x0404, 33723
IPTC_NOTE: Final = "old-style IPTC captions are not kept (EXIF and XMP are)"


@dataclass(frozen=True, slots=True)
class Metadata:
    """The blocks of one file; ``notes`` says what could not be kept."""

    exif: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    orientation: int = 1
    notes: tuple[str, ...] = ()


def metadata_of(image: Image.Image, data: bytes | None) -> Metadata:
    """Of an opened picture; ``data`` is its whole file, needed for the tags of a TIFF.

    The orientation is what the pixels still need; EXIF and XMP already say that they are upright.
    """
    dpi = _dpi(image)
    xmp = image.info.get("xmp")
    if isinstance(xmp, str):
        xmp = xmp.encode()
    notes = [IPTC_NOTE] if _has_iptc(image) else []
    try:
        orientation = header_orientation(image)
        exif = _exif(image, data)
        exif = exif_blocks.upright(exif) if exif else None
    except DamagedTagsError as fault:
        exif, orientation = None, 1
        notes.append(f"EXIF is damaged ({fault}) and was dropped")
    return Metadata(exif, _upright_xmp(xmp) if isinstance(xmp, bytes) else None, dpi, orientation, tuple(notes))


def _has_iptc(image: Image.Image) -> bool:
    photoshop = image.info.get("photoshop")
    tags = getattr(image, "tag_v2", {})
    return (isinstance(photoshop, dict) and IPTC_RESOURCE in photoshop) or IPTC_TIFF in tags


def header_orientation(image: Image.Image) -> int:
    """By which EXIF orientation 1..8 the pixels have to be turned once they are decoded."""
    if image.format == "TIFF":
        return 1  # Pillow and we turn TIFFs while decoding, and Pillow's size is the upright one
    return exif_blocks.orientation_of(_block(image))


def _exif(image: Image.Image, data: bytes | None) -> bytes | None:
    if image.format == "TIFF":
        if data is None or data[:4] not in exif_blocks.HEADERS.values():
            return None  # BigTIFF, or a picture that is no longer a file
        return exif_blocks.exif_in_tiff(data)
    return _block(image)


def _block(image: Image.Image) -> bytes | None:
    block = image.info.get("exif")
    if block is None and "Raw profile type exif" in image.info:  # as ImageMagick writes it into a PNG
        block = image.getexif().tobytes()
    if not isinstance(block, bytes) or not block.removeprefix(exif_blocks.PREFIX):
        return None
    return exif_blocks.PREFIX + block.removeprefix(exif_blocks.PREFIX)


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    found = image.info.get("dpi")
    if not isinstance(found, tuple) or len(found) != 2:
        return None
    across, down = float(found[0]), float(found[1])
    return (across, down) if 1 < across < 1e6 and 1 < down < 1e6 else None  # 1: Pillow's word for none


def _upright_xmp(xmp: bytes) -> bytes | None:
    text = xmp.rstrip(b"\0").decode("utf-8", "surrogateescape")
    text = THUMBNAIL_XMP.sub("", ORIENTATION_XMP.sub(r"\g<1>1", text))
    return text.encode("utf-8", "surrogateescape") or None


def _xmp_without_gps(xmp: bytes) -> bytes | None:
    if b"\0" in xmp:
        return None  # UTF-16: rare, and better dropped whole than leaked
    text = xmp.decode("utf-8", "surrogateescape")
    return GPS_ATTRIBUTE.sub("", GPS_ELEMENT.sub("", text)).encode("utf-8", "surrogateescape")


def stripped(photo: Photo, strip: Strip) -> Photo:
    """The photo as it is to be written: told its size, without what ``strip`` names.

    "gps" drops the place from EXIF and XMP, "all" drops both whole. Colour profile and DPI always stay.
    """
    if strip == "all":
        return replace(photo, exif=None, xmp=None)
    exif = exif_blocks.with_size(photo.exif, photo.height, photo.width) if photo.exif else None
    if strip == "none":
        return replace(photo, exif=exif)
    try:
        exif = exif_blocks.without_gps(exif) if exif else None
    except DamagedTagsError:
        exif = None
    return replace(photo, exif=exif, xmp=_xmp_without_gps(photo.xmp) if photo.xmp else None)
