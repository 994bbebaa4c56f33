"""From the bytes of a file to stored numbers: headers by Pillow, 16-bit values by OpenCV and tifffile."""

from __future__ import annotations

import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from restore.errors import ImageError
from restore.io.mapped import Planes, in_memory
from restore.io.stored import Raster
from restore.io.tiff import TiffHeader, deep_tiff, imdecode_deep
from restore.room import let_go

DECODE_FAULTS: Final = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    SystemError,
    struct.error,
    zlib.error,
    cv2.error,
)
"""What decoders raise on damaged files."""

HEIF_BRANDS: Final = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
DAMAGED: Final = "copy it again from where it came, or open it in an editor and save it anew"
BITS_PER_SAMPLE, SAMPLE_FORMAT = 258, 339
UNSIGNED: Final = (1, 4)
"""TIFF's sample formats of whole numbers from zero on (4: not said)."""
_BAND_PX: Final = 1 << 20
"""About so many pixels are fetched from Pillow at once: all at once would be there three times for a moment."""
Opener = Callable[[BinaryIO, str], ImageFile.ImageFile]

OPENERS: Final[tuple[tuple[bytes, Opener], ...]] = (
    (b"\xff\xd8\xff", JpegImagePlugin.jpeg_factory),
    (b"\x89PNG\r\n\x1a\n", PngImagePlugin.PngImageFile),
    (b"II*\0", TiffHeader),
    (b"MM\0*", TiffHeader),
    (b"II+\0", TiffHeader),
    (b"MM\0+", TiffHeader),
    (b"BM", BmpImagePlugin.BmpImageFile),
    (b"GIF8", GifImagePlugin.GifImageFile),
)
"""First bytes and who reads them. Image.open would try forty formats more and hold a limit of its own."""


@contextmanager
def quiet() -> Iterator[None]:
    """Without the decoders' warnings of odd metadata, which we check ourselves."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def open_header(stream: BinaryIO, name: str) -> ImageFile.ImageFile:
    """The picture with its header read and no pixels decoded; ImageError when it is none of our formats."""
    head = stream.read(32)
    if not head:
        raise ImageError(f"{name}: the file is empty (0 bytes); {DAMAGED}")
    opener = _opener(head, name)
    stream.seek(0)
    try:
        with quiet():
            return opener(stream, name)
    except Image.DecompressionBombError as fault:  # WebP holds Pillow's limit by itself
        raise ImageError(f"{name}: the picture has too many pixels for its reader ({_reason(fault)})") from fault
    except DECODE_FAULTS as fault:
        raise ImageError(f"{name}: the file is damaged ({_reason(fault)}); {DAMAGED}") from fault


def _opener(head: bytes, name: str) -> Opener:
    for magic, opener in OPENERS:
        if head.startswith(magic):
            return opener
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    if head[4:8] == b"ftyp":
        brands = {head[place : place + 4] for place in (8, *range(16, 32, 4))}
        if head[8:12] in AVIF_BRANDS or (brands & AVIF_BRANDS and head[8:12] in (b"mif1", b"msf1")):
            return AvifImagePlugin.AvifImageFile
        if brands & HEIF_BRANDS:
            return _heif_opener(name)
    raise ImageError(
        f"{name}: this is no picture that can be read (it begins with {head[:12]!r}); "
        "known are JPEG, PNG, TIFF, WebP, AVIF, BMP, GIF and HEIC"
    )


def _heif_opener(name: str) -> Opener:
    try:
        from pillow_heif import HeifImageFile
    except ImportError as fault:
        raise ImageError(f'{name}: HEIC pictures need one more package: pip install "restore-photos[heif]"') from fault
    opener: Opener = HeifImageFile
    return opener


def check_size(image: Image.Image, max_megapixels: float, name: str) -> None:
    """ImageError when the picture has no pixels or more than allowed."""
    if min(image.size) < 1:
        raise ImageError(f"{name}: the picture has no pixels ({image.width} x {image.height})")
    megapixels = image.width * image.height / 1e6
    if megapixels > max_megapixels:
        raise ImageError(
            f"{name}: the picture has {megapixels:.0f} megapixels ({image.width} x {image.height}), more than the "
            f"limit of {max_megapixels:g}; if you trust the file, raise it with --max-megapixels {int(megapixels) + 1}"
        )


def decode(image: Image.Image, data: bytes, name: str, planes: Planes = in_memory) -> Raster:
    """All stored numbers of the first picture; ImageError when they are damaged or of an unknown kind."""
    try:
        with quiet():
            if image.format == "PNG" and data[24] == 16:
                return _deep_png(image, data)
            if image.format == "TIFF" and tiff_bits(image) != 8:
                return _odd_tiff(image, data, name, planes)
            image.load()
            return raster_of(image, name, planes)
    except DECODE_FAULTS as fault:
        raise ImageError(f"{name}: the picture is damaged or cut off ({_reason(fault)}); {DAMAGED}") from fault
    except MemoryError as fault:
        raise ImageError(f"{name}: not enough memory to open {image.width} x {image.height} pixels") from fault


def _reason(fault: BaseException) -> str:
    return str(fault).strip().splitlines()[0].rstrip(".") if str(fault).strip() else type(fault).__name__


def _deep_png(image: Image.Image, data: bytes) -> Raster:
    has_alpha, colour_type = "transparency" in image.info, data[25]
    image.verify()  # OpenCV gives half a picture for half a file
    array = imdecode_deep(data)
    if colour_type in (0, 4):
        if array.shape[2] == 4:  # gray with alpha arrives as colour with alpha
            return Raster(np.ascontiguousarray(array[..., [0, 3]]), "LA")
        return Raster(np.ascontiguousarray(array[..., :1]), "L")
    if array.shape[2] == 4 and (colour_type == 6 or has_alpha):
        return Raster(_red_first(array), "RGBA")
    return Raster(array[..., 2::-1], "RGB")


def _red_first(array: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """(H,W,4) with blue first, put in order in place."""
    step = max(1, _BAND_PX // max(1, array.shape[1]))
    for top in range(0, len(array), step):
        array[top : top + step] = array[top : top + step, :, [2, 1, 0, 3]]
    return array


def tiff_bits(image: Image.Image) -> int:
    """Bits per channel, all up to 8 counted as 8 since Pillow widens them; negative when they are no whole numbers."""
    tags = image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else {}
    bits = max(tags.get(BITS_PER_SAMPLE, (1,)))
    kinds = tags.get(SAMPLE_FORMAT, UNSIGNED)
    if any(kind not in UNSIGNED for kind in kinds):
        return -int(bits)
    return max(8, int(bits))


def _odd_tiff(image: Image.Image, data: bytes, name: str, planes: Planes) -> Raster:
    bits = tiff_bits(image)
    if bits != 16:
        kind = f"{-bits}-bit floating or signed numbers" if bits < 0 else f"{bits} bits per channel"
        raise ImageError(f"{name}: TIFF with {kind} cannot be read; save it with 8 or 16 bits per channel")
    return deep_tiff(data, name, planes)


def raster_of(image: Image.Image, name: str, planes: Planes = in_memory) -> Raster:
    """The numbers of a loaded Pillow picture; ImageError for modes that are no photo (float, 32-bit, Lab)."""
    mode = image.mode
    if mode.startswith("I;16"):
        deep = np.asarray(image)
        return Raster(np.ascontiguousarray(deep.astype(np.uint16, copy=False))[..., None], "L")
    if mode in ("P", "PA") or (mode in ("1", "L", "RGB") and "transparency" in image.info):
        colour = "L" if mode in ("1", "L") else "RGB"
        alpha = mode == "PA" or "transparency" in image.info
        image = image.convert({"L": "LA", "RGB": "RGBA"}[colour] if alpha else colour)
    elif mode in ("1", "La", "RGBa", "RGBX", "YCbCr"):
        image = image.convert({"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB", "YCbCr": "RGB"}[mode])
    match image.mode:
        case "L" | "LA" | "RGB" | "RGBA" | "CMYK" as layout:
            return Raster(_fetched(image, planes), layout)
        case _:
            raise ImageError(
                f"{name}: pixels of the kind {mode} cannot be read; save it as RGB or gray with 8 or 16 bits"
            )


def _fetched(image: Image.Image, planes: Planes) -> NDArray[np.uint8]:
    """(H,W,C) numbers of a Pillow picture of 8 bits; of a large one band by band."""
    channels = len(image.getbands())
    if image.width * image.height <= _BAND_PX:
        array = np.asarray(image)
        return array if array.ndim == 3 else array[..., None]
    array = planes((image.height, image.width, channels), np.uint8)
    step = max(1, _BAND_PX // image.width)
    for top in range(0, image.height, step):
        bottom = min(top + step, image.height)
        band = np.asarray(image.crop((0, top, image.width, bottom)))
        array[top:bottom] = band if band.ndim == 3 else band[..., None]
        let_go()
    return array
