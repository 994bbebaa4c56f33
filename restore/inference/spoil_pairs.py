"""Learnt damage on good photos: pairs to train on."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from restore.datasets.folders import PAIR_FOLDERS, photos_in
from restore.datasets.loader import step_seed
from restore.errors import ConfigError, OutputError, RestoreError, WeightsError
from restore.inference.device import Device, choose_device
from restore.inference.restorer import core_for
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.models.unet import UNet
from restore.models.weights import find_weights, load_network
from restore.ops.pad import pad_to_multiple
from restore.ops.random_maps import RANDOM_MAPS, random_maps
from restore.ops.resize import resize
from restore.ops.tile import run_tiled

DAMAGE_TASK: Final = "damage"
"""The task on the card of weights that spoil. No row of the task table: nobody restores with them."""
_GIGABYTE: Final = 1024**3


class Spoiler:
    """Puts damage on photos as it was learnt by ``restore train-unpaired``; loaded once, used for any number.

    ``weights`` is the path of a ``damage.safetensors``; ``max_memory`` bounds the bytes that the network works in, and
    ``tile`` overrides the tile's core in pixels. Raises WeightsError, also for other weights, and DeviceError.
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
        if found.card.task != DAMAGE_TASK:
            raise WeightsError(
                f"{weights}: these weights are for {found.card.task!r}, not for damage; "
                "name the damage.safetensors of a run of restore train-unpaired"
            )
        self.device = device if isinstance(device, Device) else choose_device(device)
        network = load_network(found, self.device.torch)
        shape = network.config
        if not isinstance(network, UNet) or shape.condition_channels != RANDOM_MAPS or shape.scale != 1:
            raise WeightsError(f"{weights}: made for another version of restore; train the damage again")
        self._network = network
        self._core = tile or core_for(network, max_memory or _GIGABYTE)

    @torch.no_grad()
    def __call__(self, image: Tensor, seed: int) -> Tensor:
        """(1,3,H,W) in [0,1], any size, spoiled: the same size on the host, in [0,1]. All chance is in ``seed``."""
        height, width = image.shape[-2:]
        maps = random_maps(1, height, width, torch.Generator().manual_seed(seed))
        network = self._network

        def run(tile: Tensor) -> Tensor:
            tile = tile.to(self.device.torch, memory_format=torch.channels_last)
            result: Tensor = network(tile[:, :3], tile[:, 3:])
            return result

        both = pad_to_multiple(torch.cat([image, maps], dim=1), network.multiple)
        spoilt = run_tiled(both, run, scale=1, core=self._core, overlap=network.radius, multiple=network.multiple)
        return spoilt[..., :height, :width].clamp(0, 1)


@dataclass(frozen=True, slots=True)
class PairJob:
    """A good photo, and the two files that will be made of it."""

    name: str
    """Its place in its folder, without suffix."""
    source: Path
    lq: Path
    hq: Path


def plan_pairs(good: Path, output: Path, *, overwrite: bool = False) -> list[PairJob]:
    """What will be written for every photo of a folder: ``output``/lq and ``output``/hq, PNG files of the same name.

    PairingError: no such folder, or no photos. OutputError: two photos that differ by their suffix alone, an output
    folder within the one that is read, or files that are there already, without ``overwrite``.
    """
    photos = photos_in(good)
    if good.resolve() in (output.resolve(), *output.resolve().parents):
        raise OutputError(f"{output}: lies within {good}, which is read from; choose another folder with -o")
    jobs: dict[Path, PairJob] = {}
    for photo in photos:
        name = photo.relative_to(good).with_suffix(".png")
        if name in jobs:
            raise OutputError(f"{photo} and {jobs[name].source} would become one pair; rename one of them")
        lq, hq = (output / folder / name for folder in PAIR_FOLDERS)
        jobs[name] = PairJob(name.with_suffix("").as_posix(), photo, lq, hq)
    there = [path for job in jobs.values() for path in (job.lq, job.hq) if path.exists()]
    if there and not overwrite:
        raise OutputError(f"{there[0]}: exists already; add --overwrite to replace pairs, or choose another folder")
    return list(jobs.values())


def make_pairs(
    jobs: Sequence[PairJob], spoiler: Spoiler, *, scale: int = 1, seed: int = 0
) -> Iterator[tuple[PairJob, RestoreError | None]]:
    """Write the pairs, both sides as 8-bit PNG; tells each job as it is done, with the error if there is no pair.

    With ``scale`` the good photo is shrunk before it is damaged, for training an upscaler; what does not divide is cut
    off. A pair is written whole or not at all. The damage of a photo depends on ``seed`` and the photo's name alone.
    """
    if scale < 1:
        raise ConfigError(f"the scale must be at least 1, got {scale}")
    for job in jobs:
        try:
            good = read_photo(job.source).pixels[None].clamp(0, 1)
            height, width = (side // scale for side in good.shape[-2:])
            if min(height, width) < 1:
                raise ConfigError(f"{job.source}: too small for scale {scale}; leave it out")
            good = good[..., : height * scale, : width * scale]
            small = resize(good, height, width).clamp(0, 1) if scale > 1 else good
            lq = spoiler(small, step_seed(seed, zlib.crc32(job.name.encode())))
            _write_both(job, lq, good)
        except RestoreError as error:
            yield job, error
        else:
            yield job, None


def _write_both(job: PairJob, lq: Tensor, hq: Tensor) -> None:
    done = False
    try:
        for path, image in ((job.hq, hq), (job.lq, lq)):
            array = image[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
            write_photo(photo_from_array(array), path, WriteOptions(overwrite=True))
        done = True
    finally:
        if not done:
            job.hq.unlink(missing_ok=True)
            job.lq.unlink(missing_ok=True)
