"""Seconds, memory and picture of denoising one large photo: the whole command beside OpenCV's and scikit-image's.

    python benchmarks/clean_cost.py                                # 12 megapixels, 3 rounds of each
    python benchmarks/clean_cost.py --megapixels 3 --rounds 1 --weights mine.safetensors

The photo is scikit-image's astronaut, enlarged, with Gaussian noise of 15 grey levels, as a JPEG of quality 95. Each
method is a process of its own that reads the file, denoises and writes a JPEG, so that start-up, decoding, measuring
and encoding count for all; `restore` also judges how faithful its result is, and is run in two sizes. OpenCV's
non-local means is given the strength that is usual for this noise (h = hColor = 10). Rounds are interleaved and the
median counts. Compare the ratios: seconds depend on the machine and on what else it does. PSNR is over RGB, of the
files, against the photo before the noise.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

NOISE = 15.0
SIZES = {"restore": "fast", "light": "light"}
METHODS = (*SIZES, "opencv", "tv")
LABELS = {
    "restore": "restore denoise",
    "light": "restore denoise --model-size light",
    "opencv": "OpenCV fastNlMeansDenoisingColored",
    "tv": "scikit-image denoise_tv_chambolle",
}
YARDSTICK = "opencv"


def main() -> int:
    """Run every method in its own process, round after round, and print the table; as a worker, run one filter."""
    parser = argparse.ArgumentParser(description="Seconds and peak memory of denoising one large photo.")
    parser.add_argument("--megapixels", type=float, default=12.0, help="size of the photo (default 12)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is run (default 3)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="CPU threads (default: all cores)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS), help="which to measure")
    parser.add_argument("--weights", help="a file instead of the bundled weights of the first")
    parser.add_argument("--worker", nargs=3, metavar=("METHOD", "FROM", "TO"), help=argparse.SUPPRESS)
    choices = parser.parse_args()
    if choices.worker:
        return run_filter(*choices.worker, threads=choices.threads)
    print(f"{platform.platform()}, Python {platform.python_version()}, {choices.threads} threads\n")
    seconds: dict[str, list[float]] = {method: [] for method in choices.methods}
    peaks: dict[str, list[float]] = {method: [] for method in choices.methods}
    decibels: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.jpg")
        truth = draw(photo, choices.megapixels)
        for number in range(choices.rounds):
            for method in choices.methods:
                result = Path(folder, f"{method}{number}.jpg")
                took, peak = measured(command(method, photo, result, choices), choices.threads)
                decibels[method] = psnr(result, truth)
                seconds[method].append(took)
                peaks[method].append(peak)
    print(f"| method | s for {choices.megapixels:g} MP | slowest / fastest | time / OpenCV | peak MB | PSNR dB |")
    print("|---|---|---|---|---|---|")
    yardstick = statistics.median(seconds[YARDSTICK]) if YARDSTICK in seconds else None
    for method in choices.methods:
        took = seconds[method]
        ratio = f"{statistics.median(took) / yardstick:.2f}" if yardstick else ""
        spread = max(took) / min(took)
        cells = (f"{statistics.median(took):.1f}", f"{spread:.2f}", ratio, f"{max(peaks[method]):.0f}")
        print(f"| {LABELS[method]} | {' | '.join(cells)} | {decibels[method]:.2f} |")
    return 0


def draw(path: Path, megapixels: float) -> np.ndarray:
    """A noisy photo of that size; gives it without the noise."""
    from PIL import Image
    from skimage import data

    side = round((megapixels * 1e6) ** 0.5)
    large = Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(0).normal(0, NOISE, (side, side, 3)).astype(np.float32)
    noisy = (np.asarray(large, dtype=np.float32) + noise).clip(0, 255).round().astype(np.uint8)
    Image.fromarray(noisy).save(path, quality=95, subsampling=0)
    return np.asarray(large)


def psnr(result: Path, truth: np.ndarray) -> float:
    """Of a file, over RGB."""
    from PIL import Image
    from skimage.metrics import peak_signal_noise_ratio

    with Image.open(result) as opened:
        return float(peak_signal_noise_ratio(truth, np.asarray(opened.convert("RGB"))))


def command(method: str, photo: Path, result: Path, choices: argparse.Namespace) -> list[str]:
    """The process that denoises ``photo`` into ``result``."""
    if method in SIZES:
        named = method == "restore" and choices.weights
        own = ["--weights", choices.weights] if named else ["--model-size", SIZES[method]]
        threads = ["--threads", str(choices.threads)]
        return [sys.executable, "-m", "restore", "denoise", str(photo), "-o", str(result), "--quiet", *own, *threads]
    worker = ["--worker", method, str(photo), str(result), "--threads", str(choices.threads)]
    return [sys.executable, str(Path(__file__).resolve()), *worker]


def measured(words: list[str], threads: int) -> tuple[float, float]:
    """Seconds and peak megabytes of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(words, env={**os.environ, "OMP_NUM_THREADS": str(threads)})
    _, status, usage = os.wait4(process.pid, 0)
    took = time.perf_counter() - start
    if status:
        raise SystemExit(f"this command failed: {' '.join(words)}")
    return took, peak_mb(usage)


def peak_mb(usage: resource.struct_rusage) -> float:
    """Peak resident memory; kilobytes on Linux, bytes on macOS."""
    return usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def run_filter(method: str, source: str, target: str, *, threads: int) -> int:
    """Read, filter, write."""
    import cv2

    cv2.setNumThreads(threads)
    photo = cv2.imread(source)
    if method == "opencv":
        result = cv2.fastNlMeansDenoisingColored(photo, None, 10, 10, 7, 21)
    else:
        from skimage import restoration

        filtered = restoration.denoise_tv_chambolle(photo.astype(np.float32) / 255, weight=0.1, channel_axis=2)
        result = (filtered * 255).round().clip(0, 255).astype(np.uint8)
    cv2.imwrite(target, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
