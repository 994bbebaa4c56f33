"""Holes filled: what is known stays to the bit, and what is filled is what the network makes of the smooth filling."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import nn

import restore
from restore.errors import ConfigError, WeightsError
from restore.inference.clean import NOTHING_COVERED, TONED
from restore.inference.fill import Filler
from restore.inference.restorer import Restorer
from restore.io.convert import photo_from_array, photo_to_array
from restore.io.photo import Photo
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.ops.color import luma
from restore.ops.prefill import prefill
from restore.ops.tile import run_tiled


def save(path: Path, *, task: str = "inpaint", maps: int = 1, name: str = "inpaint", head: float = 0.02) -> Path:
    """A tiny network that adds coloured texture to whatever it gets; with a ``head`` of 0 it changes nothing."""
    torch.manual_seed(5)
    shape = GeneratorConfig(
        widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), stem=2, head=2, condition_channels=maps
    )
    network = UNet(shape)
    if head:
        nn.init.normal_(network.head.weight, std=head)
        nn.init.constant_(network.head.bias, 0.05)
    save_weights(path, network.state_dict(), Card(name=name, task=task, scale=1, size="fast", generator=shape))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("inpaint") / "mine.safetensors")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("inpaint") / "untrained.safetensors", head=0)


@pytest.fixture(scope="module")
def filler(weights: Path) -> Filler:
    return Filler(device="cpu", weights=weights)


def colour(height: int = 96, width: int = 128) -> Photo:
    return photo_from_array(data.coffee()[100 : 100 + height, 200 : 200 + width])


def holes(photo: Photo, *spots: tuple[int, int, int, int]) -> torch.Tensor:
    """1 in rectangles of (top, left, height, width)."""
    mask = torch.zeros(1, 1, photo.height, photo.width)
    for top, left, height, width in spots:
        mask[..., top : top + height, left : left + width] = 1
    return mask


SPOTS = ((10, 12, 20, 25), (60, 90, 3, 30))


# what stays


@pytest.mark.parametrize("feather", [0, 4])
def test_outside_the_holes_every_pixel_is_the_photos_and_inside_all_is_new(filler, feather) -> None:
    photo = colour()
    mask = holes(photo, *SPOTS)
    result, report = filler(photo, mask, feather=feather)
    known = (mask == 0)[0].expand(3, -1, -1)
    assert torch.equal(result.pixels[known], photo.pixels[known])
    assert bool((result.pixels != photo.pixels).any(dim=0)[mask[0, 0] > 0].float().mean() > 0.99)
    assert report.covered == pytest.approx((20 * 25 + 3 * 30) / (96 * 128))
    assert (report.task, report.weights, report.factor) == ("inpaint", ("mine",), 1)


def test_what_lies_under_the_mask_never_matters(filler) -> None:
    photo = colour()
    mask = holes(photo, *SPOTS)
    other = photo.with_pixels(torch.where(mask[0] > 0, torch.rand(3, 96, 128), photo.pixels))
    assert torch.equal(filler(photo, mask)[0].pixels, filler(other, mask)[0].pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["colour", "gray", "alpha"])
def test_known_values_of_any_depth_stay_equal(filler, dtype, kind) -> None:
    array = data.coffee()[100:180, 200:290].astype(dtype)
    if dtype is np.uint16:
        array = array * 257 + np.random.default_rng(0).integers(-99, 99, array.shape).astype(np.int64)
        array = array.clip(0, 65535).astype(np.uint16)
    array = {"colour": array, "gray": array[..., 0], "alpha": np.dstack([array, array[..., :1] // 2 + 1])}[kind]
    photo = photo_from_array(array)
    mask = holes(photo, (10, 12, 20, 25))
    again = photo_to_array(filler(photo, mask)[0], dtype)
    known = mask[0, 0].numpy() == 0
    assert again.shape == array.shape
    assert np.array_equal(again[known], array[known])
    assert not np.array_equal(again, array)


def test_a_gray_photo_stays_gray(filler) -> None:
    photo = photo_from_array(data.camera()[:90, :90])
    result, report = filler(photo, holes(photo, SPOTS[0]))
    assert result.gray
    assert torch.equal(result.pixels[0], result.pixels[2])
    assert TONED not in report.notes


def test_a_sepia_photo_is_filled_in_its_own_tone_even_where_red_was_painted_over_it(filler) -> None:
    matrix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    array = (data.coffee()[:200, :260] * 0.7 @ matrix.T).clip(0, 255).round().astype(np.uint8)
    array[50:70, 100:160] = (255, 0, 0)
    photo = photo_from_array(array)
    mask = holes(photo, (50, 100, 20, 60))
    result, report = filler(photo, mask)
    assert TONED in report.notes
    filled = result.pixels[:, 50:70, 100:160]
    shares = torch.tensor([1.351, 1.203, 0.937]).view(3, 1, 1) / (0.299 * 1.351 + 0.587 * 1.203 + 0.114 * 0.937)
    assert float((filled - luma(filled[None])[0] * shares).abs().max() * 255) < 3


def test_colours_of_a_wide_profile_outside_the_holes_are_not_cut_off(filler) -> None:
    photo = colour()
    wide = photo.with_pixels(photo.pixels * 1.4 - 0.2)
    mask = holes(wide, SPOTS[0])
    result, _ = filler(wide, mask)
    known = (mask == 0)[0].expand(3, -1, -1)
    assert torch.equal(result.pixels[known], wide.pixels[known])


# what is filled


def test_an_untrained_network_gives_the_smooth_filling(untrained) -> None:
    photo = colour()
    mask = holes(photo, SPOTS[0])
    result, _ = Filler(device="cpu", weights=untrained)(photo, mask)
    assert torch.allclose(result.pixels, prefill(photo.pixels[None], mask)[0], atol=2e-2)


def test_feathering_goes_from_the_smooth_filling_at_the_border_to_the_networks_further_in(filler, untrained) -> None:
    photo = colour()
    mask = holes(photo, (20, 30, 41, 41))
    plain, soft = (filler(photo, mask, feather=feather, regrain=0)[0].pixels for feather in (0, 9))
    smooth = Filler(device="cpu", weights=untrained)(photo, mask, regrain=0)[0].pixels
    for depth, share in ((0, 0.1), (4, 0.5), (9, 1.0), (15, 1.0)):
        row = (slice(None), 20 + depth, slice(45, 56))
        assert torch.allclose(soft[row], smooth[row].lerp(plain[row], share), atol=1e-5)


def test_holes_far_apart_are_filled_as_if_each_were_the_only_one(filler) -> None:
    photo = photo_from_array(np.tile(data.coffee()[:380, :380], (2, 2, 1)))
    spots = ((40, 50, 20, 20), (600, 620, 20, 20))
    both = filler(photo, holes(photo, *spots))[0].pixels
    for top, left, height, width in spots:
        alone = filler(photo, holes(photo, (top, left, height, width)))[0].pixels
        part = (slice(None), slice(top, top + height), slice(left, left + width))
        assert torch.equal(both[part], alone[part])


def test_only_what_lies_around_holes_reaches_the_network(filler, monkeypatch) -> None:
    seen = []
    through = Restorer._through
    monkeypatch.setattr(
        Restorer, "_through", lambda self, image, maps: seen.append(image.shape[-2:]) or through(self, image, maps)
    )
    photo = photo_from_array(np.tile(data.coffee()[:380, :380], (3, 3, 1)))
    shares = []
    filler(photo, holes(photo, (40, 50, 5, 5), (600, 620, 5, 5)), progress=shares.append)
    assert sum(height * width for height, width in seen) < 0.06 * photo.height * photo.width
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_a_hole_larger_than_a_tile_is_filled_as_in_one_piece(weights) -> None:
    photo = colour(200, 260)
    mask = holes(photo, (30, 40, 130, 170))
    whole, tiled = (Filler(device="cpu", weights=weights, tile=tile)(photo, mask)[0].pixels for tile in (512, 32))
    assert torch.allclose(whole, tiled, atol=1e-5)


def test_the_network_never_gets_more_than_a_tile_at_once_however_the_holes_lie(weights, monkeypatch) -> None:
    seen = []
    through = Restorer._through
    monkeypatch.setattr(
        Restorer, "_through", lambda self, image, maps: seen.append(image[0, 0].numel()) or through(self, image, maps)
    )
    photo = photo_from_array(np.tile(data.coffee()[:380, :380], (2, 2, 1)))
    dust = torch.rand(1, 1, 760, 760, generator=torch.Generator().manual_seed(0)) < 0.001
    filler = Filler(device="cpu", weights=weights, tile=160)
    for mask in (dust.float(), holes(photo, (50, 60, 600, 610))):
        seen.clear()
        filler(photo, mask)
        assert len(seen) > 5
        assert max(seen) <= filler._restorer.tile_px


def test_tiles_without_a_hole_in_sight_are_passed_over(weights, monkeypatch) -> None:
    runs = []

    def counting(image, run, **rest):
        return run_tiled(image, lambda tile: runs.append(bool(tile[:, 3:].any())) or run(tile), **rest)

    monkeypatch.setattr("restore.inference.restorer.run_tiled", counting)
    restorer = Restorer(weights, device="cpu", tile=32)
    through = []
    monkeypatch.setattr(restorer, "_through", lambda image, _: through.append(1) or image)
    image, mask = torch.rand(1, 3, 160, 160), torch.zeros(1, 1, 160, 160)
    mask[..., :8, :8] = 1
    assert torch.equal(restorer.fill(image, mask), image)
    assert len(runs) == 25
    assert len(through) == sum(runs) < 10


# the ends of the scale


def test_an_empty_mask_changes_nothing_and_says_so(filler) -> None:
    photo = colour()
    result, report = filler(photo, holes(photo))
    assert torch.equal(result.pixels, photo.pixels)
    assert report.notes == (NOTHING_COVERED,)
    assert (report.covered, report.weights, report.consistency_db) == (0, (), math.inf)


def test_a_mask_over_everything_is_refused(filler) -> None:
    photo = colour()
    with pytest.raises(ConfigError, match="covers all of it"):
        filler(photo, torch.ones(1, 1, 96, 128))


def test_a_mask_over_most_of_the_photo_is_doubted(filler) -> None:
    photo = colour()
    for rows, doubted in ((48, False), (60, True)):
        _, report = filler(photo, holes(photo, (0, 0, rows, 128)), doubt="if black was meant, --invert")
        assert ("the mask covers 62% of the photo; if black was meant, --invert" in report.notes) == doubted


@pytest.mark.parametrize("shape", [(1, 1, 95, 128), (96, 128), (1, 3, 96, 128)])
def test_a_mask_of_another_shape_is_refused(filler, shape) -> None:
    with pytest.raises(ConfigError, match="a mask for 128x96"):
        filler(colour(), torch.zeros(shape))


@pytest.mark.parametrize("feather", [-1, 101])
def test_feathering_has_its_limits(filler, feather) -> None:
    with pytest.raises(ConfigError, match="0 to 100"):
        filler(colour(), holes(colour(), SPOTS[0]), feather=feather)


# weights


def test_without_bundled_weights_it_is_said_how_to_get_some(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match=r"no inpaint weights of size 'fast'.*--weights FILE.*or update restore"):
        Filler(device="cpu")
    save(tmp_path / "inpaint.safetensors")
    assert Filler(device="cpu").name == "inpaint"
    with pytest.raises(WeightsError, match="size 'base'"):
        Filler(device="cpu", size="base")


def test_weights_of_another_task_are_refused(tmp_path) -> None:
    path = save(tmp_path / "other.safetensors", task="clean", maps=6)
    with pytest.raises(WeightsError, match="for 'clean', not for inpaint"):
        Filler(device="cpu", weights=path)
    with pytest.raises(WeightsError, match="fill no holes"):
        Restorer(path, device="cpu").fill(torch.rand(1, 3, 16, 16), torch.ones(1, 1, 16, 16))


# the Python interface


def test_the_same_kind_comes_back_for_any_kind_of_mask(weights, tmp_path) -> None:
    array = data.coffee()[100:160, 200:270]
    mask = np.zeros((60, 70), bool)
    mask[20:30, 30:50] = True
    Image.fromarray(mask).save(tmp_path / "mask.png")
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    settings = {"device": "cpu", "weights": weights}
    expected = restore.inpaint(array, mask, **settings)
    assert (expected.dtype, expected.shape) == (np.uint8, array.shape)
    assert np.array_equal(expected[~mask], array[~mask])
    assert not np.array_equal(expected[mask], array[mask])
    for kind in (mask.astype(np.uint8) * 255, Image.fromarray(mask), tmp_path / "mask.png", str(tmp_path / "mask.png")):
        assert np.array_equal(restore.inpaint(array, kind, **settings), expected)
    assert np.array_equal(restore.inpaint(array, ~mask, invert=True, **settings), expected)
    assert np.array_equal(np.asarray(restore.inpaint(tmp_path / "a.png", mask, **settings)), expected)
    assert np.array_equal(np.asarray(restore.inpaint(Image.fromarray(array), mask, **settings)), expected)
    with Image.open(io.BytesIO(restore.inpaint(buffer.getvalue(), mask, **settings))) as opened:
        assert np.array_equal(np.asarray(opened), expected)
    grown = restore.inpaint(array, mask, grow=3, feather=2, **settings)
    changed = (grown != array).any(axis=2)
    assert changed[:, :27].sum() == 0
    assert changed[18:32, 28:52].mean() > 0.9


def test_alpha_is_a_mask_too_and_the_result_is_opaque(weights) -> None:
    array = np.dstack([data.coffee()[100:160, 200:270], np.full((60, 70), 255, np.uint8)])
    array[20:30, 30:50, 3] = 0
    filled = restore.inpaint(array, "alpha", device="cpu", weights=weights)
    assert filled.shape == (60, 70, 3)
    known = array[..., 3] > 0
    assert np.array_equal(filled[known], array[known][:, :3])


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((5, 5), bool), "5x5 pixels and the photo 70x60"),
        (np.zeros((60, 70, 3), np.uint8), r"an \(H,W\) array of bool or uint8"),
        (np.zeros((60, 70)), r"an \(H,W\) array of bool or uint8"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(weights, mask, message) -> None:
    with pytest.raises(ConfigError, match=message):
        restore.inpaint(data.coffee()[100:160, 200:270], mask, device="cpu", weights=weights)
