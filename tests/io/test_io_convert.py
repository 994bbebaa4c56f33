"""Pillow pictures and arrays: the same kind comes back. And alpha without fringes, and memory within bounds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.errors import ConfigError, ImageError
from restore.io.alpha import bleed
from restore.io.convert import photo_from_array, photo_from_pil, photo_to_array, photo_to_pil


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16"])
def test_a_pillow_image_comes_back_in_its_mode_with_its_values(mode: str) -> None:
    values = np.random.default_rng(1).integers(
        1, 256, (7, 9, {"LA": 2, "RGB": 3, "RGBA": 4}.get(mode, 1)), dtype=np.uint8
    )
    image = Image.fromarray(values if values.shape[2] > 1 else values[..., 0])
    if mode == "I;16":
        image = Image.fromarray(values[..., 0].astype(np.uint16) * 257 - 3)
    before = np.array(image)
    again = photo_to_pil(photo_from_pil(image))
    assert again.mode == mode == image.mode
    np.testing.assert_array_equal(np.asarray(again), before)
    np.testing.assert_array_equal(np.asarray(image), before)


@pytest.mark.parametrize(
    ("mode", "becomes"), [("1", "L"), ("P", "RGB"), ("PA", "RGBA"), ("YCbCr", "RGB"), ("CMYK", "RGB")]
)
def test_rarer_pillow_modes_become_the_nearest_plain_one(mode: str, becomes: str) -> None:
    image = Image.fromarray(data.astronaut()[:16, :16]).convert("P" if mode == "PA" else mode).convert(mode)
    again = photo_to_pil(photo_from_pil(image))
    assert again.mode == becomes
    apart = np.asarray(again.convert("RGB")).astype(int) - np.asarray(image.convert("RGB"))
    assert np.abs(apart).max() <= 1


def test_pillow_metadata_travels_and_orientation_is_applied() -> None:
    image = Image.new("RGB", (4, 6))
    exif = image.getexif()
    exif[0x0112] = 6
    image.info |= {"exif": exif.tobytes(), "dpi": (200, 200), "xmp": b"<x/>"}
    again = photo_to_pil(photo_from_pil(image))
    assert again.size == (6, 4)
    assert again.getexif()[0x0112] == 1
    assert again.info["dpi"] == (200, 200)
    assert again.info["xmp"] == b"<x/>"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 2), (5, 6, 3), (5, 6, 4)])
def test_an_array_comes_back_in_its_shape_and_type(shape: tuple[int, ...], dtype: type) -> None:
    generator = np.random.default_rng(0)
    array = generator.random(shape, dtype=np.float32).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        array = generator.integers(1, np.iinfo(dtype).max + 1, shape, dtype=dtype)
    before = array.copy()
    again = photo_to_array(photo_from_array(array), array.dtype)
    assert (again.shape, again.dtype) == (array.shape, array.dtype)
    np.testing.assert_allclose(again, before, atol=0 if np.issubdtype(dtype, np.integer) else 1e-7)
    np.testing.assert_array_equal(array, before)


def test_gray_arrays_stay_gray_and_say_so() -> None:
    photo = photo_from_array(np.full((2, 2), 0.5))
    assert photo.gray
    assert torch.equal(photo.pixels[0], photo.pixels[2])


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((2, 2, 5), np.uint8), "C = 1 to 4"),
        (np.zeros((2,), np.uint8), "HxW"),
        (np.zeros((0, 2), np.uint8), "HxW"),
        (np.zeros((2, 2), np.int32), "uint8, uint16 or float"),
        (np.full((2, 2), 200.0), "divide by 255"),
        (np.full((2, 2), np.nan), "must lie in"),
        ([[0.5]], "numpy array"),
    ],
)
def test_arrays_that_are_no_photo_are_refused(array: object, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        photo_from_array(array)


def test_other_things_are_refused() -> None:
    with pytest.raises(ConfigError, match="Pillow image"):
        photo_from_pil("photo.jpg")
    with pytest.raises(ImageError, match="kind F"):
        photo_from_pil(Image.new("F", (2, 2)))
    with pytest.raises(ConfigError, match="float type"):
        photo_to_array(photo_from_array(np.zeros((2, 2))), np.int16)


def test_hidden_pixels_take_the_nearest_visible_colour() -> None:
    y, x = np.mgrid[0:31, 0:41]
    seeds = [(5, 6), (25, 30), (3, 35)]
    alpha = torch.zeros(31, 41)
    pixels = torch.rand(3, 31, 41)
    for row, column in seeds:
        alpha[row, column] = 1
    filled = bleed(pixels, alpha)
    distances = np.stack([np.hypot(y - row, x - column) for row, column in seeds])
    clear = np.sort(distances, axis=0)[1] - distances.min(axis=0) > 0.5  # not near a tie
    for index, (row, column) in enumerate(seeds):
        mine = clear & (distances.argmin(axis=0) == index)
        assert bool((filled[:, torch.from_numpy(mine)] == pixels[:, row, column, None]).all())


def test_visible_pixels_never_change_and_all_or_nothing_is_left_alone() -> None:
    pixels, alpha = torch.rand(3, 8, 8), (torch.rand(8, 8) - 0.5).clamp(min=0)
    assert torch.equal(bleed(pixels, alpha)[:, alpha > 0], pixels[:, alpha > 0])
    for plain in (torch.zeros(8, 8), torch.ones(8, 8)):
        assert torch.equal(bleed(pixels, plain), pixels)


def test_enlarging_a_cut_out_shows_no_fringe() -> None:
    """A red disc whose file hides green under the transparent part: no pixel of the enlarged picture turns green."""
    y, x = np.mgrid[-16:16, -16:16]
    inside = x**2 + y**2 < 100
    array = np.zeros((32, 32, 4), np.uint8)
    array[...] = (0, 255, 0, 0)
    array[inside] = (255, 0, 0, 255)
    photo = photo_from_array(array)
    larger = torch.nn.functional.interpolate(photo.pixels[None], scale_factor=4, mode="bicubic")[0]
    torch.testing.assert_close(larger, torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand_as(larger))


def test_reading_a_photo_needs_little_more_than_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.fromarray(np.kron(data.astronaut(), np.ones((6, 6, 1), np.uint8))).save(path)  # 9.4 megapixels
    code = (
        "import resource, sys\n"
        "from restore.io.read import read_photo\n"
        "read_photo(sys.argv[2])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "photo = read_photo(sys.argv[1])\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print((after - before) * 1024 / photo.pixels.nbytes)\n"
    )
    small = tmp_path / "small.jpg"
    Image.new("RGB", (64, 64)).save(small)
    done = subprocess.run([sys.executable, "-c", code, path, small], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 3
