"""Noise, JPEG damage or blur taken out of one photo at its own size, with all that its file held."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.inference.device import Device
from restore.inference.kinds import with_result
from restore.inference.networks import open_pair
from restore.inference.restorer import Restorer
from restore.inference.translate import weights_name
from restore.inference.upscale import Enlargement, Report
from restore.inference.verbs import NOTHING_FOUND, Fix, nothing_to_do, told
from restore.io.photo import Photo
from restore.models.blend import is_detail, pair_of
from restore.models.weights import Weights, bundled_weights, find_weights
from restore.ops.area import within
from restore.ops.color import luma
from restore.ops.consistency import colour_drift, consistency
from restore.ops.dct import BLOCK_PX
from restore.ops.evidence import unsupported_share
from restore.ops.explain import explained_share
from restore.ops.grain import add_grain, middle_of
from restore.ops.lock import CELL_PX, lock_colour, lock_reach_px
from restore.ops.rows import Empty, copied, row_bands
from restore.ops.strength import with_strength
from restore.ops.tile import Progress, no_progress
from restore.ops.tone import Tone, tone_of
from restore.tasks import BLIND, Condition

TONED: Final = "toned: worked on in gray"
NOTHING_COVERED: Final = "the mask covers 0 %, so nothing is changed"
_SEED_SIDE_PX: Final = 256
"""The seed of the grain depends on every n-th pixel, about so many along each side."""


class Cleaner:
    """Takes noise, JPEG damage and blur out of photos; the network is loaded once and kept.

    ``weights`` is a bundled name or a path instead of the bundled weights of ``size``; ``max_memory`` bounds the bytes
    that the network works in. ``detail`` is how much detail will be asked for, to be opened at once. Raises
    WeightsError, also for weights of another task and where there are no detail weights, ConfigError and DeviceError.
    """

    def __init__(
        self,
        *,
        device: str | Device = "auto",
        size: str = "fast",
        weights: str | Path | None = None,
        max_memory: int | None = None,
        tile: int | None = None,
        detail: float = 0.0,
    ) -> None:
        found = _bundled(size) if weights is None else _own(weights)
        self.name = found.card.name if weights is None else weights_name(found.path)
        self._fidelity = found
        self._restorer = Restorer(found, device=device, max_memory=max_memory, tile=tile)
        self._limits = {"max_memory": max_memory, "tile": tile}
        self._detailed: dict[float, tuple[Restorer, Path]] = {}
        if detail:
            self._with_detail(detail)

    def plan(self, height: int, width: int) -> Enlargement:
        """What will become of a photo of that size."""
        return Enlargement(1.0, (self.name,), height, width, ())

    def reach(self, tone: Tone | None = None) -> int | None:
        """From how far, in pixels, a pixel of :meth:`restored` is made; None: from the whole photo."""
        radius = self._restorer.radius
        locks = 1 if tone is None else 2  # a toned photo is locked as gray and again in its tone
        return None if radius is None else radius + locks * lock_reach_px(self._restorer.task.lock_reach) + BLOCK_PX

    @property
    def grid(self) -> int:
        """Pixels; a part of a photo that begins at multiples of this is restored as it is within the whole."""
        return math.lcm(self._restorer.network.multiple, CELL_PX)

    @torch.no_grad()
    def __call__(
        self,
        photo: Photo,
        fix: Fix | None = None,
        condition: Condition = BLIND,
        *,
        area: Tensor | None = None,
        progress: Progress = no_progress,
    ) -> tuple[Photo, Report]:
        """The photo with less damage, and what was done.

        ``condition`` says what is known; the rest is judged, see :func:`told`. ``area`` (1,1,H,W) in [0,1] is how much
        each pixel is worked on: where it is 0, the result equals the photo to the bit. A gray photo stays gray; one
        that is toned keeps its tone. ``progress`` is told the share that is done, 0 to 1. Raises ConfigError for an
        area of another size, DeviceError when memory does not suffice.
        """
        started = time.perf_counter()
        fix = fix or Fix()
        source = photo.pixels[None]
        if area is not None and area.shape != (1, 1, *source.shape[-2:]):
            raise ConfigError(f"an area for {photo.width}x{photo.height} pixels has {tuple(area.shape)}")
        covered = None if area is None else float(area.double().mean())
        tone = None if photo.gray else tone_of(source)
        condition = told(photo, fix.verb, condition).rounded()
        notes: list[str] = []
        if covered == 0:
            notes.append(NOTHING_COVERED)
        elif nothing_to_do(fix.verb, condition):
            notes.append(NOTHING_FOUND[fix.verb])
        elif tone is not None:
            notes.append(TONED)
        idle = covered == 0 or fix.strength == 0 or nothing_to_do(fix.verb, condition)
        if idle:
            result = photo.with_pixels(copied(photo.pixels, self._restorer.empty), photo.alpha)
        else:
            restored = self.restored(source, condition, tone, progress, detail=fix.detail)
            pixels = with_strength(restored, source, fix.strength)
            result = with_result(photo, pixels)
        if fix.grain and covered != 0:
            seed = seed_of(photo) if fix.seed is None else fix.seed
            removed = None if idle else middle_of(source) - middle_of(result.pixels[None])
            result = grained(result, fix.grain, seed, like=removed, empty=self._restorer.empty)
        if area is not None:
            result = replace(result, pixels=within(area, result.pixels[None], source)[0])
        explained = _explained(result, photo, condition, gray=photo.gray or tone is not None)
        report = Report(
            task=fix.verb or self._restorer.task.name,
            factor=1.0,
            weights=() if idle else (self.name,),
            source_height=photo.height,
            source_width=photo.width,
            height=photo.height,
            width=photo.width,
            consistency_db=consistency(result.pixels[None], source),
            drift=colour_drift(result.pixels[None], source),
            seconds=time.perf_counter() - started,
            notes=(*photo.notes, *notes),
            condition=condition,
            strength=fix.strength,
            explained=None if fix.grain else explained,
            unsupported_share=unsupported_share(source, result.pixels[None]),
            covered=covered,
            grain=fix.grain,
            grain_seed=fix.seed if fix.grain else None,
            detail=0.0 if idle else fix.detail,
            files=() if idle else self._files(fix.detail),
            ensemble=1 if idle else self._restorer.device.ensemble,
        )
        return result, report

    @torch.no_grad()
    def restored(
        self,
        source: Tensor,
        condition: Condition,
        tone: Tone | None = None,
        progress: Progress = no_progress,
        *,
        detail: float = 0.0,
    ) -> Tensor:
        """(1,3,H,W) in [0,1] out of the network, at full strength and not clipped; a tensor of its own.

        Of a toned photo its brightness alone goes in, and its tone is put back. ``detail`` is 0 to 100. DeviceError and
        WeightsError as above.
        """
        restorer = self._with_detail(detail)[0] if detail else self._restorer
        if tone is None:
            return restorer.restore(source, condition, progress=progress)
        gray = self._restorer.empty(tuple(source.shape))
        for rows in row_bands(*source.shape[-2:]):
            gray[..., rows, :] = luma(source[..., rows, :])
        restored = restorer.restore(gray, condition, progress=progress)
        return lock_colour(tone.colour(restored, in_place=True), source, self._restorer.task.lock_reach)

    def _with_detail(self, detail: float) -> tuple[Restorer, Path]:
        """The blend with so much detail, opened once and kept, and the file of the detail weights."""
        if detail not in self._detailed:
            pair = pair_of(self._fidelity)
            restorer = open_pair(pair, detail, self._restorer.device, **self._limits)
            assert pair.detail is not None
            self._detailed[detail] = restorer, pair.detail.path
        return self._detailed[detail]

    def _files(self, detail: float) -> tuple[Path, ...]:
        return (self._fidelity.path, *([self._with_detail(detail)[1]] if detail else []))


def grained(photo: Photo, grain: float, seed: int, *, like: Tensor | None = None, empty: Empty = torch.empty) -> Photo:
    """The photo with gray grain of so many grey levels, see :func:`restore.ops.grain.add_grain`."""
    rng = torch.Generator().manual_seed(seed)
    return with_result(photo, add_grain(copied(photo.pixels[None], empty), grain, rng, like=like, empty=empty))


def seed_of(photo: Photo) -> int:
    """A number that depends on the picture alone, for its grain."""
    step = max(1, max(photo.height, photo.width) // _SEED_SIDE_PX)
    numbers = (photo.pixels[:, ::step, ::step] * 65535).round().to(torch.int32).contiguous().numpy()
    return int.from_bytes(hashlib.sha256(numbers.tobytes()).digest()[:7], "big")


def _explained(result: Photo, photo: Photo, condition: Condition, *, gray: bool) -> float | None:
    """The share of the change that the damage explains; None while a part of the damage is unknown."""
    if condition.noise is None or condition.jpeg is None or condition.blur is None:
        return None
    return explained_share(
        result.pixels[None],
        photo.pixels[None],
        noise=condition.noise,
        jpeg=condition.jpeg,
        kernel=condition.kernel(),
        gray=gray,
    )


def _bundled(size: str) -> Weights:
    """The bundled clean weights of a size."""
    for weights in bundled_weights():
        if weights.card.task == "clean" and weights.card.size == size and not is_detail(weights.card):
            return weights
    raise WeightsError(
        f"this version of restore brings no clean weights of size {size!r}, and denoise, dejpeg and deblur need some; "
        "give them with --weights FILE (`restore train clean` makes them), or update restore"
    )


def _own(weights: str | Path) -> Weights:
    """The one network that was named."""
    found = find_weights(weights)
    if found.card.task != "clean":
        raise WeightsError(
            f"{weights}: these weights are for {found.card.task!r}, not for clean; apply them with "
            f"`restore run PHOTO --model {weights}`"
        )
    return found
