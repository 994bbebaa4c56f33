"""The sliced Wasserstein loss: what lies where does not matter, what there is does."""

from __future__ import annotations

import torch
from skimage import data

from restore.losses.distribution import sliced_wasserstein


def texture(seed: int) -> torch.Tensor:
    """Soft coloured noise, the same everywhere, that meets itself at its borders: (1,3,64,64)."""
    noise = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.avg_pool2d(torch.nn.functional.pad(noise, (1, 1, 1, 1), mode="circular"), 3, 1)


def coffee(top: int, left: int) -> torch.Tensor:
    return torch.from_numpy(data.coffee()[top : top + 96, left : left + 96].copy()).permute(2, 0, 1)[None].float() / 255


def loss(restored: torch.Tensor, target: torch.Tensor, step: int = 0) -> float:
    return sliced_wasserstein(restored, target, seed=1, step=step).item()


def test_a_texture_that_has_moved_or_been_drawn_anew_costs_a_small_part_of_one_that_is_lost() -> None:
    clean = texture(0)
    lost = loss(torch.full_like(clean, clean.mean().item()), clean)
    for alike in (torch.roll(clean, (5, 3), (2, 3)), texture(1)):
        assert loss(alike, clean) < 0.25 * lost
        assert (alike - clean).abs().mean() > (clean.mean() - clean).abs().mean()  # L1 would rather have it lost


def test_pictures_made_of_the_same_large_tiles_in_another_order_are_close() -> None:
    one, other = coffee(0, 0), coffee(200, 300)
    tiles, swapped = torch.cat([one, other], dim=3), torch.cat([other, one], dim=3)
    assert loss(swapped, tiles) < 0.1 * loss(torch.cat([one, one], dim=3), tiles)


def test_blur_and_noise_both_cost_more_the_stronger_they_are() -> None:
    clean = coffee(100, 100)
    grain = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    blurred = [torch.nn.functional.avg_pool2d(clean, side, 1, side // 2) for side in (1, 3, 5, 9)]
    for row in (blurred, [clean + sigma * grain for sigma in (0, 0.02, 0.05, 0.1)]):
        costs = [loss(image, clean) for image in row]
        assert costs == sorted(costs)
        assert costs[0] == 0


def test_the_same_seed_and_step_draw_the_same_directions_and_others_do_not() -> None:
    one, other = coffee(0, 0), coffee(0, 96)
    before = torch.random.get_rng_state()
    assert loss(one, other, step=7) == loss(one, other, step=7)
    assert loss(one, other, step=7) != loss(one, other, step=8)
    assert loss(one, other) != sliced_wasserstein(one, other, seed=2, step=0).item()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_its_gradient_is_right() -> None:
    rng = torch.Generator().manual_seed(3)
    restored, target = (torch.rand(1, 1, 9, 10, generator=rng, dtype=torch.float64) for _ in range(2))
    restored.requires_grad_()
    assert torch.autograd.gradcheck(lambda image: sliced_wasserstein(image, target, seed=0, step=0), restored)


def test_a_few_steps_of_descent_give_a_blurred_photo_its_texture_back() -> None:
    clean = coffee(50, 200)
    start = torch.nn.functional.avg_pool2d(clean, 5, 1, 2)
    restored = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([restored], lr=1e-2)
    for step in range(8):
        optimizer.zero_grad()
        sliced_wasserstein(restored, clean, seed=0, step=step).backward()
        optimizer.step()
    assert loss(restored.detach(), clean, step=99) < 0.7 * loss(start, clean, step=99)
