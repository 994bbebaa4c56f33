"""What the task scratch learns from: the map marks what damage changed, and nothing that belongs to an old print."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data

from restore.config.train import TrainConfig
from restore.datasets.old_print import COUNTS_FROM, KINDS, VISIBLE, PrintDamage, coated, damaged, spoil_as_old_print
from restore.datasets.print_layers import Defect, Layer, Paper, drawn, soft
from restore.datasets.spoil import spoil_for

CLEAN = PrintDamage(clean_chance=1.0, noise_max=10.0, jpeg_min=50.0)
DAMAGED = replace(CLEAN, clean_chance=0.0)
PAPER = Paper((0.95, 0.93, 0.85), (0.02, 0.02, 0.02))
SIZE = (96, 128)
GREY = torch.full((3, *SIZE), 0.5)


def patches(count: int = 16, side: int = 96) -> torch.Tensor:
    photo = torch.from_numpy(data.astronaut() / 255.0).float().permute(2, 0, 1)
    return torch.stack([photo[:, 16 * n % 380 : 16 * n % 380 + side, 150 : 150 + side] for n in range(count)])


def spoilt(damage: PrintDamage, hq: torch.Tensor, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    return spoil_as_old_print(hq, damage, torch.Generator().manual_seed(seed))


def square(top: int, left: int, side: int) -> torch.Tensor:
    opacity = torch.zeros(SIZE)
    opacity[top : top + side, left : left + side] = 1
    return opacity


WHITE = torch.ones(3, 1, 1)


@pytest.mark.parametrize("kind", [kind for kind, _ in KINDS], ids=lambda kind: kind.__name__)
def test_every_kind_of_defect_is_marked_where_it_shows_and_only_there(kind: Defect) -> None:
    marked = 0
    for seed in range(12):
        layers = kind(SIZE, np.random.default_rng(seed), PAPER)
        picture, mask = coated(GREY, layers)
        change = (picture - GREY).abs().amax(dim=0).numpy()
        inside = mask.numpy() > 0
        assert picture.shape == GREY.shape
        assert 0 <= float(picture.min()) <= float(picture.max()) <= 1
        assert change[~inside].max(initial=0) <= COUNTS_FROM  # on grey no paint moves a pixel by more than one half
        assert (ndimage.maximum_filter(change, 5)[inside] > VISIBLE).all()
        marked += bool(inside.any())
        assert inside.mean() < 0.7
    assert marked >= 8  # now and then one lies wholly outside, or is too faint to count


def test_a_defect_that_cannot_be_seen_is_no_damage() -> None:
    white = torch.full((3, *SIZE), 0.97)
    picture, mask = coated(white, [Layer(opacity=square(20, 30, 9), colour=WHITE)])
    assert not torch.equal(picture, white)
    assert not mask.any()


def test_a_soft_edge_counts_from_a_quarter_of_the_opacity() -> None:
    ramp = torch.linspace(0, 1, SIZE[1]).expand(SIZE)
    picture, mask = coated(torch.zeros(3, *SIZE), [Layer(opacity=ramp, colour=WHITE, strength=0.8)])
    torch.testing.assert_close(picture[0], 0.8 * ramp)
    assert torch.equal(mask, (ramp > COUNTS_FROM).float())


def test_layers_lie_over_each_other_in_their_order() -> None:
    black = torch.zeros(3, 1, 1)
    under, over = Layer(opacity=square(10, 10, 20), colour=WHITE), Layer(opacity=square(20, 20, 20), colour=black)
    picture, mask = coated(GREY, [under, over])
    assert (picture[:, 25, 25] == 0).all()
    assert (picture[:, 15, 15] == 1).all()
    assert mask.sum() == 20 * 20 + 20 * 20 - 10 * 10


def test_patches_without_damage_have_an_empty_map_and_still_show_the_same_scene() -> None:
    hq = patches(24)
    picture, mask = spoilt(CLEAN, hq)
    assert mask.shape == (24, 1, 96, 96)
    assert not mask.any()
    pairs = zip(hq, picture, strict=True)
    alike = [np.corrcoef(one.mean(0).flatten(), other.mean(0).flatten())[0, 1] for one, other in pairs]
    assert np.median(alike) > 0.95
    assert not torch.equal(picture, hq)  # toned, faded, grainy, compressed


def test_damaged_patches_are_all_marked_and_mostly_whole() -> None:
    picture, mask = spoilt(DAMAGED, patches(24))
    share = mask.mean(dim=(1, 2, 3))
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert float(share.min()) > 0
    assert float(share.max()) <= 0.35
    levels = picture * 255
    assert float((levels - levels.round()).abs().max()) < 1e-3
    assert 0 <= float(picture.min()) <= float(picture.max()) <= 1


def test_damage_lies_where_the_map_says_and_nowhere_else() -> None:
    """Before it is scanned, so that nothing but damage can have changed the picture."""
    photo = patches(1)[0]
    for seed in range(20):
        picture, mask = damaged(photo, PAPER, np.random.default_rng(seed))
        change = (picture - photo).abs().amax(dim=0)
        assert float(change[mask > 0].mean()) > VISIBLE
        assert float(change[mask == 0].mean()) < 0.02


def test_as_many_patches_are_without_damage_as_asked_for() -> None:
    _, mask = spoilt(replace(CLEAN, clean_chance=1 / 3), patches(60, side=32), seed=3)
    clean = int((mask.sum(dim=(1, 2, 3)) == 0).sum())
    assert 10 <= clean <= 30  # 20 are expected, and 3.7 is one standard deviation


def test_the_same_seed_makes_the_same_prints_and_another_seed_others() -> None:
    one, again, other = (spoilt(DAMAGED, patches(4), seed) for seed in (0, 0, 1))
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert not torch.equal(one[0], other[0])


def test_pictures_need_not_be_square() -> None:
    picture, mask = spoilt(DAMAGED, torch.rand(6, 3, 40, 120))
    assert picture.shape == (6, 3, 40, 120)
    assert mask.shape == (6, 1, 40, 120)


def test_fine_shapes_cover_parts_of_pixels() -> None:
    def corner(canvas: np.ndarray, _rng: np.random.Generator) -> None:
        canvas[:3, :2] = True

    rng = np.random.default_rng(0)
    assert drawn((4, 4), rng, corner)[:3, :2].min() == 1
    fine = drawn((4, 4), rng, corner, 2)  # the canvas has twice the size; thin things are made half as dense again
    assert fine[0, 0] == 1
    assert fine[1, 0] == pytest.approx(0.5 * 1.5)


def test_softening_is_a_gaussian() -> None:
    plane = np.random.default_rng(0).uniform(0, 1, (40, 50)).astype(np.float32)
    expected = ndimage.gaussian_filter(plane, 1.2, mode="nearest", radius=3)
    assert soft(torch.from_numpy(plane), 1.2).numpy() == pytest.approx(expected, abs=1e-5)


def test_the_settings_of_a_run_decide_how_much_is_damaged() -> None:
    for chance in (0.0, 1.0):
        config = TrainConfig(task="scratch", scale=1, hq="photos", clean_chance=chance, noise_max=8.0, jpeg_min=60)
        _, mask = spoil_for(config)(patches(4), torch.Generator().manual_seed(0))
        assert bool(mask.any()) == (chance == 0.0)
