"""Two folders that do not match, to batches of patches from each."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor

from restore.datasets.folders import copies_among, good_photos
from restore.datasets.loader import PhotoCache, step_seed
from restore.datasets.patch import Spot, cut, draw_spot
from restore.errors import PairingError

_SHOWN: Final = 20
"""Problems listed by name in one message."""
_MIRRORED: Final = 4
"""The turn of a spot that is a mirror image, upright as before."""


@dataclass(frozen=True, slots=True)
class UnpairedPatches:
    """Cut-outs of one step, (B,3,P,P) uint8; those of ``damaged`` show other things than those of ``good``."""

    damaged: Tensor
    good: Tensor


def unpaired_photos(damaged: Path, good: Path, *, patch_px: int) -> tuple[list[Path], list[Path]]:
    """The damaged photos and the good ones.

    PairingError: no folder, nothing in it, unreadable or too small photos; one folder within the other; or a photo in
    both, on which damage could be told by heart.
    """
    ends = damaged.resolve(), good.resolve()
    if ends[0] == ends[1] or ends[0] in ends[1].parents or ends[1] in ends[0].parents:
        same = "one and the same folder" if ends[0] == ends[1] else "one within the other"
        raise PairingError(f"{damaged} and {good} are {same}; put damaged and good photos into two folders")
    sides = [[example.hq for example in good_photos(folder, patch_px=patch_px)] for folder in (damaged, good)]
    spoilt, whole = (set(side) for side in sides)
    both = [group for group in copies_among([*sides[0], *sides[1]]) if spoilt & set(group) and whole & set(group)]
    if both:
        shown = "\n".join(f"  {' = '.join(map(str, group))}" for group in both[:_SHOWN])
        raise PairingError(
            f"{len(both)} photo{'s are' if len(both) > 1 else ' is'} in both folders; take them out of one:\n{shown}"
        )
    return sides[0], sides[1]


class UnpairedLoader:
    """Random crops from both folders, some of them mirrored; the same for the same seed and step.

    Nothing is turned: damage may have a direction, like the scratches that a projector leaves.
    """

    def __init__(
        self, damaged: Sequence[Path], good: Sequence[Path], *, patch_px: int, batch: int, seed: int, cache_bytes: float
    ) -> None:
        self._sides = (damaged, good)
        self._patch = patch_px
        self._batch = batch
        self._seed = seed
        self._cache = PhotoCache(cache_bytes)

    def batch(self, step: int) -> UnpairedPatches:
        """The patches of ``step``."""
        rng = np.random.default_rng(step_seed(self._seed, step))
        damaged, good = (self._patches(side, rng) for side in self._sides)
        return UnpairedPatches(damaged, good)

    def stream(self, first: int) -> Generator[UnpairedPatches]:
        """Patches of ``first``, ``first`` + 1, ... for ever; the next step is cut while this one is computed."""
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.batch, first)
            step = first
            while True:
                ready = waiting.result()
                step += 1
                waiting = pool.submit(self.batch, step)
                yield ready

    def _patches(self, photos: Sequence[Path], rng: np.random.Generator) -> Tensor:
        cuts = []
        for _ in range(self._batch):
            photo = photos[int(rng.integers(len(photos)))]
            spot = draw_spot(rng)
            upright = Spot(spot.down, spot.right, spot.turn & _MIRRORED)
            cuts.append(cut(self._cache.get(photo), None, upright, patch_px=self._patch, scale=1)[0])
        return torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2).contiguous()
