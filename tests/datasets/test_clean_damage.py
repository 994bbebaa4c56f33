"""What the task clean learns from: every kind of damage comes up, and the network is told the truth about it."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from skimage import data

from restore.config.train import TrainConfig
from restore.datasets.clean_damage import CleanDamage, coarsened, spoil_same_size
from restore.datasets.spoil import spoil_for, without_colour
from restore.ops.degrade import add_camera_noise

ALL = CleanDamage(clean_chance=0.0, hidden_chance=0.0, noise_max=50.0, jpeg_min=10.0, blur_max=3.0)


def patches(count: int = 64) -> torch.Tensor:
    photo = torch.from_numpy(data.astronaut() / 255.0).float().permute(2, 0, 1)
    return torch.stack([photo[:, 16 * n % 400 : 16 * n % 400 + 48, 150:198] for n in range(count)])


def spoilt(
    damage: CleanDamage = ALL, seed: int = 0, hq: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    return spoil_same_size(patches() if hq is None else hq, damage, torch.Generator().manual_seed(seed))


def test_the_same_seed_makes_the_same_damage_and_another_seed_another() -> None:
    one, again, other = spoilt(), spoilt(), spoilt(seed=1)
    torch.testing.assert_close(one, again, rtol=0, atol=0)
    assert not torch.equal(one[0], other[0])


def test_each_kind_of_damage_comes_alone_and_together() -> None:
    _, condition = spoilt()
    noise, jpeg, blur = (condition[:, part, 0, 0] > 0 for part in (0, 2, 4))
    alone = [(noise & ~jpeg & ~blur), (jpeg & ~noise & ~blur), blur & ~jpeg]
    assert all(int(kind.sum()) >= 3 for kind in alone)
    assert int((noise & jpeg).sum()) >= 1


@pytest.mark.parametrize(("share", "part"), [("noise_share", 0), ("jpeg_share", 2), ("blur_share", 4)])
def test_a_share_of_one_leaves_no_other_damage_but_the_noise_that_lies_over_blur(share: str, part: int) -> None:
    shares = {"noise_share": 0.0, "jpeg_share": 0.0, "blur_share": 0.0, share: 1.0}
    _, condition = spoilt(replace(ALL, **shares))
    damage = condition[:, ::2, 0, 0] > 0
    assert damage[:, part // 2].double().mean() > 0.95
    others = [other for other in (0, 2, 4) if other != part and not (share == "blur_share" and other == 0)]
    assert not damage[:, [other // 2 for other in others]].any()


def test_what_is_told_of_noise_is_what_was_added() -> None:
    hq = torch.full((64, 3, 48, 48), 0.5)
    lq, condition = spoilt(replace(ALL, blur_max=0.0), hq=hq)
    only = (condition[:, 0, 0, 0] > 0) & (condition[:, 2, 0, 0] == 0) & (condition[:, 4, 0, 0] == 0)
    added = (lq - hq)[only].flatten(1).std(dim=1) * 255
    assert int(only.sum()) > 10
    torch.testing.assert_close(added, condition[only, 0, 0, 0] * 50, rtol=0.05, atol=0.4)


def test_clean_patches_are_left_alone_and_called_clean() -> None:
    lq, condition = spoilt(replace(ALL, clean_chance=1.0))
    torch.testing.assert_close(lq, patches(), atol=1 / 510 + 1e-6, rtol=0)
    assert condition[:, ::2].abs().max() == 0
    assert condition[:, 1::2].min() == 1


def test_blur_that_is_told_has_been_undone_as_far_as_a_filter_can() -> None:
    # Hidden and told draw the same damage from the same seed; only the telling differs.
    hidden, _ = spoilt(replace(ALL, hidden_chance=1.0))
    told, condition = spoilt(replace(ALL, hidden_chance=0.0))
    only = (condition[:, 4, 0, 0] > 0.15) & (condition[:, 0, 0, 0] < 0.1) & (condition[:, 2, 0, 0] < 0.1)
    assert int(only.sum()) >= 5
    errors = [(lq - patches())[only].square().mean(dim=(1, 2, 3)) for lq in (told, hidden)]
    ratio = errors[0] / errors[1]
    assert float(ratio.median()) < 0.75
    assert ratio.max() > 1  # a movement whose direction is not told: what the network has to cope with, too
    sharp = condition[:, 4, 0, 0] == 0
    torch.testing.assert_close(told[sharp], hidden[sharp], rtol=0, atol=0)


def test_a_hidden_part_says_nothing() -> None:
    _, condition = spoilt(replace(ALL, hidden_chance=1.0))
    assert condition.abs().max() == 0


def test_gray_patches_stay_gray() -> None:
    gray = without_colour(patches(), 1.0, torch.Generator().manual_seed(0))
    lq, _ = spoilt(hq=gray)
    spread = lq.amax(dim=1) - lq.amin(dim=1)
    assert float(spread.max()) <= 2.01 / 255  # one for the rounding of each trip through colour
    assert torch.equal(without_colour(patches(), 0.0, torch.Generator().manual_seed(0)), patches())


def test_a_sensors_noise_grows_with_light_and_has_the_strength_asked_for() -> None:
    ramp = torch.linspace(0.05, 0.95, 256).expand(1, 3, 256, 256).clone()
    rng = torch.Generator().manual_seed(0)
    noise = (add_camera_noise(ramp, torch.tensor([20.0]), torch.tensor([0.1]), rng) - ramp) * 255
    assert float(noise.std()) == pytest.approx(20, rel=0.03)
    assert float(noise[..., 200:].std()) > 1.8 * float(noise[..., :40].std())


def test_the_task_decides_what_is_done_to_good_patches() -> None:
    rng = torch.Generator().manual_seed(0)
    same, told = spoil_for(TrainConfig(task="clean", scale=1, hq="photos"))(patches(4), rng)
    assert (same.shape, told.shape) == ((4, 3, 48, 48), (4, 6, 1, 1))
    smaller, told = spoil_for(TrainConfig(task="upscale", scale=2, hq="photos"))(patches(4), rng)
    assert (smaller.shape, told.shape) == ((4, 3, 24, 24), (4, 4, 1, 1))


@pytest.mark.parametrize("size", [0.0, 0.5, 1.0])
def test_coarse_noise_is_as_strong_as_told_and_alike_in_neighbours(size: float) -> None:
    noise = torch.randn(1, 3, 400, 400, generator=torch.Generator().manual_seed(0)) * 0.1
    coarse = coarsened(noise, torch.tensor([size]))
    spread = 0.4 + 0.8 * size
    line = torch.exp(-(torch.arange(-10, 11) ** 2) / (2 * spread**2))
    likeness = float((line[1:] * line[:-1]).sum() / line.square().sum())  # of a filtered white line, one pixel further
    inner = coarse[..., 12:-12, 12:-12]
    assert float(inner.std()) == pytest.approx(0.1, rel=0.02)
    found = float((inner[..., 1:] * inner[..., :-1]).mean() / inner.square().mean())
    assert found == pytest.approx(likeness, abs=0.01)


def test_coarse_noise_is_told_at_its_true_strength() -> None:
    hq = torch.full((64, 3, 48, 48), 0.5)
    lq, condition = spoilt(replace(ALL, blur_max=0.0, coarse_chance=1.0), hq=hq)
    only = (condition[:, 0, 0, 0] > 0) & (condition[:, 2, 0, 0] == 0) & (condition[:, 4, 0, 0] == 0)
    added = (lq - hq)[only]
    levels = added.flatten(1).std(dim=1) * 255
    torch.testing.assert_close(levels, condition[only, 0, 0, 0] * 50, rtol=0.15, atol=0.6)
    strong = added[levels > 5]
    assert ((strong[..., 1:] * strong[..., :-1]).mean(dim=(1, 2, 3)) > 0.02 * strong.square().mean(dim=(1, 2, 3))).all()
