"""How many processes train together: said by the settings, or by torchrun, which has then started them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from restore.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Processes:
    """Processes that share each batch: ``here`` on each of ``machines``."""

    here: int = 1
    machines: int = 1

    @property
    def count(self) -> int:
        """All of them."""
        return self.here * self.machines


def find_processes(devices: int, batch: int) -> Processes:
    """What torchrun's variables say; without torchrun, ``devices`` processes on this machine.

    ConfigError when the two disagree, when torchrun has not started equally many on each machine, or when ``batch``
    cannot be shared evenly.
    """
    found = Processes(devices)
    if "TORCHELASTIC_RUN_ID" in os.environ:
        here, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
        if devices not in (1, here):
            raise ConfigError(f"--devices {devices}, but torchrun started {here} here; leave --devices out")
        if everywhere % here:
            raise ConfigError(f"torchrun must start equally many processes on each machine, not {here} of {everywhere}")
        found = Processes(here, everywhere // here)
    if batch % found.count:
        raise ConfigError(f"batch {batch} cannot be shared evenly by {found.count} processes")
    return found


def is_first() -> bool:
    """Whether this process speaks for all: it alone writes files and results."""
    return int(os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or 0) == 0
