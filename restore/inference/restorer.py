"""Weights that are loaded once and restore any number of photos."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.inference.device import Device, choose_device
from restore.inference.inspect import condition_of
from restore.inference.kinds import as_photo, like, with_result
from restore.io.convert import PilImage
from restore.io.photo import Photo
from restore.models.unet import UNet
from restore.models.weights import Card, Weights, find_weights, load_network
from restore.ops.lock import lock_colour
from restore.ops.pad import pad_to_multiple
from restore.ops.tile import Progress, no_progress, run_tiled
from restore.tasks import BLIND, Condition

_DEFAULT_MEMORY = 1024**3
"""Bytes that the tiles may take when nobody says otherwise."""
_LIVE_COPIES = 8
"""Feature maps of the first level that are alive at once, with room for the convolution's own workspace."""
_LARGEST_CORE = 512
_SMALLEST_CORE = 32


Kept = TypeVar("Kept", str, Path, bytes, "np.ndarray[Any, Any]", PilImage, Photo)


class Restorer:
    """One network on one device: photos in, restored photos out; tensors with :meth:`restore`.

    ``weights`` is a bundled name or a path; ``max_memory`` bounds the bytes of the working tiles (the photo and the
    result stay in host memory and come on top); ``tile`` overrides the tile's core in input pixels.
    Raises WeightsError and DeviceError.
    """

    def __init__(
        self,
        weights: str | Path | Weights = "upscale-x4",
        *,
        device: str | Device = "auto",
        max_memory: int | None = None,
        tile: int | None = None,
    ) -> None:
        found = weights if isinstance(weights, Weights) else find_weights(weights)
        chosen = device if isinstance(device, Device) else choose_device(device)
        self._set(load_network(found, chosen.torch), found.card, chosen, max_memory, tile)

    @classmethod
    def of_network(cls, network: UNet, card: Card, device: Device) -> Restorer:
        """A restorer around a network in memory, as training validates it."""
        restorer = cls.__new__(cls)
        restorer._set(network, card, device, None, None)
        return restorer

    def _set(self, network: UNet, card: Card, device: Device, max_memory: int | None, tile: int | None) -> None:
        if tile is not None and tile < 1:
            raise ConfigError(f"a tile must have at least one pixel, got {tile}")
        self.network = network
        self.card = card
        self.device = device
        self.scale = network.config.scale
        self.core = tile or core_for(network, max_memory or _DEFAULT_MEMORY)

    def restore(self, image: Tensor, condition: Condition = BLIND, *, progress: Progress = no_progress) -> Tensor:
        """Restore (1,3,H,W) float32 in [0,1], any size; gives (1,3,scale*H,scale*W) on the host, not clipped.

        ``condition`` says what is known to be wrong with the picture. Broad colours are those of the input, exactly.
        ``progress`` is told the share that is done, 0 to 1. DeviceError when memory does not suffice.
        """
        height, width = image.shape[-2:]
        maps = condition.maps().to(self.device.torch)

        def run(tile: Tensor) -> Tensor:
            tile = tile.to(self.device.torch, memory_format=torch.channels_last)
            with torch.autocast(
                self.device.torch.type, dtype=self.device.autocast, enabled=self.device.autocast is not None
            ):
                result: Tensor = self.network(tile, maps)
            return result

        network = self.network
        with torch.no_grad():
            result = run_tiled(
                pad_to_multiple(image, network.multiple),
                run,
                scale=self.scale,
                core=self.core,
                overlap=network.radius,
                multiple=network.multiple,
                progress=progress,
            )
            return lock_colour(result[..., : self.scale * height, : self.scale * width], image)

    def __call__(self, photo: Kept, *, condition: Condition | None = None) -> Kept | PilImage:
        """Restore a photo and give back the same kind of thing: see :func:`restore.upscale` for the kinds.

        ``condition`` None: measured, see :func:`restore.inference.inspect.condition_of`.
        """
        opened = as_photo(photo)
        pixels = self.restore(opened.pixels[None], condition_of(opened) if condition is None else condition)
        return cast("Kept | PilImage", like(photo, with_result(opened, pixels)))


def core_for(network: UNet, max_memory: int) -> int:
    """Side of a tile's core, in input pixels, so that the whole tile's feature maps take about ``max_memory`` bytes."""
    config = network.config
    channels = _LIVE_COPIES * config.widths[0] / config.stem**2 + 4 * 3 * config.scale**2
    side = math.isqrt(int(max_memory / (channels * torch.float32.itemsize))) - 2 * network.radius
    return min(max(side, _SMALLEST_CORE), _LARGEST_CORE)
