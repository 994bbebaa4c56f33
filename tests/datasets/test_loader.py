"""Batches: the same for the same seed and step, aligned in pairs, shared out among processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.datasets.folders import Example
from restore.datasets.loader import PatchLoader, PhotoCache, step_seed
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


def test_without_half_size_copies_the_draws_are_a_photo_a_place_and_a_turn(tmp_path: Path) -> None:
    """Old runs repeat to the bit only as long as exactly these numbers are drawn, in this order."""
    photos = [np.random.default_rng(n).integers(0, 255, (50, 70, 3), dtype=np.uint8) for n in range(3)]
    for number, pixels in enumerate(photos):
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    examples = [Example(tmp_path / f"{number}.png") for number in range(3)]
    patches = PatchLoader(examples, scale=2, patch_px=32, batch=5, seed=9, cache_bytes=1e6).batch(4)
    rng = np.random.default_rng(step_seed(9, 4))
    for patch in patches.hq.permute(0, 2, 3, 1).numpy():
        pixels = photos[rng.integers(3)]
        top, left = (2 * int(rng.random() * (side // 2 - 16 + 1)) for side in (50, 70))
        turn = int(rng.integers(8))
        cut = pixels[top : top + 32, left : left + 32]
        assert np.array_equal(np.rot90(cut[:, ::-1] if turn & 4 else cut, turn & 3), patch)


@pytest.fixture
def stripes(tmp_path: Path) -> Example:
    """Columns that are black and white by turns: a half-size copy of it is gray."""
    pixels = np.zeros((80, 121, 3), dtype=np.uint8)
    pixels[:, ::2] = 255
    Image.fromarray(pixels).save(tmp_path / "stripes.png")
    return Example(tmp_path / "stripes.png")


def half_size_loader(example: Example, chance: float, patch_px: int = 32) -> PatchLoader:
    return PatchLoader(
        [example], scale=2, patch_px=patch_px, batch=200, seed=1, cache_bytes=1e6, half_size_chance=chance
    )


def gray_share(loader: PatchLoader) -> float:
    """How many patches come from an antialiased copy."""
    return float((loader.batch(0).hq.float().std(dim=(1, 2, 3)) < 40).float().mean())


def test_half_size_copies_come_as_often_as_asked_and_are_antialiased(stripes: Example) -> None:
    assert gray_share(half_size_loader(stripes, 0.0)) == 0
    assert gray_share(half_size_loader(stripes, 0.3)) == pytest.approx(0.3, abs=0.1)
    assert gray_share(half_size_loader(stripes, 1.0)) == 1


def test_a_photo_too_small_at_half_size_is_used_whole(stripes: Example) -> None:
    assert gray_share(half_size_loader(stripes, 1.0, patch_px=40)) == 1
    assert gray_share(half_size_loader(stripes, 1.0, patch_px=42)) == 0


def test_half_size_copies_repeat_with_the_seed_and_the_step(stripes: Example) -> None:
    first, second = (half_size_loader(stripes, 0.5) for _ in range(2))
    second.batch(2)
    assert torch.equal(first.batch(3).hq, second.batch(3).hq)
    parts = [half_size_loader(stripes, 0.5).batch(3, rank=rank, ranks=2).hq for rank in (0, 1)]
    assert torch.equal(torch.stack(parts, 1).flatten(0, 1), first.batch(3).hq)


def test_half_size_copies_are_kept_and_counted(stripes: Example) -> None:
    cache = PhotoCache(80 * 121 * 3 + 40 * 60 * 3)
    assert cache.half(stripes.hq).shape == (40, 60, 3)
    whole = cache.get(stripes.hq)
    stripes.hq.unlink()
    assert cache.get(stripes.hq) is whole
    small = PhotoCache(80 * 121 * 3)  # the older of the two has to go
    small.half(write_again(stripes.hq, whole))
    stripes.hq.unlink()
    assert small.half(stripes.hq).shape == (40, 60, 3)
    with pytest.raises(ImageError, match="no such file"):
        small.get(stripes.hq)


def write_again(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def test_pairs_have_no_half_size_copies(pair: Example) -> None:
    halved = PatchLoader([pair], scale=2, patch_px=32, batch=6, seed=1, cache_bytes=1e6, half_size_chance=1.0)
    assert torch.equal(halved.batch(0).hq[0], loader(pair).batch(0).hq[0])


@pytest.fixture
def shifted(tmp_path: Path) -> Example:
    """A damaged photo that lies 4 pixels too low and 2 too far left, at half size."""
    photo = data.astronaut()
    Image.fromarray(photo[20:420, 20:420]).save(tmp_path / "hq.png")
    moved = torch.from_numpy(photo[16:416, 22:422].copy()).permute(2, 0, 1)[None].float() / 255
    small = to_8_bits(resize(moved, 200, 200))[0].permute(1, 2, 0).mul(255).byte().numpy()
    Image.fromarray(small).save(tmp_path / "lq.png")
    return Example(tmp_path / "hq.png", tmp_path / "lq.png")


def apart(example: Example, *, align: bool) -> float:
    """Mean distance in grey levels between damaged patches and good ones shrunk to their size."""
    settings = {"scale": 2, "patch_px": 64, "batch": 30, "seed": 1}
    patches = PatchLoader([example], cache_bytes=1e7, align=align, **settings).batch(0)
    assert patches.lq is not None
    good = resize(patches.hq.float(), 32, 32)
    return float((good - patches.lq.float())[..., 3:-3, 3:-3].abs().mean())


def test_aligning_puts_patches_of_a_shifted_pair_in_place(shifted: Example) -> None:
    assert apart(shifted, align=False) > 10
    assert apart(shifted, align=True) < 2


def test_an_aligned_pair_is_measured_once_and_counted(shifted: Example) -> None:
    assert shifted.lq is not None
    cache = PhotoCache(1e7)
    hq, lq = cache.aligned(shifted.hq, shifted.lq, least_px=64)
    assert (lq.shape, hq.shape) == ((198, 199, 3), (396, 398, 3))
    shifted.lq.unlink()
    assert cache.aligned(shifted.hq, shifted.lq, least_px=64)[0] is hq
    other = shifted.hq.with_name("other.png")
    Image.fromarray(hq).save(other)
    tight = PhotoCache(hq.nbytes + lq.nbytes)
    Image.fromarray(lq).save(shifted.lq)
    tight.aligned(other, shifted.lq, least_px=64)
    tight.get(shifted.lq)  # too much: the pair goes
    shifted.lq.unlink()
    with pytest.raises(ImageError, match="no such file"):
        tight.aligned(other, shifted.lq, least_px=64)


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


def test_without_turns_patches_stay_upright(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[:, None, None] * 3, 64, axis=1).repeat(3, axis=2)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    settings = {"scale": 2, "patch_px": 16, "batch": 16, "seed": 0, "cache_bytes": 1e9}
    upright, turned = (
        PatchLoader([Example(tmp_path / "ramp.png")], **settings, turns=turns).batch(0).hq.float()  # type: ignore[arg-type]
        for turns in (False, True)
    )
    assert bool((upright[:, :, -1] > upright[:, :, 0]).all())
    assert not bool((turned[:, :, -1] > turned[:, :, 0]).all())
