"""Is everything here that restoring needs, and does it compute right? Findings, each with what to do."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import DeviceError, WeightsError
from restore.inference.device import Device, choose_device, usable_cores
from restore.inference.restorer import Restorer
from restore.models.blend import blend, fidelity_path, is_detail
from restore.models.weights import Weights, bundled_weights, read_card, verify_weights
from restore.ops.consistency import colour_drift, consistency
from restore.ops.resize import resize
from restore.tasks import CLEAN

Area = Literal["versions", "formats", "memory", "device", "weights", "golden"]
State = Literal["ok", "note", "fail"]

PACKAGES: Final = ("torch", "numpy", "pillow", "opencv-python", "kornia", "scikit-image", "safetensors", "typer")
GOLDEN_PX: Final = 48
"""Side of the golden picture as the network sees it."""
GOLDEN_FINER: Final = 4
"""The golden picture is drawn so many times larger and averaged, so that its edges are smooth."""
GOLDEN_NOISE: Final = 4.0
"""Grey levels; little enough that a result without it still agrees with what went in."""
FAITHFUL_DB: Final = 30.0
"""A result that agrees less with its input is not a restoration of it."""
DRIFT_LIMIT: Final = 1.0
"""Grey levels."""
AGREEMENT_FLOAT32: Final = 1 / 255
AGREEMENT_BFLOAT16: Final = 8 / 255
"""Largest difference between a device and the CPU; bfloat16 has 8 bits of precision."""
LITTLE_MEMORY: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    area: Area
    state: State
    text: str
    cure: str = ""
    """What to do, when the state is not ok."""


def examine() -> Iterator[Finding]:
    """Everything in turn; the slow parts last."""
    yield from _versions()
    yield _heif()
    yield _memory()
    devices = []
    for name in ("cpu", *_accelerators()):
        try:
            devices.append(choose_device(name))
            yield _described(devices[-1])
        except DeviceError as error:
            yield Finding("device", "fail", str(error), "use --device cpu")
    yield from _missing_accelerator()
    whole = []
    for weights, finding in _weights():
        yield finding
        whole += [weights] if weights is not None and finding.state == "ok" else []
    for weights in whole:
        yield from golden(weights, devices)


def _versions() -> Iterator[Finding]:
    found = [f"Python {platform.python_version()}", f"{platform.system()} {platform.machine()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Finding("versions", "fail", f"{package} is not installed", f"pip install {package}")
    yield Finding("versions", "ok", ", ".join(found))


def _heif() -> Finding:
    if find_spec("pillow_heif") is None:
        cure = 'for photos of newer phones: pip install "restore-photos[heif]"'
        return Finding("formats", "note", "HEIC files cannot be opened", cure)
    return Finding("formats", "ok", "HEIC files can be opened")


def _memory() -> Finding:
    free = free_memory()
    if free is None:
        return Finding("memory", "note", "free memory is not known on this system", "--max-memory sets a limit")
    text = f"{free / (1 << 30):.1f} GB free"
    if free < LITTLE_MEMORY:
        return Finding("memory", "note", text, "close programs, or use --max-memory 500M")
    return Finding("memory", "ok", text)


def free_memory() -> int | None:
    """Bytes that this process may still take, limits of a container counted; None where the system does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    free = next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)
    limit, used = _number("/sys/fs/cgroup/memory.max"), _number("/sys/fs/cgroup/memory.current")
    if free is None or limit is None or used is None:
        return free
    return min(free, max(limit - used, 0))


def _number(path: str) -> int | None:
    try:
        return int(Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return None


def _accelerators() -> list[str]:
    found = [f"cuda:{index}" for index in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return [*found, "mps"] if torch.backends.mps.is_available() else found


def _described(device: Device) -> Finding:
    if device.torch.type == "cpu":
        text = f"cpu: {device.name}, {torch.get_num_threads()} threads on {usable_cores()} usable cores"
    else:
        text = f"{device.torch}: {device.name}, {'bfloat16' if device.autocast else 'float32'}"
    return Finding("device", "ok", text)


def _missing_accelerator() -> Iterator[Finding]:
    if Path("/proc/driver/nvidia/version").exists() and not torch.cuda.is_available():
        build = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        cure = "install a torch build that fits the driver; until then the CPU is used"
        yield Finding("device", "note", f"an NVIDIA driver is there, but this torch ({build}) cannot use it", cure)


def _weights() -> Iterator[tuple[Weights | None, Finding]]:
    cure = "reinstall restore"
    try:
        bundled = bundled_weights()
    except WeightsError as error:
        yield None, Finding("weights", "fail", str(error), cure)
        return
    if not bundled:
        yield None, Finding("weights", "fail", "this copy of restore has no weights", cure)
    for weights in bundled:
        card = weights.card
        try:
            verify_weights(weights)
            partner = _partner(weights)
        except WeightsError as error:
            yield weights, Finding("weights", "fail", str(error), cure)
        else:
            yield weights, Finding("weights", "ok", f"{card.name} ({card.size}{partner}), sha256 {card.sha256[:16]}")


def _partner(weights: Weights) -> str:
    """What detail weights can be blended with, in words; WeightsError when that is not there or does not fit."""
    if not is_detail(weights.card):
        return ""
    fidelity = read_card(fidelity_path(weights.path))
    blend(fidelity, weights, 0.5)
    return f", blends with {fidelity.card.name}"


def golden(weights: Weights, devices: list[Device]) -> Iterator[Finding]:
    """The golden picture through every device: better than bicubic on the CPU, and the same on all others.

    Weights that keep the size get it with noise, and make it better than that. Detail weights invent, so they need only
    agree with their input.
    """
    truth = golden_picture(GOLDEN_PX * weights.card.scale)
    source = resize(truth, GOLDEN_PX, GOLDEN_PX).clamp(0, 1)
    condition = CLEAN
    if weights.card.scale == 1:
        rng = torch.Generator().manual_seed(0)
        source = source + torch.randn(source.shape, generator=rng) * (GOLDEN_NOISE / 255)
        condition = replace(CLEAN, noise=GOLDEN_NOISE)
    expected: Tensor | None = None
    for device in devices:
        label = f"{weights.card.name} on {device.torch}"
        try:
            result = Restorer(weights, device=device).restore(source, condition)
        except DeviceError as error:
            yield Finding("golden", "fail", f"{label}: {error}", "use --device cpu")
            continue
        problem = fault_of(result, source, truth, invents=is_detail(weights.card)) or _disagreement(
            result, expected, device
        )
        expected = result if expected is None else expected
        if problem:
            cure = "reinstall torch and restore" if device.torch.type == "cpu" else "use --device cpu"
            yield Finding("golden", "fail", f"{label}: {problem}", cure)
        else:
            yield Finding("golden", "ok", f"{label}: {decibels(result, truth):.1f} dB on the golden picture")


def golden_picture(side: int) -> Tensor:
    """(1,3,side,side) in [0,1], the same everywhere: a soft sky, a disc and slanted bars, with soft edges."""
    fine = torch.linspace(-1, 1, side * GOLDEN_FINER)
    down, right = torch.meshgrid(fine, fine, indexing="ij")
    sky = 0.5 + 0.3 * down
    disc = ((right - 0.2) ** 2 + (down + 0.1) ** 2 < 0.25).float()
    bars = (torch.sin(18 * (right + 0.3 * down)) > 0).float() * (down > 0.45)
    red = 0.1 + 0.55 * sky + 0.35 * disc - 0.2 * bars
    green = 0.25 + 0.4 * sky + 0.25 * disc - 0.2 * bars
    blue = 0.55 + 0.25 * sky + 0.05 * disc - 0.15 * bars
    return F.avg_pool2d(torch.stack([red, green, blue]).clamp(0, 1)[None], GOLDEN_FINER)


def fault_of(result: Tensor, source: Tensor, truth: Tensor, *, invents: bool = False) -> str:
    """What is wrong with a restoration of the golden picture, or nothing; one that ``invents`` need not be nearer."""
    if not bool(torch.isfinite(result).all()):
        return "the result holds numbers that are not finite"
    faithful, drift = consistency(result, source), colour_drift(result, source)
    if faithful < FAITHFUL_DB:
        return f"the result is not the picture that went in ({faithful:.0f} dB)"
    if drift > DRIFT_LIMIT:
        return f"the colours drift by {drift:.1f} grey levels"
    if invents:
        return ""
    gain = decibels(result, truth) - decibels(resize(source, *truth.shape[-2:]), truth)
    return f"the result is {-gain:.1f} dB worse than without the network" if gain < -0.05 else ""


def _disagreement(result: Tensor, expected: Tensor | None, device: Device) -> str:
    if expected is None:
        return ""
    limit = AGREEMENT_BFLOAT16 if device.autocast else AGREEMENT_FLOAT32
    difference = float((result - expected).abs().max())
    return f"the result differs from the CPU's by {difference * 255:.1f} grey levels" if difference > limit else ""


def decibels(image: Tensor, truth: Tensor) -> float:
    """PSNR over RGB, peak 1."""
    error = float((image.double() - truth.double()).square().mean())
    return float("inf") if error == 0 else -10 * torch.log10(torch.tensor(error)).item()
