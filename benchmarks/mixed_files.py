"""Files as a folder of many years holds them: photos of every kind, broken ones, and what is no photo at all.

A folder is a function of its seed, the number of files and the photos it is drawn from. Each file is told with its
place and what must become of it.
"""

from __future__ import annotations

import io
import os
import random
import struct
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
import tifffile
from PIL import Image, ImageCms

from restore.io.formats import PHOTO_SUFFIXES

Fate = Literal["result", "refused", "either", "ignored", "same"]
"""A result; one line that says what is wrong; one of these two; nothing, as it is no photo; or nothing, as it is
another name of a photo that is there."""
Pixels = np.ndarray
"""(H,W,3) uint8."""

PROFILE_DATE: Final = slice(24, 36)
"""Where a profile says when it was made: now, if nobody changes it."""
BROKEN_SHARE: Final = 0.2
DAMAGED_SHARE: Final = 0.5
"""Of the whole photos: with noise or old JPEG damage."""
FOLDERS: Final = ("", "2003", "2003/summer", "2003/summer/Müller & Söhne", "scans #1", "50%", "deep/er/and/deep/er")
LONG: Final = 236
"""Bytes of a long name without its suffix and its number; systems allow 255 in all."""
NAMES: Final = (
    "IMG_{}", "img {} (copy)", "Großmutter {}", "日本の写真{}", "o'Brien \"{}\"", "new\nline {}", "-o {}", "=1+1 {}",
    "semi;colon {}", "emoji 🌻 {}", "x.y.z {}", "<b>{}", "100% #{}?", "esc\x1b[31m{}", "[{}]", "*{}", "e\u0301 {}",
    "\u202ertl {}", "tail {} ", "L" * LONG + "{}", "$(touch {})", "back\\slash {}", "DSC{}",
    os.fsdecode(b"caf\xe9 {}") if sys.platform == "linux" else "cafe {}",
)  # fmt: skip
XMP: Final = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="a photo"/></rdf:RDF>'
    b"</x:xmpmeta>"
)


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the folder."""

    place: str
    """Below the folder."""
    kind: str
    fate: Fate


def build(folder: Path, count: int, seed: int, photos: list[Path]) -> list[Item]:
    """Make the folder, with ``count`` files that are or claim to be photos, and some that are not; gives them all.

    Pictures are parts of ``photos``, or of scikit-image's where there are none.
    """
    rng = random.Random(seed)
    sources = Sources(photos, seed)
    folder.mkdir(parents=True)
    broken = round(BROKEN_SHARE * count)
    makers: list[tuple[str, Maker]] = [*_in_turn(WHOLE, count - broken, rng), *_in_turn(_possible(), broken, rng)]
    rng.shuffle(makers)
    items = []
    for number, (kind, maker) in enumerate(makers):
        suffix, data, fate = maker(sources.next(rng), rng)
        name = NAMES[number % len(NAMES)].format(f"{number:03}")
        path = folder / rng.choice(FOLDERS) / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        data(path) if callable(data) else path.write_bytes(data)
        items.append(Item(path.relative_to(folder).as_posix(), kind, fate))
    return [*items, *_beside(folder, sources, rng)]


class Sources:
    """Small pictures: parts of photos, half of them damaged as photos are."""

    def __init__(self, photos: list[Path], seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._photos = photos

    def next(self, rng: random.Random) -> Pixels:
        """The next one."""
        pixels = self._cut(self._any(rng), rng)
        if rng.random() >= DAMAGED_SHARE:
            return pixels
        if rng.random() < 0.5:
            noise = self._rng.normal(0, rng.uniform(8, 30), pixels.shape)
            return (pixels + noise).clip(0, 255).round().astype(np.uint8)
        return np.asarray(Image.open(io.BytesIO(saved(Image.fromarray(pixels), "JPEG", quality=rng.randint(10, 35)))))

    def _any(self, rng: random.Random) -> Pixels:
        if self._photos:
            with Image.open(rng.choice(self._photos)) as image:
                return np.asarray(image.convert("RGB"))
        from skimage import data

        return np.asarray(rng.choice((data.astronaut, data.coffee, data.chelsea, data.rocket))())

    def _cut(self, pixels: Pixels, rng: random.Random) -> Pixels:
        height, width = (min(side, rng.randint(96, 256)) for side in pixels.shape[:2])
        top, left = rng.randint(0, pixels.shape[0] - height), rng.randint(0, pixels.shape[1] - width)
        return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def saved(picture: Image.Image, format_name: str, **options: Any) -> bytes:
    """The bytes of a file."""
    file = io.BytesIO()
    picture.save(file, format_name, **options)
    return file.getvalue()


Made = tuple[str, bytes | Callable[[Path], None], Fate]
"""Suffix, bytes or what puts something there, and fate."""
Maker = Callable[[Pixels, random.Random], Made]


def _told() -> dict[str, Any]:
    """Metadata as a camera writes it, with the picture lying on its side."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0132] = 6, "A camera", "2003:07:14 12:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2003:07:14 12:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[PROFILE_DATE] = struct.pack(">6H", 2003, 7, 14, 12, 0, 0)
    return {"exif": exif, "icc_profile": bytes(profile), "dpi": (300, 300)}


def _plain(suffix: str, format_name: str, mode: str = "RGB", **options: Any) -> Maker:
    def make(pixels: Pixels, _: random.Random) -> Made:
        return suffix, saved(_in(pixels, mode), format_name, **options), "result"

    return make


def _in(pixels: Pixels, mode: str) -> Image.Image:
    """As programs save it: with colours of its own, and without a pattern of dots in place of gray."""
    picture = Image.fromarray(pixels)
    return picture.quantize(256) if mode == "P" else picture.convert(mode, dither=Image.Dither.NONE)


def _described(suffix: str, format_name: str, **options: Any) -> Maker:
    return lambda pixels, _: (
        suffix, saved(Image.fromarray(pixels), format_name, **_told(), **options), "result"
    )  # fmt: skip


def _alpha(suffix: str, format_name: str, **options: Any) -> Maker:
    def make(pixels: Pixels, _: random.Random) -> Made:
        picture = Image.fromarray(pixels)
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        return suffix, saved(picture, format_name, **options), "result"

    return make


def _deep(pixels: Pixels) -> Pixels:
    return (pixels.astype(np.uint16) * 257 + 3).clip(0, 65535).astype(np.uint16)


def _deep_png(pixels: Pixels, _: random.Random) -> Made:
    return ".png", cv2.imencode(".png", _deep(pixels)[..., ::-1])[1].tobytes(), "result"


def _tiff(**options: Any) -> Maker:
    def make(pixels: Pixels, rng: random.Random) -> Made:
        file = io.BytesIO()
        tifffile.imwrite(file, _deep(pixels), photometric="rgb", **options)
        return rng.choice((".tif", ".TIFF")), file.getvalue(), "result"

    return make


def _several(suffix: str, format_name: str) -> Maker:
    def make(pixels: Pixels, _: random.Random) -> Made:
        first = Image.fromarray(pixels)
        frames = [first.rotate(angle) for angle in (90, 180)]
        return suffix, saved(first, format_name, save_all=True, append_images=frames), "result"

    return make


def _misnamed(suffix: str, maker: Maker) -> Maker:
    return lambda pixels, rng: (suffix, maker(pixels, rng)[1], "result")


WHOLE: Final[Mapping[str, Maker]] = {
    "jpeg": _plain(".jpg", "JPEG", quality=88),
    "jpeg, low quality": _plain(".JPG", "JPEG", quality=18),
    "jpeg, gray": _plain(".jpeg", "JPEG", "L", quality=80),
    "jpeg, cmyk": _plain(".jpg", "JPEG", "CMYK"),
    "jpeg, progressive": _plain(".jpg", "JPEG", progressive=True, subsampling=0),
    "jpeg, turned, profile, xmp": _described(".jpg", "JPEG", quality=90, xmp=XMP),
    "png": _plain(".png", "PNG"),
    "png, described": _described(".png", "PNG"),
    "png, 16 bits": _deep_png,
    "png, palette": _plain(".png", "PNG", "P"),
    "png, alpha": _alpha(".png", "PNG"),
    "png, gray": _plain(".PNG", "PNG", "L"),
    "png, two tones": _plain(".png", "PNG", "1"),
    "webp": _plain(".webp", "WEBP", quality=70),
    "webp, lossless, alpha": _alpha(".webp", "WEBP", lossless=True),
    "tiff": _described(".tif", "TIFF"),
    "tiff, lzw": _plain(".tif", "TIFF", compression="tiff_lzw"),
    "tiff, 16 bits": _tiff(compression="zlib"),
    "tiff, pages": _several(".tif", "TIFF"),
    "bmp": _plain(".bmp", "BMP"),
    "gif": _plain(".gif", "GIF", "P"),
    "gif, animated": _several(".gif", "GIF"),
    "avif": _plain(".avif", "AVIF", quality=70),
    "png named jpg": _misnamed(".jpg", _plain(".png", "PNG")),
    "jpeg named png": _misnamed(".png", _plain(".jpg", "JPEG")),
}


def _cut(kind: str, share: float, fate: Fate = "refused") -> Maker:
    def make(pixels: Pixels, rng: random.Random) -> Made:
        suffix, data, _ = WHOLE[kind](pixels, rng)
        assert isinstance(data, bytes)
        return suffix, data[: max(1, int(share * len(data)))], fate

    return make


def _flipped(kind: str) -> Maker:
    def make(pixels: Pixels, rng: random.Random) -> Made:
        suffix, data, _ = WHOLE[kind](pixels, rng)
        assert isinstance(data, bytes)
        damaged = bytearray(data)
        for _ in range(20):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        return suffix, bytes(damaged), "either"

    return make


def _constant(suffix: str, data: bytes) -> Maker:
    return lambda *_: (suffix, data, "refused")


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_bomb() -> bytes:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def _bmp_bomb() -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 1000, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0)


def _gif_bomb() -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0, 0, 0) + b",\0\0\0\0\xff\xff\xff\xff\0\x08\x01\0;"


def _float_tiff(pixels: Pixels, _: random.Random) -> Made:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels.astype(np.float32) / 255, photometric="rgb")
    return ".tif", file.getvalue(), "refused"


def _nowhere(path: Path) -> None:
    path.symlink_to(f"gone/{path.name}")  # two links to one place would be two names of one photo


def _circle(path: Path) -> None:
    path.symlink_to(path.name)


def _unreadable(path: Path) -> None:
    path.write_bytes(saved(Image.new("RGB", (40, 30)), "JPEG"))
    path.chmod(0)


BROKEN: Final[Mapping[str, Maker]] = {
    **{f"jpeg, {share:.0%} of it": _cut("jpeg", share) for share in (0.02, 0.4, 0.9)},
    **{f"png, {share:.0%} of it": _cut("png", share) for share in (0.01, 0.5, 0.95)},
    "png, 16 bits, half": _cut("png, 16 bits", 0.5),
    "webp, half": _cut("webp", 0.5),
    "avif, half": _cut("avif", 0.5),
    "tiff, half": _cut("tiff, lzw", 0.5, "either"),
    "tiff, 16 bits, half": _cut("tiff, 16 bits", 0.5),
    "gif, half": _cut("gif", 0.5, "either"),
    "bmp, half": _cut("bmp", 0.5),
    **{f"{kind}, bits flipped": _flipped(kind) for kind in ("jpeg", "png", "tiff", "webp", "gif")},
    "nothing in it": _constant(".jpg", b""),
    "zeros": _constant(".jpg", bytes(5000)),
    "text": _constant(".jpg", b"Thu 14 Jul: remember the photos\n"),
    "a web page": _constant(".png", b"<!doctype html><title>404 Not Found</title>"),
    "a film": _constant(".jpg", b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + bytes(200)),
    "a document": _constant(".tif", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + bytes(200)),
    "png bomb": _constant(".png", _png_bomb()),
    "bmp bomb": _constant(".bmp", _bmp_bomb()),
    "gif bomb": _constant(".gif", _gif_bomb()),
    "tiff of floats": _float_tiff,
    "link to nowhere": lambda *_: (".jpg", _nowhere, "refused"),
    "link to itself": lambda *_: (".png", _circle, "refused"),
    "not permitted": lambda *_: (".jpg", _unreadable, "refused"),
}


def _possible() -> dict[str, Maker]:
    """The broken kinds that this system can make: an administrator may read everything, some systems have no links."""
    kinds = dict(BROKEN)
    if os.name != "posix" or os.geteuid() == 0:
        del kinds["not permitted"]
    if os.name != "posix":
        kinds = {kind: maker for kind, maker in kinds.items() if not kind.startswith("link")}
    return kinds


def _in_turn(kinds: Mapping[str, Maker], count: int, rng: random.Random) -> list[tuple[str, Maker]]:
    """So many of them, each as often as any other, or once less."""
    order = rng.sample(list(kinds.items()), len(kinds))
    return [order[number % len(order)] for number in range(count)]


def _beside(folder: Path, sources: Sources, rng: random.Random) -> list[Item]:
    """What is there besides: equal names, a folder named like a photo, links, a pipe, older results, no photos."""
    items = []

    def put(place: str, kind: str, fate: Fate, data: bytes | Callable[[Path], None]) -> None:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        data(path) if callable(data) else path.write_bytes(data)
        items.append(Item(place, kind, fate))

    def photo(kind: str) -> bytes:
        data = WHOLE[kind](sources.next(rng), rng)[1]
        assert isinstance(data, bytes)
        return data

    for suffix, kind in (
        (".jpg", "jpeg"),
        (".jpeg", "jpeg, gray"),
        (".png", "png"),
        (".webp", "webp"),
        (".bmp", "bmp"),
    ):
        put(f"equal names/same{suffix}", "equal name", "result", photo(kind))
    put("equal names/same.gif", "gif whose result would be the png's", "refused", photo("gif"))
    put("holiday.jpg/one.jpg", "in a folder named like a photo", "result", photo("jpeg"))
    put("again/a.jpg", "with a result beside it", "result", photo("jpeg"))
    put("again/a_restored.jpg", "result of an earlier run", "ignored", photo("jpeg"))
    for name in ("notes.txt", "Thumbs.db", ".hidden.jpg", "__MACOSX/a.jpg", "raw.CR2", "no suffix"):
        put(f"rest/{name}", "no photo", "ignored", b"no photo")
    if os.name == "posix":
        put("links/z.jpg", "link to a photo in the folder", "same", lambda path: path.symlink_to("../again/a.jpg"))
        put("links/pipe.jpg", "pipe", "ignored", os.mkfifo)
    assert all(Path(one.place).suffix.lower() in PHOTO_SUFFIXES for one in items if one.fate == "result")
    return items
