"""Losses of maps of damage: what they are for maps whose overlap is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restore.errors import ConfigError
from restore.losses.detection import bce, dice
from restore.losses.table import Pictures, Setting, build_terms

SURE = 60.0


def maps(*rows: list[int]) -> torch.Tensor:
    return torch.tensor([rows], dtype=torch.float32)[None]


TRUTH = maps([1, 1, 0, 0], [0, 0, 0, 0])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (maps([1, 1, 0, 0], [0, 0, 0, 0]), 0.0),
        (maps([0, 1, 1, 0], [0, 0, 0, 0]), 1 - 2 * 1 / (2 + 2)),
        (maps([1, 1, 1, 1], [1, 1, 1, 1]), 1 - 2 * 2 / (2 + 8)),
        (maps([0, 0, 1, 1], [0, 0, 0, 0]), 1.0),
    ],
)
def test_dice_is_one_less_the_share_of_overlap(found: torch.Tensor, expected: float) -> None:
    assert float(dice(SURE * (2 * found - 1), TRUTH)) == pytest.approx(expected, abs=1e-3)


def test_nothing_to_find_and_nothing_found_is_no_loss() -> None:
    nothing = torch.zeros_like(TRUTH)
    assert float(dice(nothing - SURE, nothing)) == pytest.approx(0, abs=1e-6)
    assert float(bce(nothing - SURE, nothing)) == pytest.approx(0, abs=1e-6)


def test_cross_entropy_is_the_mean_of_minus_the_logarithm_of_the_truths_probability() -> None:
    logits = torch.linspace(-3, 3, 8).view_as(TRUTH)
    sure = 1 / (1 + np.exp(-logits.numpy()))
    expected = -np.log(np.where(TRUTH.numpy() > 0, sure, 1 - sure)).mean()
    assert float(bce(logits, TRUTH)) == pytest.approx(expected, rel=1e-5)


def test_a_recipe_names_them_and_both_pull_towards_the_truth() -> None:
    terms = build_terms({"bce": 1.0, "dice": 0.5}, Setting(device=torch.device("cpu")))
    assert terms.of_logits
    logits = torch.zeros_like(TRUTH, requires_grad=True)
    loss, parts = terms(Pictures(restored=logits, target=TRUTH, lq=torch.zeros(1, 3, 2, 4)))
    (gradient,) = torch.autograd.grad(loss, logits)
    assert bool(((gradient < 0) == (TRUTH > 0)).all())
    assert set(parts) == {"bce", "dice"}


def test_they_do_not_stand_beside_losses_of_pictures() -> None:
    with pytest.raises(ConfigError, match="bce and dice compare maps of damage"):
        build_terms({"bce": 1.0, "l1": 1.0}, Setting(device=torch.device("cpu")))
