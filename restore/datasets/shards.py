"""Tar shards to batches: for sets of photos that outgrow a disk.

What a step sees follows from the seed, the step and the shards alone (datasets.course): a run goes on where it stopped
by opening a few shards, and any number of processes shares the same batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from threading import Event
from typing import Final

import numpy as np
import torch
from torch import Tensor

from restore.datasets.align import align_pair
from restore.datasets.archive import Member, Sample, Shard, open_shard
from restore.datasets.course import Course, Place
from restore.datasets.fetch import find_files
from restore.datasets.loader import Patches
from restore.datasets.patch import Cut, cut, draw_spot, halved, to_bytes
from restore.errors import ImageError, PairingError
from restore.io.read import read_photo

_PER_PHOTO: Final = 8
"""Patches cut from a decoded photo: decoding costs more than learning from one patch."""
_DECODERS, _FETCHERS = 2, 4
"""Threads."""
_IN_A_ROW: Final = 20
"""So many photos one after another that cannot be decoded are no accident."""


@dataclass(frozen=True, slots=True)
class Files:
    """The contents of a photo's file and, in a paired set, of its damaged partner's."""

    hq: bytes
    lq: bytes | None


class ShardLoader:
    """Random crops, flips and quarter turns of photos in tar shards.

    ``pattern`` is a path or URL with ``{000..012}`` for many. The first shard is checked at once (errors as
    archive.open_shard), the others when they are opened. Up to ``held_count`` photos of the first one, and at most a
    tenth of all, are kept from training. A remote shard lies in the temporary folder while it is used: up to two for
    each of course.MOST_LANES lanes. ``align``, ``half_size_chance`` and ``turns`` as loader.PatchLoader.
    """

    def __init__(
        self,
        pattern: str,
        *,
        scale: int,
        patch_px: int,
        batch: int,
        seed: int,
        held_count: int = 0,
        align: bool = False,
        half_size_chance: float = 0.0,
        turns: bool = True,
    ) -> None:
        self.names: Final = find_files(pattern)
        self._scale = scale
        self._patch = patch_px
        self._align = align
        self._half_chance = half_size_chance
        self._turns = turns
        self._skipped: dict[str, None] = {}
        first = self._open(0, Event())
        total = len(first.samples)
        held = min(held_count, total * len(self.names) // 10, total // 2)
        self.held_out: Final = [
            Files(first.read(sample.hq), None if sample.lq is None else first.read(sample.lq))
            for sample in first.samples[:held]
        ]
        """Photos that are not trained on: the first ones of the first shard."""
        self.paired: Final = first.paired
        """Whether the shards hold pairs; each must hold the same kind."""
        self.photo_count: Final = (total - held) * len(self.names)
        """An estimate: as if every shard held as many as the first."""
        self._course = Course(
            seed=seed, batch=batch, shard_count=len(self.names), per_photo=_PER_PHOTO, per_shard=total
        )

    @property
    def skipped(self) -> list[str]:
        """What could not be used so far, each photo with its shard and the reason; grows during a stream."""
        return list(self._skipped)

    def stream(self, first: int, *, rank: int = 0, ranks: int = 1) -> Generator[Patches]:
        """Patches of step ``first``, ``first`` + 1, ... for ever: the part of process ``rank`` of ``ranks``.

        Photos are fetched and decoded some steps ahead. Errors as archive.open_shard; PairingError also when some
        shards hold pairs and some do not, or when many photos in a row cannot be decoded.
        """
        slots = range(self._course.batch)[rank::ranks]
        feed = _Feed(self._course, self._open, self._cut)
        try:
            ahead = deque([[feed.patch(slot, first + step) for slot in slots] for step in range(_PER_PHOTO)])
            for step in count(first + _PER_PHOTO):
                cuts = [cuts.result()[number] for cuts, number in ahead.popleft()]
                yield _stacked(cuts)
                ahead.append([feed.patch(slot, step) for slot in slots])
        finally:
            feed.close()

    def _open(self, number: int, stop: Event) -> Shard:
        shard = open_shard(self.names[number], scale=self._scale, patch_px=self._patch, stop=stop)
        self._skipped.update(dict.fromkeys(shard.skipped))
        return shard

    def _cut(self, shard: Shard, slot: int, place: Place) -> list[Cut]:
        """All patches that ``slot`` takes from the photo at ``place``, or from the next one that can be decoded."""
        if shard.paired != self.paired:
            here, there = ("pairs", "good photos") if shard.paired else ("good photos", "pairs")
            raise PairingError(f"{shard.name}: holds {here}, but {self.names[0]} holds {there}; train on one kind")
        samples = shard.samples[len(self.held_out) if shard.name == self.names[0] else 0 :]
        for number in range(place.photo, place.photo + _IN_A_ROW):
            sample = samples[self._course.photo(place.visit, number, len(samples))]
            try:
                hq, lq = self._pixels(shard, sample)
            except ImageError as error:
                self._skipped[str(error)] = None
                continue
            return self._patches(hq, lq, self._course.cuts(slot, place.period))
        raise PairingError(f"{shard.name}: {_IN_A_ROW} photos in a row cannot be decoded; make or copy it anew")

    def _pixels(self, shard: Shard, sample: Sample) -> tuple[np.ndarray, np.ndarray | None]:
        hq = _read(shard, sample.hq)
        if sample.lq is None:
            return to_bytes(hq), None
        lq = _read(shard, sample.lq)
        if self._align:
            lq, hq = align_pair(lq, hq, least_px=self._patch)
        return to_bytes(hq), to_bytes(lq)

    def _patches(self, hq: np.ndarray, lq: np.ndarray | None, rng: np.random.Generator) -> list[Cut]:
        half = halved(hq) if self._half_chance and lq is None and min(hq.shape[:2]) >= 2 * self._patch else hq
        sources = [half if rng.random() < self._half_chance else hq for _ in range(_PER_PHOTO)]
        spots = ((source, draw_spot(rng, turns=self._turns)) for source in sources)
        return [cut(source, lq, spot, patch_px=self._patch, scale=self._scale) for source, spot in spots]


class _Feed:
    """What is on its way to one process: shards being fetched, photos being decoded."""

    def __init__(
        self, course: Course, open_: Callable[[int, Event], Shard], cut: Callable[[Shard, int, Place], list[Cut]]
    ) -> None:
        self._course = course
        self._open = open_
        self._cut = cut
        self._stop = Event()
        self._fetchers = ThreadPoolExecutor(_FETCHERS)
        self._decoders = ThreadPoolExecutor(_DECODERS)
        self._wanted: dict[int, list[int]] = {}
        self._shards: dict[int, Future[Shard]] = {}
        self._photos: dict[int, tuple[int, Future[list[Cut]]]] = {}

    def patch(self, slot: int, step: int) -> tuple[Future[list[Cut]], int]:
        """All patches of the photo that ``slot`` is at, to be waited for, and which of them is that of ``step``."""
        place = self._course.place(slot, step)
        period, cuts = self._photos.get(slot, (None, None))
        if cuts is None or period != place.period:
            shard = self._shard(place)
            cuts = self._decoders.submit(lambda: self._cut(shard.result(), slot, place))
            self._photos[slot] = place.period, cuts
        return cuts, place.patch

    def close(self) -> None:
        """Let everything on its way go."""
        self._stop.set()
        self._fetchers.shutdown(cancel_futures=True)
        self._decoders.shutdown(cancel_futures=True)

    def _shard(self, place: Place) -> Future[Shard]:
        """The shard at ``place``; half-way through it the lane's next one is sent for, and past ones are let go."""
        course = self._course
        halfway = 2 * place.photo >= course.per_shard
        visits = (place.visit, place.visit + course.lanes) if halfway else (place.visit,)
        self._wanted[place.lane] = [course.shard(visit) for visit in visits]
        wanted = [number for numbers in self._wanted.values() for number in numbers]
        for number in self._shards.keys() - set(wanted):
            del self._shards[number]  # its file is closed once the last photo is decoded
        for number in wanted:
            if number not in self._shards:
                self._shards[number] = self._fetchers.submit(self._open, number, self._stop)
        return self._shards[self._wanted[place.lane][0]]


def _read(shard: Shard, member: Member) -> Tensor:
    """(1,3,H,W) in [0,1]; ImageError names the shard and the photo."""
    try:
        return read_photo(shard.read(member)).pixels[None]
    except ImageError as error:
        raise ImageError(f"{shard.name}/{member.name}: {str(error).removeprefix('<bytes>: ')}") from error


def _stacked(cuts: Sequence[Cut]) -> Patches:
    hq = torch.from_numpy(np.stack([cut[0] for cut in cuts])).permute(0, 3, 1, 2).contiguous()
    low = [cut[1] for cut in cuts if cut[1] is not None]
    return Patches(hq, torch.from_numpy(np.stack(low)).permute(0, 3, 1, 2).contiguous() if low else None)
