"""Blur made on purpose: kernels against closed forms and SciPy, and what blurring must keep."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data

from restore.ops.blur import REACH_PX, blur, disc_kernels, gaussian_kernels, motion_kernels, spread_px


def photo() -> torch.Tensor:
    return torch.from_numpy(data.astronaut()[:64, 200:280] / 255.0).permute(2, 0, 1)[None]


@pytest.mark.parametrize("sigma", [0.8, 1.6, 2.5])
def test_a_gaussian_blur_is_scipys(sigma: float) -> None:
    blurred = blur(photo(), gaussian_kernels(torch.tensor([sigma])))[0].numpy()
    truncate = REACH_PX / sigma
    expected = ndimage.gaussian_filter(photo()[0].numpy(), (0, sigma, sigma), mode="reflect", truncate=truncate)
    np.testing.assert_allclose(blurred, expected, atol=1e-5)


def test_every_kernel_keeps_brightness() -> None:
    size = torch.tensor([0.0, 1.0, 4.0])
    for kernels in (gaussian_kernels(size), disc_kernels(size), motion_kernels(3 * size, size)):
        assert kernels.shape == (3, 21, 21)
        assert kernels.sum(dim=(1, 2)).tolist() == pytest.approx([1, 1, 1])
        flat = torch.full((3, 3, 30, 30), 0.4)
        torch.testing.assert_close(blur(flat, kernels), flat)


def test_no_blur_changes_nothing() -> None:
    zero = torch.zeros(1)
    for kernels in (gaussian_kernels(zero), disc_kernels(zero), motion_kernels(zero, zero)):
        torch.testing.assert_close(blur(photo(), kernels), photo(), atol=1e-6, rtol=0)


def test_the_spread_of_a_disc_and_of_a_line_is_the_textbooks() -> None:
    assert float(spread_px(disc_kernels(torch.tensor([6.0])))) == pytest.approx(6.0 / 2, rel=0.06)
    line = float(spread_px(motion_kernels(torch.tensor([14.0]), torch.tensor([0.0]))))
    assert line == pytest.approx(14.0 / math.sqrt(24), rel=0.06)


def test_a_movement_smears_along_its_direction_only() -> None:
    point = torch.zeros(1, 1, 41, 41)
    point[..., 20, 20] = 1
    smeared = blur(point, motion_kernels(torch.tensor([9.0]), torch.tensor([0.0])))[0, 0]
    assert smeared[20].count_nonzero() == 9
    assert float(smeared[20].sum()) == pytest.approx(1)


def test_each_picture_of_a_batch_has_its_own_kernel() -> None:
    pictures = photo().repeat(2, 1, 1, 1)
    both = blur(pictures, gaussian_kernels(torch.tensor([0.0, 2.0])))
    torch.testing.assert_close(both[:1], photo(), atol=1e-6, rtol=0)
    torch.testing.assert_close(both[1:], blur(photo(), gaussian_kernels(torch.tensor([2.0]))))
