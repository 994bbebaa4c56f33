"""What computes an order."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from restore.cli.talk import Talk
from restore.inference.device import Device, Precision, choose_device
from restore.io.decoder import DEFAULT_TIMEOUT_S, Decoder, Here, decoder_for


class Reads:
    """Who reads for one run, begun when first asked; close it, or use it as a context."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._reader: Decoder | Here | None = None

    def __enter__(self) -> Reads:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reader is not None:
            self._reader.close()

    def of(self, count: int) -> Decoder | Here:
        """The reader, for so many photos; for the whole run, once there are several."""
        if self._reader is None or (count > 1 and isinstance(self._reader, Here)):
            self._reader = self._machine.reader(count)
        return self._reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What computes, and within which limits."""

    device: str = "auto"
    threads: int | None = None
    precision: Precision = "auto"
    ensemble: int = 1
    """See :class:`restore.inference.device.Device`."""
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

    def reads(self) -> Reads:
        """Who reads for a run of which nobody knows yet how many photos it has."""
        return Reads(self)

    def chosen(self, talk: Talk) -> Device:
        """The device, ready to work; DeviceError if it is not there. Where others work: what plans here."""
        if self.engine != "local":
            return choose_device("cpu", threads=1, ensemble=self.ensemble)
        device = choose_device(self.device, threads=self.threads, precision=self.precision, ensemble=self.ensemble)
        talk.detail(f"computing on {device.name} ({device.torch}, {device.reason})")
        return device
