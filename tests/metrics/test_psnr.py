"""PSNR against closed forms and scikit-image."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from restore.errors import ConfigError
from restore.metrics.psnr import lr_psnr, psnr
from restore.ops.resize import resize


@pytest.mark.parametrize(("offset", "peak"), [(0.1, 1.0), (5.0, 255.0), (1.0, 65535.0)])
def test_a_constant_offset_gives_twenty_log_of_peak_over_offset(offset: float, peak: float) -> None:
    target = torch.zeros(1, 3, 5, 7, dtype=torch.float64)
    assert psnr(target + offset, target, peak=peak).item() == pytest.approx(20 * math.log10(peak / offset), abs=1e-9)


def test_equal_images_are_infinitely_good() -> None:
    photo = torch.rand(2, 3, 4, 4)
    assert psnr(photo, photo, peak=1.0).tolist() == [math.inf, math.inf]


def test_each_image_of_a_batch_is_judged_by_itself() -> None:
    target = torch.zeros(2, 1, 4, 4)
    restored = torch.stack([target[0] + 0.1, target[1] + 0.01])
    assert psnr(restored, target, peak=1.0).tolist() == pytest.approx([20.0, 40.0], abs=1e-5)


def test_scikit_image_finds_the_same_value_in_a_noisy_photo() -> None:
    photo = data.astronaut()
    noise = np.random.default_rng(3).normal(0, 12, photo.shape)
    noisy = np.clip(photo + noise, 0, 255).round().astype(np.uint8)
    ours = psnr(
        torch.from_numpy(noisy).permute(2, 0, 1)[None], torch.from_numpy(photo).permute(2, 0, 1)[None], peak=255
    )
    assert ours.item() == pytest.approx(peak_signal_noise_ratio(photo, noisy, data_range=255), abs=1e-9)


def test_small_differences_survive_since_the_work_is_in_float64() -> None:
    target = torch.full((1, 1, 64, 64), 1.0)
    restored = target.clone()
    restored[..., 0, 0] += 2.0**-20
    assert psnr(restored, target, peak=1.0).item() == pytest.approx(-20 * math.log10(2.0**-20 / 64), abs=1e-9)


def test_shapes_that_do_not_match_are_refused() -> None:
    with pytest.raises(ConfigError, match="one shape"):
        psnr(torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4), peak=1.0)
    with pytest.raises(ConfigError, match="one shape"):
        psnr(torch.zeros(3, 4, 4), torch.zeros(3, 4, 4), peak=1.0)
    with pytest.raises(ConfigError, match="peak"):
        psnr(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4), peak=0.0)


def test_agreement_with_the_small_photo_is_rounded_as_files_are() -> None:
    truth = torch.from_numpy(data.astronaut()[:64, :96].copy()).permute(2, 0, 1)[None].double() / 255
    small = resize(truth, 16, 24, quantise=True)
    assert lr_psnr(truth, small).item() == math.inf
    assert lr_psnr(truth + 0.2 / 255, small).item() > 52  # most of it is rounded away
    brighter = (truth + 10 / 255).clamp(max=1)
    flat = torch.full((2, 3, 64, 96), 100 / 255)
    assert lr_psnr(brighter, small).item() < 29
    assert lr_psnr(flat, torch.full((2, 3, 16, 24), 110 / 255)).tolist() == pytest.approx([20 * math.log10(25.5)] * 2)
