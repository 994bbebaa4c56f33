"""Weights that are loaded once and restore any number of photos."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from restore.errors import ConfigError, DeviceError, WeightsError
from restore.inference.device import Device, choose_device
from restore.inference.inspect import condition_of
from restore.inference.kinds import as_photo, like, with_result
from restore.io.convert import PilImage
from restore.io.mapped import planes_for
from restore.io.photo import Photo
from restore.models.build import Network
from restore.models.pix2pix import Pix2Pix
from restore.models.weights import Card, Weights, find_weights, load_network
from restore.ops.deconvolve import REACH_PX, deconvolve, inverses_for
from restore.ops.lock import lock_colour
from restore.ops.pad import mirror_pad, pad_to_multiple
from restore.ops.quantised import keep_to_steps
from restore.ops.tile import Progress, no_progress, ran_out_of_memory, run_tiled
from restore.ops.turn import turned, turned_back
from restore.tasks import BLIND, MASK_CHANNELS, TASKS, Condition, condition_maps, find_task

_GIGABYTE = 1024**3
_DEFAULT_MEMORY = _GIGABYTE
"""Bytes that the tiles may take when nobody says otherwise; and a picture that cannot be cut into tiles."""
_LIVE_COPIES = 8
"""Feature maps of the first level that are alive at once, with room for the convolution's own workspace."""
_USUAL_CORE = 512
_FAR_MEMORY = 208 * 1024**2
"""What surrounds a core is computed and thrown away: where a network looks far, larger cores are less work in all, so
that tiles may grow until they take this much. A core of 512 for all cost `scratch` twice the work. A JPEG of 12
megapixels stays below 1.5 GB with this, see docs/engines.md."""
_SMALLEST_CORE = 32


Kept = TypeVar("Kept", str, Path, bytes, "np.ndarray[Any, Any]", PilImage, Photo)


class Restorer:
    """One network on one device: photos in, restored photos out; tensors with :meth:`restore`.

    ``weights`` is a bundled name or a path; ``max_memory`` bounds the bytes of the working tiles (the photo and the
    result come on top; a large result is kept in a file then, see :mod:`restore.io.mapped`); ``tile`` overrides the
    tile's core in input pixels. A network that looks at the whole picture is never given tiles: a picture for which
    ``max_memory`` is too little is refused. Raises WeightsError and DeviceError.
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
    def of_network(
        cls, network: Network, card: Card, device: Device, *, max_memory: int | None = None, tile: int | None = None
    ) -> Restorer:
        """A restorer around a network in memory: one that is being trained, or a blend of two."""
        restorer = cls.__new__(cls)
        restorer._set(network, card, device, max_memory, tile)
        return restorer

    def _set(self, network: Network, card: Card, device: Device, max_memory: int | None, tile: int | None) -> None:
        if tile is not None and tile < 1:
            raise ConfigError(f"a tile must have at least one pixel, got {tile}")
        if card.task not in TASKS:
            known = ", ".join(TASKS)
            raise WeightsError(f"{card.name}: weights for the task {card.task!r}; this restore knows {known}")
        self.network = network
        self.card = card
        self.task = find_task(card.task)
        self.device = device
        self.scale = network.config.scale
        self.max_memory = max_memory or _DEFAULT_MEMORY
        self._planes = planes_for(max_memory)
        self.core = tile or core_for(network, self.max_memory)

    def restore(self, image: Tensor, condition: Condition = BLIND, *, progress: Progress = no_progress) -> Tensor:
        """Restore (1,3,H,W) float32 in [0,1], any size; gives (1,3,scale*H,scale*W) on the host, not clipped.

        ``condition`` says what is known to be wrong with the picture. Where the task is to restore, broad colours are
        those of the input, exactly; where nothing but JPEG is known to be wrong, the result could have become the input
        as a JPEG (ops.quantised). ``progress`` is told the share that is done, 0 to 1. DeviceError when memory does
        not suffice.
        """
        height, width = image.shape[-2:]
        network = self.network
        maps = condition_maps(condition, network.config.condition_channels)

        filters = self._filters(condition)

        def run(tile: Tensor) -> Tensor:
            tile = tile.to(self.device.torch)
            return self._through(tile if filters is None else deconvolve(tile, filters), maps)

        frame = 0 if filters is None else -(-REACH_PX // network.multiple) * network.multiple
        with torch.no_grad():
            if isinstance(network, Pix2Pix):
                padded = pad_to_multiple(mirror_pad(image, *(frame,) * 4), network.multiple)
                result = self._whole(padded, run)
                first, height, width = (self.scale * pixels for pixels in (frame, height, width))
                result = result[..., first : first + height, first : first + width]
                progress(1.0)
            else:
                result = run_tiled(
                    image,
                    run,
                    scale=self.scale,
                    core=self.core,
                    overlap=network.radius + (0 if filters is None else REACH_PX),
                    multiple=network.multiple,
                    frame=frame,
                    empty=self.empty,
                    progress=progress,
                )
            if not self.task.faithful:
                return result
            result = lock_colour(result, image, self.task.lock_reach)
            steps = condition.steps() if self.scale == 1 else None
            return result if steps is None else keep_to_steps(result, image, steps)

    def fill(self, prefilled: Tensor, mask: Tensor, *, progress: Progress = no_progress) -> Tensor:
        """Paint the holes of ``prefilled`` (1,3,H,W) float32, which is where ``mask`` (1,1,H,W) is 1.

        Gives (1,3,H,W) on the host. Where the mask is 0 it is the picture to the bit; in the holes it is not clipped.
        Tiles without a hole in sight never reach the network. Raises WeightsError for a network that fills no holes,
        DeviceError when memory does not suffice.
        """
        height, width = prefilled.shape[-2:]
        network = self.network
        if not self.task.masked or isinstance(network, Pix2Pix):
            raise WeightsError(f"{self.card.name}: these weights are for {self.card.task!r}, and fill no holes")

        def run(tile: Tensor) -> Tensor:
            image, hole = tile[:, :3], tile[:, 3:]
            return self._through(image, hole) if bool(hole.any()) else image

        result = run_tiled(
            pad_to_multiple(torch.cat([prefilled, mask.to(prefilled)], dim=1), network.multiple),
            run,
            scale=1,
            core=max(height, width) if height * width <= self.tile_px else self.core,
            overlap=network.radius,
            multiple=network.multiple,
            progress=progress,
        )
        return torch.where(mask != 0, result[..., :height, :width], prefilled)

    def empty(self, shape: tuple[int, ...]) -> Tensor:
        """Room for float32 numbers on the host, in a file where a picture of that size does not fit into the memory."""
        return torch.from_numpy(self._planes(shape))

    @property
    def radius(self) -> int | None:
        """How far, in pixels, a pixel of the result looks at most; None: over the whole photo."""
        own = self.network.radius
        return own if own is None or not self.card.deconvolves else own + REACH_PX

    def _filters(self, condition: Condition) -> Tensor | None:
        """(1,65,65) on the device: what undoes the blur before the network sees the photo; None where nothing does."""
        kernel = condition.kernel()
        if kernel is None or not self.card.deconvolves:
            return None
        told = (condition.noise, condition.jpeg)
        noise, quality = (torch.tensor([math.nan if known is None else known]) for known in told)
        return inverses_for(kernel, noise, quality).to(self.device.torch)

    @property
    def tile_px(self) -> int:
        """Pixels of a whole tile with what surrounds its core: so much goes through the network at once."""
        return (self.core + 2 * (self.network.radius or 0)) ** 2

    def _through(self, image: Tensor, maps: Tensor) -> Tensor:
        """(1,3,H,W) through the network, with condition maps of its size or of one pixel; the result stays there."""
        members = self.device.ensemble
        if members == 1:
            return self._once(image, maps)
        result = self._once(image, maps).float()
        for way in range(1, members):
            result += turned_back(self._once(turned(image, way), turned(maps, way)), way)
        return result / members

    def _once(self, image: Tensor, maps: Tensor) -> Tensor:
        device = self.device
        image = image.to(device.torch, memory_format=torch.channels_last)
        with (
            torch.no_grad(),
            torch.autocast(device.torch.type, dtype=device.autocast, enabled=device.autocast is not None),
        ):
            result: Tensor = self.network(image, maps.to(device.torch))
        return result

    def _whole(self, image: Tensor, run: Callable[[Tensor], Tensor]) -> Tensor:
        """(1,3,H,W) in one piece, on the host; DeviceError when that takes more memory than there may be."""
        height, width = image.shape[-2:]
        need = height * width * _bytes_per_pixel(self.network)
        if need > self.max_memory:
            raise DeviceError(
                f"the network looks at the whole picture at once, which takes {_gigabytes(need)} for "
                f"{width}x{height} pixels, and {_gigabytes(self.max_memory)} are allowed; shrink the picture first, or "
                f"allow more with --max-memory {math.ceil(need / _GIGABYTE)}G"
            )
        try:
            return run(image).float().cpu()
        except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError, as is the CPU's
            if not ran_out_of_memory(error):
                raise
            raise DeviceError(
                f"not enough memory for {width}x{height} pixels in one piece; shrink the picture first, "
                "close other programs, or use --device cpu"
            ) from error

    def __call__(self, photo: Kept, *, condition: Condition | None = None) -> Kept | PilImage:
        """Restore a photo and give back the same kind of thing: see :func:`restore.upscale` for the kinds.

        ``condition`` None: measured, see :func:`restore.inference.inspect.condition_of`.
        """
        opened = as_photo(photo)
        if condition is None:
            condition = condition_of(opened) if self.task.condition_channels else BLIND
        pixels = self.restore(opened.pixels[None], condition)
        return cast("Kept | PilImage", like(photo, self.finished(opened, pixels)))

    def finished(self, photo: Photo, pixels: Tensor) -> Photo:
        """``photo`` with what :meth:`restore` made of it (taken over); gray stays gray where the task is to restore."""
        return with_result(_coloured(photo) if photo.gray and not self.task.faithful else photo, pixels)


def _coloured(photo: Photo) -> Photo:
    """A gray photo as one that may hold colours; a profile for gray could not describe them, and is left out."""
    return replace(photo, gray=False, mode="RGB", icc=None)


def core_for(network: Network, max_memory: int) -> int:
    """Side of a tile's core, in input pixels, so that the whole tile's feature maps take about ``max_memory`` bytes.

    A network that fills holes gets no more than the usual core: it works on crops, which are cut by the size of a tile.
    """
    side = math.isqrt(int(max_memory / _bytes_per_pixel(network))) - 2 * (network.radius or 0)
    fills = network.config.condition_channels == MASK_CHANNELS
    far = 0 if fills else math.isqrt(int(_FAR_MEMORY / _bytes_per_pixel(network))) - 2 * (network.radius or 0)
    return min(max(side, _SMALLEST_CORE), max(_USUAL_CORE, far))


def _bytes_per_pixel(network: Network) -> float:
    """Bytes that work on one input pixel takes."""
    if isinstance(network, Pix2Pix):
        return _LIVE_COPIES * network.config.width / 4 * torch.float32.itemsize  # its first level has half the size
    config = network.config
    return (_LIVE_COPIES * config.widths[0] / config.stem**2 + 4 * 3 * config.scale**2) * torch.float32.itemsize


def _gigabytes(count: float) -> str:
    return f"{count / _GIGABYTE:.2g} GB"
