"""Detail that deblurring may invent: which networks are blended, what is said of it, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from torch import nn

import restore
from restore.errors import ConfigError, WeightsError
from restore.inference.clean import Cleaner
from restore.inference.recipe import step_of
from restore.inference.verbs import Fix
from restore.io.convert import photo_from_array
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.tasks import Condition

SOFT = Condition(noise=0, jpeg=100, blur=1.5)
PHOTO = photo_from_array(data.coffee()[100:164, 200:264] // 2 + 64)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network, another a little further on as its detail weights, and that one again under a name of its own."""
    folder = tmp_path_factory.mktemp("clean")
    torch.manual_seed(5)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    for names, deviation in ((("mine",), 0.01), (("mine-detail", "other"), 0.02)):
        nn.init.normal_(network.head.weight, std=deviation)
        for name in names:
            card = Card(name=name, task="clean", scale=1, size="fast", generator=shape)
            save_weights(folder / f"{name}.safetensors", network.state_dict(), card)
    return folder / "mine.safetensors"


def test_no_detail_is_the_one_network_and_all_of_it_the_other(weights: Path) -> None:
    cleaner, other = (Cleaner(device="cpu", weights=path) for path in (weights, weights.with_name("other.safetensors")))
    fix = Fix(verb="deblur")
    for detail, alone in ((0.0, cleaner), (100.0, other)):
        result, report = cleaner(PHOTO, Fix(verb="deblur", detail=detail), SOFT)
        expected, _ = alone(PHOTO, fix, SOFT)
        torch.testing.assert_close(result.pixels, expected.pixels, rtol=0, atol=0)
        assert report.detail == detail


def test_what_lies_between_is_a_picture_of_its_own_and_both_files_are_named(weights: Path) -> None:
    cleaner = Cleaner(device="cpu", weights=weights, detail=40)
    results = {detail: cleaner(PHOTO, Fix(verb="deblur", detail=detail), SOFT) for detail in (0.0, 40.0, 80.0)}
    none, some, more = (result.pixels for result, _ in results.values())
    assert 0 < (some - none).abs().mean() < (more - none).abs().mean()
    report = results[40.0][1]
    assert [path.name for path in report.files] == ["mine.safetensors", "mine-detail.safetensors"]
    assert "detail=40" in step_of(report).split(" ")
    assert [path.name for path in results[0.0][1].files] == ["mine.safetensors"]


def test_a_sharp_photo_needs_no_network_and_so_invents_nothing(weights: Path) -> None:
    sharp = Condition(noise=0, jpeg=100, blur=0)
    result, report = Cleaner(device="cpu", weights=weights)(PHOTO, Fix(verb="deblur", detail=50), sharp)
    assert torch.equal(result.pixels, PHOTO.pixels)
    assert (report.detail, report.files) == (0.0, ())


def test_python_has_it_too(weights: Path) -> None:
    picture = data.coffee()[100:164, 200:264]
    options = {"blur": 1.5, "device": "cpu", "weights": weights}
    plain, textured = (restore.deblur(picture, detail=detail, **options) for detail in (0.0, 100.0))
    assert np.abs(plain.astype(int) - textured.astype(int)).max() > 0


@pytest.mark.parametrize("verb", ["denoise", "dejpeg", None])
def test_the_other_verbs_invent_nothing(verb: str | None) -> None:
    with pytest.raises(ConfigError, match="detail is for deblur"):
        Fix(verb=verb, detail=10)  # type: ignore[arg-type]


@pytest.mark.parametrize("detail", [-1.0, 101.0, float("nan")])
def test_detail_is_a_number_from_0_to_100(detail: float) -> None:
    with pytest.raises(ConfigError, match="0 to 100"):
        Fix(verb="deblur", detail=detail)


def test_weights_without_detail_weights_say_so_when_they_are_opened(weights: Path) -> None:
    with pytest.raises(WeightsError, match=r"other\.safetensors has no detail weights"):
        Cleaner(device="cpu", weights=weights.with_name("other.safetensors"), detail=10)
