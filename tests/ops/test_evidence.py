"""Evidence: nothing for what a photo holds, closed forms for what it does not, in the right place, in any bands."""

from __future__ import annotations

import pytest
import torch
from skimage import data

from restore.errors import ConfigError
from restore.ops import evidence as module
from restore.ops.blur import blur, gaussian_kernels
from restore.ops.evidence import CELL_PX, FLOOR, evidence_cells, evidence_map, unsupported_share
from restore.ops.evidence_view import LONGEST_PX, evidence_picture
from restore.ops.resize import resize

WINDOW_PX = 2 * CELL_PX
"""So far a change reaches: its own cell, half of the next, and the straight line to the one after it."""


def _photo(height: int = 256, width: int = 256, top: int = 0, left: int = 100) -> torch.Tensor:
    array = data.astronaut()[top : top + height, left : left + width]
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float() / 255


def _flat(height: int, width: int, grey: float = 0.5) -> torch.Tensor:
    return torch.full((1, 3, height, width), grey)


def _checkerboard(height: int, width: int, levels: float) -> torch.Tensor:
    """One pixel up, one pixel down by so many grey levels: its mean square is levels squared, in every even window."""
    down, right = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return ((down + right) % 2 * 2 - 1).float().mul(levels / 255).expand(1, 3, -1, -1)


def _noise(image: torch.Tensor, levels: float, seed: int = 0) -> torch.Tensor:
    return levels / 255 * torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))


# what the photo holds


@pytest.mark.parametrize("side", [256, 384, 512, 640, 768, 1024])
def test_bicubic_enlargement_holds_nothing_that_the_photo_does_not(side: int) -> None:
    photo = _photo()
    assert unsupported_share(photo, resize(photo, side, side)) < 1e-4
    assert float(evidence_map(photo, resize(photo, side, side)).max()) < 0.01


def test_a_sharper_kernel_adds_little_and_real_detail_much_more() -> None:
    truth = _photo()
    photo = resize(truth, 64, 64)
    sharper = torch.nn.functional.interpolate(photo, scale_factor=4, mode="bicubic", align_corners=False)  # a = -0.75
    assert unsupported_share(photo, sharper) < 0.005
    assert unsupported_share(photo, truth) > 0.05


def test_the_photo_itself_and_a_change_of_brightness_are_supported_in_full() -> None:
    photo = _photo()
    assert float(evidence_map(photo, photo).max()) == 0.0
    assert float(evidence_map(photo, photo + 0.1).max()) < 5e-4


def test_a_result_that_is_the_truth_below_the_photos_own_resolution_is_as_good_as_the_bicubic() -> None:
    """Shrinking the bicubic softens the photo once more; a result that does not is hardly less the photo's."""
    photo = _photo()
    back = resize(photo, 512, 512)
    for _ in range(20):  # until it shrinks to the photo itself
        back += resize(photo - resize(back, 256, 256), 512, 512)
    assert unsupported_share(photo, back) < 0.015


# closed forms


@pytest.mark.parametrize("levels", [1.0, 2.0, 4.0, 20.0])
def test_texture_of_the_floors_strength_on_a_flat_area_is_half(levels: float) -> None:
    """All its energy is beyond the photo: levels^2 / (levels^2 + 2^2)."""
    photo, result = _flat(48, 64), _flat(96, 128) + _checkerboard(96, 128, levels)
    expected = levels**2 / (levels**2 + 4)
    assert torch.allclose(evidence_map(photo, result), torch.full((1, 1, 96, 128), expected), atol=2e-3)
    assert unsupported_share(photo, result) == pytest.approx(expected, abs=2e-3)
    assert FLOOR == 2 / 255


@pytest.mark.parametrize(
    ("factor", "expected"),
    [
        (1.2, 0.24 / 1.44),  # added: 1.44 - 1.2; held: 1.2
        (0.5, 0.5),  # removed: 1 - 0.5, all of it shape; held: 0.5
        (0.0, 1.0),
        (-1.0, 1.0),  # turned over: nothing is held
    ],
)
def test_another_contrast_is_the_share_of_the_energy_that_came_or_went(factor: float, expected: float) -> None:
    pattern = _checkerboard(64, 64, 60.0)
    found = evidence_map(0.5 + pattern, 0.5 + factor * pattern)
    inside = (..., slice(16, -16), slice(16, -16))  # beyond the border nothing echoes
    assert torch.allclose(found[inside], torch.full((1, 1, 32, 32), expected), atol=2e-3)  # the floor: 4 / 3600


# noise may go, structure may not


@pytest.mark.parametrize("levels", [5.0, 15.0, 40.0])
def test_taking_white_noise_away_is_hardly_seen(levels: float) -> None:
    photo, flat = _photo(), _flat(128, 128)
    assert unsupported_share(photo + _noise(photo, levels), photo) < 0.015
    assert unsupported_share(flat + _noise(flat, levels), flat) < 0.015


def test_putting_noise_in_is_seen() -> None:
    photo = _photo()
    assert unsupported_share(photo, photo + _noise(photo, 15)) > 0.3


@pytest.mark.parametrize("slant", [0.0, 0.3, 1.0, 2.5])
def test_a_line_that_went_lights_up_also_under_noise_and_nothing_else_does(slant: float) -> None:
    down, right = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    distance = (down - 64 - slant * (right - 64)).abs() / (1 + slant**2) ** 0.5
    line = (1.2 - distance).clamp(0, 1)
    without = _flat(128, 128) + _noise(_flat(128, 128), 3, seed=1)
    with_line = without + 0.25 * line
    inside = (slice(16, -16), slice(16, -16))
    near, far = (distance < 1)[inside], (distance > 2 * WINDOW_PX)[inside]
    for noise in (0.0, 8.0):
        found = evidence_map(with_line + _noise(without, noise, seed=2), without)[0, 0][inside]
        assert found[near].mean() > (0.75 if noise == 0 else 0.5)
        assert found[far].mean() < 0.02


def test_smoothing_that_eats_edges_is_seen_more_the_more_it_eats() -> None:
    photo = _photo()
    shares = [
        unsupported_share(photo, blur(photo, gaussian_kernels(torch.tensor([sigma])))) for sigma in (0.5, 1, 2, 3)
    ]
    assert shares == sorted(shares)
    assert shares[-1] > 0.05


# in the right place


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_a_patch_of_texture_lights_up_exactly_where_it_is(scale: int) -> None:
    photo = _photo(128, 128)
    result = resize(photo, 128 * scale, 128 * scale).clone()
    patch = (slice(48 * scale, 80 * scale), slice(32 * scale, 72 * scale))
    pattern = _checkerboard(128, 128, 24.0).repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    if scale > 1:  # finer than the photo's pixels
        pattern = _checkerboard(128 * scale, 128 * scale, 24.0)
    result[(..., *patch)] += pattern[(..., *patch)]
    found = evidence_map(photo, result)[0, 0]
    assert found.shape == (128 * scale, 128 * scale)
    reach = WINDOW_PX * scale
    inner = found[patch[0].start + reach : patch[0].stop - reach, patch[1].start + reach : patch[1].stop - reach]
    assert inner.mean() > 0.3
    wide = torch.zeros_like(found, dtype=torch.bool)
    wide[patch[0].start - reach : patch[0].stop + reach, patch[1].start - reach : patch[1].stop + reach] = True
    assert found[~wide].max() < 0.02


def test_the_share_is_that_of_the_area() -> None:
    photo, result = _flat(256, 128), _flat(512, 256)
    result[..., :128, :] += _checkerboard(128, 256, 60.0)
    assert unsupported_share(photo, result) == pytest.approx(0.25, abs=2 * CELL_PX / 256)


# any size, any bands


@pytest.mark.parametrize(("height", "width"), [(50, 70), (75, 105), (100, 140), (200, 280), (61, 85)])
def test_looking_band_by_band_changes_nothing(height: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = _photo(50, 70)
    result = resize(photo, height, width)
    result = result + _noise(result, 10) * torch.linspace(0, 1, width)
    whole = evidence_cells(photo, result)
    assert whole.shape == (1, 1, 13, 18)
    for pixels in (1, 3000, 20_000):
        monkeypatch.setattr(module, "_BAND_PX", pixels)
        assert torch.allclose(evidence_cells(photo, result), whole, atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 2), (5, 5)])
def test_the_smallest_pictures_have_a_map_too(size: tuple[int, int]) -> None:
    photo = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    for scale in (1, 2, 3.5):
        target = (round(size[0] * scale), round(size[1] * scale))
        found = evidence_map(photo, resize(photo, *target))
        assert found.shape == (1, 1, *target)
        assert 0 <= float(found.min()) <= float(found.max()) < 0.01


def test_the_map_is_never_outside_its_range() -> None:
    rng = torch.Generator().manual_seed(1)
    for scale in (1, 2):
        found = evidence_map(
            torch.rand(1, 3, 40, 40, generator=rng), torch.rand(1, 3, 40 * scale, 40 * scale, generator=rng)
        )
        assert float(found.min()) >= 0
        assert 0.3 < float(found.max()) <= 1


def test_other_shapes_and_a_smaller_result_are_refused() -> None:
    with pytest.raises(ConfigError, match="smaller"):
        evidence_map(torch.zeros(1, 3, 5, 4), torch.zeros(1, 3, 4, 4))
    with pytest.raises(ConfigError, match="1,3,H,W"):
        unsupported_share(torch.zeros(1, 1, 5, 4), torch.zeros(1, 3, 5, 4))


# the picture


def test_the_picture_is_grey_where_the_photo_speaks_and_coloured_where_it_does_not() -> None:
    photo = _photo(96, 96)
    result = resize(photo, 192, 192)
    result[..., :64] += _checkerboard(192, 64, 40.0)
    picture = evidence_picture(photo, result)
    assert picture.shape == (1, 3, 192, 192)
    assert 0 <= float(picture.min()) <= float(picture.max()) <= 1
    spread = (picture.amax(dim=1) - picture.amin(dim=1))[0]
    assert float(spread[:, 96:].max()) < 1e-6
    assert float(spread[:, :40].mean()) > 0.3
    grey, light = picture[0, 0, :, 96:], result.mean(dim=1)[0, :, 96:]
    assert torch.corrcoef(torch.stack([grey.flatten(), light.flatten()]))[0, 1] > 0.98


def test_the_picture_of_a_large_result_is_smaller() -> None:
    photo = torch.rand(1, 3, 8, LONGEST_PX // 3, generator=torch.Generator().manual_seed(0))
    picture = evidence_picture(photo, resize(photo, 32, LONGEST_PX // 3 * 4))
    assert picture.shape == (1, 3, 24, LONGEST_PX)
