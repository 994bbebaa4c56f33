"""Holes to learn from: black and white, neither too few nor too many, thin ones and wide ones, the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from restore.datasets import hole_shapes
from restore.datasets.holes import FINE, LEAST_SHARE, MOST_SHARE, WIDE, Shape, draw_masks, held_mask

SIDE = 128


def masks(count: int = 60, side: int = SIDE, seed: int = 0) -> torch.Tensor:
    return draw_masks(count, side, side, torch.Generator().manual_seed(seed))


def drawn(shape: Shape, seed: int, side: int = 256) -> np.ndarray:
    canvas = np.zeros((side, side), dtype=bool)
    shape(canvas, np.random.default_rng(seed))
    return canvas


def widest(canvas: np.ndarray) -> float:
    """Twice the farthest that a pixel of the hole is from what is known."""
    return 2 * float(ndimage.distance_transform_edt(np.pad(canvas, 1)).max())


def test_a_mask_is_one_map_of_zeros_and_ones_and_never_empty_nor_nearly_full() -> None:
    found = draw_masks(40, 96, 160, torch.Generator().manual_seed(0))
    assert found.shape == (40, 1, 96, 160)
    assert found.dtype == torch.float32
    assert set(found.unique().tolist()) == {0.0, 1.0}
    share = found.mean(dim=(1, 2, 3))
    assert LEAST_SHARE <= float(share.min()) < 0.03
    assert 0.35 < float(share.max()) <= MOST_SHARE


def test_the_same_seed_draws_the_same_masks_and_another_seed_others() -> None:
    assert torch.equal(masks(8), masks(8))
    assert not torch.equal(masks(8), masks(8, seed=1))
    assert len({mask.numpy().tobytes() for mask in masks()}) == 60  # no two alike


def test_masks_come_one_after_the_other_from_one_generator() -> None:
    rng = torch.Generator().manual_seed(0)
    assert not torch.equal(draw_masks(4, 64, 64, rng), draw_masks(4, 64, 64, rng))


def test_thin_holes_and_wide_holes_both_come_up_and_lie_everywhere() -> None:
    found = masks(240)
    widths = np.array([widest(mask[0].numpy() != 0) for mask in found])
    assert (widths <= 12).mean() > 0.2
    assert (widths >= 20).mean() > 0.1  # one mask of four is of wide holes
    everywhere = found.mean(dim=(0, 1))
    assert float(everywhere.max()) < 3 * float(everywhere.mean())
    assert float(everywhere.min()) > float(everywhere.mean()) / 4


@pytest.mark.parametrize("shape", dict.fromkeys((*FINE, *WIDE)))
def test_every_shape_leaves_something_and_most_of_the_picture(shape: Shape) -> None:
    shares = [drawn(shape, seed).mean() for seed in range(30)]
    assert sum(share > 0 for share in shares) > 24  # now and then one lies wholly outside
    assert float(np.median(shares)) < 0.15


def test_a_scratch_is_long_and_at_most_nine_pixels_wide() -> None:
    found = [drawn(hole_shapes.scratch, seed) for seed in range(20)]
    assert max(map(widest, found)) <= 10
    assert np.median([widest(canvas) for canvas in found]) <= 5
    assert max(np.ptp(np.argwhere(canvas), axis=0).max() for canvas in found) > 200


def test_a_crack_hangs_together_and_dust_does_not() -> None:
    near = np.ones((3, 3))
    assert ndimage.label(drawn(hole_shapes.crack, 3), near)[1] <= 2
    assert ndimage.label(drawn(hole_shapes.dust, 3), near)[1] >= 4


def test_masks_of_wide_pictures_reach_both_ends() -> None:
    found = draw_masks(30, 64, 256, torch.Generator().manual_seed(2)).mean(dim=(0, 1))
    assert float(found[:, :64].sum()) > 0
    assert float(found[:, 192:].sum()) > 0


def test_masks_to_validate_with_never_change_and_are_fine_and_wide_in_turn() -> None:
    assert torch.equal(held_mask(3, 200, 300), held_mask(3, 200, 300))
    assert not torch.equal(held_mask(3, 200, 300), held_mask(5, 200, 300))
    assert held_mask(0, 200, 300).shape == (1, 1, 200, 300)
    fine, wide = (
        np.median([float(held_mask(number, 300, 300).mean()) for number in range(first, 20, 2)]) for first in (0, 1)
    )
    assert LEAST_SHARE <= fine < wide <= MOST_SHARE
