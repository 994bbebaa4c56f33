"""How much of a change the damage explains: all, none, or the part that the formula says."""

from __future__ import annotations

import pytest
import torch
from skimage import data

from restore.io.codec import jpeg_round_trip
from restore.ops.blur import blur, gaussian_kernels, motion_kernels
from restore.ops.explain import explained_share


def photo() -> torch.Tensor:
    return torch.from_numpy(data.coffee()[:200, :264].copy()).permute(2, 0, 1)[None].float() / 255


def white(sigma: float, channels: int = 3) -> torch.Tensor:
    noise = torch.randn(1, channels, 200, 264, generator=torch.Generator().manual_seed(0)) * sigma / 255
    return noise.expand(1, 3, -1, -1)


def share(
    restored: torch.Tensor,
    source: torch.Tensor,
    *,
    gray: bool = False,
    noise: float = 0.0,
    jpeg: float = 100.0,
    kernel: torch.Tensor | None = None,
) -> float:
    found = explained_share(restored, source, gray=gray, noise=noise, jpeg=jpeg, kernel=kernel)
    assert found is not None
    return found


@pytest.mark.parametrize("sigma", [5, 20, 45])
def test_noise_taken_away_is_explained_by_noise_of_that_level(sigma: float) -> None:
    assert share(photo(), photo() + white(sigma), noise=sigma) > 0.99
    assert share(photo(), photo() + white(sigma, 1), noise=sigma, gray=True) > 0.99


def test_more_noise_than_was_told_is_explained_in_part() -> None:
    told, taken = 5, 20
    part = share(photo(), photo() + white(taken), noise=told)
    luma_share = 0.299**2 + 0.587**2 + 0.114**2
    assert part == pytest.approx(1.5 * (told**2 * luma_share + 1 / 12) / (taken**2 * luma_share), abs=0.01)


def test_detail_that_was_lost_is_not_explained() -> None:
    smeared = blur(photo(), gaussian_kernels(torch.tensor([2.0])))
    assert share(smeared, photo(), noise=3) < 0.3


@pytest.mark.parametrize("quality", [10, 40, 80])
def test_what_jpeg_did_is_explained_by_its_quality_and_hardly_by_a_better_one(quality: int) -> None:
    good = photo()
    pixels = (good[0].permute(1, 2, 0) * 255).round().to(torch.uint8).contiguous().numpy()
    coded = torch.from_numpy(jpeg_round_trip(pixels, quality)).permute(2, 0, 1)[None].float() / 255
    assert share(good, coded, jpeg=quality) > 0.97
    assert share(good, coded, jpeg=97) < 0.5


@pytest.mark.parametrize(
    "kernel", [gaussian_kernels(torch.tensor([1.5])), motion_kernels(torch.tensor([9.0]), torch.tensor([0.5]))]
)
def test_a_blur_undone_is_explained_by_that_blur_alone(kernel: torch.Tensor) -> None:
    soft = blur(photo(), kernel)
    assert share(photo(), soft, kernel=kernel) > 0.999
    assert share(photo(), soft) < 0.2


def test_without_a_change_there_is_nothing_to_explain() -> None:
    assert explained_share(photo(), photo(), noise=5, jpeg=50, kernel=None, gray=False) is None
    tiny = torch.rand(1, 3, 7, 30)
    assert explained_share(tiny, 1 - tiny, noise=5, jpeg=50, kernel=None, gray=False) is None
