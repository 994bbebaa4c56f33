"""Holes in one photo filled, and every other pixel left exactly as it is."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.inference.clean import NOTHING_COVERED, TONED, seed_of
from restore.inference.device import Device
from restore.inference.fill_mask import MOST_PX
from restore.inference.own_weights import weights_for
from restore.inference.restorer import Restorer
from restore.inference.translate import weights_name
from restore.inference.upscale import Enlargement, Report
from restore.io.photo import Photo
from restore.models.weights import Weights
from restore.ops.color import luma
from restore.ops.crops import Crop, crops_around
from restore.ops.hole import faded
from restore.ops.prefill import prefill
from restore.ops.regrain import check_share
from restore.ops.regrain import regrain as with_grain
from restore.ops.tile import Progress, no_progress
from restore.ops.tone import Tone, tone_of

TASK: Final = "inpaint"
CONTEXT_PX: Final = (64, 128)
"""Pixels seen around a hole, at least and at most: at least for the smooth filling that the network starts from; at
most since little is felt from further off, and networks learn on patches that end about as near to their holes."""
DEFAULT_REGRAIN: Final = 25.0
"""Percent of the surroundings' fine variance that fillings are brought up to: half of its strength, which is where the
eye, and LPIPS, stop to see a smooth patch; PSNR counts all grain as error."""
_GRAIN_CONTEXT_PX: Final = 64
MOSTLY: Final = 0.5
"""Where more than this share is covered, the mask is rather of the other polarity."""


class Filler:
    """Fills holes in photos; the network is loaded once and kept.

    ``weights`` is a bundled name or a path instead of the bundled weights of ``size``; ``max_memory`` bounds the bytes
    of the working tiles. Raises WeightsError, also for weights of another task, ConfigError and DeviceError.
    """

    def __init__(
        self,
        *,
        device: str | Device = "auto",
        size: str = "fast",
        weights: str | Path | None = None,
        max_memory: int | None = None,
        tile: int | None = None,
    ) -> None:
        found = filling_weights(size, weights)
        self._file = found.path
        self.name = found.card.name if weights is None else weights_name(found.path)
        self._restorer = Restorer(found, device=device, max_memory=max_memory, tile=tile)

    def plan(self, height: int, width: int) -> Enlargement:
        """What will become of a photo of that size."""
        return Enlargement(1.0, (self.name,), height, width, ())

    @torch.no_grad()
    def __call__(
        self,
        photo: Photo,
        mask: Tensor,
        *,
        feather: int = 0,
        regrain: float = DEFAULT_REGRAIN,
        opaque: bool = False,
        doubt: str = "",
        progress: Progress = no_progress,
    ) -> tuple[Photo, Report]:
        """The photo with its holes filled, and what was done.

        ``mask`` (1,1,H,W) is 1 where to fill and 0 elsewhere (in between, half and more is filled); where it is 0 the
        result equals the photo to the bit. ``feather``: over so many pixels from its border inwards a hole goes over
        from the smooth continuation of what surrounds it to what the network paints. ``regrain``, 0 to 100: how much of
        the grain around them fillings get, see :func:`restore.ops.regrain.regrain`. ``opaque``: the result has no
        transparency. ``doubt`` is added to the note that more than half is covered. A gray photo stays gray; one that
        is toned keeps its tone. ``progress`` is told the share that is done, 0 to 1. Raises ConfigError for a mask of
        another size or one that leaves nothing, DeviceError when memory does not suffice.
        """
        started = time.perf_counter()
        hole = _checked(mask, photo, feather)
        covered = float(hole.double().mean())
        pixels = photo.pixels[None].clone()
        notes = []
        if covered == 0:
            notes.append(NOTHING_COVERED)
        elif covered > MOSTLY:
            notes.append("; ".join([f"the mask covers {covered:.0%} of the photo", *([doubt] if doubt else [])]))
        if covered:
            if self._fill(pixels, hole, feather, gray=photo.gray, progress=progress):
                notes.append(TONED)
            give_grain(pixels, hole, regrain, seed_of(photo))
        see_through = photo.alpha is not None and bool((photo.alpha < 1).any())
        untouched = covered == 0 and not (opaque and see_through)
        report = Report(
            task=TASK,
            factor=1.0,
            weights=(self.name,) if covered else (),
            source_height=photo.height,
            source_width=photo.width,
            height=photo.height,
            width=photo.width,
            consistency_db=math.inf if untouched else None,
            drift=0.0 if untouched else None,
            seconds=time.perf_counter() - started,
            notes=(*photo.notes, *notes),
            covered=covered,
            regrain=regrain if covered else None,
            files=(self._file,) if covered else (),
            ensemble=self._restorer.device.ensemble,
        )
        alpha = None if photo.alpha is None or opaque else photo.alpha.clone()
        return photo.with_pixels(pixels[0], alpha), report

    def _fill(self, pixels: Tensor, hole: Tensor, feather: int, *, gray: bool, progress: Progress) -> bool:
        """Fill the holes of (1,3,H,W) in place; whether the photo is toned, and was worked on as such."""
        network = self._restorer.network
        least, most = CONTEXT_PX
        context = max(min(max(network.radius or 0, least), most), feather + 1)
        crops = crops_around(hole, context, network.multiple, largest_px=self._restorer.tile_px)
        for crop in crops:
            _keep(pixels, hole, crop, prefill(crop.of(pixels), crop.of(hole)))
        tone = None if gray else tone_of(pixels)
        low, high = min(0.0, float(pixels.min())), max(1.0, float(pixels.max()))
        smooth = pixels.clone() if len(crops) > 1 else pixels  # each crop is to see the others as they were before
        work, done = sum(crop.area for crop in crops), 0
        for crop in crops:
            start, part = crop.of(smooth), crop.of(hole)

            def watch(share: float, before: int = done, area: int = crop.area) -> None:
                progress((before + share * area) / work)

            filled = self._painted(start, part, tone, gray=gray, progress=watch).clamp_(low, high)
            _keep(pixels, hole, crop, torch.lerp(start, filled, faded(part, feather)) if feather else filled)
            done += crop.area
        return tone is not None

    def _painted(self, smooth: Tensor, hole: Tensor, tone: Tone | None, *, gray: bool, progress: Progress) -> Tensor:
        """(1,3,h,w) out of the network; of a toned photo its brightness alone goes in, and its tone is put back."""
        if tone is None:
            filled = self._restorer.fill(smooth, hole, progress=progress)
            return filled.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1).contiguous() if gray else filled
        brightness = luma(smooth).expand(-1, 3, -1, -1).contiguous()
        filled = self._restorer.fill(brightness, hole, progress=progress)
        return tone.colour(filled.mean(dim=1, keepdim=True))


def give_grain(pixels: Tensor, hole: Tensor, percent: float, seed: int) -> None:
    """Give the filled holes of (1,3,H,W), 1 in ``hole`` (1,1,H,W), grain like that around them, in place.

    ``percent``, 0 to 100, as for :class:`Filler`. What is drawn for a hole depends on ``seed`` and on its place, not on
    other holes far from it. Other pixels stay to the bit. ConfigError for a percentage out of range.
    """
    if check_share(percent) == 0:
        return
    low, high = min(0.0, float(pixels.min())), max(1.0, float(pixels.max()))
    smooth = pixels.clone()
    for crop in crops_around(hole, _GRAIN_CONTEXT_PX):
        rng = torch.Generator().manual_seed((seed + 1_000_003 * crop.top + 97 * crop.left) % (1 << 63))
        grainy = with_grain(crop.of(smooth), crop.of(hole), percent / 100, rng)
        _keep(pixels, hole, crop, grainy.clamp_(low, high))


def _keep(pixels: Tensor, hole: Tensor, crop: Crop, filled: Tensor) -> None:
    """Put ``filled``, of the size of the crop, into those holes of ``pixels`` that are the crop's own."""
    target = crop.of(pixels)
    target.copy_(torch.where(crop.own(hole), filled, target))


def _checked(mask: Tensor, photo: Photo, feather: int) -> Tensor:
    """The mask as 0 and 1; ConfigError for what cannot be filled."""
    if mask.shape != (1, 1, photo.height, photo.width):
        raise ConfigError(f"a mask for {photo.width}x{photo.height} pixels has {tuple(mask.shape)}")
    if not 0 <= feather <= MOST_PX:
        raise ConfigError(f"a hole's border is faded over 0 to {MOST_PX} pixels, got {feather}")
    hole = (mask >= 0.5).to(torch.float32)
    if bool(hole.all()):
        raise ConfigError(
            f"{photo.name}: the mask covers all of it, so there is nothing to go by; white is filled, black is kept"
        )
    return hole


def filling_weights(size: str, own: str | Path | None) -> Weights:
    """The inpaint weights that were named, or the bundled ones of a size; WeightsError, see :func:`weights_for`."""
    return weights_for(
        TASK,
        size,
        own,
        need=TASK,
        wrong=f"not for {TASK}; apply them with `restore run PHOTO --model {own}`",
    )
