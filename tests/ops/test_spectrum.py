"""Fine detail and grids, on drawn pictures whose spectra are known."""

from __future__ import annotations

import math

import pytest
import torch
from skimage import data
from torch import Tensor

from restore.errors import ConfigError
from restore.ops import spectrum as module
from restore.ops.resize import resize
from restore.ops.spectrum import grid_peak, high_frequency, high_pass


def tensor(photo: object) -> Tensor:
    return torch.as_tensor(photo).permute(2, 0, 1)[None].double() / 255


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def checkerboard(height: int, width: int, period: int) -> Tensor:
    """(1,1,height,width) of +1 and -1 in squares of half a period."""
    down, right = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return ((down // (period // 2) + right // (period // 2)) % 2 * 2.0 - 1)[None, None]


def soft_enlargement() -> Tensor:
    """A photo as an enlargement shows it: no detail of its own at the finest frequencies, rounded to 8 bits."""
    photo = tensor(data.astronaut()[:120, 100:240])
    return (resize(photo, 480, 560) * 255).round().clamp(0, 255) / 255


# fine detail


def test_the_finest_checkerboard_passes_whole_and_a_flat_or_sloping_picture_not_at_all() -> None:
    board = checkerboard(20, 24, 2)
    inside = (..., slice(2, -2), slice(2, -2))
    assert torch.allclose(high_pass(board)[inside], board[inside], atol=1e-6)
    slope = torch.linspace(0, 1, 24).expand(1, 1, 20, 24)
    assert high_pass(slope)[..., 3:-3].abs().max() < 1e-6
    assert high_pass(torch.full((2, 3, 9, 9), 0.4)).abs().max() < 1e-6


def test_a_cosine_passes_as_the_binomial_kernel_says() -> None:
    frequency = 1 / 8
    wave = torch.cos(2 * math.pi * frequency * torch.arange(64, dtype=torch.float64)).expand(1, 1, 16, 64)
    kept = 1 - math.cos(math.pi * frequency) ** 4  # the kernel is (1 2 1)/4 twice
    assert torch.allclose(high_pass(wave)[..., 4:-4], kept * wave[..., 4:-4], atol=1e-12)


def test_the_share_of_fine_detail_is_the_square_of_the_contrast_and_judges_each_image() -> None:
    photo = tensor(data.coffee()[:60, :80])
    both = high_frequency(torch.cat([photo, 0.3 * photo + 0.2]), torch.cat([photo, photo]))
    assert both.tolist() == pytest.approx([1.0, 0.09], abs=1e-9)


def test_a_soft_result_has_less_fine_detail_and_a_noisy_one_more() -> None:
    photo = tensor(data.astronaut()[:128, :128])
    soft = resize(resize(photo, 32, 32), 128, 128)
    harsh = photo + 0.1 * (noise(128, 128) - 0.5)
    assert high_frequency(soft, photo).item() < 0.3
    assert high_frequency(harsh, photo).item() > 1.2


def test_flat_pictures_are_equal_in_detail_and_detail_out_of_nothing_is_infinite() -> None:
    flat = torch.zeros(1, 3, 16, 16)
    assert high_frequency(flat, flat).item() == 1.0
    assert high_frequency(noise(16, 16), flat).item() == math.inf
    assert high_frequency(flat, noise(16, 16)).item() == 0.0


def test_fine_detail_of_different_sizes_is_refused() -> None:
    with pytest.raises(ConfigError, match="one shape"):
        high_frequency(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 9))


# grids


def test_noise_flat_colour_and_photos_have_no_grid() -> None:
    assert grid_peak(torch.full((1, 3, 96, 96), 0.5)) == pytest.approx(1.0, abs=1e-6)
    assert grid_peak(noise(320, 480)) < 1.2
    for photo in (data.astronaut(), data.rocket(), data.coffee()):
        assert grid_peak(tensor(photo)) < 2


@pytest.mark.parametrize("period", [2, 4, 8])
@pytest.mark.parametrize("size", [(320, 400), (333, 251)])
def test_a_checkerboard_in_noise_is_found_and_grows_with_its_contrast(period: int, size: tuple[int, int]) -> None:
    peaks = [grid_peak(0.5 * noise(*size) + contrast * checkerboard(*size, period)) for contrast in (0.0, 0.02, 0.08)]
    assert peaks[0] < 1.4
    assert 3 < peaks[1] < peaks[2] / 8


@pytest.mark.parametrize("period", [2, 4])
def test_half_a_grey_level_of_checkerboard_stands_out_of_an_enlarged_photo(period: int) -> None:
    soft = soft_enlargement()
    assert grid_peak(soft) < 2
    printed = soft + 0.5 / 255 * checkerboard(480, 560, period)
    assert grid_peak((printed * 255).round().clamp(0, 255) / 255) > 10


@pytest.mark.parametrize("upright", [False, True])
@pytest.mark.parametrize("period", [2, 3, 4, 8])
def test_stripes_are_a_grid_too_wherever_they_begin(upright: bool, period: int) -> None:
    rows = (torch.arange(320) + 1) % period == 0
    stripes = rows.float().view(-1, 1).expand(320, 320)
    stripes = stripes.T if upright else stripes
    assert grid_peak(0.5 * noise(320, 320) + 0.08 * stripes) > 4


def test_a_grid_in_one_colour_that_luma_hides_is_found() -> None:
    opposed = torch.tensor([1 / 65.481, -1 / 128.553, 0.0]).view(1, 3, 1, 1) * 65.481
    assert grid_peak(0.5 * noise(240, 240) + 0.05 * opposed * checkerboard(240, 240, 4)) > 4


def test_edges_and_lines_are_no_grid() -> None:
    picture = torch.zeros(1, 3, 240, 240)
    picture[..., 101:] = 0.8
    picture[..., 57:, :] += 0.1
    picture[..., 150:153, :] = 0
    assert grid_peak(picture + 0.02 * noise(240, 240)) < 2.5


def test_squares_are_looked_at_in_any_number_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = noise(150, 200)
    whole = grid_peak(picture)
    monkeypatch.setattr(module, "_BATCH_TILES", 1)
    assert grid_peak(picture) == pytest.approx(whole, rel=1e-6)


def test_a_picture_without_room_for_a_square_has_no_figure() -> None:
    assert math.isnan(grid_peak(noise(47, 300)))
    assert not math.isnan(grid_peak(noise(48, 48)))
