"""Is everything here that restoring needs, and does it compute right? Findings, each with what to do."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import torch
from torch import Tensor

from restore.errors import DeviceError, WeightsError
from restore.inference.device import Device, choose_device, usable_cores
from restore.inference.golden import golden_for
from restore.inference.restorer import Restorer
from restore.models.blend import blend, fidelity_path, is_detail
from restore.models.weights import Weights, bundled_weights, read_card, verify_weights

Area = Literal["versions", "formats", "memory", "device", "weights", "golden"]
State = Literal["ok", "note", "fail"]

PACKAGES: Final = ("torch", "numpy", "pillow", "opencv-python", "kornia", "scikit-image", "safetensors", "typer")
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
    """A golden picture through every device: as it must be on the CPU, and the same on all others.

    Detail weights invent, so they need only agree with their input.
    """
    picture = golden_for(weights.card)
    expected: Tensor | None = None
    for device in devices:
        label = f"{weights.card.name} on {device.torch}"
        try:
            result = picture.work(Restorer(weights, device=device))
        except DeviceError as error:
            yield Finding("golden", "fail", f"{label}: {error}", "use --device cpu")
            continue
        problem = picture.fault(result) or _disagreement(result, expected, device, picture.slack)
        expected = result if expected is None else expected
        if problem:
            cure = "reinstall torch and restore" if device.torch.type == "cpu" else "use --device cpu"
            yield Finding("golden", "fail", f"{label}: {problem}", cure)
        else:
            yield Finding("golden", "ok", f"{label}: {picture.words(result)}")


def _disagreement(result: Tensor, expected: Tensor | None, device: Device, slack: float) -> str:
    if expected is None:
        return ""
    limit = slack * (AGREEMENT_BFLOAT16 if device.autocast else AGREEMENT_FLOAT32)
    difference = float((result - expected).abs().max())
    return f"the result differs from the CPU's by {difference * 255:.1f} grey levels" if difference > limit else ""
