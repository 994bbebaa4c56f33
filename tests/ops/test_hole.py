"""Growing, fading and finding holes, against distances computed pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from restore.ops.hole import distance, faded, grown, painted


def scattered(height: int = 23, width: int = 31, count: int = 6) -> torch.Tensor:
    area = torch.zeros(height, width, dtype=torch.bool)
    area.view(-1)[torch.randperm(height * width, generator=torch.Generator().manual_seed(1))[:count]] = True
    return area


def pairwise(area: torch.Tensor) -> np.ndarray:
    """Euclid's distance to the nearest true pixel, by trying all of them."""
    places = np.argwhere(area.numpy())
    rows, columns = np.mgrid[: area.shape[0], : area.shape[1]]
    return np.sqrt((rows[..., None] - places[:, 0]) ** 2 + (columns[..., None] - places[:, 1]) ** 2).min(axis=-1)


@pytest.mark.parametrize("limit", [1, 3, 9, 60])
def test_distances_are_those_to_the_nearest_pixel_up_to_the_limit(limit: int) -> None:
    area = scattered()
    assert np.allclose(distance(area, limit).numpy(), np.minimum(pairwise(area), limit + 1), atol=1e-5)


def test_where_nothing_is_near_the_distance_is_the_most_there_is() -> None:
    assert distance(torch.zeros(3, 4, dtype=torch.bool), 5).unique().tolist() == [6]


@pytest.mark.parametrize("reach", [0, 1, 2, 7])
def test_a_hole_grows_into_a_disc_around_each_of_its_pixels(reach: int) -> None:
    area = scattered(90, 130)
    assert np.array_equal(grown(area[None, None].float(), reach)[0, 0].numpy() > 0, pairwise(area) <= reach)


def test_a_fade_grows_in_a_straight_line_from_the_border_and_never_leaves_the_hole() -> None:
    mask = torch.zeros(1, 1, 1, 12)
    mask[..., 3:12] = 1
    assert torch.allclose(
        faded(mask, 3).flatten(), torch.tensor([0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1]), atol=1e-6
    )
    assert torch.equal(faded(mask, 0), mask)


def test_paint_is_what_no_channel_of_is_further_off_than_the_tolerance() -> None:
    pixels = torch.tensor([[255, 0, 0], [215, 40, 40], [214, 0, 0], [255, 41, 0]]).T.view(3, 1, 4) / 255
    assert painted(pixels, torch.tensor([1.0, 0, 0]), 40).flatten().tolist() == [1, 1, 0, 0]
    assert painted(pixels, torch.tensor([1.0, 0, 0]), 0).flatten().tolist() == [1, 0, 0, 0]
