"""What computes a network fastest on this CPU: torch as restore uses it, and in other ways, ONNX Runtime, OpenVINO.

    python benchmarks/engines.py --weights clean                        # every engine that is installed, one thread
    python benchmarks/engines.py --weights clean --engines eager eager-bf16 openvino --threads 2 --rounds 9
    python benchmarks/engines.py --weights clean --loss photos/         # and how many dB each engine costs at noise 25

Each engine is a process of its own, with its own allocator and threads, that waits for its turn; rounds are interleaved
(A B C A B C ...) and medians count, so that what else the machine does falls on all alike. One turn is one tile of the
size that restore uses, filled with a photo of scikit-image with noise. Told are seconds of processor time (user and
system, all threads) for a megapixel that goes in, of the clock beside it, the ratio to `eager`, the largest difference
from `eager` in grey levels, the peak memory of the process, and what the first tile of a cold process costs: imports,
loading, compiling and running it. The engines of that name need `pip install "restore-photos[onnx]" openvino nncf`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Engine = Callable[[Pixels, Pixels], Pixels]
YARDSTICK = "eager"
NOISE = 25.0
CALIBRATED_ON = 24
"""Tiles that int8 engines see to learn their ranges."""
CALIBRATED_PX = 256


def torch_engine(
    weights: str, *, last: bool = True, half: bool = False, tuned: bool = True, compiled: bool = False
) -> Engine:
    """Torch: channels last, in bfloat16, with the allocator of restore, compiled."""
    import torch

    from restore.inference.device import tune_allocator
    from restore.models.weights import find_weights, load_network

    if tuned:
        tune_allocator()
    layout = torch.channels_last if last else torch.contiguous_format
    network: Any = load_network(find_weights(weights)).to(memory_format=layout)  # type: ignore[call-overload]
    if compiled:
        network = torch.compile(network, dynamic=True)

    def run(image: Pixels, maps: Pixels) -> Pixels:
        pixels = torch.from_numpy(image).to(memory_format=layout)
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            result: Pixels = network(pixels, torch.from_numpy(maps)).numpy()
        return result

    return run


def onnx_file(weights: str, folder: Path) -> Path:
    """The network as `restore export` writes it; made once."""
    path = folder / f"{Path(weights).stem}.onnx"
    if not path.exists():
        from restore.models.export import export_onnx
        from restore.models.weights import find_weights

        export_onnx(find_weights(weights), path)
    return path


def feeds(image: Pixels, maps: Pixels) -> dict[str, Pixels]:
    """The inputs of an exported network."""
    if not maps.shape[1]:
        return {"image": image}
    whole = np.broadcast_to(maps, (1, maps.shape[1], *image.shape[2:]))
    return {"image": image, "condition": np.ascontiguousarray(whole)}


def onnx_engine(weights: str, folder: Path, threads: int, int8: str = "") -> Engine:
    """ONNX Runtime: float32, or int8 with ranges learnt beforehand (static) or at run time (dynamic)."""
    import onnxruntime

    path = onnx_file(weights, folder)
    if int8:
        from onnxruntime import quantization as quant

        whole, path = path, folder / f"{path.stem}-{int8}.onnx"
        ready = folder / f"{path.stem}-ready.onnx"
        quant.shape_inference.quant_pre_process(whole, ready, skip_symbolic_shape=True)
        if int8 == "dynamic":
            quant.quantize_dynamic(ready, path)
        else:

            class Reader(quant.CalibrationDataReader):  # type: ignore[misc]
                def __init__(self) -> None:
                    self.left = iter(calibration(weights))

                def get_next(self) -> dict[str, Pixels] | None:
                    pair = next(self.left, None)
                    return None if pair is None else feeds(*pair)

            quant.quantize_static(
                ready, path, Reader(), quant_format=quant.QuantFormat.QDQ, per_channel=True,
                op_types_to_quantize=["Conv", "Relu", "Add"],
            )  # fmt: skip
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda image, maps: session.run(None, feeds(image, maps))[0]  # type: ignore[no-any-return]


def openvino_engine(weights: str, folder: Path, threads: int, kind: str = "f32") -> Engine:
    """OpenVINO: float32, bfloat16, or int8 by NNCF."""
    import openvino

    core = openvino.Core()
    model = core.read_model(onnx_file(weights, folder))
    if kind == "int8":
        import nncf

        data = nncf.Dataset([feeds(*pair) for pair in calibration(weights)])
        model = nncf.quantize(model, data, subset_size=CALIBRATED_ON)
    hint = {"INFERENCE_PRECISION_HINT": "bf16" if kind == "bf16" else "f32", "INFERENCE_NUM_THREADS": threads}
    compiled = core.compile_model(model, "CPU", hint)
    return lambda image, maps: np.array(compiled(feeds(image, maps))[0])


def build(name: str, weights: str, folder: Path, threads: int) -> Engine:
    """The engine called so, ready to run."""
    if name.startswith("onnxruntime"):
        return onnx_engine(weights, folder, threads, name.removeprefix("onnxruntime").removeprefix("-int8-"))
    if name.startswith("openvino"):
        return openvino_engine(weights, folder, threads, name.removeprefix("openvino-"))
    return torch_engine(weights, **TORCH[name])


TORCH: dict[str, dict[str, bool]] = {
    "eager": {},
    "eager-untuned": {"tuned": False},
    "eager-contiguous": {"last": False},
    "eager-contiguous-untuned": {"last": False, "tuned": False},
    "eager-bf16": {"half": True},
    "compile": {"compiled": True},
    "compile-bf16": {"compiled": True, "half": True},
}
OTHERS = {
    "onnxruntime": "onnxruntime",
    "onnxruntime-int8-static": "onnxruntime",
    "onnxruntime-int8-dynamic": "onnxruntime",
    "openvino-f32": "openvino",
    "openvino-bf16": "openvino",
    "openvino-int8": "nncf",
}
"""Engines beside torch's, and the package that each needs."""


def pictures(folder: str | None = None) -> list[Pixels]:
    """Photos (1,3,H,W) in [0,1]: of a folder, or scikit-image's own."""
    if folder:
        from restore.io.read import read_photo

        return [read_photo(path).pixels[None].numpy() for path in sorted(Path(folder).iterdir()) if path.is_file()]
    from skimage import data

    found = (data.astronaut(), data.coffee(), data.chelsea(), data.rocket())
    return [np.ascontiguousarray(photo[None].transpose(0, 3, 1, 2).astype(np.float32) / 255) for photo in found]


def noisy(image: Pixels, seed: int, noise: float = NOISE) -> Pixels:
    """With Gaussian noise of so many grey levels."""
    return image + np.random.default_rng(seed).normal(0, noise / 255, image.shape).astype(np.float32)


def told(weights: str, noise: float = NOISE) -> Pixels:
    """(1,C,1,1): what the network is told, noise alone; an empty mask."""
    from restore.models.weights import find_weights
    from restore.tasks import Condition, condition_maps

    channels = find_weights(weights).card.generator.condition_channels
    if channels == 1:
        return np.zeros((1, 1, 1, 1), dtype=np.float32)
    maps: Pixels = condition_maps(Condition(noise=noise, jpeg=100, blur=0), channels).numpy()
    return maps


def calibration(weights: str) -> list[tuple[Pixels, Pixels]]:
    """Crops with noise of 5 to 50 grey levels, for int8 engines to learn their ranges on."""
    rng = np.random.default_rng(0)
    photos = pictures()
    found = []
    for number in range(CALIBRATED_ON):
        photo = photos[number % len(photos)]
        top, left = (int(rng.integers(size - CALIBRATED_PX)) for size in photo.shape[2:])
        crop = photo[..., top : top + CALIBRATED_PX, left : left + CALIBRATED_PX]
        noise = float(rng.uniform(5, 50))
        found.append((noisy(crop, number, noise), told(weights, noise)))
    return found


def tile_for(side: int) -> Pixels:
    """One tile: a photo with noise, repeated as often as it takes."""
    photo = pictures()[0]
    repeats = -(-side // photo.shape[2])
    return noisy(np.tile(photo, (1, 1, repeats, repeats))[..., :side, :side], 0)


def cpu_s() -> float:
    """Processor seconds of this process so far, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def work(name: str, choices: argparse.Namespace) -> int:
    """As a worker: build, run the first tile, then one tile for every line that comes in."""
    import torch

    torch.set_num_threads(choices.threads)
    folder = Path(choices.folder)
    image, maps = tile_for(choices.side), told(choices.weights)
    before = cpu_s(), time.perf_counter()
    engine = build(name, choices.weights, folder, choices.threads)
    result = engine(image, maps)
    first = {"first_cpu": cpu_s() - before[0], "first_s": time.perf_counter() - before[1]}
    np.save(folder / f"{name}.npy", result)
    loss = None
    if choices.loss:
        loss = statistics.mean(
            decibels(engine, photo, number, maps) for number, photo in enumerate(pictures(choices.loss))
        )
    print(json.dumps(first | {"psnr": loss}), flush=True)
    for _ in sys.stdin:
        before = cpu_s(), time.perf_counter()
        engine(image, maps)
        row = {"cpu": cpu_s() - before[0], "wall": time.perf_counter() - before[1]}
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
        print(json.dumps(row | {"peak": peak}), flush=True)
    return 0


def decibels(engine: Engine, photo: Pixels, seed: int, maps: Pixels) -> float:
    """PSNR over RGB of one photo that was given noise and restored, in float as published."""
    height, width = (size - size % 16 for size in photo.shape[2:])
    clean = np.ascontiguousarray(photo[..., :height, :width])
    result = engine(noisy(clean, seed), maps).clip(0, 1)
    return float(-10 * np.log10(np.square(result.astype(np.float64) - clean).mean()))


class Worker:
    """An engine in a process of its own."""

    def __init__(self, name: str, choices: argparse.Namespace, folder: str) -> None:
        self.name = name
        self.rows: list[dict[str, float]] = []
        words = [sys.executable, str(Path(__file__).resolve()), "--worker", name, "--weights", choices.weights]
        words += ["--side", str(choices.side), "--threads", str(choices.threads), "--folder", folder]
        words += ["--loss", choices.loss] if choices.loss else []
        env = {**os.environ, "OMP_NUM_THREADS": str(choices.threads), "OMP_WAIT_POLICY": "passive"}
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.first = self._answer()

    def turn(self) -> None:
        """One tile."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        if row := self._answer():
            self.rows.append(row)

    def end(self) -> None:
        """No more turns."""
        self.process.communicate()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)  # type: ignore[no-any-return]
        return {}

    def median(self, what: str) -> float:
        """Over the rounds."""
        return statistics.median(row[what] for row in self.rows)


def main() -> int:
    """Give every engine its turn, round after round, and print the table; as a worker, be one engine."""
    known = [*TORCH, *(name for name, package in OTHERS.items() if find_spec(package))]
    parser = argparse.ArgumentParser(description="What computes a bundled network fastest on this CPU.")
    parser.add_argument("--weights", default="clean", help="bundled name or file (default clean)")
    parser.add_argument("--engines", nargs="+", choices=[*TORCH, *OTHERS], default=known, help="default: all there are")
    parser.add_argument("--threads", type=int, default=1, help="for each engine (default 1)")
    parser.add_argument("--side", type=int, default=608, help="of the tile in pixels (default 608)")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each engine (default 5)")
    parser.add_argument("--loss", metavar="FOLDER", help="clean photos on which to measure what an engine costs in dB")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help="keep exported networks here, to start sooner the next time")
    choices = parser.parse_args()
    if choices.worker:
        return work(choices.worker, choices)
    print(f"{platform.platform()}, {choices.weights}, tile {choices.side}, {choices.threads} threads\n")
    with tempfile.TemporaryDirectory() if choices.folder is None else nullcontext(choices.folder) as folder:
        if any(name.startswith(("onnx", "openvino")) for name in choices.engines):
            onnx_file(choices.weights, Path(folder))
        started = [Worker(name, choices, folder) for name in choices.engines]
        workers = [worker for worker in started if worker.first]  # one that cannot start has said why
        for _ in range(choices.rounds):
            for worker in workers:
                worker.turn()
        for worker in workers:
            worker.end()
        show(workers, Path(folder), choices.side)
    return 0


def show(workers: list[Worker], folder: Path, side: int) -> None:
    """The table."""
    yard = next((worker for worker in workers if worker.name == YARDSTICK), workers[0])
    truth = np.load(folder / f"{yard.name}.npy")
    megapixels = side * side / 1e6
    print("| engine | CPU s / MP | clock s / MP | faster than eager | off by | peak MB | first tile, CPU s | dB |")
    print("|---|---|---|---|---|---|---|---|")
    for worker in workers:
        cpu, wall = worker.median("cpu") / megapixels, worker.median("wall") / megapixels
        ratio = yard.median("cpu") / worker.median("cpu")
        off = float(np.abs(np.load(folder / f"{worker.name}.npy") - truth).max()) * 255
        psnr = worker.first.get("psnr")
        print(
            f"| {worker.name} | {cpu:.2f} | {wall:.2f} | {ratio:.2f} | {off:.2f} | {worker.median('peak'):.0f} | "
            f"{worker.first['first_cpu']:.1f} | {'' if psnr is None else f'{psnr:.3f}'} |",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
