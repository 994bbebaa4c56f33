"""The biharmonic filling: what a surface that bends as little as it can must do."""

from __future__ import annotations

import pytest
import torch

from restore.errors import ConfigError
from restore.metrics.biharmonic import fill_biharmonically


def hole_in(height: int, width: int) -> torch.Tensor:
    hole = torch.zeros(1, 1, height, width)
    hole[..., 8:14, 9:20] = 1
    hole[..., 3, 3:6] = 1
    return hole


def test_a_slope_goes_on_through_holes_and_the_rest_stays_to_the_bit() -> None:
    down, right = torch.meshgrid(torch.linspace(0, 0.4, 24), torch.linspace(0, 0.5, 32), indexing="ij")
    slope = torch.stack([0.05 + down, right, 0.9 - down - right]).clamp(0, 1)[None]
    hole = hole_in(24, 32)
    filled = fill_biharmonically(slope * (1 - hole), hole)
    assert torch.equal(filled * (1 - hole), slope * (1 - hole))
    assert (filled - slope).abs().max() < 1e-3


def test_what_lies_in_a_hole_is_not_looked_at_and_results_are_colours() -> None:
    photo, hole = torch.rand(1, 3, 24, 32, generator=torch.Generator().manual_seed(0)), hole_in(24, 32)
    filled = fill_biharmonically(photo, hole)
    assert torch.equal(fill_biharmonically(torch.where(hole > 0, 0.3, photo), hole), filled)
    assert filled.dtype == photo.dtype
    assert 0 <= filled.min() <= filled.max() <= 1


def test_without_a_hole_nothing_changes_and_other_shapes_are_refused() -> None:
    photo = torch.rand(1, 3, 8, 9)
    assert torch.equal(fill_biharmonically(photo, torch.zeros(1, 1, 8, 9)), photo)
    with pytest.raises(ConfigError, match="holes"):
        fill_biharmonically(photo, torch.zeros(1, 1, 9, 8))
