"""Seconds and peak memory per output megapixel: our networks beside Pillow's Lanczos and OpenCV's cubic, in one run.

    python benchmarks/upscale_cost.py                       # 4 megapixels out, 5 timed runs each
    python benchmarks/upscale_cost.py --megapixels 1 --runs 3 --methods pillow opencv fast

Each method and scale works in a process of its own, on the same photo (scikit-image's astronaut, resized): one run to
warm up, then the timed ones, of which the median counts. Decoding and encoding files is left out everywhere. Memory is
the peak over all runs, as a whole process and as what it adds to the process that has the photo and the network
ready but has not started. A size without bundled weights is measured with an untrained network of the same shape, which
costs the same, and the table says so. Compare the ratios: seconds depend on the machine and on what else it does.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

METHODS = ("pillow", "opencv", "fast", "base")
LABELS = {"pillow": "Pillow Lanczos", "opencv": "OpenCV cubic", "fast": "restore, fast", "base": "restore, base"}
SCALES = (2, 4)
MEBIBYTE = 2.0**20


def main() -> int:
    """Run every case in its own process and print the table; as a worker, run one case and print its numbers."""
    parser = argparse.ArgumentParser(description="Seconds and peak memory per output megapixel.")
    parser.add_argument("--megapixels", type=float, default=4.0, help="size of the result (default 4)")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each case (default 5)")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: all cores)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="which to measure")
    parser.add_argument("--worker", nargs=2, metavar=("METHOD", "SCALE"), help=argparse.SUPPRESS)
    choices = parser.parse_args()
    if choices.worker:
        method, scale = choices.worker
        print(json.dumps(work(method, int(scale), choices)))
        return 0
    print_setting(choices)
    print("| method | scale | s per MP | slowest / fastest | time / Pillow | MB per MP | process peak MB | weights |")
    print("|---|---|---|---|---|---|---|---|")
    for scale in SCALES:
        yardstick = None
        for method in [name for name in METHODS if name in choices.methods]:
            row = in_own_process(method, scale, choices)
            yardstick = row["s_per_mp"] if method == "pillow" else yardstick
            ratio = f"{row['s_per_mp'] / yardstick:.2g}" if yardstick else ""
            time_cells = f"{row['s_per_mp']:.4f} | {row['spread']:.2f} | {ratio}"
            memory_cells = f"{row['mb_per_mp']:.0f} | {row['peak_mb']:.0f}"
            print(f"| {LABELS[method]} | x{scale} | {time_cells} | {memory_cells} | {row['weights']} |", flush=True)
    return 0


def print_setting(choices: argparse.Namespace) -> None:
    """What the figures below were taken on."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", "pillow", "opencv-python"))
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    threads = choices.threads or usable_cores()
    print(f"{processor()}, {threads} threads{load}; Python {platform.python_version()}, {versions}")
    print(f"\n{choices.megapixels:g} megapixels out, median of {choices.runs} runs, each case in its own process\n")


def in_own_process(method: str, scale: int, choices: argparse.Namespace) -> dict[str, Any]:
    """The numbers of one case, from a fresh interpreter."""
    command = [sys.executable, __file__, "--worker", method, str(scale)]
    command += ["--megapixels", str(choices.megapixels), "--runs", str(choices.runs)]
    command += ["--threads", str(choices.threads or usable_cores())]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def work(method: str, scale: int, choices: argparse.Namespace) -> dict[str, Any]:
    """One case: load, warm up, time. Gives its row."""
    side = max(16, round((choices.megapixels * 1e6) ** 0.5 / scale / 4) * 4)
    run, weights = {"pillow": with_pillow, "opencv": with_opencv}.get(method, with_network)(
        method, scale, side, choices.threads
    )
    idle = resident_bytes()
    forget_peak()
    run()
    times = []
    for _ in range(choices.runs):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    megapixels = (side * scale) ** 2 / 1e6
    return {
        "s_per_mp": statistics.median(times) / megapixels,
        "spread": max(times) / min(times),
        "mb_per_mp": max(0.0, peak_bytes() - idle) / MEBIBYTE / megapixels,
        "peak_mb": peak_bytes() / MEBIBYTE,
        "weights": weights,
    }


def photo_of(side: int) -> Any:
    """A square photo as (side,side,3) uint8."""
    import numpy as np
    from PIL import Image
    from skimage import data

    return np.asarray(Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.LANCZOS))


def with_pillow(_method: str, scale: int, side: int, _threads: int | None) -> tuple[Callable[[], object], str]:
    """Pillow's Lanczos on 8-bit RGB; it has one thread."""
    from PIL import Image

    photo, large = Image.fromarray(photo_of(side)), (side * scale, side * scale)
    return lambda: photo.resize(large, Image.Resampling.LANCZOS), ""


def with_opencv(_method: str, scale: int, side: int, threads: int | None) -> tuple[Callable[[], object], str]:
    """OpenCV's cubic on 8-bit RGB."""
    import cv2

    cv2.setNumThreads(threads or usable_cores())
    photo, large = photo_of(side), (side * scale, side * scale)
    return lambda: cv2.resize(photo, large, interpolation=cv2.INTER_CUBIC), ""


def with_network(method: str, scale: int, side: int, threads: int | None) -> tuple[Callable[[], object], str]:
    """A network through the same Restorer as users run, on the CPU, float32 in and out, in its usual tiles."""
    import torch

    from restore.inference.device import choose_device
    from restore.inference.restorer import Restorer
    from restore.models.build import build_generator, generator_config
    from restore.models.weights import Card, bundled_weights

    device = choose_device("cpu", threads=threads)
    found = [one for one in bundled_weights() if (one.card.size, one.card.scale) == (method, scale)]
    if found:
        restorer, weights = Restorer(found[0], device=device), found[0].card.name
    else:
        shape = generator_config(method, scale=scale, condition_channels=4)
        network = build_generator(shape).to(memory_format=torch.channels_last).eval()
        card = Card(name="untrained", task="upscale", scale=scale, size=method, generator=shape)
        restorer, weights = Restorer.of_network(network, card, device), "untrained, of that shape"
    photo = torch.from_numpy(photo_of(side).copy()).permute(2, 0, 1)[None].float() / 255
    return lambda: restorer.restore(photo), weights


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """The processor's name where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def forget_peak() -> None:
    """Let Linux's record of the largest resident size start anew, where it can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def resident_bytes() -> float:
    """Memory of the process now; elsewhere than on Linux its peak so far."""
    return _status("VmRSS")


def peak_bytes() -> float:
    """Largest memory of the process since ``forget_peak``, or since it started."""
    return _status("VmHWM")


def _status(field: str) -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)
    return float(next(line for line in lines if line.startswith(field)).split()[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())
