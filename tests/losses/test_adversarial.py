"""Adversarial objectives against their closed forms, and the penalties against networks whose gradients are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from restore.errors import ConfigError
from restore.losses.adversarial import (
    OBJECTIVES,
    detail_share,
    feature_matching,
    find_objective,
    gradient_penalty,
    gradient_square,
    lecam,
    play,
)

LN2 = math.log(2)
REAL, FAKE = 0.7, -0.4


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# Losses of (discriminator, generator) for one real verdict of 0.7 and one restored verdict of -0.4, from the papers.
BY_HAND = {
    "minimax": (-math.log(sigmoid(REAL)) - math.log(1 - sigmoid(FAKE)), math.log(1 - sigmoid(FAKE))),
    "non-saturating": (-math.log(sigmoid(REAL)) - math.log(1 - sigmoid(FAKE)), -math.log(sigmoid(FAKE))),
    "least-squares": (((REAL - 1) ** 2 + FAKE**2) / 2, (FAKE - 1) ** 2 / 2),
    "hinge": (max(0, 1 - REAL) + max(0, 1 + FAKE), -FAKE),
    "wasserstein": (FAKE - REAL, -FAKE),
    "relativistic": (
        (-math.log(sigmoid(REAL - FAKE)) - math.log(1 - sigmoid(FAKE - REAL))) / 2,
        (-math.log(sigmoid(FAKE - REAL)) - math.log(1 - sigmoid(REAL - FAKE))) / 2,
    ),
}


def verdict(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64).view(-1, 1, 1, 1)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_each_objective_is_what_its_paper_says(name: str) -> None:
    objective = find_objective(name)
    discriminator, generator = BY_HAND[name]
    assert objective.discriminator(verdict(REAL), verdict(FAKE)).item() == pytest.approx(discriminator, abs=1e-6)
    assert objective.generator(verdict(REAL), verdict(FAKE)).item() == pytest.approx(generator, abs=1e-6)


def test_a_discriminator_that_only_guesses_pays_two_bits_in_the_2014_game() -> None:
    undecided = [verdict(0, 0)]
    assert play(find_objective("minimax").discriminator, undecided, undecided).item() == pytest.approx(2 * LN2)


def test_a_sure_discriminator_leaves_minimax_no_gradient_and_the_non_saturating_form_its_whole_one() -> None:
    slopes = {}
    for name in ("minimax", "non-saturating"):
        fake = verdict(-12.0).requires_grad_(True)
        find_objective(name).generator(verdict(12.0), fake).sum().backward()
        assert fake.grad is not None
        slopes[name] = abs(fake.grad.item())
    assert slopes["minimax"] < 1e-4
    assert slopes["non-saturating"] == pytest.approx(1.0, abs=1e-4)


def test_hinge_stops_teaching_beyond_its_margin() -> None:
    real, fake = verdict(1.5).requires_grad_(True), verdict(-2.0).requires_grad_(True)
    loss = find_objective("hinge").discriminator(real, fake).sum()
    loss.backward()
    assert loss.item() == real.grad.item() == fake.grad.item() == 0.0  # type: ignore[union-attr]


def test_relativistic_verdicts_only_count_against_each_other() -> None:
    objective = find_objective("relativistic")
    for shift in (0.0, 5.0, -100.0):
        moved = objective.generator(verdict(0.2 + shift, 0.5 + shift), verdict(-0.1 + shift, 0.3 + shift))
        assert torch.allclose(moved, objective.generator(verdict(0.2, 0.5), verdict(-0.1, 0.3)))


def test_an_unknown_objective_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"unknown objective 'wgan'; known: minimax, .*wasserstein"):
        find_objective("wgan")


def test_scales_count_alike_whatever_their_number_of_verdicts() -> None:
    fine, coarse = torch.full((1, 1, 8, 8), -1.0), torch.full((1, 1, 2, 2), -3.0)
    assert play(find_objective("hinge").generator, [fine, coarse], [fine, coarse]).item() == pytest.approx(2.0)


def test_weights_say_where_the_game_counts() -> None:
    fake = torch.tensor([[[[-1.0, -3.0]]]])
    left = torch.tensor([[[[1.0, 1.0, 0.0, 0.0]]]])  # covers the left verdict alone
    assert play(find_objective("hinge").generator, [fake], [fake], left).item() == pytest.approx(0.5)


def test_r1_is_the_squared_slope_of_a_linear_discriminator() -> None:
    slope = torch.randn(1, 3, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    picture = torch.rand(4, 3, 5, 5, dtype=torch.float64).requires_grad_(True)
    logits = (picture * slope).sum(dim=(1, 2, 3)).view(4, 1, 1, 1)
    assert gradient_square([logits], picture).item() == pytest.approx(slope.square().sum().item(), rel=1e-6)


def test_the_gradient_penalty_of_a_linear_critic_is_its_slope_less_one_squared() -> None:
    slope = torch.randn(1, 3, 5, 5, generator=torch.Generator().manual_seed(2))
    real, fake, mix = torch.rand(4, 3, 5, 5), torch.rand(4, 3, 5, 5), torch.rand(4, 1, 1, 1)
    penalty = gradient_penalty(lambda x: [(x * slope).sum(dim=(1, 2, 3)).view(4, 1, 1, 1)], real, fake, mix)
    assert penalty.item() == pytest.approx((slope.norm().item() - 1) ** 2, rel=1e-5)


def test_feature_matching_is_the_mean_difference_and_teaches_only_the_restored_side() -> None:
    real, fake = torch.ones(1, 2, 3, 3, requires_grad=True), torch.zeros(1, 2, 3, 3, requires_grad=True)
    loss = feature_matching([real, 2 * real], [fake, fake])
    loss.backward()
    assert loss.item() == pytest.approx(1.5)
    assert real.grad is None
    assert fake.grad is not None


def test_lecam_is_zero_only_while_verdicts_stay_within_the_other_sides_average() -> None:
    assert lecam([verdict(0.2)], [verdict(0.5)], usual_real=0.4, usual_fake=0.3).item() == 0.0
    assert lecam([verdict(0.5)], [verdict(0.1)], usual_real=0.4, usual_fake=0.3).item() == pytest.approx(0.04 + 0.09)


def test_flat_areas_get_their_share_of_the_game_and_texture_all_of_it() -> None:
    target = torch.full((1, 3, 32, 64), 0.5)
    target[..., 32:] += 0.2 * (torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(3)) - 0.5)
    share = detail_share(target, 0.25)
    assert torch.allclose(share[..., :28], torch.tensor(0.25))
    assert torch.allclose(share[..., 36:], torch.tensor(1.0))


def test_every_objective_can_teach_a_small_discriminator_to_tell_dark_from_light() -> None:
    for name, objective in OBJECTIVES.items():
        torch.manual_seed(0)
        network = nn.Conv2d(1, 1, 1)
        optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
        for _ in range(60):
            light, dark = torch.rand(8, 1, 1, 1) + 1, -torch.rand(8, 1, 1, 1) - 1
            loss = play(objective.discriminator, [network(light)], [network(dark)])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert network(torch.ones(1, 1, 1, 1)).item() > network(-torch.ones(1, 1, 1, 1)).item() + 0.5, name
