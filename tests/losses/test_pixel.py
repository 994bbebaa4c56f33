"""Losses on pixels: closed forms, and what each is blind to."""

from __future__ import annotations

import pytest
import torch

from restore.losses.pixel import consistency, gradient, grid, grid_rms, low_pass
from restore.ops.resize import resize


def photo(height: int = 32, width: int = 48, seed: int = 0) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))


def test_a_ramp_beside_a_flat_picture_differs_by_its_slope_in_one_of_two_directions() -> None:
    ramp = (torch.arange(16) * 0.01).expand(1, 3, 16, 16)
    assert gradient(ramp, torch.full_like(ramp, 0.5)).item() == pytest.approx(0.01 / 2)


def test_edges_of_the_other_direction_count_twice() -> None:
    ramp = (torch.arange(8) * 0.01).expand(1, 3, 8, 8)
    assert gradient(ramp, ramp.flip(-1)).item() == pytest.approx(2 * 0.01 / 2)


def test_low_pass_sees_a_shift_of_colour_exactly() -> None:
    clean = photo()
    assert low_pass(clean + torch.tensor([0.03, 0, 0]).view(1, 3, 1, 1), clean).item() == pytest.approx(0.01, abs=1e-6)


@pytest.mark.parametrize("period", [2, 4, 8])
def test_low_pass_is_blind_to_grain_that_repeats_within_its_squares(period: int) -> None:
    wave = torch.cos(torch.arange(64) * 2 * torch.pi / period) * 0.2
    assert low_pass(0.5 + wave.expand(1, 3, 64, 64), torch.full((1, 3, 64, 64), 0.5)).item() < 1e-6


def test_low_pass_takes_pictures_smaller_than_its_squares() -> None:
    assert low_pass(torch.full((1, 3, 1, 5), 0.4), torch.full((1, 3, 1, 5), 0.5)).item() == pytest.approx(0.1)


@pytest.mark.parametrize(("height", "width"), [(8, 12), (16, 24), (11, 17), (32, 48)])
def test_consistency_shrinks_as_the_house_resize_does(height: int, width: int) -> None:
    result, small = photo().double(), photo(height, width, 1).double()
    expected = (resize(result, height, width) - small).abs().mean()
    assert consistency(result, small).item() == pytest.approx(expected.item(), abs=1e-12)


def test_the_truth_is_consistent_with_its_own_bicubic_shrinking() -> None:
    truth = photo()
    assert consistency(truth, resize(truth, 8, 12)).item() < 1e-6


def test_consistency_pulls_a_wrong_result_towards_its_input() -> None:
    result = torch.full((1, 3, 16, 16), 0.6, dtype=torch.float64, requires_grad=True)
    consistency(result, torch.full((1, 3, 4, 4), 0.5, dtype=torch.float64)).backward()
    assert result.grad is not None
    assert result.grad.sum().item() == pytest.approx(1.0)  # 16 pixels share each input pixel; shares sum to one


def test_grid_is_the_strength_of_a_checkerboard_and_blind_to_what_target_and_result_share() -> None:
    target = torch.rand(2, 3, 64, 70, generator=torch.Generator().manual_seed(1))
    rows, columns = torch.arange(64)[:, None], torch.arange(70)
    board = ((rows // 2 + columns // 2) % 2) * 0.02 - 0.01
    assert grid(target + board, target).item() == pytest.approx(0.01, rel=1e-4)
    assert grid(target + 0.1, target).item() == pytest.approx(0.0, abs=1e-6)
    assert grid(target, target).item() == 0.0


def test_the_mean_square_of_grids_weighs_one_plain_grid_more_than_traces_of_it_everywhere() -> None:
    target = torch.full((4, 3, 64, 64), 0.5)
    board = ((torch.arange(64)[:, None] + torch.arange(64)) % 2 * 2.0 - 1) * 0.01
    everywhere, one = target + board / 4, target.clone()
    one[:1] += board
    assert grid(one, target).item() == pytest.approx(grid(everywhere, target).item(), rel=1e-3)
    assert grid_rms(everywhere, target).item() == pytest.approx(0.01 / 4, rel=1e-2)
    assert grid_rms(one, target).item() == pytest.approx(0.01 / 2, rel=1e-2)


def test_grid_hardly_sees_random_texture_of_the_same_strength() -> None:
    target = torch.zeros(2, 3, 64, 64)
    texture = (torch.randint(0, 2, (2, 3, 64, 64), generator=torch.Generator().manual_seed(2)) - 0.5) * 0.02
    assert grid(target + texture, target).item() < 0.15 * 0.01
