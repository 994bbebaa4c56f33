"""Shifts: measured to a tenth of a pixel through blur, noise, JPEG and shrinking; and undone without loss of detail."""

from __future__ import annotations

import math

import pytest
import torch
from skimage import data
from torch import Tensor

from restore.ops.degrade import add_noise, jpeg, to_8_bits
from restore.ops.resize import resize
from restore.ops.shift import measure_shift, translate

BORDER = 24


def photo(name: str) -> Tensor:
    """(1,3,H,W) in [0,1]."""
    return torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None].float() / 255


def pair(name: str, down: int, right: int, scale: int, fraction: int = 1) -> tuple[Tensor, Tensor]:
    """A photo and a copy 1/``scale`` as large that is moved by (down, right)/fraction pixels of the photo.

    Moved by whole pixels before everything is shrunk by ``fraction``, so the shift is known without resampling.
    """
    whole = photo(name)
    height, width = (side - 2 * BORDER - (side - 2 * BORDER) % (8 * fraction) for side in whole.shape[-2:])
    fixed = whole[..., BORDER : BORDER + height, BORDER : BORDER + width]
    moved = whole[..., BORDER - down : BORDER - down + height, BORDER - right : BORDER - right + width]
    hq = to_8_bits(resize(fixed, height // fraction, width // fraction))
    return to_8_bits(resize(moved, height // fraction // scale, width // fraction // scale)), hq


@pytest.mark.parametrize("name", ["astronaut", "coffee", "rocket"])
@pytest.mark.parametrize(("scale", "fraction"), [(1, 2), (1, 4), (2, 2), (2, 1), (4, 1)])
def test_a_known_fraction_is_found_to_a_tenth_of_a_pixel(name: str, scale: int, fraction: int) -> None:
    for down, right in [(0, 0), (1, 0), (3, -5), (-7, 2), (19, -23)]:
        shift = measure_shift(*pair(name, down, right, scale, fraction))
        assert shift is not None
        assert shift.down == pytest.approx(down / fraction, abs=0.1)
        assert shift.right == pytest.approx(right / fraction, abs=0.1)
        assert shift.confidence > 0.5


def test_noise_blur_jpeg_and_another_exposure_do_not_hide_it() -> None:
    lq, hq = pair("astronaut", 5, -3, 2)
    blurred = resize(resize(lq, lq.shape[-2] // 2, lq.shape[-1] // 2), *lq.shape[-2:])
    spoilt = {
        "noise": add_noise(lq, torch.tensor([20.0]), torch.Generator().manual_seed(0)),
        "blur": blurred,
        "jpeg": jpeg(lq, torch.tensor([30]), subsample=torch.tensor([True])),
        "dark": lq.clamp(0, 1) ** 2 * 0.5,
        "gray": lq.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1),
    }
    for damage, damaged in spoilt.items():
        shift = measure_shift(damaged, hq)
        assert shift is not None
        assert (shift.down, shift.right) == (pytest.approx(5, abs=0.1), pytest.approx(-3, abs=0.1)), damage
        assert shift.confidence > 0.3


def test_taking_every_other_pixel_moves_a_picture_by_half_a_pixel() -> None:
    hq = photo("coffee")
    shift = measure_shift(hq[..., ::2, ::2], hq)
    assert shift is not None
    assert (shift.down, shift.right) == (pytest.approx(0.5, abs=0.1), pytest.approx(0.5, abs=0.1))


def test_photos_that_show_different_things_are_called_so_and_not_shifted() -> None:
    names = ["astronaut", "coffee", "rocket"]
    for first in names:
        for second in names:
            a, b = (photo(name)[..., :400, :512] for name in (first, second))
            shift = measure_shift(resize(a, 200, 256), b)
            assert shift is not None
            assert (shift.confidence > 0) == (first == second)
            assert math.isinf(shift.error) == (first != second)
    turned = measure_shift(photo("astronaut").rot90(1, (-2, -1)), photo("astronaut"))
    assert turned is not None
    assert turned.confidence == 0


def test_where_nothing_is_to_be_seen_nothing_is_measured() -> None:
    flat = torch.full((1, 3, 64, 64), 0.3)
    tiny = torch.rand(1, 3, 12, 64)
    assert measure_shift(flat, flat) is None
    assert measure_shift(tiny, tiny) is None


def test_stripes_are_found_moved_across_and_nothing_is_made_up_along_them() -> None:
    stripes = (torch.rand(1, 1, 1, 96, generator=torch.Generator().manual_seed(3))).expand(1, 3, 96, 96)
    shift = measure_shift(stripes[..., 2:90], stripes[..., 0:88])
    assert shift is not None
    assert (shift.down, shift.right) == (pytest.approx(0, abs=0.01), pytest.approx(-2, abs=0.1))


def test_of_a_large_photo_the_part_with_detail_is_measured() -> None:
    hq = torch.full((1, 3, 1400, 1400), 0.4)
    hq[..., 900:1200, 950:1300] = photo("coffee")[..., :300, :350]
    shift = measure_shift(hq.roll((4, -2), (-2, -1)), hq)
    assert shift is not None
    assert (shift.down, shift.right) == (pytest.approx(4, abs=0.1), pytest.approx(-2, abs=0.1))


def test_the_error_grows_with_the_noise_and_is_of_the_right_size() -> None:
    lq, hq = pair("coffee", 3, 2, 1)
    wrong, expected = [], []
    for number in range(8):
        noisy = add_noise(lq, torch.tensor([40.0]), torch.Generator().manual_seed(number))
        shift = measure_shift(noisy, hq)
        assert shift is not None
        wrong += [shift.down - 3, shift.right - 2]
        expected.append(shift.error)
    spread = math.sqrt(sum(value * value for value in wrong) / len(wrong))
    assert spread / 3 < sum(expected) / len(expected) < 3 * spread
    clean = measure_shift(lq, hq)
    assert clean is not None
    assert clean.error < 0.1 * expected[0]


def test_moving_by_whole_pixels_keeps_every_value() -> None:
    image = torch.rand(1, 3, 20, 30)
    moved = translate(image, 3.0, -2.0)
    assert torch.allclose(moved[..., 3:, :-2], image[..., :-3, 2:], atol=1e-6)
    assert torch.equal(translate(image, 0.0, 0.0), image)


def test_moving_a_wave_by_a_fraction_gives_the_wave_of_that_place() -> None:
    place = torch.arange(80, dtype=torch.float64)
    for frequency in (0.05, 0.2, 0.35):
        wave = torch.sin(2 * math.pi * frequency * place).view(1, 1, 1, -1).expand(1, 3, 8, -1)
        shifted = torch.sin(2 * math.pi * frequency * (place - 0.37)).view(1, 1, 1, -1)
        inner = (translate(wave, 0.0, 0.37) - shifted)[..., 8:-8]
        assert float(inner.abs().max()) < 0.02


def test_moving_there_and_back_hardly_changes_a_photo() -> None:
    image = photo("astronaut")
    again = translate(translate(image, 0.3, -0.4), -0.3, 0.4)
    error = (again - image)[..., 12:-12, 12:-12].square().mean()
    assert -10 * math.log10(float(error)) > 40


def test_pictures_that_do_not_fit_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 3, 20, 20\), \(1, 3, 41, 40\)"):
        measure_shift(torch.rand(1, 3, 20, 20), torch.rand(1, 3, 41, 40))
