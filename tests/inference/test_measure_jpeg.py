"""JPEGs that pictures once were, made by Pillow and by OpenCV and looked for in the pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from restore.inference.measure_jpeg import Trace, find_traces, worst_quality

Picture = NDArray[np.uint8]
PHOTOS: dict[str, Picture] = {
    "astronaut": data.astronaut(), "coffee": data.coffee(), "rocket": data.rocket(), "cat": data.chelsea(),
}  # fmt: skip


def halved(name: str) -> Picture:
    """A photo without traces of its own."""
    return np.asarray(Image.fromarray(PHOTOS[name]).reduce(2))


def coded(picture: Picture, **saving: object) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", **saving)  # type: ignore[arg-type]
    return np.asarray(Image.open(buffer).convert("RGB"))


def traces(picture: Picture) -> tuple[Trace, ...]:
    return find_traces(torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("quality", [10, 30, 50, 75, 90])
@pytest.mark.parametrize("shift", [(0, 0), (3, 6)])
def test_the_quality_and_the_grid_are_found_in_the_pixels_alone(
    name: str, quality: int, shift: tuple[int, int]
) -> None:
    (trace, *earlier) = traces(coded(halved(name), quality=quality)[shift[0] :, shift[1] :])
    assert not earlier
    assert trace.quality == pytest.approx(quality, abs=2)
    assert (trace.top, trace.left) == (-shift[0] % 8, -shift[1] % 8)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_picture_that_never_was_a_jpeg_or_was_resized_since_shows_none(name: str) -> None:
    assert traces(halved(name)) == ()
    assert traces(np.asarray(Image.fromarray(coded(PHOTOS[name], quality=40)).resize((300, 200)))) == ()


def test_a_turned_picture_shows_its_jpeg_all_the_same() -> None:
    (trace,) = traces(np.ascontiguousarray(np.rot90(coded(halved("coffee"), quality=60))))
    assert trace.quality == pytest.approx(60, abs=2)


def test_a_little_noise_afterwards_hides_no_strong_jpeg() -> None:
    noisy = coded(halved("coffee"), quality=40) + np.random.default_rng(0).normal(0, 1, (200, 300, 3))
    (trace, *_) = traces(noisy.clip(0, 255).round().astype(np.uint8))
    assert trace.quality == pytest.approx(40, abs=2)


def test_tables_that_are_no_standard_ones_are_told_by_their_sum() -> None:
    flat = [[14] * 64, [14] * 64]
    (trace, *_) = traces(coded(halved("astronaut"), qtables=flat))
    assert (trace.top, trace.left) == (0, 0)
    assert 55 < trace.quality < 90


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize(("first", "last"), [(30, 90), (50, 90), (30, 75)])
@pytest.mark.parametrize("shift", [0, 4])
def test_of_two_jpegs_the_worse_first_one_is_found(name: str, first: int, last: int, shift: int) -> None:
    once = np.ascontiguousarray(coded(halved(name), quality=first, subsampling=0)[shift:, shift:])
    found = traces(coded(once, quality=last, subsampling=0))
    assert worst_quality(found) == pytest.approx(first, abs=3)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_better_first_jpeg_does_no_harm_and_is_not_told(name: str) -> None:
    found = traces(coded(coded(halved(name), quality=90), quality=50))
    assert worst_quality(found) == pytest.approx(50, abs=2)


def test_flat_black_and_tiny_pictures_show_no_jpeg() -> None:
    for size in (20, 64):
        for level in (0, 128, 255):
            assert traces(np.full((size, size, 3), level, np.uint8)) == ()
    assert worst_quality(()) is None
