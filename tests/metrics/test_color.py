"""Luma against MATLAB's documented values and scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data
from skimage.color import rgb2ycbcr

from restore.errors import ConfigError
from restore.ops.color import rgb_to_y


def test_black_is_16_and_white_is_235() -> None:
    ends = torch.stack([torch.zeros(3, 1, 1), torch.ones(3, 1, 1)]).double()
    assert (rgb_to_y(ends) * 255).flatten().tolist() == pytest.approx([16.0, 235.0], abs=1e-9)


def test_scikit_image_finds_the_same_luma_in_a_photo() -> None:
    photo = data.coffee()
    ours = rgb_to_y(torch.from_numpy(photo).permute(2, 0, 1)[None].double() / 255)
    assert ours.dtype == torch.float64
    assert np.abs(ours[0, 0].numpy() * 255 - rgb2ycbcr(photo)[..., 0]).max() < 1e-9


def test_a_single_channel_is_refused() -> None:
    with pytest.raises(ConfigError, match="RGB"):
        rgb_to_y(torch.zeros(1, 1, 4, 4))
