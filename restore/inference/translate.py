"""One photo turned into another kind of picture by somebody's own network, with all that its file held."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import torch

from restore.errors import WeightsError
from restore.inference.device import Device
from restore.inference.restorer import Restorer
from restore.inference.upscale import Enlargement, Report
from restore.io.photo import Photo
from restore.models.weights import find_weights
from restore.ops.tile import Progress, no_progress

USUAL_STEM: Final = "weights"
"""Every training run calls its file so; it then goes by the name of its folder."""


class Translator:
    """Turns photos into what its network has learnt to make of them; their size stays.

    ``weights`` is a path; ``max_memory`` bounds the bytes that the network works in. Raises WeightsError, also for
    weights of a task that is not to translate, and DeviceError.
    """

    def __init__(
        self,
        weights: str | Path,
        *,
        device: str | Device = "auto",
        max_memory: int | None = None,
        tile: int | None = None,
    ) -> None:
        found = find_weights(weights)
        if found.card.task != "translate":
            raise WeightsError(f"{weights}: these weights are for {found.card.task!r}, not for translate")
        self.name = weights_name(found.path)
        self._file = found.path
        self._restorer = Restorer(found, device=device, max_memory=max_memory, tile=tile)

    def plan(self, height: int, width: int) -> Enlargement:
        """What will become of a photo of that size."""
        return Enlargement(1.0, (self.name,), height, width, ())

    @torch.no_grad()
    def __call__(self, photo: Photo, progress: Progress = no_progress) -> tuple[Photo, Report]:
        """The translated photo, and what was done.

        A gray photo may get colours; depth, transparency and metadata stay. ``progress`` is told the share that is
        done, 0 to 1. DeviceError when memory does not suffice.
        """
        started = time.perf_counter()
        pixels = self._restorer.restore(photo.pixels[None], progress=progress)
        result = self._restorer.finished(photo, pixels)
        report = Report(
            task=self._restorer.task.name,
            factor=1.0,
            weights=(self.name,),
            source_height=photo.height,
            source_width=photo.width,
            height=result.height,
            width=result.width,
            consistency_db=None,
            drift=None,
            seconds=time.perf_counter() - started,
            notes=photo.notes,
            files=(self._file,),
            ensemble=self._restorer.device.ensemble,
        )
        return result, report


def weights_name(path: Path) -> str:
    """What a weights file is called: by its own name, or by its folder's while it has the one that training gives it.

    >>> weights_name(Path("nets/sketch.safetensors")), weights_name(Path("run-sketch/weights.safetensors"))
    ('sketch', 'run-sketch')
    """
    return (path.stem == USUAL_STEM and path.resolve().parent.name) or path.stem
