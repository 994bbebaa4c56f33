"""MS-SSIM beside scikit-image and SciPy, and its gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.metrics import structural_similarity

from restore.losses.structure import LEVEL_WEIGHTS, ms_ssim


def astronaut(side: int, top: int = 60, left: int = 150) -> torch.Tensor:
    crop = data.astronaut()[top : top + side, left : left + side]
    return torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].double() / 255


def noisy(clean: torch.Tensor, sigma: float = 0.08) -> torch.Tensor:
    return clean + sigma * torch.randn(clean.shape, generator=torch.Generator().manual_seed(1), dtype=clean.dtype)


def halved(image: np.ndarray) -> np.ndarray:
    """2x2 means of (C,H,W); an odd last row or column is left out."""
    channels, height, width = len(image), image.shape[1] // 2, image.shape[2] // 2
    return image[:, : 2 * height, : 2 * width].reshape(channels, height, 2, width, 2).mean(axis=(2, 4))


def ms_ssim_by_scipy(one: np.ndarray, other: np.ndarray, levels: int) -> float:
    """MS-SSIM of two (C,H,W) arrays, level by level as the paper writes it."""

    def blur(plane: np.ndarray) -> np.ndarray:
        return np.stack([gaussian_filter(channel, 1.5, truncate=3.5)[5:-5, 5:-5] for channel in plane])

    weights = np.array(LEVEL_WEIGHTS[:levels]) / sum(LEVEL_WEIGHTS[:levels])
    product = np.ones(len(one))
    for level, weight in enumerate(weights):
        mean_one, mean_other = blur(one), blur(other)
        var_one, var_other = blur(one**2) - mean_one**2, blur(other**2) - mean_other**2
        similarity = (2 * (blur(one * other) - mean_one * mean_other) + 9e-4) / (var_one + var_other + 9e-4)
        if level == levels - 1:
            similarity *= (2 * mean_one * mean_other + 1e-4) / (mean_one**2 + mean_other**2 + 1e-4)
        product *= similarity.mean(axis=(1, 2)) ** weight
        one, other = (halved(image) for image in (one, other))
    return float(product.mean())


def test_on_one_level_it_is_scikit_images_ssim() -> None:
    clean = astronaut(20)
    spoilt = noisy(clean)
    planes = [(clean[0, channel].numpy(), spoilt[0, channel].numpy()) for channel in range(3)]
    settings = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = np.mean([structural_similarity(one, other, **settings) for one, other in planes])
    assert 1 - ms_ssim(spoilt, clean).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("side", "levels"), [(32, 2), (64, 3), (128, 4), (176, 5), (256, 5)])
def test_as_many_levels_as_fit_and_no_more_than_five(side: int, levels: int) -> None:
    clean = astronaut(side)
    spoilt = noisy(clean)
    expected = ms_ssim_by_scipy(spoilt[0].numpy(), clean[0].numpy(), levels)
    assert 1 - ms_ssim(spoilt, clean).item() == pytest.approx(expected, abs=1e-9)


def test_more_noise_is_worse() -> None:
    clean = astronaut(128)
    losses = [ms_ssim(noisy(clean, sigma), clean).item() for sigma in (0.0, 0.02, 0.05, 0.1, 0.2)]
    assert losses == sorted(losses)
    assert losses[0] == pytest.approx(0.0, abs=1e-12)


def test_its_gradient_is_right() -> None:
    clean = astronaut(24)[:, :1, :12, :13]
    spoilt = noisy(clean).requires_grad_()
    assert torch.autograd.gradcheck(lambda image: ms_ssim(image, clean), spoilt)


def test_opposites_and_tiny_pictures_keep_a_finite_gradient() -> None:
    checker = ((torch.arange(48)[:, None] + torch.arange(48)) % 2).float().expand(1, 3, 48, 48)
    for target in (checker, torch.zeros(1, 3, 3, 4), torch.rand(1, 3, 1, 1)):
        restored = (1 - target).requires_grad_()
        loss = ms_ssim(restored, target)
        (slope,) = torch.autograd.grad(loss, restored)
        assert slope.isfinite().all()
        assert 0 < loss.item() <= 1
