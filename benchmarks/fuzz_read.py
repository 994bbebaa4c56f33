"""Damage picture files at random and read them: each must give a photo or an ImageError, and nothing else.

    python benchmarks/fuzz_read.py                              # 5 000 files
    python benchmarks/fuzz_read.py --count 50000 --seed 1 --keep faults/
    python benchmarks/fuzz_read.py --apart                      # by a process of its own, as a job reads

Small pictures are written by Pillow and tifffile in every format and kind that is read; then bytes are changed, cut
out, doubled, swapped or cut off, more often near the beginning, where headers are. A file is a function of the seed and
its number. Where a decoder takes the whole process down, the number that was printed last is the file that did it;
with --apart it takes another one down, which is counted, and the file named.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np
import tifffile
from PIL import Image, ImageCms
from skimage import data

from restore.errors import ImageError
from restore.io.decoder import Decoder, Here
from restore.io.photo import Photo
from restore.io.read import read_photo

MAX_MEGAPIXELS: Final = 2.0
"""Headers are damaged too: larger pictures are refused unread, so that memory and time stay small."""
HEADER: Final = 600
"""Bytes in which half of all changes fall."""
EXTREMES: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
CLEAN: Final = ("photo", "refused", "contained")
CONTAINED: Final = ("takes the decoder down", "was given up after")
"""What is said of a file whose reader had to be replaced."""
SLOW_S: Final = 10.0
"""A file that takes longer is a fault as well."""


def seeds() -> dict[str, bytes]:
    """Undamaged pictures by name, in every kind."""
    rgb = np.ascontiguousarray(data.astronaut()[100:140, 200:248])
    gray, deep = rgb[..., 1], (rgb.astype(np.uint16) * 257 + 3).astype(np.uint16)
    colour, plain = Image.fromarray(rgb), Image.fromarray(gray)
    clear = colour.copy()
    clear.putalpha(plain)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
    told = {"exif": exif, "icc_profile": profile, "dpi": (300, 300)}
    pictures = {
        "jpeg": _saved(colour, "JPEG", quality=80, xmp=xmp, **told),
        "jpeg progressive": _saved(colour, "JPEG", progressive=True, subsampling=0),
        "jpeg gray": _saved(plain, "JPEG", **told),
        "jpeg cmyk": _saved(colour.convert("CMYK"), "JPEG"),
        "png": _saved(colour, "PNG", **told),
        "png alpha": _saved(clear, "PNG"),
        "png palette": _saved(colour.convert("P"), "PNG", transparency=3),
        "png one bit": _saved(plain.convert("1"), "PNG"),
        "png 16 bits gray": _saved(Image.fromarray(deep[..., 1]), "PNG"),
        "tiff": _saved(colour, "TIFF", **told),
        "tiff cmyk": _saved(colour.convert("CMYK"), "TIFF"),
        "tiff palette": _saved(colour.convert("P"), "TIFF"),
        "webp": _saved(colour, "WEBP", **{**told, "xmp": xmp}),
        "webp lossless": _saved(clear, "WEBP", lossless=True),
        "gif": _saved(colour.convert("P"), "GIF", save_all=True, append_images=[plain.convert("P")]),
        "bmp": _saved(colour, "BMP"),
    }
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits"):
        pictures[f"tiff {packing}"] = _saved(colour, "TIFF", compression=packing)
    pictures["tiff 16 bits gray lzw"] = _saved(Image.fromarray(deep[..., 1]), "TIFF", compression="tiff_lzw")
    for packing in ("none", "zlib"):
        pictures[f"tiff 16 bits {packing}"] = _deep_tiff(deep, packing)
    pictures["tiff tiles"] = _deep_tiff(deep, "zlib", tile=(16, 16))
    pictures["tiff planes"] = _deep_tiff(deep.transpose(2, 0, 1), "none", planarconfig="separate")
    return pictures


def _saved(picture: Image.Image, format_name: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, format_name, **options)  # type: ignore[arg-type]
    return file.getvalue()


def _deep_tiff(values: np.ndarray, packing: str, **options: object) -> bytes:
    file = io.BytesIO()
    compression = None if packing == "none" else packing
    tifffile.imwrite(file, values, photometric="rgb", compression=compression, **options)  # type: ignore[arg-type]
    return file.getvalue()


def mutants(pictures: Mapping[str, bytes], count: int, seed: int) -> Iterator[tuple[int, str, bytes]]:
    """``count`` damaged files with their number and the name of what they were; the same for the same seed."""
    names = sorted(pictures)
    for number in range(count):
        rng = random.Random(f"{seed}-{number}")
        name = names[number % len(names)]
        damaged = bytearray(pictures[name])
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            rng.choice(DAMAGES)(damaged, rng)
        yield number, name, bytes(damaged)


def _place(file: bytearray, rng: random.Random) -> int:
    return rng.randrange(max(1, min(len(file), HEADER) if rng.random() < 0.5 else len(file)))


def _flip(file: bytearray, rng: random.Random) -> None:
    for _ in range(min(len(file), rng.choice((1, 4, 30)))):
        file[_place(file, rng)] ^= 1 << rng.randrange(8)


def _extreme(file: bytearray, rng: random.Random) -> None:
    size, place = rng.choice((1, 2, 4)), _place(file, rng)
    number = rng.choice(EXTREMES) & ((1 << 8 * size) - 1)
    file[place : place + size] = number.to_bytes(size, rng.choice(("big", "little")))


def _cut_off(file: bytearray, rng: random.Random) -> None:
    del file[_place(file, rng) :]


def _cut_out(file: bytearray, rng: random.Random) -> None:
    place = _place(file, rng)
    del file[place : place + rng.choice((1, 2, 12, 200))]


def _double(file: bytearray, rng: random.Random) -> None:
    place, other, size = _place(file, rng), _place(file, rng), rng.choice((2, 12, 64, 500))
    file[other:other] = file[place : place + size]


def _blank(file: bytearray, rng: random.Random) -> None:
    place, size = _place(file, rng), rng.choice((2, 16, 300))
    file[place : place + size] = bytes([rng.choice((0, 0xFF))]) * len(file[place : place + size])


def _scatter(file: bytearray, rng: random.Random) -> None:
    place = _place(file, rng)
    file[place:place] = rng.randbytes(rng.choice((1, 3, 40)))


def _swap(file: bytearray, rng: random.Random) -> None:
    first, second = sorted((_place(file, rng), _place(file, rng)))
    size = min(rng.choice((4, 12, 100)), second - first)
    here, there = file[first : first + size], file[second : second + size]
    file[second : second + len(there)] = here[: len(there)]
    file[first : first + len(there)] = there


DAMAGES: Final[tuple[Callable[[bytearray, random.Random], None], ...]] = (
    _flip, _extreme, _cut_off, _cut_out, _double, _blank, _scatter, _swap,
)  # fmt: skip


def fate(file: bytes, read: Callable[..., Photo] | None = None) -> str:
    """What came of reading: photo, refused, contained (the process that read it died, or was killed as it hung), or
    else what is a fault, in words."""
    start = time.perf_counter()
    try:
        photo = (read or read_photo)(file, max_megapixels=MAX_MEGAPIXELS)
    except ImageError as error:
        said = "contained" if any(words in str(error) for words in CONTAINED) else "refused"
    except Exception:  # noqa: BLE001 - that there is none is what is looked for
        return traceback.format_exc()
    else:
        whole = bool(photo.pixels.isfinite().all()) and photo.height * photo.width <= MAX_MEGAPIXELS * 1e6
        said = "photo" if whole else f"a photo of {photo.width} x {photo.height} pixels that are not all numbers"
    seconds = time.perf_counter() - start
    return said if seconds < SLOW_S else f"{said} after {seconds:.0f} s"


def main() -> int:
    """Read them all and print what came of them; 1 when there was a fault."""
    parser = argparse.ArgumentParser(description="Read pictures that were damaged at random.")
    parser.add_argument("--count", type=int, default=5000, help="files (default 5000)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default 0)")
    parser.add_argument("--keep", type=Path, help="folder for files that are read with a fault")
    parser.add_argument("--apart", action="store_true", help="read in a process of its own")
    choices = parser.parse_args()
    faulthandler.enable()
    fates, faults, began = Counter[str](), 0, time.perf_counter()
    decoder = Decoder(timeout_s=SLOW_S) if choices.apart else Here()
    for number, name, file in mutants(seeds(), choices.count, choices.seed):
        print(f"\r{number}", end="", file=sys.stderr, flush=True)
        said = fate(file, decoder.read)
        fates[said if said in CLEAN else "fault"] += 1
        if said in ("photo", "refused"):
            continue
        faults += said not in CLEAN
        print(f"\n{number} ({name}): {said}")
        if choices.keep is not None:
            choices.keep.mkdir(parents=True, exist_ok=True)
            (choices.keep / f"{choices.seed}-{number}.bin").write_bytes(file)
    decoder.close()
    counts = ", ".join(f"{count} {what}" for what, count in fates.most_common())
    print(f"\n{choices.count} files: {counts}; {time.perf_counter() - began:.0f} s")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
