"""What the command's exit status says; scripts may rely on it.

>>> exit_code(WeightsError("damaged"))
6
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from restore.errors import (
    ConfigError,
    DeviceError,
    ImageError,
    OutputError,
    PairingError,
    RestoreError,
    TrainingError,
    WeightsError,
)

DONE: Final = 0
"""All done, "nothing needed" included."""
FAULT: Final = 1
"""An unexpected fault: a bug, or the machine."""
WRONG_USE: Final = 2
"""A bad option, no such input, or the output exists."""
SOME_FAILED: Final = 3
"""Some files failed, the rest are written."""
NOTHING_USABLE: Final = 4
"""No usable picture was found."""
DEVICE: Final = 5
"""The device asked for is not there, or memory was not enough even at the smallest tile."""
WEIGHTS: Final = 6
"""Weights are missing, damaged, or for another task."""
STOPPED: Final = 130
"""Stopped with Ctrl-C; whole files only were left."""

_CODES: Final[Mapping[type[RestoreError], int]] = {
    ConfigError: WRONG_USE,
    OutputError: WRONG_USE,
    ImageError: WRONG_USE,
    PairingError: WRONG_USE,
    TrainingError: FAULT,
    DeviceError: DEVICE,
    WeightsError: WEIGHTS,
}


def exit_code(error: RestoreError) -> int:
    """The status for an error that stopped the whole command, not only one file of a batch."""
    return next((code for kind, code in _CODES.items() if isinstance(error, kind)), FAULT)
