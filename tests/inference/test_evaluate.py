"""The evaluation protocol against an independent numpy implementation, Pillow, scikit-image and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from restore.errors import ConfigError, ImageError
from restore.inference.evaluate import BICUBIC, Evaluation, Method, Row, Sample, evaluate_upscale, method_names
from restore.inference.protocol import Damage, pick_evenly
from restore.ops.resize import resize

SHAPES = {"astronaut": (129, 151), "coffee": (131, 140), "chelsea": (138, 127), "rocket": (150, 133)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Four photos whose sides are no multiples of 2 or 4, so that cropping matters."""
    folder = tmp_path_factory.mktemp("photos")
    for name, (height, width) in SHAPES.items():
        photo = getattr(data, name)()[60 : 60 + height, 100 : 100 + width]
        Image.fromarray(photo).save(folder / f"{name}.png")
    return sorted(folder.iterdir())


def matlab_weights(source: int, target: int) -> np.ndarray:
    """imresize's bicubic as a dense (target, source) matrix, written from its definition, pixel by pixel."""
    ratio = source / target
    stretch = max(ratio, 1.0)
    matrix = np.zeros((target, source))
    for out in range(target):
        centre = (out + 0.5) * ratio - 0.5
        for place in range(math.floor(centre - 2 * stretch), math.ceil(centre + 2 * stretch) + 1):
            far = abs(place - centre) / stretch
            near = 1.5 * far**3 - 2.5 * far**2 + 1
            weight = near if far <= 1 else -0.5 * far**3 + 2.5 * far**2 - 4 * far + 2 if far < 2 else 0.0
            mirrored = place % (2 * source)
            matrix[out, min(mirrored, 2 * source - 1 - mirrored)] += weight
    return matrix / matrix.sum(axis=1, keepdims=True)


def matlab_resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """(H,W,3) uint8 to (height,width,3) uint8, rounded after each pass."""
    rows = np.einsum("oh,hwc->owc", matlab_weights(image.shape[0], height), image.astype(float))
    rows = np.clip(np.floor(rows + 0.5 + 1e-9), 0, 255)
    columns = np.einsum("ow,hwc->hoc", matlab_weights(image.shape[1], width), rows)
    return np.clip(np.floor(columns + 0.5 + 1e-9), 0, 255).astype(np.uint8)


def papers_figures(restored: np.ndarray, target: np.ndarray, shave: int) -> tuple[float, float]:
    """PSNR and SSIM on luma by scikit-image alone."""
    inside = (slice(shave, -shave), slice(shave, -shave))
    one, other = rgb2ycbcr(restored)[..., 0][inside], rgb2ycbcr(target)[..., 0][inside]
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255, "full": True}
    similar = structural_similarity(one, other, **settings)[1][5:-5, 5:-5].mean()
    return peak_signal_noise_ratio(other, one, data_range=255), float(similar)


def pillow_resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))


def through(enlarge: Callable[[np.ndarray, int, int], np.ndarray], photo: Path, scale: int) -> tuple[float, float]:
    """The figures of a photo that goes down and up through another library's resize."""
    target = np.asarray(Image.open(photo))
    height, width = (side // scale * scale for side in target.shape[:2])
    target = target[:height, :width]
    return papers_figures(enlarge(enlarge(target, height // scale, width // scale), height, width), target, scale)


def mine(restore: Callable[[Tensor], Tensor], name: str = "mine", detail: float | None = None) -> tuple[Method]:
    return (Method(name=name, restore=restore, detail=detail),)


def twice(image: Tensor) -> Tensor:
    return resize(image, 2 * image.shape[2], 2 * image.shape[3])


def bicubic_of(found: Evaluation) -> list[Row]:
    return [row for row in found.rows if row.method == BICUBIC]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_bicubic_row_is_what_the_definition_of_imresize_gives(photos: list[Path], scale: int) -> None:
    found = evaluate_upscale((), photos, scale, lpips=None)
    for row, photo in zip(found.rows, photos, strict=True):
        decibels, similar = through(matlab_resize, photo, scale)
        assert row.figures["psnr"] == pytest.approx(decibels, abs=1e-6)
        assert row.figures["ssim"] == pytest.approx(similar, abs=1e-6)


@pytest.mark.parametrize("scale", [2, 4])
def test_pillows_bicubic_agrees_within_two_hundredths_of_a_decibel(photos: list[Path], scale: int) -> None:
    found = evaluate_upscale((), photos, scale, lpips=None)
    theirs = np.mean([through(pillow_resize, photo, scale)[0] for photo in photos])
    assert found.means(BICUBIC)["psnr"] == pytest.approx(theirs, abs=0.02)


def test_an_untouched_bicubic_function_gives_the_same_figures_as_the_row_beside_it(photos: list[Path]) -> None:
    def enlarge(image: Tensor) -> Tensor:
        assert image.dtype == torch.float32
        levels = (image.double() * 255).round() / 255
        return resize(levels, 2 * image.shape[2], 2 * image.shape[3], quantise=True)

    found = evaluate_upscale(mine(enlarge), photos[:2], 2, lpips=None)
    assert found.methods == (BICUBIC, "mine")
    assert found.means("mine") == found.means(BICUBIC)


def _gray_ramp(folder: Path) -> Path:
    """A drawn photo, smooth and far from black and white, whose bicubic enlargement is not exact."""
    rows, columns = np.mgrid[0:48, 0:64]
    ramp = 90 + 60 * np.sin(rows / 5) * np.cos(columns / 7)
    Image.fromarray(np.stack([ramp, ramp + 10, ramp - 20], axis=2).round().astype(np.uint8)).save(folder / "ramp.png")
    return folder / "ramp.png"


def test_a_result_that_is_brighter_everywhere_by_k_levels_has_psnr_and_drift_in_closed_form(tmp_path: Path) -> None:
    photo, brighter = _gray_ramp(tmp_path), 6
    target = torch.from_numpy(np.asarray(Image.open(photo)).copy()).permute(2, 0, 1)[None].float()
    found = evaluate_upscale(mine(lambda _: (target + brighter) / 255, "brighter"), [photo], 2, lpips=None)
    means = found.means("brighter")
    assert means["psnr"] == pytest.approx(20 * math.log10(255 / (brighter * 219 / 255)), abs=1e-9)
    assert means["drift"] == pytest.approx(brighter, abs=1e-9)
    assert means["consistency"] < found.means(BICUBIC)["consistency"]


def test_the_photo_itself_is_a_perfect_result_even_between_the_levels(tmp_path: Path) -> None:
    photo = _gray_ramp(tmp_path)
    target = torch.from_numpy(np.asarray(Image.open(photo)).copy()).permute(2, 0, 1)[None].float()
    found = evaluate_upscale(mine(lambda _: (target + 0.4) / 255, "truth"), [photo], 2, lpips=None)
    assert found.means("truth")["psnr"] == math.inf
    assert found.means("truth")["ssim"] == pytest.approx(1.0, abs=1e-12)
    assert found.means("truth")["drift"] == pytest.approx(0.0, abs=1e-9)


def test_errors_in_the_shaved_border_do_not_count_but_those_inside_do(tmp_path: Path) -> None:
    photo, scale = _gray_ramp(tmp_path), 4
    target = torch.from_numpy(np.asarray(Image.open(photo)).copy()).permute(2, 0, 1)[None].float() / 255
    framed = torch.zeros_like(target)
    framed[..., scale:-scale, scale:-scale] = target[..., scale:-scale, scale:-scale]
    found = evaluate_upscale(mine(lambda _: framed, "framed"), [photo], scale, lpips=None)
    assert found.means("framed")["psnr"] == math.inf
    framed[..., scale, scale] = 0
    found = evaluate_upscale(mine(lambda _: framed, "framed"), [photo], scale, lpips=None)
    assert found.means("framed")["psnr"] < math.inf


def test_noise_is_numpys_legacy_stream_from_seed_zero_rounded_as_a_file_holds_it() -> None:
    image = torch.from_numpy(data.astronaut()[:40, :50].copy()).permute(2, 0, 1)[None].double() / 255
    state = np.random.get_state()
    np.random.seed(0)  # as the published test scripts write it
    grain = np.random.normal(0, 25 / 255.0, (40, 50, 3))
    np.random.set_state(state)
    expected = np.clip(np.round((data.astronaut()[:40, :50] / 255 + grain) * 255), 0, 255)
    for _ in range(2):  # the same noise for every photo
        noisy = Damage(noise=25).spoil(image)
        assert np.abs(noisy[0].permute(1, 2, 0).numpy() * 255 - expected).max() < 1e-6


def test_damage_reaches_the_network_and_lowers_the_bicubic_row(photos: list[Path]) -> None:
    seen: list[Sample] = []
    clean = evaluate_upscale((), photos[:2], 2, lpips=None).means(BICUBIC)["psnr"]
    for damage in (Damage(noise=15), Damage(jpeg=30), Damage(noise=15, jpeg=30)):
        found = evaluate_upscale((), photos[:2], 2, lpips=None, damage=damage, on_photo=seen.append)
        assert found.means(BICUBIC)["psnr"] < clean - 0.3
    noisy, _, squeezed, _, both, _ = (sample.source for sample in seen)
    assert not torch.equal(noisy, squeezed)
    assert not torch.equal(both, noisy)
    levels = both * 255
    assert torch.allclose(levels, levels.round(), atol=1e-9)


@pytest.mark.parametrize("wrong", [{"noise": -1.0}, {"noise": math.nan}, {"jpeg": 0}, {"jpeg": 101}])
def test_impossible_damage_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        Damage(**wrong)  # type: ignore[arg-type]


def test_means_are_means_of_the_rows_and_every_photo_has_both_rows(photos: list[Path]) -> None:
    found = evaluate_upscale(mine(twice), photos, 2, lpips=None)
    assert [(row.photo, row.method) for row in found.rows] == [
        (photo.name, method) for photo in photos for method in (BICUBIC, "mine")
    ]
    rows = bicubic_of(found)
    assert found.means(BICUBIC)["psnr"] == pytest.approx(np.mean([row.figures["psnr"] for row in rows]))
    assert "lpips" not in found.means(BICUBIC)
    assert [(row.height, row.width) for row in rows] == [(128, 150), (138, 126), (130, 140), (150, 132)]


def test_a_sixteen_bit_photo_is_measured_as_its_eight_bit_rounding(tmp_path: Path) -> None:
    gray = data.camera()[200:264, 200:280]
    Image.fromarray(gray).save(tmp_path / "eight.png")
    Image.fromarray(gray.astype(np.uint16) * 257).save(tmp_path / "sixteen.png")
    eight, sixteen = (
        evaluate_upscale((), [tmp_path / f"{name}.png"], 2, lpips=None).means(BICUBIC) for name in ("eight", "sixteen")
    )
    assert sixteen == eight


def test_a_result_of_the_wrong_size_is_refused(photos: list[Path]) -> None:
    with pytest.raises(ConfigError, match="mine gave"):
        evaluate_upscale(mine(lambda image: image), photos[:1], 2, lpips=None)


def test_one_unreadable_or_tiny_photo_ends_the_measurement_with_its_name(photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    Image.fromarray(np.zeros((18, 40, 3), np.uint8)).save(tmp_path / "tiny.png")
    for name in ("broken.png", "tiny.png"):
        with pytest.raises(ImageError, match=name):
            evaluate_upscale((), [photos[0], tmp_path / name], 4, lpips=None)


def test_no_photos_and_no_scale_are_refused(photos: list[Path]) -> None:
    with pytest.raises(ConfigError, match="no photos"):
        evaluate_upscale((), [], 2, lpips=None)
    with pytest.raises(ConfigError, match="2 or more"):
        evaluate_upscale((), photos, 1, lpips=None)
    with pytest.raises(ConfigError, match="at least one"):
        evaluate_upscale((), photos, 2, lpips=None, max_photos=0)


@pytest.mark.parametrize(("count", "chosen"), [(None, "abcdefg"), (9, "abcdefg"), (3, "ace"), (1, "a")])
def test_a_sample_of_the_photos_is_spread_over_them(count: int | None, chosen: str) -> None:
    assert [path.name for path in pick_evenly([Path(name) for name in "abcdefg"], count)] == list(chosen)


def test_several_methods_stand_beside_each_other_with_their_detail(photos: list[Path]) -> None:
    methods = (*mine(twice, "soft", 0.0), *mine(lambda image: twice(image) * 0.9, "dark", 50.0))
    found = evaluate_upscale(methods, photos[:2], 2, lpips=None)
    assert [(row.method, row.detail, row.projected) for row in found.rows[:3]] == [
        (BICUBIC, None, False),
        ("soft", 0.0, False),
        ("dark", 50.0, False),
    ]
    assert found.means("dark")["psnr"] < found.means("soft")["psnr"]
    assert found.means("dark")["high_frequency"] == pytest.approx(
        0.81 * found.means("soft")["high_frequency"], rel=0.02
    )


@pytest.mark.parametrize("name", ["mine", BICUBIC])
def test_two_methods_of_one_name_are_refused(photos: list[Path], name: str) -> None:
    with pytest.raises(ConfigError, match="a name of its own"):
        evaluate_upscale((*mine(twice), *mine(twice, name)), photos, 2, lpips=None)


@pytest.mark.parametrize(
    ("projection", "names"),
    [
        ("off", (BICUBIC, "mine")),
        ("on", (BICUBIC, "mine projected")),
        ("both", (BICUBIC, "mine", "mine projected")),
    ],
)
def test_projected_results_agree_better_and_say_so(photos: list[Path], projection: str, names: tuple[str, ...]) -> None:
    found = evaluate_upscale(mine(twice), photos[:2], 2, lpips=None, projection=projection)  # type: ignore[arg-type]
    assert found.methods == names == method_names(mine(twice), projection)  # type: ignore[arg-type]
    assert [row.projected for row in found.rows[: len(names)]] == [name.endswith("projected") for name in names]
    if projection == "both":
        plain, projected = found.means("mine"), found.means("mine projected")
        assert projected["consistency"] > plain["consistency"] + 10
        assert projected["psnr"] > plain["psnr"]  # bicubic itself leaves out what the small photo says


def test_agreement_with_the_small_photo_is_measured_as_matlab_shrinks_eight_bit_pictures(photos: list[Path]) -> None:
    found = evaluate_upscale((), photos[:1], 4, lpips=None)
    target = np.asarray(Image.open(photos[0]))
    height, width = (side // 4 * 4 for side in target.shape[:2])
    small = matlab_resize(target[:height, :width], height // 4, width // 4)
    again = matlab_resize(matlab_resize(small, height, width), height // 4, width // 4)
    assert found.means(BICUBIC)["consistency"] == pytest.approx(
        peak_signal_noise_ratio(small, again, data_range=255), abs=1e-9
    )


def test_the_truth_agrees_perfectly_has_its_own_detail_and_adds_no_grid(photos: list[Path]) -> None:
    target = (
        torch.from_numpy(np.asarray(Image.open(photos[0])).copy()).permute(2, 0, 1)[None, :, :128, :150].float() / 255
    )
    means = evaluate_upscale(mine(lambda _: target), photos[:1], 2, lpips=None).means("mine")
    assert means["consistency"] == math.inf
    assert means["high_frequency"] == 1.0
    assert means["grid"] < 3


def test_a_photo_too_small_for_a_grid_leaves_the_mean_to_the_others(photos: list[Path], tmp_path: Path) -> None:
    Image.fromarray(data.coffee()[:40, :60]).save(tmp_path / "small.png")
    both = evaluate_upscale((), [photos[0], tmp_path / "small.png"], 2, lpips=None)
    assert math.isnan(both.rows[1].figures["grid"])
    assert both.means(BICUBIC)["grid"] == both.rows[0].figures["grid"]
    alone = evaluate_upscale((), [tmp_path / "small.png"], 2, lpips=None)
    assert math.isnan(alone.means(BICUBIC)["grid"])
