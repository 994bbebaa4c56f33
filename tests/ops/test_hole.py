"""Growing, fading and finding holes, against distances computed pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from restore.ops.hole import distance, faded, grown, held, painted


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


@pytest.mark.parametrize("density", [0.0, 0.02, 0.3, 0.5, 1.0])
def test_what_is_held_by_a_sure_pixel_stays_whole_as_scipy_labels_it(density) -> None:
    rng = np.random.default_rng(3)
    rough = ndimage.gaussian_filter(rng.random((150, 211)), 1.3)
    mask = rough >= np.quantile(rough, 1 - density) if density else rough > 2
    sure = rng.random(mask.shape) < 0.004
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    expected = np.isin(labels, np.unique(labels[sure & mask])) & mask
    result = held(torch.from_numpy(mask)[None, None], torch.from_numpy(sure)[None, None])
    assert result.shape == (1, 1, 150, 211)
    assert np.array_equal(result[0, 0].numpy() > 0, expected)


def test_a_spiral_hangs_together_from_end_to_end() -> None:
    mask = np.zeros((41, 41), bool)
    row, column, turn, length = 20, 20, 0, 2
    while 0 <= row < 41 and 0 <= column < 41:
        for _ in range(length):
            if not (0 <= row < 41 and 0 <= column < 41):
                break
            mask[row, column] = True
            row, column = row + (0, 1, 0, -1)[turn % 4], column + (1, 0, -1, 0)[turn % 4]
        turn, length = turn + 1, length + (2 if turn % 2 else 0)
    sure = np.zeros_like(mask)
    sure[20, 20] = True
    whole = torch.from_numpy(mask)[None, None]
    assert torch.equal(held(whole, torch.from_numpy(sure)[None, None]) > 0, whole)
    assert not held(whole, torch.zeros_like(whole)).any()
