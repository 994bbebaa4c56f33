"""A Photo becomes the bytes of a file, and a list of what the file cannot hold."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from torch import Tensor

from restore.errors import ConfigError, ImageError
from restore.io.bmp import write_alpha_bmp
from restore.io.exif import PREFIX
from restore.io.formats import FORMATS
from restore.io.mapped import Planes, planes_like
from restore.io.photo import Photo
from restore.io.png import XMP_KEYWORD, runs_suffice, write_deep_png
from restore.io.profile import Rendering, rendering_of
from restore.io.raster import bands_from_house, from_house
from restore.io.stored import CHANNELS, FAMILIES, Layout, Raster
from restore.io.tiff import write_tiff
from restore.room import in_file, let_go, trim

QUALITY_FLOOR: Final = 85
"""A result is never packed harder than this unasked: the damage just repaired would come back."""
QUALITY_CEILING: Final = 95
"""Beyond this a JPEG grows fast and shows nothing more."""
MARKER_BYTES: Final = 65502
"""What fits into one marker of a JPEG beside its name, for EXIF and XMP."""
_BAND_ROWS: Final = 256


@dataclass(frozen=True, slots=True)
class Recipe:
    """All decisions for one file: its format, how numbers are stored, and what is lost on the way."""

    format: str
    layout: Layout
    depth: int
    rendering: Rendering
    quality: int | None
    subsampling: str | None
    lossless: bool
    notes: tuple[str, ...]


def plan_encoding(photo: Photo, format_name: str, *, depth: int | None, quality: int | None) -> Recipe:
    """How ``photo`` is stored in a format of our table; ConfigError or ImageError when it cannot be."""
    row = FORMATS[format_name]
    notes: list[str] = []
    if max(photo.height, photo.width) > row.max_side:
        raise ImageError(
            f"{photo.name}: {photo.width} x {photo.height} pixels are too many for {format_name} "
            f"(at most {row.max_side} a side); choose --format png or tiff"
        )
    layout = _layout(photo, format_name)
    bits = _depth(photo, format_name, depth, notes)
    if photo.alpha is not None and not row.alpha and bool((photo.alpha < 1).any()):
        notes.append(f"{format_name} holds no transparency: laid on white")
    rendering = _rendering(photo, format_name, layout, notes)
    if photo.exif and not row.exif:
        notes.append(f"{format_name} holds no EXIF: date, camera and place are lost")
    if photo.xmp and not row.xmp:
        notes.append(f"{format_name} holds no XMP: captions and keywords are lost")
    if format_name == "JPEG":
        notes += [
            f"the {kind} is too long for a JPEG and was left out"
            for kind, block in (("EXIF", photo.exif), ("XMP", photo.xmp))
            if block and len(block) > MARKER_BYTES
        ]
    chosen, lossless = _quality(photo, format_name, quality)
    return Recipe(format_name, layout, bits, rendering, chosen, _subsampling(photo, chosen), lossless, tuple(notes))


def _layout(photo: Photo, format_name: str) -> Layout:
    row = FORMATS[format_name]
    alpha = photo.alpha is not None and row.alpha
    if photo.mode == "CMYK" and row.cmyk and photo.icc and photo.alpha is None:
        return "CMYK"
    if photo.gray and row.gray and (row.gray_alpha or not alpha):
        return "LA" if alpha else "L"
    return "RGBA" if alpha else "RGB"


def _depth(photo: Photo, format_name: str, depth: int | None, notes: list[str]) -> int:
    if depth not in (None, 8, 16):
        raise ConfigError(f"--depth must be 8 or 16, got {depth}")
    deep = FORMATS[format_name].deep
    if depth == 16 and not deep:
        raise ConfigError(f"--depth 16 needs a format that holds it: png or tiff, not {format_name.lower()}")
    if depth is None and photo.depth == 16 and not deep:
        notes.append(f"{format_name} holds 8 bits per channel: written with 8 instead of 16")
    return (depth or photo.depth) if deep else 8


def _rendering(photo: Photo, format_name: str, layout: Layout, notes: list[str]) -> Rendering:
    """Back into the photo's own profile when the file can hold it, else sRGB."""
    if not photo.icc:
        return Rendering("same")
    fits = (photo.mode == "CMYK") == (layout == "CMYK") and photo.gray == (FAMILIES[layout] == "gray")
    if FORMATS[format_name].icc and fits:
        # the depth at reading decides how colours came in, and they go back the same way
        return rendering_of(photo.icc, FAMILIES[layout], photo.depth)
    notes.append(f"the colour profile does not fit into this {format_name}: colours are written as sRGB")
    return Rendering("same")


def _quality(photo: Photo, format_name: str, quality: int | None) -> tuple[int | None, bool]:
    if not FORMATS[format_name].lossy:
        return None, True
    if quality is not None:
        if not 1 <= quality <= 100:
            raise ConfigError(f"--quality must be 1 to 100, got {quality}")
        return quality, False
    if format_name == "WEBP" and photo.lossless:
        return 100, True
    like = photo.quality if photo.quality is not None and format_name == "JPEG" else None
    if like is None:
        like = 90 if photo.format == format_name else QUALITY_CEILING
    return min(max(like, QUALITY_FLOOR), QUALITY_CEILING), False


def _subsampling(photo: Photo, quality: int | None) -> str | None:
    if photo.format == "JPEG" and photo.mode == "RGB":
        return photo.subsampling or "4:2:0"
    return "4:4:4" if quality is None or quality >= 90 else "4:2:0"


def encode(photo: Photo, recipe: Recipe) -> bytes:
    """The bytes of a whole file."""
    file = io.BytesIO()
    encode_into(file, photo, recipe)
    return file.getvalue()


def encode_into(file: BinaryIO, photo: Photo, recipe: Recipe) -> None:
    """Write the whole into an empty file that can be read and changed.

    Where the photo's pixels are kept in a file (:mod:`restore.io.mapped`), whatever else is as large is kept so too.
    """
    large = in_file(photo.pixels.data_ptr())
    planes = planes_like(photo.pixels.data_ptr())
    if large:
        trim()
    pixels, alpha = photo.pixels.detach(), photo.alpha
    if alpha is not None and "A" not in recipe.layout:
        pixels, alpha = _on_white(pixels, alpha, planes), None
    icc = recipe.rendering.icc
    if recipe.format == "TIFF" or (recipe.format == "PNG" and recipe.depth == 16):
        raster = from_house(pixels, alpha, recipe.layout, recipe.depth, recipe.rendering, planes=planes)
        write = write_tiff if recipe.format == "TIFF" else write_deep_png
        write(raster, photo, icc, file)
    elif recipe.format == "BMP" and recipe.layout == "RGBA":
        raster = from_house(pixels, alpha, recipe.layout, recipe.depth, recipe.rendering, planes=planes)
        file.write(write_alpha_bmp(raster, photo))
    else:
        image = Image.new(recipe.layout, (photo.width, photo.height))
        for top, band in bands_from_house(pixels, alpha, recipe.layout, recipe.depth, recipe.rendering):
            image.paste(image_of(Raster(band, recipe.layout)), (0, top))
        _by_pillow(image, photo, recipe, icc, file, whole=not large)


def _on_white(pixels: Tensor, alpha: Tensor, planes: Planes) -> Tensor:
    """(3,H,W) under its alpha (H,W), laid on white; a tensor of its own."""
    laid = torch.from_numpy(planes(tuple(pixels.shape)))
    for top in range(0, pixels.shape[1], _BAND_ROWS):
        rows = slice(top, top + _BAND_ROWS)
        band = pixels[:, rows].to("cpu", torch.float32)
        laid[:, rows] = torch.lerp(torch.ones_like(band), band, alpha[rows].to(band))
        let_go()
    return laid


def image_of(raster: Raster) -> Image.Image:
    """A Pillow picture of the same numbers: L, LA, RGB, RGBA, CMYK, or I;16 for 16-bit gray."""
    array = np.ascontiguousarray(raster.array)
    height, width = array.shape[:2]
    if raster.depth == 16:
        assert CHANNELS[raster.layout] == 1  # Pillow has no other 16-bit pictures
        return Image.frombytes("I;16", (width, height), array.astype("<u2").tobytes())
    return Image.frombuffer(raster.layout, (width, height), array, "raw", raster.layout, 0, 1)


def _by_pillow(
    image: Image.Image, photo: Photo, recipe: Recipe, icc: bytes | None, file: BinaryIO, *, whole: bool
) -> None:
    """``whole``: whether the encoder may look at all of the picture before it writes: a JPEG is a little smaller."""
    row = FORMATS[recipe.format]
    wanted: dict[str, Any] = {}
    if icc:
        wanted["icc_profile"] = icc
    if photo.dpi and row.dpi:
        wanted["dpi"] = photo.dpi
    fits = MARKER_BYTES if recipe.format == "JPEG" else 2**31
    if photo.exif and row.exif and len(photo.exif) <= fits:
        wanted["exif"] = photo.exif if recipe.format in ("JPEG", "HEIF") else photo.exif.removeprefix(PREFIX)
    if photo.xmp and row.xmp and len(photo.xmp) <= fits:
        wanted["xmp"] = photo.xmp
    sampling = {"subsampling": recipe.subsampling} if image.mode in ("RGB", "RGBA") else {}
    match recipe.format:
        case "JPEG":
            image.save(file, "JPEG", quality=recipe.quality, optimize=whole, **sampling, **wanted)
        case "PNG":
            shape = (image.height, image.width, len(image.getbands()))
            if runs_suffice(shape, partial(_rows_of, image)):
                wanted["compress_type"] = zlib.Z_RLE
            image.save(file, "PNG", pnginfo=_png_info(wanted.pop("xmp", None)), **wanted)
        case "WEBP":
            image.save(file, "WEBP", quality=recipe.quality, lossless=recipe.lossless, exact=True, **wanted)
        case "AVIF":
            image.save(file, "AVIF", quality=recipe.quality, **sampling, **wanted)
        case "HEIF":
            _save_heif(image, file, recipe, wanted)
        case _:
            image.save(file, recipe.format, **wanted)


def _rows_of(image: Image.Image, first: int, last: int) -> NDArray[np.uint8]:
    return np.atleast_3d(np.asarray(image.crop((0, first, image.width, last))))


def _png_info(xmp: bytes | None) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    if xmp:
        info.add_itxt(XMP_KEYWORD, xmp.decode("utf-8", "replace"))
    return info


def _save_heif(image: Image.Image, file: BinaryIO, recipe: Recipe, wanted: dict[str, Any]) -> None:
    try:
        import pillow_heif
    except ImportError as fault:
        raise ImageError(
            'HEIC pictures need one more package: pip install "restore-photos[heif]"; or choose --format jpg'
        ) from fault
    image.info |= {name: value for name, value in wanted.items() if name == "icc_profile"}
    chroma = (recipe.subsampling or "4:2:0").replace(":", "")
    try:
        pillow_heif.from_pillow(image).save(
            file, quality=recipe.quality, chroma=chroma, exif=wanted.get("exif"), xmp=wanted.get("xmp")
        )
    except RuntimeError as fault:  # wheels without an encoder can only read
        raise ImageError(f"HEIC cannot be written here ({fault}); choose --format jpg") from fault
