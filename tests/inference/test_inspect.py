"""What is measured from pixels and files, against damage of a known level."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data, filters

import restore
from restore.errors import ConfigError, ImageError
from restore.inference.inspect import (
    CODED_DOUBT,
    DEBLUR_FROM,
    DEJPEG_BELOW,
    DENOISE_FROM,
    Findings,
    condition_of,
    condition_of_pixels,
    estimate_noise,
    inspect,
    shows_jpeg_grid,
)
from restore.inference.samples import WHOLE_PX, sample
from restore.inference.steps import parse_steps
from restore.io.codec import jpeg_round_trip
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.ops.blur import blur, gaussian_kernels
from restore.ops.degrade import add_camera_noise, to_8_bits
from restore.tasks import CLEAN

PHOTOS = {"astronaut": data.astronaut(), "coffee": data.coffee(), "rocket": data.rocket(), "cat": data.chelsea()}


def noisy(photo: np.ndarray, level: float) -> torch.Tensor:
    spoilt = photo + np.random.default_rng(0).normal(0, level, photo.shape)
    return torch.from_numpy(spoilt.clip(0, 255).round() / 255).permute(2, 0, 1).float()


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("level", [5, 10, 15, 25])
def test_the_noise_in_a_photo_is_found_within_a_fifth(name: str, level: float) -> None:
    assert estimate_noise(noisy(PHOTOS[name], level)) == pytest.approx(level, rel=0.2, abs=1)


def test_pure_noise_is_measured_as_what_it_is() -> None:
    assert estimate_noise(noisy(np.full((512, 512, 3), 128.0), 12)) == pytest.approx(12, rel=0.06)


def test_more_noise_gives_a_larger_figure() -> None:
    levels = [estimate_noise(noisy(PHOTOS["coffee"], level)) for level in (0, 2, 4, 8, 16, 32)]
    assert levels == sorted(levels)
    assert levels[0] < 1.5


def test_a_slope_a_flat_picture_and_a_tiny_one_hold_no_noise() -> None:
    slope = torch.linspace(0.1, 0.9, 200).expand(3, 200, 200)
    assert estimate_noise(slope) == 0
    assert estimate_noise(torch.full((3, 64, 64), 0.5)) == 0
    assert estimate_noise(torch.rand(3, 20, 20)) == 0
    assert estimate_noise(torch.zeros(3, 64, 64)) == 0


def test_the_condition_comes_from_the_pixels_and_from_the_file() -> None:
    buffer = io.BytesIO()
    Image.fromarray(data.coffee()).save(buffer, "JPEG", quality=60)
    told = condition_of(read_photo(buffer.getvalue()))
    assert told.jpeg == pytest.approx(60, abs=1)
    assert told.noise == 0


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("shift", [0, 3])
def test_a_picture_that_once_was_a_jpeg_is_known_by_its_grid_wherever_it_begins(name: str, shift: int) -> None:
    once = jpeg_round_trip(np.ascontiguousarray(PHOTOS[name]), 60)[shift:, shift:]
    assert shows_jpeg_grid(torch.from_numpy(once.copy()).permute(2, 0, 1).float() / 255)
    assert condition_of(photo_from_array(once)).jpeg == pytest.approx(60, abs=2)


@pytest.mark.parametrize("name", PHOTOS)
def test_a_picture_without_a_grid_is_taken_for_what_it_is(name: str) -> None:
    halved = photo_from_array(np.asarray(Image.fromarray(PHOTOS[name]).reduce(2)))
    assert not shows_jpeg_grid(halved.pixels)
    assert condition_of(halved).jpeg == 100
    assert not shows_jpeg_grid(torch.full((3, 64, 64), 0.5))
    assert not shows_jpeg_grid(torch.rand(3, 20, 20))


# noise


@pytest.mark.parametrize("brightness", [8, 40, 215, 247])
@pytest.mark.parametrize("level", [10, 30])
def test_noise_that_black_or_white_has_cut_is_told_as_strong_as_it_was(brightness: int, level: float) -> None:
    half = np.full((256, 256, 3), float(brightness))
    assert estimate_noise(noisy(half, level)) == pytest.approx(level, rel=0.1)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("level", [30, 50])
def test_strong_noise_in_a_file_of_8_bits_is_found_within_a_tenth(name: str, level: float) -> None:
    assert estimate_noise(noisy(PHOTOS[name], level)) == pytest.approx(level, rel=0.1)


def test_noise_that_grows_with_the_brightness_is_told_by_its_mean_level() -> None:
    steps = torch.linspace(0.15, 0.85, 8).repeat_interleave(64)
    picture = steps.expand(1, 3, 256, 512).contiguous()
    sigma, share, rng = torch.tensor([12.0]), torch.tensor([0.1]), torch.Generator().manual_seed(0)
    shot = to_8_bits(add_camera_noise(picture, sigma, share, rng))
    assert estimate_noise(shot[0]) == pytest.approx(12, rel=0.08)


@pytest.mark.parametrize("name", PHOTOS)
def test_gray_noise_on_a_gray_photo_is_told_as_noise_of_that_level(name: str) -> None:
    gray = np.asarray(Image.fromarray(PHOTOS[name]).convert("L"))[..., None]
    assert estimate_noise(noisy(gray, 12).expand(3, -1, -1)) == pytest.approx(12, rel=0.2)


@pytest.mark.parametrize("quality", [75, 90])
def test_noise_that_a_jpeg_has_smoothed_is_told_as_strong_as_it_was(quality: int) -> None:
    picture = (noisy(PHOTOS["rocket"], 15).permute(1, 2, 0) * 255).round().byte().contiguous().numpy()
    coded = jpeg_round_trip(picture, quality)
    assert inspect(coded).noise == pytest.approx(15, abs=2.5)


def test_a_photo_of_foliage_holds_no_noise() -> None:
    grain = np.random.default_rng(0).normal(0, 40, (400, 400, 1))  # coarse and fine, and the same in every channel
    leaves = sum(np.repeat(np.repeat(grain[: 400 // k, : 400 // k], k, 0), k, 1)[:396, :396] * k / 4 for k in (1, 2, 4))
    assert (
        estimate_noise(torch.from_numpy((leaves + 128).clip(0, 255) / 255).permute(2, 0, 1).float().repeat(3, 1, 1))
        < 10
    )


def coarsely_noisy(photo: np.ndarray, level: float, spread: float) -> np.ndarray:
    """White noise blurred by ``spread`` pixels and made as strong as before."""
    noise = filters.gaussian(np.random.default_rng(0).normal(size=photo.shape), spread, channel_axis=-1, mode="wrap")
    return (photo + noise * (level / noise.std())).clip(0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("spread", [0.55, 0.7, 0.9])
def test_coarse_noise_is_told_as_such_and_as_strong_as_it_is(name: str, spread: float) -> None:
    findings = inspect(coarsely_noisy(PHOTOS[name], 10, spread))
    assert findings.coarse
    assert findings.noise == pytest.approx(10, rel=0.2)
    assert "denoise" in findings.suggested
    assert findings.condition.noise == findings.noise


@pytest.mark.parametrize("spread", [0.55, 0.65, 0.75, 0.9])
def test_pure_coarse_noise_is_measured_as_what_it_is(spread: float) -> None:
    findings = inspect(coarsely_noisy(np.full((512, 512, 3), 128.0), 12, spread))
    assert (findings.coarse, findings.noise) == (True, pytest.approx(12, rel=0.08))


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize("level", [0, 3, 6, 12, 25])
def test_white_noise_and_none_are_not_called_coarse(name: str, level: float) -> None:
    small = np.asarray(Image.fromarray(PHOTOS[name]).reduce(2))
    assert not inspect((noisy(small, level).permute(1, 2, 0) * 255).round().byte().contiguous().numpy()).coarse


@pytest.mark.parametrize("quality", [30, 50, 75, 90, 95])
def test_the_damage_of_a_jpeg_is_not_called_coarse_noise(quality: int) -> None:
    for photo in PHOTOS.values():
        assert not inspect(jpeg_round_trip(np.ascontiguousarray(photo), quality)).coarse


def test_a_textured_photo_that_was_a_jpeg_is_not_to_be_denoised() -> None:
    gravel = np.ascontiguousarray(np.stack([data.gravel()] * 3, axis=-1))
    for quality in (80, 85, 90):
        assert "denoise" not in inspect(jpeg_round_trip(gravel, quality)).suggested


@pytest.mark.parametrize(("spreads", "coarse"), [((0.7, 0.7), True), ((0.5, 1.1), False), ((1.1, 0.5), False)])
def test_a_texture_in_many_colours_that_runs_one_way_is_not_coarse_noise(
    spreads: tuple[float, float], coarse: bool
) -> None:
    grain = filters.gaussian(np.random.default_rng(0).normal(size=(512, 512, 3)), (*spreads, 0), mode="wrap")
    picture = 128 + grain * (12 / grain.std())
    assert inspect(picture.clip(0, 255).round().astype(np.uint8)).coarse == coarse


def test_a_texture_in_many_colours_under_a_quiet_sky_is_not_coarse_noise_but_all_over_it_is() -> None:
    rng = np.random.default_rng(0)
    grain = filters.gaussian(rng.normal(size=(512, 512, 3)), 0.7, channel_axis=-1)
    grain *= 12 / grain.std()
    fine = rng.normal(0, 1, (512, 512, 3))
    sky = np.arange(512)[:, None, None] < 256
    picture = np.where(sky, 190.0, 90.0)
    assert inspect((picture + grain).clip(0, 255).round().astype(np.uint8)).coarse
    assert not inspect((picture + np.where(sky, fine, grain)).clip(0, 255).round().astype(np.uint8)).coarse


# all of it


def test_a_clean_photo_gets_no_suggestion_and_is_told_to_be_clean() -> None:
    for photo in PHOTOS.values():
        findings = inspect(np.asarray(Image.fromarray(photo).reduce(2)))
        assert findings.suggested == ()
        assert findings.condition == CLEAN


def test_the_dots_of_a_dithered_picture_and_the_strokes_of_a_drawing_are_no_damage() -> None:
    photo = Image.fromarray(data.astronaut())
    strokes = np.where(np.asarray(photo.convert("L")) > 110, 255, 0).astype(np.uint8)
    for picture in (photo.convert("1"), photo.quantize(8, dither=Image.Dither.FLOYDSTEINBERG), strokes):
        found = inspect(picture)
        assert found.few_colours
        assert (found.suggested, found.condition) == ((), CLEAN)
        assert found.words.endswith("few colours: drawn or dithered")
    for picture in (photo, photo.quantize(64), np.full((64, 64, 3), 90, np.uint8)):
        assert not inspect(picture).few_colours


def test_a_photo_is_measured_in_every_form(tmp_path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(PHOTOS["cat"]).save(path)
    told = restore.inspect(path)
    assert isinstance(told, restore.Findings)
    for form in (str(path), path.read_bytes(), Image.open(path), PHOTOS["cat"], read_photo(path)):
        assert restore.inspect(form) == told
    with pytest.raises(ConfigError, match="a photo is a path"):
        inspect(17)
    with pytest.raises(ImageError, match="no such file"):
        inspect(tmp_path / "missing.png")


def test_a_small_gray_and_a_deep_picture_are_measured_too() -> None:
    assert inspect(np.zeros((1, 1), np.uint8)).suggested == ()
    gray = inspect(np.asarray(Image.fromarray(PHOTOS["coffee"]).convert("L")))
    assert gray.tone == "gray"
    deep = inspect(PHOTOS["coffee"].astype(np.uint16) * 257)
    assert deep.tone == "colour"
    assert deep.noise == pytest.approx(inspect(PHOTOS["coffee"]).noise, abs=0.1)


def test_every_damage_gets_its_own_step_and_all_of_them_their_steps_in_order() -> None:
    photo = np.array(Image.fromarray(PHOTOS["astronaut"]).reduce(2))
    pixels = torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
    soft = blur(pixels, gaussian_kernels(torch.tensor([2.0])))[0].permute(1, 2, 0).numpy()
    assert inspect(soft).suggested == ("deblur",)
    assert inspect(jpeg_round_trip(photo, 40)).suggested == ("dejpeg",)
    assert inspect(noisy(photo, 15).permute(1, 2, 0).numpy()).suggested == ("denoise",)
    noisy_soft = (noisy(soft * 255, 8).permute(1, 2, 0) * 255).round().byte().contiguous().numpy()
    assert inspect(noisy_soft).suggested == ("denoise", "deblur")


def test_suggestions_begin_at_their_thresholds_and_are_steps_of_restore_run() -> None:
    def suggested(noise: float, quality: int | None, blurred: float | None) -> tuple[str, ...]:
        return Findings(noise=noise, file_quality=quality, seen_quality=None, twice=False, blur=blurred).suggested

    assert suggested(DENOISE_FROM - 0.1, DEJPEG_BELOW, DEBLUR_FROM - 0.1) == ()
    assert suggested(0, None, None) == ()
    assert suggested(DENOISE_FROM, None, None) == ("denoise",)
    assert suggested(DENOISE_FROM + CODED_DOUBT - 0.1, DEJPEG_BELOW, None) == ()
    worst = suggested(DENOISE_FROM + CODED_DOUBT, DEJPEG_BELOW - 1, DEBLUR_FROM)
    assert [step.name for step in parse_steps(",".join(worst))] == ["dejpeg", "denoise", "deblur"]


def test_the_words_say_what_was_found() -> None:
    bad = Findings(
        noise=18.2, file_quality=92, seen_quality=42, twice=True, blur=1.34, tone="sepia", black=0.005, white=0.017
    )
    assert bad.words == "noise 18, JPEG q 42 (twice), slightly soft (1.3 px), gray: sepia, clipped: 2 %"
    coarse = Findings(noise=6.4, file_quality=None, seen_quality=None, twice=False, blur=0.3, coarse=True)
    assert coarse.words == "coarse noise 6, no JPEG, sharp, gray: no, clipped: 0 %"
    good = Findings(noise=1.2, file_quality=None, seen_quality=None, twice=False, blur=None, bands=True)
    assert good.words == "no noise, no JPEG, no edges, gray: no, clipped: 0 %, bands"


def test_of_a_jpeg_that_was_a_worse_one_the_worse_quality_is_told() -> None:
    once = np.ascontiguousarray(jpeg_round_trip(np.ascontiguousarray(PHOTOS["coffee"]), 35)[4:, 4:])
    buffer = io.BytesIO()
    Image.fromarray(once).save(buffer, "JPEG", quality=92)
    findings = inspect(buffer.getvalue())
    assert (findings.file_quality, findings.twice) == (92, True)
    assert findings.quality == pytest.approx(35, abs=2)
    assert findings.condition.jpeg == findings.quality


def test_faint_traces_in_a_picture_that_is_no_jpeg_count_as_nothing() -> None:
    once = jpeg_round_trip(np.asarray(Image.fromarray(PHOTOS["coffee"]).reduce(2)), 95)
    assert inspect(once).quality == pytest.approx(95, abs=2)
    assert condition_of(photo_from_array(once)).jpeg == 100


def test_the_blur_is_left_unknown_where_it_is_not_wanted() -> None:
    pixels = torch.rand(3, 64, 64)
    assert condition_of_pixels(pixels, blur=False).blur is None
    assert condition_of_pixels(pixels).blur is not None


# large photos


@pytest.mark.parametrize(("height", "width"), [(1030, 1020), (3000, 4000), (100, 60_000), (20_000, 300)])
def test_parts_of_a_large_photo_lie_in_it_begin_on_the_grid_and_are_bounded(height: int, width: int) -> None:
    place = torch.arange(height)[:, None] * 100_000.0 + torch.arange(width)
    parts = sample(place.double()[None].expand(3, -1, -1))
    first = parts[:, 0, 0, 0].long()
    assert (first // 100_000 % 16 == 0).all()
    assert (first % 100_000 % 16 == 0).all()
    assert WHOLE_PX / 3 < parts[:, 0].numel() <= WHOLE_PX
    assert len(first.unique()) == len(first)


def test_a_large_photo_is_measured_like_a_small_one() -> None:
    photo = np.tile(PHOTOS["rocket"], (3, 3, 1))
    coded = jpeg_round_trip(np.ascontiguousarray(photo), 50)
    assert coded.shape[0] * coded.shape[1] > WHOLE_PX
    assert inspect(coded).quality == pytest.approx(50, abs=2)
    assert inspect((noisy(photo, 10).permute(1, 2, 0) * 255).byte().numpy()).noise == pytest.approx(10, abs=1)
