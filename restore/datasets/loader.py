"""Folders to batches. A batch depends on the seed and the step alone, so a resumed run sees what it would have seen."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore.datasets.folders import Example
from restore.io.read import read_photo


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
        self._photos: OrderedDict[Path, np.ndarray] = OrderedDict()

    def get(self, path: Path) -> np.ndarray:
        """The photo's pixels; ImageError when the file cannot be read."""
        if path in self._photos:
            self._photos.move_to_end(path)
            return self._photos[path]
        pixels = read_photo(path).pixels
        array = pixels.mul(255).add(0.5).clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
        self._photos[path] = array
        self._held += array.nbytes
        while self._held > self._limit and len(self._photos) > 1:
            _, dropped = self._photos.popitem(last=False)
            self._held -= dropped.nbytes
        return array


class PatchLoader:
    """Random crops, flips and quarter turns of examples, the same for the same seed and step."""

    def __init__(
        self, examples: Sequence[Example], *, scale: int, patch_px: int, batch: int, seed: int, cache_bytes: float
    ) -> None:
        self._examples = examples
        self._scale = scale
        self._patch = patch_px
        self._batch = batch
        self._seed = seed
        self._cache = PhotoCache(cache_bytes)

    def batch(self, step: int, *, rank: int = 0, ranks: int = 1) -> Patches:
        """The patches of ``step`` that fall to process ``rank`` of ``ranks``."""
        rng = np.random.default_rng(step_seed(self._seed, step))
        draws = [self._draw(rng) for _ in range(self._batch)][rank::ranks]
        cuts = [self._cut(*draw) for draw in draws]
        hq = torch.from_numpy(np.stack([cut[0] for cut in cuts]))
        low = [cut[1] for cut in cuts if cut[1] is not None]
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

    def _draw(self, rng: np.random.Generator) -> tuple[Example, float, float, int]:
        example = self._examples[int(rng.integers(len(self._examples)))]
        return example, rng.random(), rng.random(), int(rng.integers(8))

    def _cut(self, example: Example, down: float, right: float, turn: int) -> tuple[np.ndarray, np.ndarray | None]:
        hq = self._cache.get(example.hq)
        scale, side = self._scale, self._patch // self._scale
        top = int(down * (hq.shape[0] // scale - side + 1))
        left = int(right * (hq.shape[1] // scale - side + 1))
        lq = None
        if example.lq is not None:
            lq = _turned(self._cache.get(example.lq)[top : top + side, left : left + side], turn)
        top, left = top * scale, left * scale
        return _turned(hq[top : top + self._patch, left : left + self._patch], turn), lq


def _turned(patch: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight flips and quarter turns of a square (P,P,C) patch."""
    if turn & 4:
        patch = patch[:, ::-1]
    return np.ascontiguousarray(np.rot90(patch, turn & 3))
