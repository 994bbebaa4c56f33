"""Cleaning at the same size: what the network is told, what stays, and what the report says."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import nn

import restore
from restore.errors import ConfigError, ImageError, WeightsError
from restore.inference import verbs
from restore.inference.clean import TONED, Cleaner
from restore.inference.masks import Masks
from restore.inference.restorer import Restorer
from restore.inference.verbs import Fix, told
from restore.io.convert import photo_from_array, photo_to_array
from restore.io.photo import Photo
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.ops.blur import blur
from restore.ops.color import luma
from restore.ops.deconvolve import deconvolve, inverses
from restore.ops.lock import lock_colour
from restore.tasks import BLIND, CLEAN, Condition

NOISY = Condition(noise=12, jpeg=100, blur=0)


def save(path: Path, *, task: str = "clean", maps: int = 6, name: str = "clean") -> Path:
    """A tiny network that adds coloured texture to whatever it gets, so that every lock has something to hold."""
    torch.manual_seed(5)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=maps)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    nn.init.constant_(network.head.bias, 0.05)
    save_weights(path, network.state_dict(), Card(name=name, task=task, scale=1, size="fast", generator=shape))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("clean") / "mine.safetensors")


@pytest.fixture(scope="module")
def cleaner(weights: Path) -> Cleaner:
    return Cleaner(device="cpu", weights=weights)


def colour(side: int = 96) -> Photo:
    return photo_from_array(data.coffee()[100 : 100 + side, 200 : 200 + side])


# what the network is told


@pytest.mark.parametrize(
    ("verb", "measured", "asked", "known"),
    [
        ("denoise", Condition(noise=9, jpeg=80), BLIND, Condition(noise=9, jpeg=80, blur=0)),
        ("denoise", Condition(noise=9, jpeg=100, blur=2), BLIND, Condition(noise=9, jpeg=100, blur=0)),
        ("denoise", Condition(noise=9, jpeg=None), Condition(noise=30), Condition(noise=30, jpeg=None, blur=0)),
        ("dejpeg", Condition(noise=9, jpeg=40), BLIND, Condition(noise=0, jpeg=40, blur=0)),
        ("dejpeg", Condition(noise=9, jpeg=100), BLIND, Condition(noise=0, jpeg=None, blur=0)),
        ("dejpeg", Condition(noise=9, jpeg=40), Condition(jpeg=15), Condition(noise=0, jpeg=15, blur=0)),
        ("deblur", Condition(noise=4, jpeg=100), BLIND, Condition(noise=4, jpeg=100, blur=None)),
        ("deblur", Condition(noise=4, jpeg=90, blur=1), BLIND, Condition(noise=4, jpeg=90, blur=1)),
        ("deblur", Condition(noise=4, jpeg=100, blur=0), BLIND, Condition(noise=4, jpeg=100, blur=None)),
        ("deblur", Condition(noise=4, jpeg=100), Condition(blur=2), Condition(noise=4, jpeg=100, blur=2)),
        (None, Condition(noise=4, jpeg=50), BLIND, Condition(noise=4, jpeg=50, blur=None)),
    ],
)
def test_each_verb_tells_its_own_damage(monkeypatch, verb, measured, asked, known) -> None:
    monkeypatch.setattr(verbs, "condition_of", lambda _: measured)
    assert told(colour(), verb, asked) == known


def test_the_network_and_the_report_get_what_was_told(monkeypatch, cleaner) -> None:
    seen = []
    whole = Restorer.restore
    monkeypatch.setattr(
        Restorer, "restore", lambda self, image, known, **rest: seen.append(known) or whole(self, image, known, **rest)
    )
    _, report = cleaner(colour(), Fix(verb="dejpeg"), Condition(jpeg=35))
    assert seen == [report.condition] == [Condition(noise=0, jpeg=35, blur=0)]
    assert (report.task, report.weights, report.factor, report.strength) == ("dejpeg", ("mine",), 1, 100)


@pytest.mark.parametrize(
    ("verb", "known", "words"),
    [
        ("denoise", Condition(noise=0), "no noise was found"),
        ("dejpeg", Condition(jpeg=100), "quality 100"),
        ("deblur", Condition(blur=0), "is sharp"),
    ],
)
def test_a_photo_without_the_damage_is_left_as_it_is(cleaner, verb, known, words) -> None:
    photo = colour()
    result, report = cleaner(photo, Fix(verb=verb), known)
    assert torch.equal(result.pixels, photo.pixels)
    assert words in report.notes[-1]
    assert report.weights == ()


# strength


def test_strength_goes_from_the_photo_to_the_result(cleaner) -> None:
    photo = colour()
    results = {s: cleaner(photo, Fix(strength=s), NOISY)[0].pixels for s in (0, 30, 70, 100)}
    assert torch.equal(results[0], photo.pixels)
    distance = {s: float((pixels - photo.pixels).square().sum()) for s, pixels in results.items()}
    assert 0 == distance[0] < distance[30] < distance[70] < distance[100]


@pytest.mark.parametrize("values", [{"strength": 101}, {"strength": float("nan")}, {"grain": -1}, {"seed": -1}])
def test_what_is_out_of_range_is_refused(values) -> None:
    with pytest.raises(ConfigError):
        Fix(**values)


# what stays


def test_alpha_metadata_and_depth_stay(cleaner) -> None:
    array = np.dstack([data.coffee()[:64, :64], np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))]).astype(np.uint16)
    photo = photo_from_array(array * 257)
    result, _ = cleaner(photo, Fix(), NOISY)
    assert result.depth == 16
    assert torch.equal(result.alpha, photo.alpha)
    assert not torch.equal(result.pixels, photo.pixels)


def test_colours_do_not_drift(cleaner) -> None:
    photo = photo_from_array(data.coffee()[:200, :260])
    for strength in (100, 40):
        result, report = cleaner(photo, Fix(strength=strength), NOISY)
        means = (result.pixels.double().mean((1, 2)) - photo.pixels.double().mean((1, 2))) * 255
        assert float(means.abs().max()) < 0.5
        assert report.drift == pytest.approx(float(means.abs().max()), abs=1e-3)


@pytest.mark.parametrize("strength", [100, 20])
def test_a_gray_photo_stays_gray(cleaner, strength) -> None:
    photo = photo_from_array(data.camera()[:90, :90])
    result, _ = cleaner(photo, Fix(strength=strength, grain=4), NOISY)
    assert result.gray
    assert torch.equal(result.pixels[0], result.pixels[2])
    assert photo_to_array(result, np.uint8).ndim == 2


def sepia(array: np.ndarray) -> np.ndarray:
    matrix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    return (array * 0.7 @ matrix.T).clip(0, 255).round().astype(np.uint8)


def test_a_sepia_photo_keeps_the_colour_of_each_brightness(cleaner) -> None:
    photo = photo_from_array(sepia(data.coffee()[:200, :260]))
    result, report = cleaner(photo, Fix(verb="denoise"), NOISY)
    assert TONED in report.notes
    assert report.drift < 0.5

    def off_tone(pixels: torch.Tensor) -> float:
        """Grey levels by which colours differ from what the matrix makes of that brightness."""
        gray = luma(pixels[None])[0]
        shares = torch.tensor([1.351, 1.203, 0.937]).view(3, 1, 1) / (0.299 * 1.351 + 0.587 * 1.203 + 0.114 * 0.937)
        return float((pixels - gray * shares).abs().max() * 255)

    assert off_tone(photo.pixels) < 1.5
    assert off_tone(result.pixels) < 3
    assert float((luma(result.pixels[None]) - luma(photo.pixels[None])).abs().max() * 255) > 3
    plain = cleaner._restorer.restore(photo.pixels[None], report.condition)[0]
    assert off_tone(plain) > 6  # what would happen if it were worked on as any other


def test_gray_in_three_channels_gets_no_colour(cleaner) -> None:
    gray = np.repeat(data.camera()[:120, :120, None], 3, axis=2)
    result, report = cleaner(photo_from_array(gray), Fix(), NOISY)
    assert TONED in report.notes
    assert float((result.pixels - result.pixels.mean(0)).abs().max() * 255) < 0.01


# masks


def mask_file(path: Path, area: np.ndarray) -> Path:
    Image.fromarray((area * 255).round().astype(np.uint8)).save(path)
    return path


def half(side: int = 96) -> np.ndarray:
    area = np.zeros((side, side))
    area[:, side // 2 :] = 1
    return area


@pytest.mark.parametrize("option", ["mask", "protect"])
def test_outside_a_mask_every_pixel_is_the_photos(cleaner, tmp_path, option) -> None:
    photo = colour()
    white = half() if option == "mask" else 1 - half()
    masks = Masks(**{option: mask_file(tmp_path / "m.png", white)})
    result, report = cleaner(photo, Fix(grain=3), NOISY, area=masks.area(photo))
    whole, _ = cleaner(photo, Fix(grain=3), NOISY)
    assert torch.equal(result.pixels[..., :48], photo.pixels[..., :48])
    assert torch.equal(result.pixels[..., 48:], whole.pixels[..., 48:])
    assert report.covered == 0.5


def test_two_masks_together_leave_what_both_allow_and_soft_edges_blend(tmp_path) -> None:
    ramp = np.tile(np.linspace(0, 1, 96), (96, 1))
    masks = Masks(mask=mask_file(tmp_path / "m.png", ramp), protect=mask_file(tmp_path / "p.png", half()))
    area = masks.area(colour())
    assert area is not None
    assert float(area[..., 48:].max()) == 0
    assert torch.allclose(area[0, 0, 0, 5:48], torch.from_numpy((ramp[0, 5:48] * 255).round() / 255).float())


def test_a_mask_that_covers_nothing_changes_nothing_and_says_so(cleaner, tmp_path) -> None:
    photo = colour()
    area = Masks(mask=mask_file(tmp_path / "m.png", np.zeros((96, 96)))).area(photo)
    result, report = cleaner(photo, Fix(grain=5), NOISY, area=area)
    assert torch.equal(result.pixels, photo.pixels)
    assert report.covered == 0
    assert any("covers 0 %" in note for note in report.notes)


def test_a_mask_of_another_size_is_refused_with_both_sizes(tmp_path) -> None:
    masks = Masks(mask=mask_file(tmp_path / "m.png", np.ones((40, 50))))
    with pytest.raises(ConfigError, match=r"50x40 pixels and the photo 96x96"):
        masks.area(colour())
    with pytest.raises(ConfigError, match=r"50x40 pixels and the photo 96x90"):
        masks.check(90, 96)


def test_a_folder_holds_a_mask_for_each_photo_by_name(tmp_path) -> None:
    photo = restore.Photo(
        pixels=torch.zeros(3, 8, 8), alpha=None, gray=False, depth=8, format="JPEG", mode="RGB", name="a.jpg"
    )
    masks = Masks(mask=tmp_path)
    with pytest.raises(ImageError, match=r"no mask called 'a' for a\.jpg"):
        masks.area(photo)
    mask_file(tmp_path / "a.png", np.ones((8, 8)))
    mask_file(tmp_path / "b.png", np.zeros((8, 8)))
    area = masks.area(photo)
    assert area is not None
    assert float(area.min()) == 1
    mask_file(tmp_path / "a.tif", np.ones((8, 8)))
    with pytest.raises(ImageError, match=r"several masks for a\.jpg \(a\.png, a\.tif\)"):
        masks.area(photo)


def test_transparent_parts_of_a_mask_are_black_and_a_missing_one_is_named(tmp_path) -> None:
    white = np.full((96, 96, 4), 255, np.uint8)
    white[:48, :, 3] = 0
    Image.fromarray(white).save(tmp_path / "m.png")
    area = Masks(mask=tmp_path / "m.png").area(colour())
    assert area is not None
    assert float(area[..., :48, :].max()) == 0
    assert float(area[..., 48:, :].min()) == 1
    with pytest.raises(ImageError, match=r"--protect .*nowhere\.png: there is no such file"):
        Masks(protect=tmp_path / "nowhere.png")
    assert Masks().area(colour()) is None


# grain


def test_grain_is_the_photos_own_unless_a_seed_is_given(cleaner) -> None:
    photo, other = colour(), photo_from_array(data.coffee()[101:197, 200:296])
    fix = Fix(strength=0, grain=5)

    def added(photo: Photo, fix: Fix) -> torch.Tensor:
        return cleaner(photo, fix, NOISY)[0].pixels - photo.pixels

    assert torch.equal(added(photo, fix), added(photo, fix))
    assert not torch.allclose(added(photo, fix)[:, 1:], added(other, fix)[:, :-1], atol=1e-3)
    seeded = [added(photo, Fix(strength=0, grain=5, seed=seed)) for seed in (1, 1, 2)]
    assert torch.equal(seeded[0], seeded[1])
    assert not torch.equal(seeded[0], seeded[2])


# the report


def test_the_report_says_how_much_of_the_change_the_damage_explains(cleaner) -> None:
    _, told_all = cleaner(colour(), Fix(), NOISY)
    _, told_little = cleaner(colour(), Fix(), Condition(noise=0.5, jpeg=100, blur=0))
    _, measured = cleaner(colour(), Fix(), Condition(noise=12, jpeg=100))
    assert 0 <= told_little.explained < told_all.explained <= 1
    assert measured.condition.blur is not None
    assert 0 <= measured.explained <= 1


# weights and the Python interface


def test_without_bundled_weights_it_is_said_how_to_get_some(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match=r"no clean weights of size 'fast'.*--weights FILE.*or update restore"):
        Cleaner(device="cpu")
    save(tmp_path / "clean.safetensors")
    assert Cleaner(device="cpu").name == "clean"
    with pytest.raises(WeightsError, match="size 'base'"):
        Cleaner(device="cpu", size="base")


def test_weights_of_another_task_are_refused(tmp_path) -> None:
    path = save(tmp_path / "other.safetensors", task="translate")
    with pytest.raises(WeightsError, match="for 'translate', not for clean"):
        Cleaner(device="cpu", weights=path)


def test_a_photo_read_from_a_file_keeps_its_notes_and_tiles_equal_the_whole(weights) -> None:
    photo = photo_from_array(data.astronaut()[:150, :190])
    results = [Cleaner(device="cpu", weights=weights, tile=tile)(photo, Fix(), NOISY)[0].pixels for tile in (40, 400)]
    assert torch.allclose(*results, atol=1e-4)


def untrained(path: Path, *, deconvolves: bool) -> Path:
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), stem=2, head=2, condition_channels=6)
    card = Card(name="x", task="clean", scale=1, size="fast", generator=shape, deconvolves=deconvolves)
    save_weights(path, UNet(shape).state_dict(), card)
    return path


@pytest.mark.parametrize("known", [Condition(noise=2, jpeg=100, blur=1.6), Condition.of_motion(9, 30)])
def test_blur_that_is_told_is_undone_by_a_filter_before_the_network_sees_the_photo(tmp_path, known) -> None:
    # An untrained network is the identity, so what comes out is what it was given.
    sharp = torch.from_numpy(data.astronaut()[:150, 100:290] / 255.0).float().permute(2, 0, 1)[None]
    kernel = known.kernel()
    soft = blur(sharp, kernel)
    new = Restorer(untrained(tmp_path / "new.safetensors", deconvolves=True), device="cpu", tile=64)
    filters = inverses(kernel, torch.tensor([2.0]))
    assert torch.allclose(new.restore(soft, known), lock_colour(deconvolve(soft, filters), soft, reach=4), atol=1e-4)
    assert (new.restore(soft, known) - sharp).abs().mean() < 0.8 * (soft - sharp).abs().mean()
    old = Restorer(untrained(tmp_path / "old.safetensors", deconvolves=False), device="cpu", tile=64)
    assert torch.allclose(old.restore(soft, known), soft, atol=1e-5)
    assert torch.allclose(new.restore(soft, Condition(noise=2, jpeg=100, blur=0)), soft, atol=1e-5)
    assert torch.allclose(new.restore(soft, BLIND), soft, atol=1e-5)


def test_tiles_of_a_photo_whose_blur_is_undone_equal_the_whole(tmp_path) -> None:
    weights = untrained(tmp_path / "new.safetensors", deconvolves=True)
    image = torch.rand(1, 3, 200, 230, generator=torch.Generator().manual_seed(0))
    known = Condition.of_motion(11, -20)
    one, many = (Restorer(weights, device="cpu", tile=tile).restore(image, known) for tile in (400, 48))
    torch.testing.assert_close(one, many, atol=1e-4, rtol=0)


def test_the_same_kind_comes_back(weights, tmp_path) -> None:
    array = data.coffee()[100:160, 200:270]
    picture = Image.fromarray(array)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    settings = {"noise": 10, "device": "cpu", "weights": weights}
    from_array = restore.denoise(array, **settings)
    assert (from_array.dtype, from_array.shape) == (np.uint8, array.shape)
    assert np.array_equal(np.asarray(restore.denoise(picture, **settings)), from_array)
    assert np.array_equal(np.asarray(restore.denoise(str(tmp_path / "a.png"), **settings)), from_array)
    with Image.open(io.BytesIO(restore.denoise(buffer.getvalue(), **settings))) as opened:
        assert opened.format == "PNG"
        assert np.array_equal(np.asarray(opened), from_array)


def test_three_verbs_tell_different_things_and_strength_0_is_the_photo(weights) -> None:
    array = data.coffee()[100:160, 200:270]
    where = {"device": "cpu", "weights": weights}
    results = [
        restore.denoise(array, noise=20, **where),
        restore.dejpeg(array, quality_was=20, **where),
        restore.deblur(array, blur=2, **where),
    ]
    assert not np.array_equal(results[0], results[1])
    assert not np.array_equal(results[1], results[2])
    for verb in (restore.denoise, restore.dejpeg, restore.deblur):
        assert np.array_equal(verb(array, 0, **where), array)
    with pytest.raises(ConfigError, match="from 0"):
        restore.denoise(array, 120, **where)


def test_what_is_known_to_be_clean_is_nothing_to_do(cleaner) -> None:
    photo = colour()
    result, report = cleaner(photo, Fix(), CLEAN)
    assert torch.equal(result.pixels, photo.pixels)
    assert report.consistency_db == float("inf")
