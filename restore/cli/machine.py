"""What computes an order."""

from __future__ import annotations

from dataclasses import dataclass

from restore.cli.talk import Talk
from restore.inference.device import Device, Precision, choose_device
from restore.io.decoder import DEFAULT_TIMEOUT_S, Decoder, Here, decoder_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What computes, and within which limits."""

    device: str = "auto"
    threads: int | None = None
    precision: Precision = "auto"
    max_memory: int | None = None
    max_megapixels: float
    timeout_s: float | None = DEFAULT_TIMEOUT_S
    apart: bool = False
    """Whether even a single photo is read by a process of its own, see :func:`restore.io.decoder.decoder_for`."""
    tile: int | None = None
    weights: tuple[str, ...] = ()
    """Names or files to use instead of bundled weights."""
    size: str = "fast"
    engine: str = "local"
    """Who does the photos: this process, or the workers of a cluster (``cli.far``)."""
    ray_address: str | None = None

    def reader(self, count: int) -> Decoder | Here:
        """Who reads so many photos."""
        return decoder_for(count, self.timeout_s, apart=self.apart, max_memory=self.max_memory)

    def chosen(self, talk: Talk) -> Device:
        """The device, ready to work; DeviceError if it is not there. Where others work: what plans here."""
        if self.engine != "local":
            return choose_device("cpu", threads=1)
        device = choose_device(self.device, threads=self.threads, precision=self.precision)
        talk.detail(f"computing on {device.name} ({device.torch}, {device.reason})")
        return device
