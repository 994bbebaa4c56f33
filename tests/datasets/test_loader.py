"""Batches: the same for the same seed and step, aligned in pairs, shared out among processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restore.datasets.folders import Example
from restore.datasets.loader import PatchLoader, PhotoCache
from restore.datasets.synthetic import Damage, spoil
from restore.errors import ImageError
from restore.ops.degrade import to_8_bits
from restore.ops.resize import resize


@pytest.fixture
def pair(tmp_path: Path) -> Example:
    rng = np.random.default_rng(5)
    small = rng.integers(0, 255, (40, 56, 3), dtype=np.uint8)
    Image.fromarray(small).save(tmp_path / "lq.png")
    Image.fromarray(small.repeat(2, 0).repeat(2, 1)).save(tmp_path / "hq.png")
    return Example(tmp_path / "hq.png", tmp_path / "lq.png")


def loader(example: Example, batch: int = 6, seed: int = 1) -> PatchLoader:
    return PatchLoader([example], scale=2, patch_px=32, batch=batch, seed=seed, cache_bytes=1e6)


def test_a_step_gives_the_same_patches_whenever_it_is_asked_for(pair: Example) -> None:
    first = loader(pair)
    stream = loader(pair).stream(3)
    for step in (3, 4, 5):
        expected, streamed = first.batch(step), next(stream)
        assert torch.equal(expected.hq, streamed.hq)
    stream.close()
    assert not torch.equal(first.batch(3).hq, first.batch(4).hq)
    assert not torch.equal(first.batch(3).hq, loader(pair, seed=2).batch(3).hq)


def test_crops_flips_and_turns_keep_a_pair_aligned(pair: Example) -> None:
    patches = loader(pair, batch=40).batch(0)
    assert patches.lq is not None
    assert torch.equal(patches.hq, patches.lq.repeat_interleave(2, -1).repeat_interleave(2, -2))
    assert len({patch.numpy().tobytes() for patch in patches.lq}) > 30


def test_processes_share_a_batch_without_overlap_or_loss(pair: Example) -> None:
    whole = loader(pair).batch(7).hq
    parts = [loader(pair).batch(7, rank=rank, ranks=2).hq for rank in (0, 1)]
    assert torch.equal(torch.stack(parts, 1).flatten(0, 1), whole)


def test_the_cache_forgets_the_oldest_photo_first_and_stays_small(tmp_path: Path) -> None:
    paths = []
    for number in range(4):
        paths.append(tmp_path / f"{number}.png")
        Image.fromarray(np.full((10, 10, 3), number * 9, dtype=np.uint8)).save(paths[-1])
    cache = PhotoCache(2 * 300)
    for path in paths:
        cache.get(path)
    for path in paths[:2]:
        path.unlink()
    assert int(cache.get(paths[3])[0, 0, 0]) == 27
    with pytest.raises(ImageError, match=r"0\.png"):
        cache.get(paths[0])


DAMAGE = Damage(scale=2, clean_chance=0.5, hidden_chance=0.3, noise_max=25, jpeg_min=30)


def test_a_clean_patch_is_only_shrunk_and_its_condition_says_so() -> None:
    hq = torch.rand(64, 3, 32, 32)
    lq, condition = spoil(hq, DAMAGE, torch.Generator().manual_seed(0))
    shrunk = to_8_bits(resize(hq, 16, 16))
    clean = torch.tensor([bool(torch.equal(a, b)) for a, b in zip(lq, shrunk, strict=True)])
    assert 0.35 < clean.float().mean() < 0.8
    assert (condition[clean][:, [0, 2]] == 0).all()
    known_damage = condition[~clean][:, [0, 2]].flatten(1).amax(1)
    assert (known_damage > 0).float().mean() > 0.5


def test_a_hidden_condition_tells_nothing_and_hiding_happens_as_often_as_asked() -> None:
    _, condition = spoil(torch.rand(600, 3, 16, 16), DAMAGE, torch.Generator().manual_seed(0))
    noise, noise_known, jpeg, jpeg_known = condition.flatten(1).unbind(1)
    assert (noise[noise_known == 0] == 0).all()
    assert (jpeg[jpeg_known == 0] == 0).all()
    assert float((noise_known == 0).float().mean()) == pytest.approx(0.3, abs=0.06)
    assert float((jpeg_known == 0).float().mean()) == pytest.approx(0.3, abs=0.06)
    assert condition.min() >= 0
    assert condition.max() <= 1
