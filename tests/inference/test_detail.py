"""The detail slider of an Upscaler: which networks are blended, when the result is projected, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from torch import Tensor, nn

import restore
from restore.errors import ConfigError, WeightsError
from restore.inference import networks
from restore.inference.upscale import Report, Target, Upscaler
from restore.io.convert import photo_from_array
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.tasks import BLIND, CLEAN, Condition

Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Saves a tiny network, and with ``detail`` another one a little further on."""

    def write(name: str, scale: int, *, detail: bool = True, size: str = "fast") -> Path:
        shape = GeneratorConfig(widths=(8,), encoder=(), middle=1, decoder=(), head=scale)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(scale)
            network = UNet(shape)
            nn.init.normal_(network.head.weight, std=0.004)
            card = Card(name=name, task="upscale", scale=scale, size=size, generator=shape)
            save_weights(tmp_path / f"{name}.safetensors", network.state_dict(), card)
            nn.init.normal_(network.head.weight, std=0.008)
            card = Card(name=f"{name}-detail", task="upscale", scale=scale, size=size, generator=shape)
            if detail:
                save_weights(tmp_path / f"{name}-detail.safetensors", network.state_dict(), card)
        return tmp_path / f"{name}.safetensors"

    return write


@pytest.fixture
def package(save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Bundled weights of which x2 and x4 have detail weights, and the size "base" has none."""
    for scale in (2, 4):
        save(f"upscale-x{scale}", scale)
    save("upscale-x2-base", 2, detail=False, size="base")
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    return tmp_path


def enlarge(scale: float = 2, condition: Condition = CLEAN, **options: object) -> tuple[Tensor, Report]:
    photo = photo_from_array(data.astronaut()[100:132, 120:160] // 2 + 64)  # far from black and white
    result, report = Upscaler(device="cpu", **options)(photo, Target(scale=scale), condition)  # type: ignore[arg-type]
    return result.pixels, report


def test_detail_weights_are_never_taken_for_the_fidelity_weights_of_their_size(package: Path) -> None:
    upscaler = Upscaler(device="cpu")
    for scale in (2, 4):
        assert upscaler.plan(32, 40, Target(scale=scale)).weights == (f"upscale-x{scale}",)
    pixels, report = enlarge(detail=0)
    assert (report.detail, report.projected, report.weights) == (0, False, ("upscale-x2",))
    named, report = enlarge(weights=package / "upscale-x2.safetensors")
    assert report.detail == 0
    assert torch.equal(pixels, named)


def test_the_ends_of_the_slider_are_the_two_files_and_the_middle_is_neither(package: Path) -> None:
    ends = [enlarge(weights=package / f"upscale-x2{tail}.safetensors")[0] for tail in ("", "-detail")]
    low, middle, high = (enlarge(detail=detail, project=False)[0] for detail in (0, 50, 100))
    assert torch.equal(low, ends[0])
    assert torch.allclose(high, ends[1], atol=1e-6)
    assert not torch.allclose(middle, low, atol=1e-3)
    assert not torch.allclose(middle, high, atol=1e-3)


def test_the_report_says_how_much_detail_there_is(package: Path) -> None:
    _, report = enlarge(detail=80)
    assert (report.detail, report.projected) == (80, True)


def test_every_network_of_a_chain_works_with_the_detail(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[tuple[str, float]] = []
    whole = networks.open_pair

    def spy(pair: networks.Pair, detail: float, *rest: object, **named: object) -> networks.Restorer:
        opened.append((pair.fidelity.card.name, detail))
        return whole(pair, detail, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(networks, "open_pair", spy)
    _, report = enlarge(8, detail=60)
    assert opened == [("upscale-x4", 60), ("upscale-x2", 60)]
    assert report.detail == 60


@pytest.mark.parametrize(
    ("condition", "detail", "project", "projected"),
    [
        (CLEAN, 50, None, True),
        (CLEAN, 0, None, False),
        (Condition(noise=5, jpeg=100), 50, None, False),
        (Condition(noise=0, jpeg=80), 50, None, False),
        (BLIND, 50, None, False),
        (BLIND, 0, True, True),
        (CLEAN, 50, False, False),
    ],
)
def test_projection_is_for_invented_detail_on_clean_photos_unless_somebody_says_otherwise(
    package: Path, condition: Condition, detail: float, project: bool | None, projected: bool
) -> None:
    _, report = enlarge(condition=condition, detail=detail, project=project)
    assert report.projected == projected


@pytest.mark.parametrize("scale", [2, 3, 4, 8, 1.3, 5.7])
def test_a_projected_result_explains_its_photo_better_whatever_the_scale(package: Path, scale: float) -> None:
    (plain, before), (projected, after) = (enlarge(scale, detail=100, project=on) for on in (False, True))
    assert before.consistency_db is not None
    assert after.consistency_db is not None
    assert after.consistency_db > before.consistency_db + 6
    assert plain.shape == projected.shape
    assert after.drift is not None
    assert after.drift < 0.5


def test_a_gray_projected_photo_stays_gray(package: Path) -> None:
    photo = photo_from_array(data.camera()[40:80, 200:240])
    result, report = Upscaler(device="cpu", detail=100)(photo, Target(scale=2), CLEAN)
    assert report.projected
    assert torch.equal(result.pixels[0], result.pixels[2])


def test_without_detail_weights_nothing_is_invented_unasked_and_asking_is_an_error(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "DEFAULT_DETAIL", 50.0)
    assert enlarge()[1].detail == 50
    _, report = enlarge(size="base")
    assert (report.detail, report.projected) == (0, False)
    assert enlarge(size="base", detail=0)[1].detail == 0
    with pytest.raises(WeightsError, match=r"upscale-x2-base\.safetensors has no detail weights.*detail 30 is not"):
        Upscaler(device="cpu", size="base", detail=30)


def test_a_chain_with_one_bare_network_invents_nothing_unasked_and_asking_is_an_error(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "upscale-x2-detail.safetensors").unlink()
    upscaler = Upscaler(device="cpu", detail=30)
    assert upscaler.plan(32, 40, Target(scale=4)).detail == 30
    for scale in (2, 8):
        with pytest.raises(WeightsError, match=r"upscale-x2\.safetensors has no detail weights"):
            upscaler.plan(32, 40, Target(scale=scale))
    monkeypatch.setattr(networks, "DEFAULT_DETAIL", 50.0)
    assert [Upscaler(device="cpu").plan(32, 40, Target(scale=scale)).detail for scale in (4, 8)] == [50, 0]


def test_a_file_of_ones_own_is_blended_with_its_partner_beside_it(package: Path, save: Save) -> None:
    mine, bare = save("mine", 2), save("bare", 2, detail=False)
    assert enlarge(weights=mine, detail=40)[1].detail == 40
    with pytest.raises(WeightsError, match=r"bare\.safetensors has no detail weights beside it \(bare-detail"):
        Upscaler(device="cpu", weights=bare, detail=40)


def test_detail_weights_named_as_the_network_serve_as_they_are_and_have_no_slider(package: Path) -> None:
    for weights in ("upscale-x2-detail", package / "upscale-x2-detail.safetensors"):
        assert enlarge(weights=weights)[1].detail == 0
        with pytest.raises(WeightsError, match="these are detail weights themselves"):
            Upscaler(device="cpu", weights=weights, detail=40)


def test_damaged_detail_weights_trouble_only_those_who_want_detail(save: Save) -> None:
    mine = save("mine", 2)
    partner = mine.with_name("mine-detail.safetensors")
    partner.write_bytes(partner.read_bytes()[:40])
    assert enlarge(weights=mine, detail=0)[1].detail == 0
    with pytest.raises(WeightsError, match=r"mine-detail.*damaged"):
        Upscaler(device="cpu", weights=mine, detail=10)


@pytest.mark.parametrize("detail", [-1, 100.5, float("nan")])
def test_detail_outside_its_range_is_refused(package: Path, detail: float) -> None:
    with pytest.raises(ConfigError, match="from 0 to 100"):
        Upscaler(device="cpu", detail=detail)


def test_a_blend_keeps_to_the_memory_it_was_given(package: Path) -> None:
    photo = photo_from_array(data.coffee()[:90, :120])
    roomy, tight = (Upscaler(device="cpu", detail=70, tile=tile)(photo, Target(scale=2), CLEAN)[0] for tile in (64, 16))
    assert torch.allclose(roomy.pixels, tight.pixels, atol=1e-4)


def test_the_one_line_interface_takes_detail_and_projection(package: Path) -> None:
    array = np.ascontiguousarray(data.astronaut()[100:132, 120:160])
    results = [
        restore.upscale(array, scale=2, device="cpu", condition=restore.CLEAN, detail=detail, project=project)
        for detail, project in ((0, None), (100, None), (100, False))
    ]
    assert (results[0] != results[1]).any()
    assert (results[1] != results[2]).any()
