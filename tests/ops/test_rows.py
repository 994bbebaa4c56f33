"""In bands of rows everything is as it is in one piece, to the bit, however small the bands are."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from restore.inference.kinds import with_result
from restore.io.photo import Photo
from restore.ops import grain, rows
from restore.ops import tone as toning
from restore.ops.area import area_of, within
from restore.ops.evidence import evidence_cells
from restore.ops.grain import add_grain
from restore.ops.lock import CELL_PX, lock_colour
from restore.ops.resize import resize, resized
from restore.ops.rows import copied, row_bands
from restore.ops.strength import with_strength
from restore.ops.tone import tone_of

HEIGHT, WIDTH = 203, 90


def picture(seed: int = 0, height: int = HEIGHT, width: int = WIDTH, channels: int = 3) -> torch.Tensor:
    return torch.rand(1, channels, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=[32, 40, 57])
def small_bands(request, monkeypatch) -> None:
    monkeypatch.setattr(rows, "BAND_PX", 1)
    monkeypatch.setattr(rows, "LEAST_ROWS", request.param)


@pytest.mark.parametrize(("height", "width", "most", "step"), [(1, 1, 1, 1), (100, 7, 9, 1), (1000, 1 << 17, 512, 8)])
def test_bands_cover_all_rows_once_and_begin_at_whole_steps(height, width, most, step) -> None:
    bands = list(row_bands(height, width, most, step))
    assert [row for band in bands for row in range(height)[band]] == list(range(height))
    assert all(band.start % step == 0 for band in bands)
    assert all(band.stop - band.start <= most for band in bands)
    assert all((band.stop - band.start) * width <= rows.BAND_PX + rows.LEAST_ROWS * width for band in bands)


def test_a_copy_is_equal_and_of_its_own(small_bands) -> None:
    image = picture()
    copy = copied(image)
    assert torch.equal(copy, image)
    copy.zero_()
    assert float(image.sum()) > 0


def test_the_lock_compares_the_same_cells(small_bands, monkeypatch) -> None:
    source, restored = picture(), picture(1, 2 * HEIGHT, 2 * WIDTH)
    found = lock_colour(restored.clone(), source)
    monkeypatch.undo()
    assert torch.equal(found, lock_colour(restored.clone(), source))
    drift = F.avg_pool2d(source, CELL_PX, ceil_mode=True) - F.avg_pool2d(found, 2 * CELL_PX, ceil_mode=True)
    assert float(drift.mean().abs()) < 1e-3


@pytest.mark.parametrize("strength", [0, 35, 100])
def test_strength_is_the_same(strength, small_bands, monkeypatch) -> None:
    source, restored = picture(), picture(1)
    found = with_strength(restored.clone(), source, strength)
    monkeypatch.undo()
    assert torch.equal(found, with_strength(restored.clone(), source, strength))


def test_areas_mix_as_a_straight_line_does(small_bands) -> None:
    source, restored, area = picture(), picture(1), picture(2, channels=1)
    assert torch.equal(within(area, restored.clone(), source), torch.lerp(source, restored, area))
    assert torch.equal(area_of(torch.full((3, HEIGHT, WIDTH), 0.5)), torch.full((1, 1, HEIGHT, WIDTH), 0.5))


@pytest.mark.parametrize("width", [1, 15, 16, 17, WIDTH])
def test_noise_drawn_in_parts_is_what_torch_draws_at_once(width, monkeypatch) -> None:
    monkeypatch.setattr(grain, "_DRAWN", 64)
    shape = (1, 1, 37, width)
    parts = grain._white_noise(shape, torch.Generator().manual_seed(3), torch.empty)
    assert torch.equal(parts, torch.randn(shape, generator=torch.Generator().manual_seed(3)))


def test_grain_is_the_same_where_only_the_middle_of_what_was_removed_is_shown(small_bands, monkeypatch) -> None:
    monkeypatch.setattr(grain, "_SAMPLE_PX", 40)
    image, like = picture(), picture(4) - 0.5
    found = add_grain(image.clone(), 6, torch.Generator().manual_seed(1), like=grain.middle_of(like))
    monkeypatch.setattr(rows, "BAND_PX", 1 << 21)
    assert torch.equal(found, add_grain(image.clone(), 6, torch.Generator().manual_seed(1), like=like))


@pytest.mark.parametrize("size", [(203, 90), (406, 180), (101, 45), (300, 91), (204, 400), (77, 90), (203, 33)])
def test_resizing_is_the_same(size, small_bands) -> None:
    image = picture(channels=2)
    assert torch.equal(resized(image, *size), resize(image, *size))


def test_the_map_of_evidence_is_the_same_with_neighbours_in_other_bands(monkeypatch) -> None:
    photo = picture()
    result = (photo + 0.1 * picture(1)).clamp(0, 1)
    whole = evidence_cells(photo, result)
    for pixels in (1, 2000, 5000):
        monkeypatch.setattr("restore.ops.evidence._BAND_PX", pixels)
        assert torch.allclose(evidence_cells(photo, result), whole, atol=1e-6)  # sums of other rows differ by rounding


def test_a_tone_is_found_and_given_back_in_parts(small_bands, monkeypatch) -> None:
    light = F.interpolate(picture(channels=1, height=30, width=20), size=(HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)
    sepia = torch.cat([light**0.9, light, light**1.2], dim=1)
    monkeypatch.setattr(toning, "_CELLS", 1)
    tone = tone_of(sepia)
    monkeypatch.undo()
    whole = tone_of(sepia)
    assert tone is not None
    assert whole is not None
    assert torch.allclose(tone.offsets, whole.offsets, atol=1e-9)
    assert float((tone.colour(light) - sepia).abs().max()) < 0.02
    three = light * torch.tensor([0.9, 1.0, 1.1]).view(3, 1, 1)
    assert torch.equal(tone.colour(three.clone(), in_place=True), tone.colour(three.mean(dim=1, keepdim=True)))


@pytest.mark.parametrize("gray", [False, True])
def test_a_result_is_cut_off_where_the_photo_ends_it(gray, small_bands) -> None:
    pixels = picture()[0] * 1.2 - 0.05
    photo = Photo(pixels=pixels, alpha=None, gray=gray, depth=8, format="PNG", mode="RGB")
    made = 3 * picture(1) - 1
    limited = made.clamp(min(0.0, float(pixels.min())), max(1.0, float(pixels.max())))
    expected = limited.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1) if gray else limited
    assert torch.equal(with_result(photo, made.clone()).pixels, expected[0])
