"""Folders of photos to tar shards (webdataset format) for ``restore train --shards``.

    python benchmarks/make_shards.py --hq photos/ -o shards/photos [--size 256] [--seed 0]
    python benchmarks/make_shards.py --lq small/ --hq photos/ -x 4 -o shards/pairs

Writes shards/photos-000000.tar and so on, each of about ``--size`` MB, and prints the pattern to train with. Files are
copied as they are, in an order drawn from the seed, so that neighbours in a folder don't end up in one batch. The same
folders and seed give the same bytes: no dates and no owners are written. Pairs are checked first, as training does.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import tarfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from restore.datasets.folders import Example, paired_photos, photos_in


def members(number: int, example: Example) -> list[tuple[str, Path]]:
    """Names and files of one sample: 000000012.jpg, or 000000012.hq.png and 000000012.lq.jpg."""
    if example.lq is None:
        return [(f"{number:09d}{example.hq.suffix.lower()}", example.hq)]
    files = {"hq": example.hq, "lq": example.lq}
    return [(f"{number:09d}.{role}{path.suffix.lower()}", path) for role, path in files.items()]


def header(name: str, size: int) -> tarfile.TarInfo:
    """What is written about a file: its name and size; all else is the same for every file."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info


def split(examples: Sequence[Example], size_bytes: float) -> list[list[tuple[int, Example]]]:
    """Runs of numbered samples, equally many in each: training takes equally many photos from every shard."""
    files = (path for example in examples for _, path in members(0, example))
    total = sum(path.stat().st_size + 2 * tarfile.BLOCKSIZE for path in files)
    count = min(math.ceil(total / size_bytes), len(examples))
    numbered = list(enumerate(examples))
    edges = [len(examples) * number // count for number in range(count + 1)]
    return [numbered[start:end] for start, end in pairwise(edges)]


def write(path: Path, samples: Sequence[tuple[int, Example]]) -> None:
    """One shard."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for number, example in samples:
            for name, file in members(number, example):
                data = file.read_bytes()
                archive.addfile(header(name, len(data)), io.BytesIO(data))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hq", type=Path, required=True, help="folder of good photos")
    parser.add_argument("--lq", type=Path, help="folder of their damaged partners")
    parser.add_argument("-x", "--scale", type=int, default=1, help="size of good photos / size of damaged ones")
    parser.add_argument("-o", "--output", type=Path, required=True, help="path of the shards up to their number")
    parser.add_argument("--size", type=float, default=256, help="megabytes of a shard, about")
    parser.add_argument("--seed", type=int, default=0, help="of the order of the photos")
    arguments = parser.parse_args()
    if arguments.lq is None:
        examples = [Example(path) for path in photos_in(arguments.hq)]
    else:
        examples = paired_photos(arguments.lq, arguments.hq, scale=arguments.scale, patch_px=1)
    random.Random(arguments.seed).shuffle(examples)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    shards = split(examples, arguments.size * 1e6)
    for number, samples in enumerate(shards):
        write(Path(f"{arguments.output}-{number:06d}.tar"), samples)
    print(f"{arguments.output}-{{000000..{len(shards) - 1:06d}}}.tar")


if __name__ == "__main__":
    main()
