"""What does it cost to read photos by a process of their own? The same photos both ways, by turns.

python benchmarks/read_cost.py                        # 40 photos of 12 megapixels
python benchmarks/read_cost.py --count 10 --megapixels 24 --format png
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from skimage import data

from restore.io.decoder import Decoder
from restore.io.photo import Photo
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.ops.resize import resize

KINDS = 4
"""Different pictures; each is read again and again, so that disks play no part."""


def draw(folder: Path, megapixels: float, suffix: str) -> list[Path]:
    """Photos of that size: parts of a real one, enlarged, with the noise of a camera."""
    source = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None].float() / 255
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    found = []
    for number in range(KINDS):
        part = source[..., 60 * number : 60 * number + 200, 50 * number : 50 * number + 300]
        pixels = resize(part, height, round(height * 1.5))[0]
        pixels += torch.randn(pixels.shape, generator=torch.Generator().manual_seed(number)) * 0.015
        photo = Photo(pixels=pixels.clamp_(0, 1), alpha=None, gray=False, depth=8, format="JPEG", mode="RGB")
        found.append(folder / f"{number}.{suffix}")
        write_photo(photo, found[-1], WriteOptions(quality=90 if suffix == "jpg" else None))
    return found


def timed(read: Callable[..., Photo], path: Path, pid: int | None) -> tuple[float, float]:
    """Seconds to read one: by the clock, and of processors, those of the other process ``pid`` among them."""
    began, worked = time.perf_counter(), time.process_time() + processor_s(pid)
    read(path, hashed=True)
    return time.perf_counter() - began, time.process_time() + processor_s(pid) - worked


def processor_s(pid: int | None) -> float:
    """Seconds of processors that a process has taken; 0 where the system does not tell."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure what reading by another process costs.")
    parser.add_argument("--count", type=int, default=40, help="photos (default 40)")
    parser.add_argument("--megapixels", type=float, default=12.0, help="of each (default 12)")
    parser.add_argument("--format", default="jpg", help="jpg, png, tif ... (default jpg)")
    choices = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        photos = draw(Path(name), choices.megapixels, choices.format)
        began = time.perf_counter()
        with Decoder(timeout_s=None) as decoder:
            decoder.read(photos[0])
            start = time.perf_counter() - began
            timed(read_photo, photos[0], None)
            found: dict[str, list[tuple[float, float]]] = {"here": [], "there": []}
            for number in range(choices.count):
                path = photos[number % KINDS]
                for way in ("here", "there") if number % 2 else ("there", "here"):
                    read = read_photo if way == "here" else decoder.read
                    found[way].append(timed(read, path, decoder.pid))
                print(f"\r{number + 1}", end="", file=sys.stderr, flush=True)
    print(
        f"\n{choices.count} photos of {choices.megapixels:g} MP ({choices.format}); start and first photo {start:.1f} s"
    )
    for column, what in enumerate(("by the clock", "of processors")):
        here, there = ([seconds[column] for seconds in found[way]] for way in ("here", "there"))
        ratio = statistics.median(other / one for one, other in zip(here, there, strict=True) if one)
        print(f"{what}: {sum(here):.1f} s in this process, {sum(there):.1f} s by another; median ratio {ratio:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
