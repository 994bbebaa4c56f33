"""A checkpoint file: whole or not at all, and never a pickle of anything but tensors and plain values."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch

from restore.errors import OutputError, TrainingError


def write_checkpoint(path: Path, values: dict[str, Any]) -> None:
    """Write ``values``; the file's former state stays until the new one is whole. OutputError when it cannot be."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        torch.save(values, temporary)
        temporary.replace(path)
    except (OSError, RuntimeError) as error:  # torch tells a full disk as a RuntimeError
        temporary.unlink(missing_ok=True)
        kept = "the one before is whole" if path.exists() else "there is none yet"
        raise OutputError(
            f"{path}: the checkpoint could not be written ({error}); {kept}. Make room and go on with --resume"
        ) from error


def read_checkpoint(path: Path, *, cure: str = "start anew in another folder") -> dict[str, Any]:
    """What was written; TrainingError when there is no such file or it is damaged, which ``cure`` helps against."""
    if not path.is_file():
        raise TrainingError(f"{path}: nothing to resume from; start the run without --resume")
    try:
        values: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{path}: damaged; {cure}") from error
    return values
