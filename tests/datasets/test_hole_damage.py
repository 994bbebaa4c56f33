"""What the task inpaint learns from: the truth in a hole is gone, and around it the photo is light damage at most."""

from __future__ import annotations

from dataclasses import replace

import torch
from skimage import data

from restore.config.train import TrainConfig
from restore.datasets.hole_damage import HoleDamage, spoil_with_holes
from restore.datasets.spoil import spoil_for
from restore.ops.prefill import prefill

CLEAN = HoleDamage(clean_chance=1.0, noise_max=10.0, jpeg_min=50.0)
DIRTY = replace(CLEAN, clean_chance=0.0)


def patches(count: int = 24) -> torch.Tensor:
    photo = torch.from_numpy(data.astronaut() / 255.0).float().permute(2, 0, 1)
    return torch.stack([photo[:, 16 * n % 380 : 16 * n % 380 + 64, 150:214] for n in range(count)])


def spoilt(damage: HoleDamage, hq: torch.Tensor, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return spoil_with_holes(hq, damage, torch.Generator().manual_seed(seed))


def test_clean_patches_are_known_to_the_bit_and_prefilled_in_the_holes() -> None:
    hq = patches()
    given, mask = spoilt(CLEAN, hq)
    known = (mask == 0).expand_as(hq)
    assert torch.equal(given[known], hq[known])
    assert not torch.equal(given[~known], hq[~known])
    assert torch.equal(given, prefill(hq, mask))


def test_nothing_of_what_was_in_a_hole_is_left_whatever_the_damage_around_it() -> None:
    hq = patches()
    for damage in (CLEAN, replace(DIRTY, jpeg_min=98.0)):
        given, mask = spoilt(damage, hq)
        other, same = spoilt(damage, torch.where(mask != 0, 1 - hq, hq))
        assert torch.equal(mask, same)
        if damage is CLEAN:
            assert torch.equal(given, other)
        else:  # JPEG's blocks reach a few pixels over the border of a hole, as they do in a photo, and no further
            inside = torch.nn.functional.max_pool2d(1 - mask, 33, stride=1, padding=16) == 0
            assert torch.equal(given[inside.expand_as(hq)], other[inside.expand_as(hq)])


def test_damage_around_holes_is_light_and_in_whole_levels() -> None:
    hq = patches()
    given, mask = spoilt(DIRTY, hq)
    known = (mask == 0).expand_as(hq)
    error = (given - hq)[known]
    assert 0.2 < float(error.std() * 255) < 10
    levels = given[known] * 255
    assert float((levels - levels.round()).abs().max()) < 1e-3


def test_a_scratch_that_was_compressed_with_its_photo_rings_into_what_is_known() -> None:
    """On plain patches nothing else can: without the paint of the scratch JPEG would leave them as they are."""
    plain = torch.full((24, 3, 64, 64), 0.5)
    given, mask = spoilt(replace(DIRTY, noise_max=1e-6, jpeg_min=60.0), plain)
    away = ((given - plain).abs() * (mask == 0)).amax(dim=(1, 2, 3)) * 255
    assert 3 <= int((away > 2).sum()) <= 18


def test_the_same_seed_makes_the_same_damage_and_another_seed_another() -> None:
    one, again, other = (spoilt(DIRTY, patches(), seed) for seed in (0, 0, 1))
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert not torch.equal(one[0], other[0])


def test_the_settings_of_a_run_decide_how_much_is_spoilt() -> None:
    hq = patches()
    for chance in (0.0, 1.0):
        config = TrainConfig(task="inpaint", scale=1, hq="photos", clean_chance=chance, noise_max=8.0, jpeg_min=60)
        given, mask = spoil_for(config)(hq, torch.Generator().manual_seed(0))
        known = (mask == 0).expand_as(hq)
        assert torch.equal(given[known], hq[known]) == (chance == 1.0)
