"""Which device computes, in which precision, and why."""

from __future__ import annotations

import ctypes
import os
import platform
from dataclasses import dataclass, replace
from functools import cache
from typing import Final, Literal

import torch
from torch import dtype

from restore.errors import ConfigError, DeviceError
from restore.ops.turn import WAYS

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Names of glibc's mallopt(3)."""
_NEVER_TRIM = 2**31 - 1
Precision = Literal["auto", "float32", "bfloat16"]
ENSEMBLES: Final = (1, 2, 4, WAYS)


@dataclass(frozen=True, slots=True)
class Device:
    """A device that is there, and how to compute on it."""

    torch: torch.device
    name: str
    """For people: the model of the GPU or the processor."""
    reason: str
    """Why this device was chosen."""
    autocast: dtype | None
    """Lower precision for the network, or None for float32."""
    ensemble: int = 1
    """In so many ways of lying (1, 2, 4 or 8, see ops.turn) the network sees each picture; the results' mean counts."""

    def called(self, name: str) -> str:
        """What a table calls weights of that name that are used like this."""
        return name if self.ensemble == 1 else f"{name} ensemble {self.ensemble}"


def choose_device(
    name: str = "auto", *, threads: int | None = None, precision: Precision = "auto", ensemble: int = 1
) -> Device:
    """The device called ``name``: auto, cpu, cuda, cuda:1, mps. DeviceError when it is not there.

    On a CPU this also sets the thread count (all cores of the process unless given) and tunes the allocator.
    ``precision`` of the network: auto is float32 on a CPU, so that all computers agree, and bfloat16 on a GPU that has
    it; DeviceError for bfloat16 where it is not computed in hardware, since it would take many times as long.
    ``ensemble``: 1, 2, 4 or 8, see :class:`Device`; ConfigError for another number.
    """
    if ensemble not in ENSEMBLES:
        raise ConfigError(f"an ensemble has 1, 2, 4 or 8 members, got {ensemble}")
    device = replace(_chosen(name, threads), ensemble=ensemble)
    if precision == "auto":
        return device
    if precision == "float32":
        return replace(device, autocast=None)
    if not native_bfloat16(device.torch):
        raise DeviceError(f"{device.name} does not compute bfloat16 in hardware; leave --precision out")
    return replace(device, autocast=torch.bfloat16)


def _chosen(name: str, threads: int | None) -> Device:
    wanted = _automatic() if name == "auto" else name
    reason = "asked for" if name != "auto" else "best that was found"
    kind = wanted.split(":")[0]
    if kind == "cuda":
        return _cuda(wanted, reason)
    if kind == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError("no Apple GPU was found; use --device cpu")
        return Device(torch.device("mps"), "Apple GPU", reason, None)
    if kind != "cpu":
        raise DeviceError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:1 or mps")
    torch.set_num_threads(threads or usable_cores())
    tune_allocator()
    return Device(torch.device("cpu"), platform.processor() or platform.machine(), reason, None)


def usable_cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def tune_allocator() -> bool:
    """Keep freed memory in the process, on glibc: fresh pages cost up to half the time of a CPU tile.

    True when it took effect. Costs a higher resident size between tiles, never a higher peak.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _NEVER_TRIM))


def native_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; on a CPU without it bfloat16 is many times slower."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type != "cpu":
        return False
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:  # noqa: PTH123 - not a file of ours
            flags = file.read()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _automatic() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _cuda(wanted: str, reason: str) -> Device:
    if not torch.cuda.is_available():
        raise DeviceError("no CUDA GPU was found; use --device cpu, or see `restore doctor`")
    try:
        device = torch.device(wanted)
        name = torch.cuda.get_device_name(device)
    except (RuntimeError, AssertionError) as error:
        raise DeviceError(f"no device {wanted!r}; there are {torch.cuda.device_count()} CUDA GPUs") from error
    return Device(device, name, reason, torch.bfloat16 if native_bfloat16(device) else None)
