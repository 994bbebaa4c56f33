"""A preview shows what the whole photo's result would be, in places that are chosen by measurement."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from torch import nn

from restore.inference.clean import Cleaner
from restore.inference.crops import BETWEEN, DAMAGE, DETAIL, WHOLE, Crop, choose_crops
from restore.inference.preview import preview
from restore.inference.restorer import Restorer
from restore.inference.verbs import Fix
from restore.io.convert import photo_from_array
from restore.io.photo import Photo
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.ops.tone import tone_of
from restore.tasks import CLEAN, Condition

NOISY = Condition(noise=12, jpeg=100, blur=0)
BLOCKY = Condition(noise=0, jpeg=20, blur=0)
FIXES = [Fix(strength=strength) for strength in (0, 20, 60, 100)]


@pytest.fixture(scope="module")
def cleaner(tmp_path_factory: pytest.TempPathFactory) -> Cleaner:
    """A tiny network of two levels that adds coloured texture and shifts colours, so that the lock has work."""
    torch.manual_seed(5)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    nn.init.constant_(network.head.bias, 0.05)
    path = tmp_path_factory.mktemp("clean") / "mine.safetensors"
    save_weights(path, network.state_dict(), Card(name="clean", task="clean", scale=1, size="fast", generator=shape))
    return Cleaner(device="cpu", weights=path, tile=96)


def sepia(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Toned from brown to cream, by brightness alone."""
    light = array[..., None] / 255
    return (light * np.array([250, 235, 200]) + (1 - light) * np.array([40, 20, 5])).round().astype(np.uint8)


def with_alpha(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    fade = np.linspace(0, 255, array.shape[1]).round().astype(np.uint8)
    return np.dstack([array, np.broadcast_to(fade, array.shape[:2])])


PHOTOS = {
    "colour": lambda: data.astronaut()[:301, :411],
    "gray": lambda: data.camera()[:301, :411],
    "toned": lambda: sepia(data.camera()[100:401, :411]),
    "transparent": lambda: with_alpha(data.astronaut()[:301, :411]),
}


# cells


@pytest.mark.parametrize("kind", PHOTOS)
def test_cells_equal_the_crops_of_the_whole_photos_result(cleaner, kind) -> None:
    photo = photo_from_array(PHOTOS[kind]())
    assert (tone_of(photo.pixels[None]) is not None and not photo.gray) == (kind == "toned")
    side = 64  # in the middle, at odd places, and at every border
    corners = [(111, 173), (0, 0), (301 - side, 411 - side), (0, 411 - side), (50, 0), (301 - side, 97)]
    crops = [Crop(top, left, side, side, DETAIL) for top, left in corners]
    cells = preview(cleaner, photo, FIXES, NOISY, crops)
    for column, fix in enumerate(FIXES, start=1):
        result, _ = cleaner(photo, fix, NOISY)
        for crop, row in zip(crops, cells, strict=True):
            expected = result.pixels[crop.place].clamp(0, 1)
            if result.alpha is not None:
                alpha = result.alpha[crop.place]
                expected = expected * alpha + 1 - alpha
            assert float((row[column] - expected).abs().max()) < 1e-5  # a file holds steps of 4e-3
            if column > 1:
                assert not torch.equal(row[column], row[0])


def test_less_surroundings_would_not_do(cleaner, monkeypatch) -> None:
    """So the test above can fail: with the network's own radius, but not the colour lock's, it does."""
    photo = photo_from_array(PHOTOS["colour"]())
    crop = Crop(111, 173, 64, 64, DETAIL)
    whole, _ = cleaner(photo, FIXES[-1], NOISY)
    radius = cleaner._restorer.network.radius
    monkeypatch.setattr(Cleaner, "reach", lambda *_: radius)
    ((_, cell),) = preview(cleaner, photo, FIXES[-1:], NOISY, [crop])
    assert float((cell - whole.pixels[crop.place]).abs().max()) > 1e-4


def test_the_first_cell_is_the_photo_and_strength_0_too(cleaner) -> None:
    photo = photo_from_array(PHOTOS["colour"]())
    crop = Crop(30, 40, 50, 60, DETAIL)
    (row,) = preview(cleaner, photo, FIXES, NOISY, [crop])
    assert torch.equal(row[0], photo.pixels[crop.place])
    assert torch.equal(row[1], row[0])
    away = [float((cell - row[0]).square().sum()) for cell in row[1:]]
    assert away == sorted(away)
    assert away[-1] > 0


def test_gray_stays_gray_and_tones_stay_toned(cleaner) -> None:
    gray = photo_from_array(PHOTOS["gray"]())
    for row in preview(cleaner, gray, FIXES, NOISY, choose_crops(gray.pixels)):
        assert all(torch.equal(cell[0], cell[1]) and torch.equal(cell[1], cell[2]) for cell in row)
    toned = photo_from_array(PHOTOS["toned"]())
    tone = tone_of(toned.pixels[None])
    for row in preview(cleaner, toned, FIXES[-1:], NOISY, choose_crops(toned.pixels)):
        off = tone.colour(row[-1].mean(dim=0)[None, None])[0] - row[-1]
        assert float((off - off.mean(dim=0)).abs().max()) < 0.06


def test_the_network_runs_once_for_each_crop_and_not_at_all_where_nothing_is_to_be_done(cleaner, monkeypatch) -> None:
    seen: list[tuple[int, ...]] = []
    whole = Restorer.restore
    monkeypatch.setattr(
        Restorer,
        "restore",
        lambda self, image, known, **rest: seen.append(tuple(image.shape)) or whole(self, image, known, **rest),
    )
    photo = photo_from_array(np.random.default_rng(0).integers(0, 255, (600, 1600, 3)).astype(np.uint8))
    crops = [Crop(200, 300, 100, 100, DAMAGE), Crop(200, 900, 100, 100, DETAIL)]
    told: list[float] = []
    preview(cleaner, photo, FIXES, NOISY, crops, progress=told.append)
    assert told == [0.5, 1.0]
    assert len(seen) == 2
    assert all(shape[-1] < 380 and shape[-2] < 380 for shape in seen)
    cells = preview(cleaner, photo, [Fix(verb="denoise")], CLEAN, crops)
    assert len(seen) == 2
    assert all(torch.equal(row[0], row[1]) for row in cells)


def test_colours_beyond_srgb_are_cut_and_the_photo_is_left_alone(cleaner) -> None:
    photo = photo_from_array(PHOTOS["colour"]())
    wide = replace(photo, pixels=photo.pixels * 1.3 - 0.1)
    before = wide.pixels.clone()
    (row,) = preview(cleaner, wide, FIXES, NOISY, [Crop(0, 0, 64, 64, DETAIL)])
    assert all(torch.equal(cell, cell.clamp(0, 1)) for cell in row)
    assert torch.equal(wide.pixels, before)


# places


def canvas(height: int, width: int, level: float = 0.5) -> torch.Tensor:
    return torch.full((3, height, width), level)


def test_three_places_of_256_pixels_do_not_overlap() -> None:
    for height, width in [(1000, 1500), (1500, 1000), (300, 1400), (768, 800), (3000, 2001)]:
        pixels = torch.rand(3, height, width, generator=torch.Generator().manual_seed(height))
        crops = choose_crops(pixels, NOISY)
        assert [crop.why for crop in crops] == [DAMAGE, DETAIL, BETWEEN]
        assert all(crop.height == crop.width == 256 for crop in crops)
        assert all(0 <= crop.top <= height - 256 and 0 <= crop.left <= width - 256 for crop in crops)
        assert not any(one.overlaps(other) for one in crops for other in crops if one is not other)
        assert choose_crops(pixels, NOISY) == crops


@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 200), (200, 256), (256, 256)])
def test_a_small_photo_is_shown_whole(height, width) -> None:
    assert choose_crops(torch.rand(3, height, width), NOISY) == (Crop(0, 0, height, width, WHOLE),)


@pytest.mark.parametrize(("height", "width"), [(7, 900), (900, 30), (257, 257), (300, 451), (512, 512), (129, 300)])
def test_in_between_there_are_smaller_or_fewer_places(height, width) -> None:
    pixels = torch.rand(3, height, width, generator=torch.Generator().manual_seed(1))
    crops = choose_crops(pixels, NOISY)
    assert 1 <= len(crops) <= 3
    for crop in crops:
        assert pixels[crop.place].shape == (3, crop.height, crop.width)
        assert crop.height == min(height, max(crop.height, crop.width))
        assert min(128, max(height, width)) <= max(crop.height, crop.width) <= 256
    assert not any(one.overlaps(other) for one in crops for other in crops if one is not other)


def covered(crop: Crop, top: int, left: int, bottom: int, right: int) -> float:
    """Share of the crop that lies within the rectangle."""
    down = min(crop.top + crop.height, bottom) - max(crop.top, top)
    along = min(crop.left + crop.width, right) - max(crop.left, left)
    return max(down, 0) * max(along, 0) / (crop.height * crop.width)


@pytest.mark.parametrize("large", [False, True])
def test_each_kind_of_place_is_found_where_it_was_drawn(large) -> None:
    """Noise on a plain, texture, and a few edges, each in its own part; all else is clipped or plain and clean."""
    rng = torch.Generator().manual_seed(3)
    high, wide = (2304, 3000) if large else (1024, 1536)
    pixels = canvas(high, wide)
    pixels[:, : high // 2] = 0.0  # black, and then white: as noisy as the rest, but clipped
    pixels[:, :256, :256] += torch.randn(1, 256, 256, generator=rng).abs() * 0.2
    pixels[:, :256, :256] = pixels[:, :256, :256].round()
    pixels[:, -320:, :320] += 0.05 * torch.randn(3, 320, 320, generator=rng)
    stripes = (torch.arange(320) // 2 % 2 * 0.5 - 0.25)[None, None]
    pixels[:, -320:, -320:] = 0.5 + stripes + 0.05 * torch.randn(3, 320, 320, generator=rng)
    middle = wide // 2
    checks = ((torch.arange(320) // 40)[:, None] + (torch.arange(320) // 40)[None]) % 2 * 0.6 + 0.2
    pixels[:, -320:, middle : middle + 320] = checks
    damage, detail, between = choose_crops(pixels.clamp(0, 1), NOISY)
    assert covered(damage, high - 320, 0, high, 320) > 0.7
    assert covered(detail, high - 320, wide - 320, high, wide) > 0.9
    assert covered(between, high - 320, middle, high, middle + 320) > 0.7


@pytest.mark.parametrize("shift", [0, 3])
def test_blocks_of_a_jpeg_are_found_wherever_they_begin(shift) -> None:
    smooth = np.asarray(Image.fromarray(data.astronaut()[:160, 200:360]).resize((416, 416), Image.Resampling.BICUBIC))
    whole = np.tile(smooth, (2, 3, 1))
    path = np.asarray(reopened(whole))[shift:, shift:]
    mixed = whole[shift:, shift:].copy()
    mixed[416:, 832:] = path[416:, 832:]
    crop = choose_crops(photo_from_array(mixed).pixels, BLOCKY)[0]
    assert covered(crop, 416, 832, *mixed.shape[:2]) > 0.9


def reopened(array: NDArray[np.uint8]) -> Image.Image:
    """The picture after a JPEG of quality 8."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=8)
    return Image.open(file).convert("RGB")


def test_what_is_transparent_counts_for_nothing() -> None:
    rng = torch.Generator().manual_seed(0)
    pixels = canvas(700, 1200) + 0.05 * torch.randn(3, 700, 1200, generator=rng)
    pixels[:, :, :600] += 0.1 * torch.randn(3, 700, 600, generator=rng)
    assert all(crop.left < 600 for crop in choose_crops(pixels.clamp(0, 1), NOISY)[:2])
    alpha = torch.ones(700, 1200)
    alpha[:, :600] = 0
    assert all(crop.left >= 590 for crop in choose_crops(pixels.clamp(0, 1), NOISY, alpha)[:2])


def test_a_photo_of_one_colour_has_places_too() -> None:
    for level in (0.0, 0.4, 1.0):
        assert len(choose_crops(canvas(900, 900, level), CLEAN)) >= 1


def test_photo_of_a_file_goes_through(cleaner, tmp_path: Path) -> None:
    photo: Photo = photo_from_array(data.coffee())
    crops = choose_crops(photo.pixels, NOISY)
    cells = preview(cleaner, photo, FIXES, NOISY, crops)
    assert [len(row) for row in cells] == [5, 5, 5]
    assert all(
        cell.shape == (3, crop.height, crop.width) for row, crop in zip(cells, crops, strict=True) for cell in row
    )
