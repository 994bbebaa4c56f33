"""Known blur undone by a linear filter: what a network gets before it takes the rest of the damage away."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import signal
from skimage import data, metrics, restoration

from restore.ops.blur import blur, gaussian_kernels, motion_kernels
from restore.ops.deconvolve import REACH_PX, deconvolve, inverses, inverses_for


def photo(height: int = 160, width: int = 200) -> torch.Tensor:
    return (
        torch.from_numpy(data.astronaut()[: 2 * height : 2, 100 : 100 + width] / 255.0).float().permute(2, 0, 1)[None]
    )


def kernel(name: str) -> torch.Tensor:
    if name == "softness":
        return gaussian_kernels(torch.tensor([1.6]))
    return motion_kernels(torch.tensor([9.0]), torch.tensor([math.pi / 6]))


def noisy(image: torch.Tensor, levels: float) -> torch.Tensor:
    return image + torch.randn(image.shape, generator=torch.Generator().manual_seed(0)) * levels / 255


def error_db(image: torch.Tensor, truth: torch.Tensor) -> float:
    return metrics.peak_signal_noise_ratio(truth.numpy(), image.clamp(0, 1).numpy(), data_range=1.0)


@pytest.mark.parametrize("name", ["softness", "movement"])
def test_it_comes_near_the_best_linear_filter_that_knows_the_photo(name: str) -> None:
    # Wiener's filter with the true spectrum of this very photo is the bound for all linear filters.
    given = noisy(blur(photo(), kernel(name)), 2.0)
    ours = error_db(deconvolve(given, inverses(kernel(name), torch.tensor([2.0]))), photo())
    height, width = given.shape[-2:]
    taps = np.zeros((height, width))
    taps[:21, :21] = kernel(name)[0].numpy()
    response = np.fft.fft2(np.roll(taps, (-10, -10), (0, 1))).real
    truth = photo()[0].numpy() - photo()[0].numpy().mean(axis=(1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(truth)) ** 2).mean(axis=0)
    noise = (2 / 255) ** 2 * height * width
    best = np.fft.ifft2(np.fft.fft2(given[0].numpy()) * response * power / (response**2 * power + noise)).real
    bound = error_db(torch.from_numpy(best)[None], photo())
    inside = error_db(given, photo())
    assert ours > inside + 1.0
    assert ours > bound - 1.5


@pytest.mark.parametrize("name", ["softness", "movement"])
def test_it_is_at_least_as_good_as_ten_rounds_of_richardson_lucy(name: str) -> None:
    given = noisy(blur(photo(), kernel(name)), 2.0)
    rounds = restoration.richardson_lucy(given[0].clamp(0, 1).numpy(), kernel(name).numpy(), num_iter=10)
    ours = deconvolve(given, inverses(kernel(name), torch.tensor([2.0])))
    assert error_db(ours, photo()) > error_db(torch.from_numpy(rounds)[None].float(), photo()) - 0.3


def test_no_blur_leaves_the_photo_alone_however_noisy_it_is() -> None:
    sharp = gaussian_kernels(torch.zeros(1))
    for levels in (0.0, 5.0, 50.0):
        undone = deconvolve(photo(), inverses(sharp, torch.tensor([levels])))
        torch.testing.assert_close(undone, photo(), atol=2e-5, rtol=0)


def test_a_filter_keeps_brightness_and_goes_straight_through_flat_areas() -> None:
    filters = inverses(kernel("movement"), torch.tensor([3.0]))
    assert float(filters.sum()) == pytest.approx(1, abs=1e-5)
    flat = torch.full((1, 3, 50, 70), 0.3)
    torch.testing.assert_close(deconvolve(flat, filters), flat, atol=1e-5, rtol=0)


def test_deconvolving_is_a_convolution_with_the_filter() -> None:
    filters = inverses(kernel("softness"), torch.tensor([4.0]))
    plane = photo()[0, 1].numpy()
    expected = signal.convolve2d(plane, filters[0].numpy(), mode="same", boundary="symm")
    np.testing.assert_allclose(deconvolve(photo(), filters)[0, 1].numpy(), expected, atol=1e-5)


def test_every_picture_has_its_own_filter() -> None:
    filters = inverses(torch.cat([kernel("softness"), kernel("movement")]), torch.tensor([2.0, 6.0]))
    both = deconvolve(photo().expand(2, -1, -1, -1), filters)
    for number in range(2):
        alone = deconvolve(photo(), filters[number : number + 1])
        torch.testing.assert_close(both[number : number + 1], alone, atol=1e-6, rtol=0)


def test_a_pixel_depends_on_nothing_beyond_the_reach() -> None:
    filters = inverses(kernel("movement"), torch.tensor([1.0]))
    image = photo()
    other = image.clone()
    other[..., 60 + REACH_PX + 1 :] = 0
    one, two = deconvolve(image, filters), deconvolve(other, filters)
    torch.testing.assert_close(one[..., :61], two[..., :61], atol=2e-6, rtol=0)
    assert (one - two)[..., 61:].abs().max() > 0.01


@pytest.mark.parametrize(("noise", "quality"), [(20.0, math.nan), (math.nan, 10.0), (20.0, 40.0)])
def test_noise_and_jpeg_damage_are_sharpened_less(noise: float, quality: float) -> None:
    gentle = inverses_for(kernel("softness"), torch.tensor([noise]), torch.tensor([quality]))
    bold = inverses_for(kernel("softness"), torch.tensor([math.nan]), torch.tensor([math.nan]))
    assert gentle.square().sum() < bold.square().sum()  # how much a filter multiplies white noise by
