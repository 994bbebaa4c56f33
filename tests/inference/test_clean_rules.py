"""Measuring at the photo's own size, against numpy, OpenCV, scikit-image and closed forms."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from restore.errors import ConfigError
from restore.inference.evaluate import Evaluation, Method, Row, Sample, evaluate
from restore.inference.protocol import Damage
from restore.inference.rules import INPUT, CleanRules, UpscaleRules

SIGMA = 25.0


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A colour photo whose sides are no multiples of eight, with black and white in it."""
    path = tmp_path_factory.mktemp("photo") / "coffee.png"
    Image.fromarray(data.coffee()[100:175, 300:391]).save(path)
    return path


@pytest.fixture(scope="module")
def gray_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "camera.png"
    Image.fromarray(data.camera()[100:175, 200:291]).save(path)
    return path


def pixels(photo: Path) -> np.ndarray:
    return np.asarray(Image.open(photo)).astype(np.float64)


def noise(shape: tuple[int, ...]) -> np.ndarray:
    """As the published test scripts draw it for every photo."""
    return np.random.RandomState(0).normal(0, SIGMA, shape)


def mine(restore: Callable[[Tensor], Tensor]) -> tuple[Method]:
    return (Method(name="mine", restore=restore),)


def of_input(photo: Path, damage: Damage, *, gray: bool = False) -> dict[str, float]:
    return evaluate((), [photo], CleanRules(damage=damage, gray=gray), lpips=None).means(INPUT)


def papers_ssim(one: np.ndarray, other: np.ndarray) -> float:
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255, "full": True}
    planes = zip(np.atleast_3d(one).T, np.atleast_3d(other).T, strict=True)
    return float(np.mean([structural_similarity(*pair, **settings)[1][5:-5, 5:-5].mean() for pair in planes]))


def test_noise_is_measured_as_the_papers_give_it_to_a_network_neither_clipped_nor_rounded(photo: Path) -> None:
    grain = noise(pixels(photo).shape)
    found = of_input(photo, Damage(noise=SIGMA, rounded=False))
    assert found["psnr_rgb"] == pytest.approx(-10 * math.log10((grain**2).mean() / 255**2), abs=1e-6)
    assert found["psnr_rgb"] == pytest.approx(20 * math.log10(255 / SIGMA), abs=0.1)
    assert found["ssim_rgb"] == pytest.approx(papers_ssim(pixels(photo) + grain, pixels(photo)), abs=1e-6)


def test_noise_as_a_file_holds_it_is_less_since_black_and_white_cut_it_off(photo: Path) -> None:
    held = (pixels(photo) + noise(pixels(photo).shape)).round().clip(0, 255)
    found = of_input(photo, Damage(noise=SIGMA))
    expected = peak_signal_noise_ratio(pixels(photo), held, data_range=255)
    assert found["psnr_rgb"] == pytest.approx(expected, abs=1e-6)
    assert found["psnr_rgb"] > of_input(photo, Damage(noise=SIGMA, rounded=False))["psnr_rgb"] + 0.1


def test_a_method_gets_what_is_below_black_and_above_white_and_its_result_is_clamped_and_rounded(photo: Path) -> None:
    seen: list[Sample] = []
    rules = CleanRules(damage=Damage(noise=SIGMA, rounded=False))
    found = evaluate(mine(lambda image: image), [photo], rules, lpips=None, on_photo=seen.append)
    source, result = seen[0].source, seen[0].pictures["mine"]
    assert source.min() < 0 or source.max() > 1
    assert 0 <= result.min() <= result.max() <= 1
    assert torch.allclose(result * 255, (result * 255).round(), atol=1e-9)
    # so a method that does nothing has the figures of the file
    assert found.means("mine")["psnr_rgb"] == pytest.approx(of_input(photo, Damage(noise=SIGMA))["psnr_rgb"], abs=0.01)


def test_colour_jpegs_are_those_of_opencv(photo: Path) -> None:
    bgr = cv2.cvtColor(pixels(photo).astype(np.uint8), cv2.COLOR_RGB2BGR)
    coded = cv2.imdecode(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 20])[1], cv2.IMREAD_COLOR)
    found = of_input(photo, Damage(jpeg=20))
    assert found["psnr_rgb"] == pytest.approx(peak_signal_noise_ratio(bgr, coded, data_range=255), abs=1e-9)
    assert found["ssim_rgb"] == pytest.approx(papers_ssim(coded.astype(float), bgr.astype(float)), abs=1e-9)


def test_gray_is_matlabs_luma_through_a_jpeg_of_one_channel(photo: Path) -> None:
    luma = rgb2ycbcr(pixels(photo).astype(np.uint8))[..., 0].round().astype(np.uint8)
    coded = cv2.imdecode(cv2.imencode(".jpg", luma, [cv2.IMWRITE_JPEG_QUALITY, 10])[1], cv2.IMREAD_GRAYSCALE)
    found = of_input(photo, Damage(jpeg=10), gray=True)
    assert found["psnr_rgb"] == pytest.approx(peak_signal_noise_ratio(luma, coded, data_range=255), abs=1e-9)
    assert found["ssim_rgb"] == pytest.approx(papers_ssim(coded.astype(float), luma.astype(float)), abs=1e-9)


def test_a_photo_that_is_gray_already_is_not_squeezed_into_the_studio_range(gray_photo: Path) -> None:
    coded = cv2.imdecode(
        cv2.imencode(".jpg", pixels(gray_photo).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 10])[1],
        cv2.IMREAD_GRAYSCALE,
    )
    expected = peak_signal_noise_ratio(pixels(gray_photo), coded.astype(float), data_range=255)
    for gray in (False, True):
        found = of_input(gray_photo, Damage(jpeg=10), gray=gray)
        assert found["psnr_rgb"] == pytest.approx(expected, abs=1e-9)


def test_the_result_of_a_gray_photo_is_made_gray_before_it_is_measured(gray_photo: Path) -> None:
    tint = torch.tensor([0.1, 0.0, -0.1]).view(1, 3, 1, 1)
    truth = torch.from_numpy(pixels(gray_photo)).float()[None, None] / 255 * 0.5 + 0.2
    rules = CleanRules(damage=Damage())
    tinted, gray = (
        evaluate(mine(lambda _, shift=shift: truth + shift), [gray_photo], rules, lpips=None).means("mine")
        for shift in (tint, torch.zeros(1, 3, 1, 1))
    )
    assert tinted["psnr_rgb"] == pytest.approx(gray["psnr_rgb"], abs=0.01)
    assert tinted["drift"] == pytest.approx(gray["drift"], abs=0.05)  # halves are rounded up


def test_the_truth_is_perfect_and_a_single_wrong_corner_counts_since_no_border_is_cut(photo: Path) -> None:
    target = torch.from_numpy(pixels(photo)).permute(2, 0, 1)[None].float() / 255
    middle = 0.25 + 0.5 * target
    rules = CleanRules(damage=Damage(jpeg=30))

    def found(restored: Tensor) -> dict[str, float]:
        return evaluate(mine(lambda _: restored), [photo], rules, lpips=None).means("mine")

    perfect = found(target)
    assert (perfect["psnr_rgb"], perfect["high_frequency"]) == (math.inf, 1)
    assert perfect["drift"] == pytest.approx(0, abs=1e-9)
    corner = target.clone()
    corner[0, :, 0, 0] = 1 - target[0, :, 0, 0].round()
    error = (corner - target).double().square().mean().item()
    assert found(corner)["psnr_rgb"] == pytest.approx(-10 * math.log10(error), abs=1e-3)
    assert found(middle)["high_frequency"] == pytest.approx(0.25, abs=0.02)


def test_a_result_k_levels_brighter_has_psnr_and_drift_in_closed_form(tmp_path: Path) -> None:
    drawn = np.add.outer(np.arange(40), np.arange(60))[..., None] + np.array([50, 80, 20])
    Image.fromarray(drawn.astype(np.uint8)).save(tmp_path / "ramp.png")
    brighter = torch.from_numpy(drawn + 6.0).permute(2, 0, 1)[None].float() / 255
    rules = CleanRules(damage=Damage(noise=5))
    found = evaluate(mine(lambda _: brighter), [tmp_path / "ramp.png"], rules, lpips=None).means("mine")
    assert found["psnr_rgb"] == pytest.approx(20 * math.log10(255 / 6), abs=1e-9)
    assert found["drift"] == pytest.approx(6, abs=1e-9)


def test_blocks_are_counted_where_there_was_a_jpeg_and_nowhere_else(photo: Path) -> None:
    found = of_input(photo, Damage(jpeg=10))
    assert found["psnr_b"] < found["psnr_rgb"]
    for damage in (Damage(noise=5), Damage(blur=1.6)):
        assert "psnr_b" not in of_input(photo, damage)


def test_a_second_jpeg_and_a_blur_do_harm_too(photo: Path) -> None:
    once, twice = (of_input(photo, damage)["psnr_rgb"] for damage in (Damage(jpeg=30), Damage(first_jpeg=10, jpeg=30)))
    assert twice < once - 0.5
    blurred = of_input(photo, Damage(blur=1.6))
    assert blurred["high_frequency"] < 0.2
    assert blurred["psnr_rgb"] < of_input(photo, Damage(blur=0.8))["psnr_rgb"]


def test_what_was_done_is_said_in_words() -> None:
    said = {
        "noise 15": CleanRules(damage=Damage(noise=15, rounded=False)),
        "noise 15 as a file": CleanRules(damage=Damage(noise=15)),
        "gray, JPEG 10": CleanRules(damage=Damage(jpeg=10), gray=True),
        "blur 1.6 + noise 2": CleanRules(damage=Damage(blur=1.6, noise=2, rounded=False)),
        "JPEG 10 + JPEG 30": CleanRules(damage=Damage(first_jpeg=10, jpeg=30, rounded=False)),
        "clean": UpscaleRules(scale=2, damage=Damage()),
        "noise 5 + JPEG 30": UpscaleRules(scale=2, damage=Damage(noise=5, jpeg=30)),
    }
    assert [rules.words for rules in said.values()] == list(said)


def test_neither_a_projection_nor_another_scale_makes_sense(photo: Path) -> None:
    with pytest.raises(ConfigError, match="put the damage back"):
        evaluate((), [photo], CleanRules(damage=Damage()), lpips=None, projection="on")
    with pytest.raises(ConfigError, match="keeps its size"):
        CleanRules(damage=Damage(), scale=2)
    with pytest.raises(ConfigError, match="mine gave"):
        evaluate(mine(lambda image: image[..., 1:]), [photo], CleanRules(damage=Damage()), lpips=None)
    with pytest.raises(ConfigError, match="a name of its own"):
        evaluate((Method(name=INPUT, restore=torch.clone),), [photo], CleanRules(damage=Damage()), lpips=None)


def test_the_pace_is_seconds_over_megapixels_of_all_photos_together() -> None:
    rows = tuple(
        Row(photo=name, method="mine", detail=None, projected=False, height=side, width=side, seconds=took, figures={})
        for name, side, took in (("small", 1000, 1.0), ("large", 2000, 9.0))
    )
    assert Evaluation(rules=CleanRules(damage=Damage()), rows=rows).pace("mine") == pytest.approx(10 / 5)
