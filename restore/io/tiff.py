"""TIFF: reading 16-bit values, and writing with profile, metadata and DPI."""

from __future__ import annotations

import io
import logging
import mmap
from typing import TYPE_CHECKING, Any, BinaryIO, Final, cast

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from restore.errors import ImageError
from restore.io.exif import exif_for_tiff
from restore.io.mapped import Planes, in_memory
from restore.io.stored import Raster
from restore.io.tags import BYTE, ORIENTATION, XMP, Entry, byte_order
from restore.room import letting_go

if TYPE_CHECKING:
    from restore.io.photo import Photo

for chatty in ("tifffile", "PIL"):  # a library does not print
    logging.getLogger(chatty).addHandler(logging.NullHandler())

PHOTOMETRIC: Final = {"L": "minisblack", "LA": "minisblack", "RGB": "rgb", "RGBA": "rgb", "CMYK": "separated"}
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, CMYK = 0, 1, 2, 5
BITS_PER_SAMPLE, RESOLUTIONS, RESOLUTION_UNIT, ICC_PROFILE = 258, (282, 283), 296, 34675
CENTIMETRES_PER_INCH: Final = 2.54
ASSOCIATED_ALPHA: Final = 1
MAX_CLASSIC_BYTES: Final = 2**32 - 2**25
"""Beyond this a TIFF needs 64-bit offsets (BigTIFF)."""


class TiffHeader(TiffImagePlugin.TiffImageFile):
    """Pillow's reader of TIFF headers, which also opens files with 16-bit pixels of kinds unknown to Pillow.

    Size, tags, profile and DPI are right for these too; their pixels have to be decoded by ``deep_tiff``.
    """

    def _setup(self) -> None:
        try:
            super()._setup()
        except SyntaxError:
            if max(self.tag_v2.get(BITS_PER_SAMPLE, (1,))) <= 8:
                raise
            self._mode, self.tile = "I;16", []
            unit = CENTIMETRES_PER_INCH if self.tag_v2.get(RESOLUTION_UNIT) == 3 else 1.0
            self.info["dpi"] = tuple(unit * self.tag_v2.get(tag, 0) for tag in RESOLUTIONS)
            if ICC_PROFILE in self.tag_v2:
                self.info["icc_profile"] = self.tag_v2[ICC_PROFILE]


def deep_tiff(data: bytes, name: str, planes: Planes = in_memory) -> Raster:
    """The first picture of a 16-bit TIFF, upright: gray or RGB with or without alpha, or CMYK (brought to 8 bits).

    ImageError for other kinds of colour; decoders' own errors for damaged data.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages.first
        photometric, extra = int(page.photometric), tuple(int(kind) for kind in page.extrasamples)
        orientation = int(page.tags.valueof(ORIENTATION, 1))
        try:
            room = planes(page.shape, np.uint16) if page.dtype == np.uint16 else None
            with letting_go():
                array = np.asarray(page.asarray(out=room))
            if int(page.planarconfig) == 2 and array.ndim == 3:
                array = array.transpose(1, 2, 0)
        except (ValueError, KeyError):  # a compression of which tifffile needs a further package
            array = _by_opencv(data)
    array = array if array.ndim == 3 else array[..., None]
    if photometric == CMYK and array.shape[2] >= 4:
        return Raster(((array[..., :4].astype(np.uint32) + 128) // 257).astype(np.uint8), "CMYK").turned(orientation)
    colours = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3}.get(photometric)
    if colours is None or array.dtype != np.uint16 or array.shape[2] < colours:
        raise ImageError(f"{name}: TIFF of this kind of colour cannot be read; save it as RGB or gray, 8 or 16 bits")
    alpha = extra[0] if extra and array.shape[2] > colours and extra[0] in (1, 2) else 0
    return _photo_channels(array, colours, alpha, inverted=photometric == WHITE_IS_ZERO).turned(orientation)


def _photo_channels(array: NDArray[np.uint16], colours: int, alpha: int, *, inverted: bool) -> Raster:
    """Colours (1 or 3) and straight alpha; ``alpha`` is TIFF's kind of it, 0 for none."""
    if inverted:
        array = np.concatenate([65535 - array[..., :1], array[..., 1:]], axis=2)
    if alpha == ASSOCIATED_ALPHA:
        array = _straight(array, colours)
    if alpha:
        return Raster(array[..., : colours + 1], "LA" if colours == 1 else "RGBA")
    return Raster(array[..., :colours], "L" if colours == 1 else "RGB")


def imdecode_deep(data: bytes) -> NDArray[np.uint16]:
    """OpenCV's (H,W,C) of a 16-bit PNG or TIFF, blue first; ValueError when it cannot."""
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if array is None or array.dtype != np.uint16:
        raise ValueError("16-bit pixels cannot be decoded")
    return np.asarray(array if array.ndim == 3 else array[..., None], dtype=np.uint16)


def _by_opencv(data: bytes) -> NDArray[np.uint16]:
    array = imdecode_deep(data)
    return array[..., [2, 1, 0, *range(3, array.shape[2])]] if array.shape[2] >= 3 else array


def _straight(array: NDArray[np.uint16], colours: int) -> NDArray[np.uint16]:
    alpha = array[..., colours : colours + 1].astype(np.float64)
    colour = array[..., :colours] * 65535.0 / np.maximum(alpha, 1)
    return np.concatenate(
        [np.minimum(colour + 0.5, 65535).astype(np.uint16), array[..., colours : colours + 1]], axis=2
    )


def write_tiff(raster: Raster, photo: Photo, icc: bytes | None, file: BinaryIO) -> None:
    """Write a deflated TIFF with the photo's EXIF, XMP and DPI, and ``icc`` embedded, into an empty file."""
    array = raster.array if raster.array.shape[2] > 1 else raster.array[..., 0]
    order = byte_order(photo.exif[6:]) if photo.exif else "<"
    with letting_go():
        tifffile.imwrite(
            file if isinstance(file, io.BytesIO) else _Named(file),
            array,
            photometric=PHOTOMETRIC[raster.layout],
            planarconfig="contig" if array.ndim == 3 else None,
            extrasamples=["unassalpha"] if raster.layout in ("LA", "RGBA") else None,
            compression="zlib",
            compressionargs={"level": 6},
            predictor=True,
            rowsperstrip=max(1, (1 << 20) // max(1, array.nbytes // len(array))),
            iccprofile=icc,
            resolution=photo.dpi,
            resolutionunit="INCH" if photo.dpi else None,
            byteorder=order,
            bigtiff=array.nbytes > MAX_CLASSIC_BYTES,
            metadata=None,
            software=False,
        )
    extra = {XMP: Entry(XMP, BYTE, len(photo.xmp), photo.xmp)} if photo.xmp else {}
    if array.nbytes <= MAX_CLASSIC_BYTES and (photo.exif or extra):
        _add_tags(file, photo.exif, extra)


class _Named:
    """A file whose name, where it has none but a number, is text all the same, as tifffile wants it."""

    name = "<restore>"

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __getattr__(self, word: str) -> Any:
        return getattr(self._file, word)


def _add_tags(file: BinaryIO, exif: bytes | None, extra: dict[int, Entry]) -> None:
    """Add tags to a TIFF in a file; a large one is looked at where it lies."""
    if isinstance(file, io.BytesIO):
        pointer, block = exif_for_tiff(file.getvalue(), exif, extra)
    else:
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as tiff:
            pointer, block = exif_for_tiff(cast("bytes", tiff), exif, extra)
    file.seek(0, io.SEEK_END)
    file.write(block)
    file.seek(4)
    file.write(pointer)
