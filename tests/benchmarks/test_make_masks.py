"""The masks to measure with can be drawn again, and are as thin as they are said to be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from make_masks import draw

from restore.ops.hole import distance


@pytest.mark.parametrize("share", [0.012, 0.05])
def test_a_mask_has_its_share_of_thin_holes_and_is_the_same_for_the_same_seed(share: float) -> None:
    canvas = draw(np.random.default_rng([1, 2]), share)
    assert np.array_equal(canvas, draw(np.random.default_rng([1, 2]), share))
    assert not np.array_equal(canvas, draw(np.random.default_rng([1, 3]), share))
    assert share <= canvas.mean() < share + 0.02
    depth = distance(~torch.from_numpy(canvas), 10)[torch.from_numpy(canvas)]
    assert float((depth <= 2).float().mean()) > 0.8
    assert float(depth.max()) < 10  # only where lines cross
