"""Which photo of which shard a step sees: arithmetic and a seed, no state.

A batch has slots. A slot stays with one photo for some steps and cuts a new patch from it in each; slots change photos
in turn, so that decoding is even work. Slots are dealt to *lanes*, and a lane walks through shards of its own, photo by
photo in a drawn order. A shard lasts for a fixed number of photos: if it holds fewer, some come twice; if more,
some wait for the next pass, which draws another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from restore.datasets.loader import step_seed

_CUT_STREAM, _PHOTO_STREAM, _SHARD_STREAM = 3, 4, 5
"""Purposes of randomness; the lower ones belong to the loader of folders and to the training step."""
MOST_LANES: Final = 8
"""Shards that are mixed in a batch, and the number of processes up to which no shard is read by two."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a slot is: at the ``patch``-th patch of the ``photo``-th photo of the ``visit``-th opening of a shard."""

    lane: int
    visit: int
    photo: int
    period: int
    """How often the slot has changed photos."""
    patch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The order of a whole run."""

    seed: int
    batch: int
    shard_count: int
    per_photo: int
    """Patches cut from a photo before the next one is decoded."""
    per_shard: int
    """Photos taken from a shard before the next one is opened."""

    @property
    def lanes(self) -> int:
        """How many shards are open at a time."""
        return min(MOST_LANES, self.batch, self.shard_count)

    def place(self, slot: int, step: int) -> Place:
        """Where ``slot`` of the batch is at ``step``.

        >>> course = Course(seed=0, batch=2, shard_count=2, per_photo=2, per_shard=2)
        >>> [course.place(0, step).visit for step in range(8)]  # the other lane has the visits 1, 3, 5
        [0, 0, 0, 2, 2, 2, 2, 4]
        """
        # Slot 0 changes first, so the photos of a lane are asked for in rising order.
        period, patch = divmod(step + self.per_photo - 1 - slot * self.per_photo // self.batch, self.per_photo)
        lane = slot % self.lanes
        width = len(range(lane, self.batch, self.lanes))
        head_start = lane * self.per_shard // self.lanes  # so that lanes change shards one after another
        turn, photo = divmod(period * width + slot // self.lanes + head_start, self.per_shard)
        return Place(lane, turn * self.lanes + lane, photo, period, patch)

    def shard(self, visit: int) -> int:
        """Number of the shard that is opened as the ``visit``-th: each once in a drawn order, then in another."""
        passed, place = divmod(visit, self.shard_count)
        return int(self._drawn(_SHARD_STREAM, passed, self.shard_count)[place])

    def photo(self, visit: int, number: int, total: int) -> int:
        """Which of a shard's ``total`` photos is its ``number``-th at that visit."""
        return int(self._drawn(_PHOTO_STREAM, visit, total)[number % total])

    def cuts(self, slot: int, period: int) -> np.random.Generator:
        """Draws the patches that a slot takes from one photo."""
        return np.random.default_rng(step_seed(self.seed, period, _CUT_STREAM, slot))

    def _drawn(self, stream: int, number: int, size: int) -> np.ndarray:
        return np.random.default_rng(step_seed(self.seed, number, stream)).permutation(size)
