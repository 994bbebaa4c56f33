"""How much memory does a run take: of many photos against few, and of one large picture.

    python benchmarks/memory.py                                 # 5 and 200 photos; pictures of 6, 12 and 25 megapixels
    python benchmarks/memory.py --megapixels 50,100,200 --max-memory 2G --photos 0

Each figure is the peak of resident memory of a process of its own that runs ``restore denoise`` with a tiny network, as
the system counts it (VmHWM); how much of it was the process's own, and so no page of a file that the system may put
aside (RssAnon and RssShmem, looked at twenty times a second); and the peak of the process that decodes for it. What the
network itself takes is bounded by --max-memory; what is looked at here are the copies of the picture around it, so the
network may be tiny.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from restore.cli.words import parse_memory

RUN = "import sys; from restore.__main__ import main; sys.argv[0] = 'restore'; main()"
IN_TURN = """
import json, sys
from restore.cli.app import app
peaks = []
for words in json.loads(sys.argv[1]):
    app(words, standalone_mode=False)
    with open("/proc/self/status") as status:
        peaks.append(int(status.read().partition("VmHWM:")[2].split()[0]) * 1024)
print(json.dumps(peaks))
"""
TICK_S = 0.05
"""Between two looks at the processes. The peaks are the system's own: only a process's last moments can be missed."""


@dataclass(frozen=True, slots=True)
class Peak:
    """What one run took."""

    own: int
    """Bytes, of the process itself."""
    fixed: int
    """Bytes of these that are no file's."""
    decoder: int
    """Bytes, of the process that decodes for it; 0 where there was none."""
    seconds: float


def peak(words: list[str], folder: Path) -> Peak:
    """Run ``restore`` with these words in a folder; RuntimeError with what it said unless all went well."""
    began = time.perf_counter()
    with (folder / "said.log").open("w+b") as log:
        process = subprocess.Popen([sys.executable, "-c", RUN, *words], cwd=folder, stdout=log, stderr=log)
        peaks: dict[int, int] = {}
        fixed: list[int] = [0]
        ended = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, peaks, fixed, ended))
        watcher.start()
        code = process.wait()
        ended.set()
        watcher.join()
        log.seek(0)
        if code != 0:
            raise RuntimeError(f"restore {' '.join(words)} ended with {code}: {log.read().decode()}")
    own = peaks.pop(process.pid)
    return Peak(own, max(fixed), max(peaks.values(), default=0), time.perf_counter() - began)


def peaks_in_turn(runs: list[list[str]], folder: Path) -> list[int]:
    """Bytes that one process that does all these runs has taken at most by the end of each.

    Loading takes longer than few photos do, so this is the quick way to see whether many take more than few.
    """
    words = [sys.executable, "-c", IN_TURN, json.dumps(runs)]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=True)
    peaks: list[int] = json.loads(done.stdout.splitlines()[-1])
    return peaks


def _watch(pid: int, peaks: dict[int, int], fixed: list[int], ended: threading.Event) -> None:
    while not ended.wait(TICK_S):
        children = ""
        with suppress(OSError):
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        for one in (pid, *map(int, children.split())):
            with suppress(OSError, IndexError, ValueError):
                status = Path(f"/proc/{one}/status").read_text()
                if one != pid and b"decoder_child" not in Path(f"/proc/{one}/cmdline").read_bytes():
                    continue
                peaks[one] = max(peaks.get(one, 0), _bytes(status, "VmHWM"))
                if one == pid:
                    fixed.append(_bytes(status, "RssAnon") + _bytes(status, "RssShmem"))


def _bytes(status: str, name: str) -> int:
    """A figure of /proc/PID/status."""
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def draw_album(folder: Path, count: int, width: int, height: int) -> None:
    """Noisy slopes of colour, no two alike."""
    folder.mkdir(parents=True)
    for number in range(count):
        draw(folder / f"{number:03}.jpg", width, height, seed=number)


def draw(path: Path, width: int, height: int, seed: int = 0) -> None:
    """One of them, made in strips, so that it may be large."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (width, height))
    places = np.linspace(0, 6, width)[None, :, None] + np.array([0, 2, 4])  # colours: a toned photo is a gray one
    tone = 100 + 60 * np.sin(places)
    for top in range(0, height, 256):
        rows = min(256, height - top)
        strip = tone + rng.integers(-20, 50) + rng.normal(0, 12, (rows, width, 3)).astype(np.float32)
        picture.paste(Image.fromarray(strip.clip(0, 255).astype(np.uint8)), (0, top))
    picture.save(path, quality=90)


def save_network(path: Path) -> None:
    """A network of a few channels that cleans."""
    import torch

    from restore.models.unet import GeneratorConfig, UNet
    from restore.models.weights import Card, save_weights

    torch.manual_seed(0)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    torch.nn.init.normal_(network.head.weight, std=0.02)
    save_weights(path, network.state_dict(), Card(name="tiny", task="clean", scale=1, size="fast", generator=shape))


def denoise(what: str, out: str, *more: str) -> list[str]:
    """The words for one run: told what the noise is, so that the network always has work."""
    machine = ["--weights", "tiny.safetensors", "--device", "cpu", "--threads", "1"]
    return ["denoise", what, "-o", out, "--noise", "12", *machine, *more]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure how much memory restore takes.")
    parser.add_argument("--photos", type=int, default=200, help="against 5; 0: not at all (default 200)")
    parser.add_argument("--megapixels", default="6,12,25", help="of single pictures (default 6,12,25)")
    parser.add_argument("--max-memory", type=str, help="as restore's own option")
    choices = parser.parse_args()
    more = ["--max-memory", choices.max_memory, "--max-megapixels", "1000"] if choices.max_memory else []
    if choices.max_memory:
        parse_memory(choices.max_memory)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_network(folder / "tiny.safetensors")
        if choices.photos:
            for count in (5, choices.photos):
                draw_album(folder / f"album{count}", count, 320, 240)
                _say(f"{count} photos of 0.08 MP", peak(denoise(f"album{count}", f"out{count}/", *more), folder))
        least: tuple[float, Peak] | None = None
        for megapixels in map(float, choices.megapixels.split(",") if choices.megapixels else ()):
            width = round((megapixels * 1e6 * 1.5) ** 0.5)
            draw(folder / "large.jpg", width, round(megapixels * 1e6 / width))
            found = peak(denoise("large.jpg", "large_out.jpg", "--overwrite", *more), folder)
            grown = 0.0 if least is None else (found.own - least[1].own) / 1e6 / (megapixels - least[0])
            slope = f", {grown:.0f} bytes for each pixel more" if least else ""
            _say(f"one picture of {megapixels:g} MP", found, slope)
            least = least or (megapixels, found)
    return 0


def _say(what: str, found: Peak, more: str = "") -> None:
    decoder = f" and {found.decoder / 1e6:.0f} MB to decode" if found.decoder else ""
    own = f"{found.own / 1e6:.0f} MB, {found.fixed / 1e6:.0f} MB of it no file's"
    print(f"{what}: {own}{decoder}{more}; {found.seconds:.0f} s", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
