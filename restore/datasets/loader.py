"""Folders to batches. A batch depends on the seed and the step alone, so a resumed run sees what it would have seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from restore.datasets.align import align_pair
from restore.datasets.folders import Example
from restore.datasets.patch import Cut, Spot, cut, draw_spot, halved, to_bytes
from restore.io.read import read_photo

_Kind = Literal["whole", "half", "pair"]


@dataclass(frozen=True, slots=True)
class Patches:
    """Cut-outs of one step: ``hq`` (B,3,P,P) and, for paired data, ``lq`` (B,3,P/scale,P/scale); uint8."""

    hq: Tensor
    lq: Tensor | None


def step_seed(seed: int, step: int, *stream: int) -> int:
    """One number for a seed, a step and a purpose; different triples give unrelated numbers."""
    return int(np.random.SeedSequence([seed, step, *stream]).generate_state(1, np.uint64)[0] >> 1)


class PhotoCache:
    """Decoded photos as (H,W,3) uint8 arrays, the most recently used kept up to a number of bytes."""

    def __init__(self, limit_bytes: float) -> None:
        self._limit = limit_bytes
        self._held = 0
        self._photos: OrderedDict[tuple[_Kind, Path], tuple[np.ndarray, ...]] = OrderedDict()

    def get(self, path: Path) -> np.ndarray:
        """The photo's pixels; ImageError when the file cannot be read."""
        return self._kept("whole", path, lambda: (to_bytes(read_photo(path).pixels[None]),))[0]

    def half(self, path: Path) -> np.ndarray:
        """The photo at half its size; see patch.halved."""
        return self._kept("half", path, lambda: (halved(self.get(path)),))[0]

    def aligned(self, hq: Path, lq: Path, *, least_px: int) -> tuple[np.ndarray, np.ndarray]:
        """The good and the damaged photo of a pair, put in place; see align.align_pair."""

        def read() -> tuple[np.ndarray, ...]:
            damaged, good = align_pair(read_photo(lq).pixels[None], read_photo(hq).pixels[None], least_px=least_px)
            return to_bytes(good), to_bytes(damaged)

        good, damaged = self._kept("pair", hq, read)
        return good, damaged

    def _kept(self, kind: _Kind, path: Path, make: Callable[[], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
        if (kind, path) in self._photos:
            self._photos.move_to_end((kind, path))
            return self._photos[kind, path]
        made = make()
        self._photos[kind, path] = made
        self._held += _size(made)
        while self._held > self._limit and len(self._photos) > 1:
            _, dropped = self._photos.popitem(last=False)
            self._held -= _size(dropped)
        return made


class PatchLoader:
    """Random crops, flips and quarter turns of examples, the same for the same seed and step.

    With ``align`` a damaged photo is put in place on its partner first. Of good photos alone, the share
    ``half_size_chance`` of the patches is cut from a copy of half the size, where that is as large as a patch. Without
    ``turns`` patches stay upright and are only mirrored.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        scale: int,
        patch_px: int,
        batch: int,
        seed: int,
        cache_bytes: float,
        align: bool = False,
        half_size_chance: float = 0.0,
        turns: bool = True,
    ) -> None:
        self._examples = examples
        self._scale = scale
        self._patch = patch_px
        self._batch = batch
        self._seed = seed
        self._align = align
        self._half_chance = half_size_chance
        self._turns = turns
        self._cache = PhotoCache(cache_bytes)

    @property
    def skipped(self) -> list[str]:
        """Nothing: folders are examined before the first step, and what cannot be used is an error there."""
        return []

    def batch(self, step: int, *, rank: int = 0, ranks: int = 1) -> Patches:
        """The patches of ``step`` that fall to process ``rank`` of ``ranks``."""
        rng = np.random.default_rng(step_seed(self._seed, step))
        draws = [self._draw(rng) for _ in range(self._batch)][rank::ranks]
        cuts = [self._cut(*draw) for draw in draws]
        hq = torch.from_numpy(np.stack([good for good, _ in cuts]))
        low = [damaged for _, damaged in cuts if damaged is not None]
        lq = torch.from_numpy(np.stack(low)).permute(0, 3, 1, 2).contiguous() if low else None
        return Patches(hq.permute(0, 3, 1, 2).contiguous(), lq)

    def stream(self, first: int, *, rank: int = 0, ranks: int = 1) -> Generator[Patches]:
        """Patches of ``first``, ``first`` + 1, ... for ever; the next step is cut while this one is computed."""
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self.batch, first, rank=rank, ranks=ranks)
            step = first
            while True:
                ready = waiting.result()
                step += 1
                waiting = pool.submit(self.batch, step, rank=rank, ranks=ranks)
                yield ready

    def _draw(self, rng: np.random.Generator) -> tuple[Example, Spot, bool]:
        example = self._examples[int(rng.integers(len(self._examples)))]
        spot = draw_spot(rng, turns=self._turns)
        # Without a chance nothing is drawn, so that runs of old repeat to the bit.
        return example, spot, self._half_chance > 0 and rng.random() < self._half_chance

    def _cut(self, example: Example, spot: Spot, half: bool) -> Cut:
        hq, lq = self._pixels(example, half=half)
        return cut(hq, lq, spot, patch_px=self._patch, scale=self._scale)

    def _pixels(self, example: Example, *, half: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """What to cut from: the good photo, or its half-size copy, and the damaged one if there is one."""
        if example.lq is not None:
            if self._align:
                return self._cache.aligned(example.hq, example.lq, least_px=self._patch)
            return self._cache.get(example.hq), self._cache.get(example.lq)
        if half and min((small := self._cache.half(example.hq)).shape[:2]) >= self._patch:
            return small, None
        return self._cache.get(example.hq), None


def _size(arrays: tuple[np.ndarray, ...]) -> int:
    return sum(array.nbytes for array in arrays)
