"""The cosine transform of blocks, beside OpenCV's."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from restore.ops.dct import block_coefficients


def test_the_blocks_of_a_grid_that_begins_anywhere_are_transformed_as_opencv_does() -> None:
    plane = np.random.default_rng(0).normal(0, 50, (30, 45)).astype(np.float32)
    blocks = block_coefficients(torch.from_numpy(plane)[None], top=3, left=5)
    assert blocks.shape == (1, 3, 5, 8, 8)
    expected = cv2.dct(np.ascontiguousarray(plane[11:19, 29:37]))
    np.testing.assert_allclose(blocks[0, 1, 3].numpy(), expected, atol=1e-3)
