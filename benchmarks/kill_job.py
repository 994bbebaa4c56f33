"""Kill a folder job at random moments, go on, and see whether anything was lost, done twice, or left half written.

    python benchmarks/kill_job.py                          # 50 kills over jobs of 10 tiny photos
    python benchmarks/kill_job.py --kills 200 --photos 12 --seed 1

One job is done undisturbed first. Then jobs are begun and killed (SIGKILL, at a random moment of the time that a whole
job takes), and gone on with by --resume, until they are done. After every kill each result in the folder must equal the
undisturbed one to the byte. At the end of a job none may be missing, the journal must have each as done exactly once,
and nothing else may lie there. Processes are forked from one that has loaded everything, so that kills fall into the
work and not into the loading. It needs a system with signals and fork.
"""

from __future__ import annotations

import argparse
import multiprocessing
import multiprocessing.context
import os
import random
import runpy
import signal
import sqlite3
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from restore.io.journal import NAME

LOADED = ["restore.cli.app", "restore.cli.order", "restore.cli.talk"]
"""What the processes are forked with."""
WAIT_S = 300.0
"""A job that has not ended by then hangs."""


@dataclass
class Tally:
    """What was seen."""

    kills: int = 0
    jobs: int = 0
    starts: int = 0
    kept: int = 0
    """Results that were there when a job was killed, over all kills."""
    faults: list[str] = field(default_factory=list)


def main() -> int:
    """Kill, go on, and print the tally; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(description="Kill a folder job at random moments.")
    parser.add_argument("--kills", type=int, default=50, help="so many in all (default 50)")
    parser.add_argument("--photos", type=int, default=10, help="of one job (default 10)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default 0)")
    choices = parser.parse_args()
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        tally = kill_jobs(Path(folder), kills=choices.kills, photos=choices.photos, seed=choices.seed)
    print(
        f"{tally.kills} kills in {tally.jobs} jobs of {choices.photos} photos, {tally.starts} starts, "
        f"{tally.kept / max(1, tally.kills):.1f} results there at a kill, {time.perf_counter() - started:.0f} s"
    )
    print("\n".join(tally.faults) or "nothing was lost, done twice, half written or left over")
    return 1 if tally.faults else 0


def kill_jobs(folder: Path, *, kills: int, photos: int, seed: int) -> Tally:
    """Kill jobs below ``folder`` so many times; what was wrong is in the tally, as sentences."""
    draw_album(folder / "album", photos)
    save_network(folder / "tiny.safetensors")
    server = forkserver()
    took = time.perf_counter()
    if (code := ended(start(server, folder, "whole"))) != 0:
        return Tally(faults=[f"the undisturbed job ended with {code}"])
    took = time.perf_counter() - took
    expected = results(folder / "whole")
    tally, rng = Tally(), random.Random(seed)
    while tally.kills < kills and not tally.faults:
        tally.jobs += 1
        out = f"job{tally.jobs}"
        while True:
            child = start(server, folder, out, "--resume")
            tally.starts += 1
            code = ended(child, wait_s=rng.uniform(0, took)) if tally.kills < kills else ended(child)
            if code is not None:
                tally.faults += ended_wrong(folder / out, code, expected)
                break
            tally.kills += 1
            os.kill(child.pid or 0, signal.SIGKILL)
            child.join()
            found = results(folder / out)
            tally.kept += len(found)
            tally.faults += [
                f"{out}/{name}: not the undisturbed result after kill {tally.kills}"
                for name, data in found.items()
                if expected.get(name) != data
            ]
    return tally


def ended_wrong(out: Path, code: int, expected: dict[str, bytes]) -> list[str]:
    """What is wrong with a job that has come to its end."""
    found, faults = results(out), [] if code == 0 else [f"{out.name}: ended with {code}"]
    faults += [f"{out.name}/{name}: missing" for name in expected.keys() - found.keys()]
    faults += [
        f"{out.name}/{name}: not equal" for name in expected if found.get(name, expected[name]) != expected[name]
    ]
    faults += [f"{out.name}/{path.name}: left over" for path in out.iterdir() if path.name not in (*expected, NAME)]
    times = done_times(out)
    faults += [f"{out.name}/{name}: done {times.get(name, 0)} times" for name in expected if times.get(name) != 1]
    return faults


def done_times(out: Path) -> dict[str, int]:
    """How often the journal has each result as done."""
    journal = sqlite3.connect(out / NAME)
    try:
        rows = journal.execute("SELECT target, count(*) FROM events WHERE state = 'done' GROUP BY target").fetchall()
    finally:
        journal.close()
    return dict(rows)


def results(out: Path) -> dict[str, bytes]:
    """Every file of a folder that is not hidden."""
    found = out.iterdir() if out.exists() else ()
    return {path.name: path.read_bytes() for path in found if not path.name.startswith(".")}


def forkserver() -> multiprocessing.context.ForkServerContext:
    """A process that has loaded the command and forks others."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    first = context.Process(target=time.sleep, args=(0,))
    first.start()
    first.join()  # ends once everything is loaded
    return context


def start(
    server: multiprocessing.context.ForkServerContext, folder: Path, out: str, *words: str, before: str = ""
) -> multiprocessing.context.ForkServerProcess:
    """A process that enlarges the album of ``folder`` into the folder ``out`` in it, after the code ``before``."""
    weights = ("--weights", "tiny.safetensors", "--device", "cpu", "--threads", "1")
    argv = ["restore", "upscale", "album", "-o", f"{out}/", "-x", "2", *weights, *words]
    script = folder / f"{out}-{time.monotonic_ns()}.py"
    log = script.with_suffix(".log")
    script.write_text(
        "import os, sys\n"
        f"os.chdir({str(folder)!r})\n"
        f"sys.stdout = sys.stderr = open({str(log)!r}, 'w', buffering=1)\n"
        f"{before}\n"
        "from restore.__main__ import main\n"
        f"sys.argv = {argv!r}\n"
        "main()\n"
    )
    child = server.Process(target=runpy.run_path, args=(str(script),), name=log.name)
    child.start()
    return child


def ended(child: multiprocessing.context.ForkServerProcess, wait_s: float = WAIT_S) -> int | None:
    """The exit code of a process that ends in time."""
    child.join(wait_s)
    return child.exitcode


def draw_album(folder: Path, count: int) -> None:
    """Slopes of colours with some grain, of unlike sizes and kinds."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        height, width = (int(side) for side in rng.integers(24, 64, 2))
        slope = np.add.outer(np.linspace(0, 120, height), np.linspace(0, 100, width))[..., None]
        pixels = (slope + rng.normal(10, 4, (height, width, 3))).clip(0, 255).round().astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.{('jpg', 'png')[number % 2]}")


def save_network(path: Path) -> None:
    """A network of a few channels that enlarges twice."""
    import torch

    from restore.models.unet import GeneratorConfig, UNet
    from restore.models.weights import Card, save_weights

    torch.manual_seed(0)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=2)
    network = UNet(shape)
    torch.nn.init.normal_(network.head.weight, std=0.02)
    save_weights(path, network.state_dict(), Card(name="tiny", task="upscale", scale=2, size="fast", generator=shape))


if __name__ == "__main__":
    sys.exit(main())
