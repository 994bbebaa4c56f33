"""How much sooner a folder is done when photos are read and written beside the network: the batch and a plain loop.

    python benchmarks/pipeline.py                                     # 6 PNG photos of 6 megapixels, 3 rounds
    python benchmarks/pipeline.py --photos 16 --megapixels 12 --rounds 1 --threads 2
    python benchmarks/pipeline.py --format jpg --width 48             # cheaper files, a dearer network

Photos are scikit-image's, enlarged, with grain. The network is a small one, so that reading and writing are most of the
work. `loop` reads, restores and writes one photo after the other; `batch` is `restore.inference.batch`, which
`restore` uses for folders; `batch, child` also decodes in a process of its own, as the command does. All of them do the
same work with the same files, in turn, round after round, and medians count. Told are files a minute, the ratio to the
loop, processor seconds a file (user and system, all threads and processes), and the share of the time in which the
network is at work. Below stand the seconds of the clock and of the processor that a photo's steps take in the loop.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import nn

from restore.inference.batch import Done, run_batch
from restore.inference.device import choose_device
from restore.inference.restorer import Restorer
from restore.inference.upscale import Report
from restore.io.decoder import Decoder
from restore.io.folder import Job
from restore.io.photo import Photo
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card

WAYS = ("loop", "batch", "batch, child")
YARDSTICK = WAYS[0]
GRAIN = 2.0
"""Grey levels."""


@dataclass
class Timed:
    """Seconds of the clock, and of the processor in the step's own thread, by step."""

    clock: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count what the block takes."""
        clock, cpu = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.clock[name] += time.perf_counter() - clock
            self.cpu[name] += time.thread_time() - cpu


@dataclass
class Turn:
    """One way through the folder, once."""

    seconds: float
    cpu: float
    timed: Timed


def draw(folder: Path, count: int, megapixels: float, suffix: str) -> list[Path]:
    """So many photos of that size, no two alike."""
    from PIL import Image
    from skimage import data

    rng = np.random.default_rng(0)
    width, height = round((megapixels * 1e6 * 4 / 3) ** 0.5), round((megapixels * 1e6 * 3 / 4) ** 0.5)
    sources = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    paths = []
    for number in range(count):
        large = Image.fromarray(sources[number % len(sources)]).resize((width, height), Image.Resampling.BICUBIC)
        grain = rng.normal(0, GRAIN, (height, width, 3)).astype(np.float32)
        pixels = (np.asarray(large, dtype=np.float32) + grain).clip(0, 255).round().astype(np.uint8)
        path = folder / f"photo{number:03}.{suffix}"
        Image.fromarray(pixels).save(path, **({"compress_type": 3} if suffix == "png" else {"quality": 92}))
        paths.append(path)
    return paths


def small_network(width: int) -> Restorer:
    """An untrained network of so many channels at half the size; it changes pixels a little."""
    torch.manual_seed(0)
    shape = GeneratorConfig(
        widths=(width,), encoder=(), middle=1, decoder=(), stem=2, head=2, condition_channels=0
    )  # fmt: skip
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.001)
    network = network.to(memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload]
    card = Card(name="small", task="clean", scale=1, size="fast", generator=shape)
    return Restorer.of_network(network, card, choose_device("cpu", threads=1))


def turn(way: str, paths: list[Path], out: Path, restorer: Restorer, timed: Timed) -> None:
    """All photos through the network and into ``out``, over what is there."""
    report = Report.__new__(Report)  # nobody reads it

    def read(path: Path) -> Photo:
        with timed.step("read"):
            return read_photo(path) if decoder is None else decoder.read(path)

    def work(photo: Photo) -> tuple[Photo, Report]:
        with timed.step("network"):
            return restorer.finished(photo, restorer.restore(photo.pixels[None])), report

    def write(photo: Photo, path: Path) -> None:
        with timed.step("write"):
            write_photo(photo, path, WriteOptions(overwrite=True))

    jobs = [Job(path, out / path.name) for path in paths]
    with Decoder() if way == "batch, child" else nullcontext() as decoder:
        if way == YARDSTICK:
            for job in jobs:
                write(work(read(job.source))[0], job.target)
            return
        for outcome in run_batch(jobs, work, read=read, write=write):
            if not isinstance(outcome, Done):
                raise SystemExit(f"this photo failed: {outcome}")


def measured(way: str, paths: list[Path], out: Path, restorer: Restorer) -> Turn:
    """One turn, timed."""
    timed, cpu, start = Timed(), cpu_s(), time.perf_counter()
    turn(way, paths, out, restorer, timed)
    return Turn(time.perf_counter() - start, cpu_s() - cpu, timed)


def cpu_s() -> float:
    """Processor seconds of this process and of its children that have ended."""
    used = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> int:
    """Give every way its turn, round after round, and print the table."""
    parser = argparse.ArgumentParser(description="The batch beside a plain loop.")
    parser.add_argument("--photos", type=int, default=6, help="how many (default 6)")
    parser.add_argument("--megapixels", type=float, default=6.0, help="size of each (default 6)")
    parser.add_argument("--format", default="png", choices=("png", "jpg", "tif"), help="of the files (default png)")
    parser.add_argument("--width", type=int, default=16, help="channels of the network (default 16)")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="of the network (default 1 and 2)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each way (default 3)")
    choices = parser.parse_args()
    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{choices.photos} {choices.format} photos of {choices.megapixels:g} megapixels\n")
    turns: dict[tuple[str, int], list[Turn]] = {(way, count): [] for count in choices.threads for way in WAYS}
    restorer = small_network(choices.width)
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name, "in"), Path(name, "out")
        folder.mkdir()
        out.mkdir()
        paths = draw(folder, choices.photos, choices.megapixels, choices.format)
        for _ in range(choices.rounds):
            for (way, count), done in turns.items():
                torch.set_num_threads(count)
                done.append(measured(way, paths, out, restorer))
                print(
                    f"{way}, {count}: {done[-1].seconds:.1f} s, CPU {done[-1].cpu:.1f} s", file=sys.stderr, flush=True
                )
    show(turns, choices.photos)
    return 0


def show(turns: dict[tuple[str, int], list[Turn]], count: int) -> None:
    """The tables."""
    print("| way | network's threads | files a minute | faster than its loop | CPU s a file | network at work |")
    print("|---|---|---|---|---|---|")
    for (way, threads), done in turns.items():
        seconds = statistics.median(one.seconds for one in done)
        loop = statistics.median(one.seconds for one in turns[YARDSTICK, threads])
        cpu = statistics.median(one.cpu for one in done) / count
        busy = statistics.median(one.timed.clock["network"] / one.seconds for one in done)
        minute = 60 * count / seconds
        print(f"| {way} | {threads} | {minute:.1f} | {loop / seconds:.2f} | {cpu:.2f} | {100 * busy:.0f} % |")
    print("\n| step, in the loop | s a file | CPU s a file, own thread |")
    print("|---|---|---|")
    loops = turns[YARDSTICK, min(threads for _, threads in turns)]
    for step in ("read", "network", "write"):
        clock, cpu = (
            statistics.median(getattr(one.timed, what)[step] for one in loops) / count for what in ("clock", "cpu")
        )
        print(f"| {step} | {clock:.2f} | {cpu:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
