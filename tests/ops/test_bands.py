"""Resizing in bands is resizing."""

from __future__ import annotations

import pytest
import torch

from restore.ops import bands as module
from restore.ops.bands import resized_bands, resized_rows, rows_needed
from restore.ops.resize import resize

SIZES = [
    ((61, 47), (33, 29)),  # no common divisor
    ((240, 180), (60, 45)),
    ((60, 45), (240, 180)),
    ((50, 70), (50, 35)),
    ((40, 40), (44, 44)),
    ((1, 1), (7, 5)),
    ((300, 3), (1, 1)),
]


@pytest.mark.parametrize(("source", "target"), SIZES)
@pytest.mark.parametrize("pixels", [1, 3000, 1 << 20])
def test_the_bands_joined_are_what_the_whole_picture_gives(
    source: tuple[int, int], target: tuple[int, int], pixels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BAND_PX", pixels)
    image = torch.rand(2, 3, *source, dtype=torch.float64) * 3 - 1
    parts = list(resized_bands(image, *target, torch.float64))
    tops = [top for top, _ in parts]
    assert tops == [sum(part.shape[-2] for _, part in parts[:index]) for index in range(len(parts))]
    assert torch.allclose(torch.cat([part for _, part in parts], dim=-2), resize(image, *target), atol=1e-12)


def test_a_smaller_band_means_more_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    image = torch.rand(1, 1, 256, 256)
    counts = []
    for pixels in (1 << 20, 10_000):
        monkeypatch.setattr(module, "BAND_PX", pixels)
        counts.append(len(list(resized_bands(image, 128, 128, torch.float32))))
    assert counts == [1, 8]  # blocks of 16 rows of the smaller picture


def test_float32_bands_are_as_exact_as_float32_resizing() -> None:
    image = torch.rand(1, 3, 90, 120)
    (_, band), *rest = resized_bands(image, 45, 60, torch.float32)
    assert not rest
    assert band.dtype == torch.float32
    assert (band - resize(image.double(), 45, 60)).abs().max() < 1e-6


@pytest.mark.parametrize(("source", "target"), SIZES)
def test_any_rows_can_be_made_from_the_rows_that_they_need(source: tuple[int, int], target: tuple[int, int]) -> None:
    image = torch.rand(1, 2, *source, dtype=torch.float64)
    whole = resize(image, *target)
    height = target[0]
    for first, last in ((0, 1), (0, height), (height - 1, height), (height // 3, height // 3 + (height + 1) // 2)):
        low, high = rows_needed(source[0], height, first, last)
        rows = resized_rows(image[..., low:high, :], low, source, target, (first, last))
        assert torch.allclose(rows, whole[..., first:last, :], atol=1e-12)
