"""Where an old photo is damaged: scratches, dust, hairs, creases, cracks, mould, tears, as a mask."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import ConfigError
from restore.inference.device import Device
from restore.inference.fill_mask import MOST_PX, mask_picture
from restore.inference.own_weights import weights_for
from restore.inference.restorer import Restorer
from restore.inference.translate import weights_name
from restore.inference.upscale import Enlargement, Report
from restore.io.photo import Photo
from restore.models.weights import Weights
from restore.ops.hole import grown, held
from restore.ops.prefill import prefill
from restore.ops.resize import resize
from restore.ops.tile import Progress, no_progress

TASK: Final = "scratch"
DEFAULT_SENSITIVITY: Final = 50.0
MOST_SENSITIVITY: Final = 100.0
DEFAULT_GROWTH_PX: Final = 2
"""The soft edge of a defect belongs to it, and a network that fills is not to go by it."""
NOTHING_FOUND: Final = "nothing found"
_LOGITS_PER_STEP: Final = 0.08
"""Sensitivity 50 is a probability of one half, 0 one of 0.982, and 100 one of 0.018."""
_SURER_LOGITS: Final = 1.4
"""By so much surer (0.80 at sensitivity 50) the network has to be of one pixel at least of each mark: what it takes for
damage by mistake, eyes and the corners of mouths among it, it is seldom sure of anywhere."""
_LARGE_MEGAPIXELS: Final = 2.0
"""A larger scan is also looked at in half of its size, and one of over four times as much in a quarter: the networks
have learnt from defects that are a few pixels wide, and a scratch of 600 dpi has ten."""
_LEVELS: Final = 3
_CORE_PX: Final = 1024
"""Tiles larger than usual: the network looks so far that small ones would mostly be surroundings."""
_TILE_BYTES: Final = 700 * 1024**2
"""Such tiles fit into this much."""
_SEEN: Final = 0.5
"""What is more transparent than this is no part of the photo."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How readily something counts as damage, and how far the mask reaches beyond it. ConfigError: out of range."""

    sensitivity: float = DEFAULT_SENSITIVITY
    """0: only what is certain; 100: all that might be."""
    grow: int = DEFAULT_GROWTH_PX
    """Pixels."""

    def __post_init__(self) -> None:
        if not 0 <= self.sensitivity <= MOST_SENSITIVITY:
            raise ConfigError(f"sensitivity is a number from 0 to {MOST_SENSITIVITY:g}, got {self.sensitivity:g}")
        if not 0 <= self.grow <= MOST_PX:
            raise ConfigError(f"a mask is grown by 0 to {MOST_PX} pixels, got {self.grow}")

    @property
    def threshold(self) -> float:
        """The probability from which a pixel counts.

        >>> Search().threshold, round(Search(sensitivity=100).threshold, 3)
        (0.5, 0.018)
        """
        return self._probability(0.0)

    @property
    def sure(self) -> float:
        """The probability that the surest pixel of a mark must have.

        >>> round(Search().sure, 2)
        0.8
        """
        return self._probability(_SURER_LOGITS)

    def _probability(self, more: float) -> float:
        logit = (DEFAULT_SENSITIVITY - self.sensitivity) * _LOGITS_PER_STEP + more
        return float(torch.tensor(logit, dtype=torch.float64).sigmoid())


class Detector:
    """Finds damage in photos; the network is loaded once and kept.

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
        found = detecting_weights(size, weights)
        self.files = (found.path,)
        self.name = found.card.name if weights is None else weights_name(found.path)
        core = _CORE_PX if tile is None and (max_memory or _TILE_BYTES) >= _TILE_BYTES else tile
        self._restorer = Restorer(found, device=device, max_memory=max_memory, tile=core)

    def plan(self, height: int, width: int) -> Enlargement:
        """What will become of a photo of that size: a mask of the same size."""
        return Enlargement(1.0, (self.name,), height, width, ())

    @torch.no_grad()
    def probability(self, photo: Photo, *, progress: Progress = no_progress) -> Tensor:
        """(1,1,H,W) float32 in [0,1]: how sure it is that a pixel is damaged; 0 where the photo is transparent.

        A large photo is looked at in smaller sizes too, and the surest answer counts. DeviceError when memory does not
        suffice.
        """
        image = photo.pixels[None].clamp(0, 1)
        unseen = None if photo.alpha is None else (photo.alpha < _SEEN)[None, None]
        if unseen is not None:
            image = prefill(image, unseen.to(image))  # what lies under transparency has edges of its own
        levels = levels_of(photo.height, photo.width)
        work, done = sum(4.0**-level for level in range(levels)), 0.0
        found: Tensor | None = None
        for level in range(levels):
            own = 4.0**-level

            def watch(share: float, before: float = done, part: float = own) -> None:
                progress((before + share * part) / work)

            logits = self._restorer.restore(_halved(image, level), progress=watch)
            if level:
                logits = F.interpolate(logits, size=image.shape[-2:], mode="bilinear", align_corners=False)
            found = logits if found is None else torch.maximum(found, logits, out=found)
            done += own
        assert found is not None
        found.sigmoid_()
        return found if unseen is None else found.masked_fill_(unseen, 0.0)

    def mask(self, photo: Photo, search: Search | None = None, *, progress: Progress = no_progress) -> Tensor:
        """(1,1,H,W) float32 of 0 and 1: 1 within ``search.grow`` pixels of damage. However small: dust is small."""
        wanted = search or Search()
        probability = self.probability(photo, progress=progress)
        return grown(held(probability > wanted.threshold, probability > wanted.sure), wanted.grow)

    def __call__(
        self,
        photo: Photo,
        search: Search | None = None,
        *,
        own: Tensor | None = None,
        progress: Progress = no_progress,
    ) -> tuple[Photo, Report]:
        """The mask as a gray photo, white where there is damage, and what was found.

        ``own`` (1,1,H,W): what a person has marked already; from half on it is damage too.
        """
        started = time.perf_counter()
        mask = self.mask(photo, search, progress=progress)
        found = float(mask.double().mean())
        if own is not None:
            mask = torch.maximum(mask, (own >= 0.5).to(mask))
        report = Report(
            task="mask",
            factor=1.0,
            weights=(self.name,),
            source_height=photo.height,
            source_width=photo.width,
            height=photo.height,
            width=photo.width,
            consistency_db=None,
            drift=None,
            seconds=time.perf_counter() - started,
            notes=(*photo.notes, *([] if found else [NOTHING_FOUND])),
            covered=float(mask.double().mean()),
            files=self.files,
        )
        return mask_picture(mask), report


def levels_of(height: int, width: int) -> int:
    """How many sizes a photo is looked at in: its own, and halves of it while it is large.

    >>> levels_of(1000, 1500), levels_of(2000, 3000), levels_of(6000, 9000)
    (1, 2, 3)
    """
    levels, megapixels = 1, height * width / 1e6
    while megapixels > _LARGE_MEGAPIXELS and levels < _LEVELS:
        levels, megapixels = levels + 1, megapixels / 4
    return levels


def _halved(image: Tensor, times: int) -> Tensor:
    if not times:
        return image
    height, width = (max(1, round(side / 2**times)) for side in image.shape[-2:])
    return resize(image, height, width).clamp(0, 1)


def detecting_weights(size: str, own: str | Path | None) -> Weights:
    """The scratch weights that were named, or the bundled ones of a size; WeightsError, see :func:`weights_for`."""
    return weights_for(
        TASK,
        size,
        own,
        need="finding damage",
        wrong="and find no damage; give some that `restore train scratch` has made",
    )
