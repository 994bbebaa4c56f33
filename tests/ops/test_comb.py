"""Evidence for a step, on numbers whose step is known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from restore.ops.comb import BINS, earlier_step_evidence, histograms, step_evidence


def numbers(count: int = 4000, spread: float = 30.0) -> Tensor:
    """Laplacian, as the coefficients of photos are."""
    rng = torch.Generator().manual_seed(0)
    return torch.empty(count).exponential_(1 / spread, generator=rng)


def counted(values: Tensor) -> Tensor:
    return histograms(values, torch.zeros(len(values), dtype=torch.long), 1)[0]


def rounded(values: Tensor, step: int, error: float = 0.3) -> Tensor:
    rng = torch.Generator().manual_seed(1)
    return (values / step).round() * step + error * torch.randn(len(values), generator=rng)


@pytest.mark.parametrize("step", [3, 7, 16, 40])
def test_the_step_of_rounded_numbers_has_the_most_evidence(step: int) -> None:
    evidence = step_evidence(counted(rounded(numbers(), step)), 0.4)
    assert int(evidence.argmax()) + 1 == step
    assert float(evidence.max()) > 500


def test_numbers_without_a_step_speak_for_none() -> None:
    assert float(step_evidence(counted(numbers()), 0.4).max()) < 5


@pytest.mark.parametrize(("first", "last"), [(10, 3), (17, 6), (23, 4)])
def test_an_earlier_step_is_found_under_a_finer_one(first: int, last: int) -> None:
    evidence = earlier_step_evidence(counted(rounded(rounded(numbers(), first), last)), last, 0.4)
    assert int(evidence.argmax()) + 1 == first
    assert float(evidence.max()) > 300


def test_numbers_that_were_rounded_once_speak_for_no_earlier_step() -> None:
    for step in (3, 6, 11):
        evidence = earlier_step_evidence(counted(rounded(numbers(), step)), step, 0.4)
        assert float(evidence[2 * step :].max()) < 60


def test_numbers_beyond_the_largest_and_those_of_no_group_are_left_out() -> None:
    counts = histograms(torch.tensor([1e9, 5.0, 5.0]), torch.tensor([0, -1, 1]), 2)
    assert counts.shape == (2, BINS)
    assert counts.sum(dim=1).tolist() == [0, 1]
