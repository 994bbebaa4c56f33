"""Several steps in a row: how they are written, which are refused, and what each one knows of those before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from skimage import data
from torch import nn

from restore.errors import ConfigError, WeightsError
from restore.inference import verbs
from restore.inference.chain import Chain
from restore.inference.device import choose_device
from restore.inference.restorer import Restorer
from restore.inference.steps import Step, check_steps, parse_steps
from restore.io.convert import photo_from_array
from restore.io.photo import Photo
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.tasks import Condition


def save(path: Path, task: str, scale: int) -> Path:
    torch.manual_seed(scale)
    maps = 6 if task == "clean" else 4
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=scale, condition_channels=maps)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    save_weights(path, network.state_dict(), Card(name=path.stem, task=task, scale=scale, size="fast", generator=shape))
    return path


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("networks")
    return save(folder / "repair.safetensors", "clean", 1), save(folder / "double.safetensors", "upscale", 2)


def chain(text: str, weights: tuple[Path, ...]) -> Chain:
    return Chain(parse_steps(text), device=choose_device("cpu"), weights=weights)


def photo() -> Photo:
    return photo_from_array(data.coffee()[100:160, 200:270])


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Condition]:
    """What each network was told; every measurement finds noise 10 and JPEG 60."""
    found: list[Condition] = []
    whole = Restorer.restore
    monkeypatch.setattr(
        Restorer, "restore", lambda self, image, known, **rest: found.append(known) or whole(self, image, known, **rest)
    )
    monkeypatch.setattr(verbs, "condition_of", lambda _: Condition(noise=10, jpeg=60))
    return found


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("denoise", [("denoise", 100)]),
        ("dejpeg,denoise:40,upscale:2", [("dejpeg", 100), ("denoise", 40), ("upscale", 2)]),
        (" DEJPEG , upscale:1.5 , grain:3", [("dejpeg", 100), ("upscale", 1.5), ("grain", 3)]),
        ("deblur:0,upscale", [("deblur", 0), ("upscale", None)]),
    ],
)
def test_a_list_of_steps_is_understood(text, steps) -> None:
    assert [(step.name, step.amount) for step in parse_steps(text)] == steps


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sharpen", "unknown step 'sharpen'; known: dejpeg, denoise, deblur, upscale, grain"),
        ("denoise:101", "after denoise: stands a strength from 0 to 100; got '101'"),
        ("denoise:-1", "from 0 to 100"),
        ("denoise:nan", "from 0 to 100"),
        ("denoise:", "from 0 to 100; got ''"),
        ("upscale:1", "a scale over 1 and at most 8"),
        ("upscale:9", "a scale over 1 and at most 8"),
        ("grain", "grain needs grey levels up to 50, like grain:3"),
        ("grain:0", "grey levels over 0 and at most 50"),
        ("", "is a list with commas"),
        ("denoise,,upscale", "is a list with commas"),
        ("upscale:2,upscale:2", "upscale stands there twice; ask for the whole enlargement at once"),
        ("denoise:20,dejpeg,denoise:20", "denoise stands there twice"),
        ("grain:3,denoise", "denoise after grain would take it out again; put grain last"),
        ("grain:3,upscale:2", "upscale after grain would take it for noise"),
        ("upscale:2,dejpeg", "dejpeg after upscale is too late"),
        ("upscale:2,denoise", "put denoise before upscale"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(text, words) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_steps(text)
    assert words in str(refusal.value)


def test_no_steps_at_all_are_refused() -> None:
    with pytest.raises(ConfigError, match="no step was given"):
        check_steps(())


def test_each_step_knows_what_the_steps_before_have_taken_out(networks, seen) -> None:
    result, report = chain("dejpeg,denoise:40,upscale:2", networks)(photo())
    assert seen == [
        Condition(noise=0, jpeg=60, blur=0),  # dejpeg leaves the noise alone
        Condition(noise=10, jpeg=100, blur=0),  # so it is measured again; the JPEG damage is gone
        Condition(noise=0, jpeg=100, blur=None),  # what denoise left, it was asked to leave
    ]
    assert (result.width, result.height) == (140, 120)
    assert [step.task for step in report.steps] == ["dejpeg", "denoise", "upscale"]
    assert [step.strength for step in report.steps] == [100, 40, None]
    assert (report.task, report.factor, report.weights[0]) == ("restore", 2, "repair")


def test_a_chain_is_its_steps_one_after_the_other(networks, seen) -> None:
    both, _ = chain("dejpeg:80,denoise:40", networks[:1])(photo())
    first, _ = chain("dejpeg:80", networks[:1])(photo())
    again, _ = chain("denoise:40", networks[:1])(first)
    assert seen[1] != seen[3]  # alone, denoise would be told of the JPEG's quality once more
    assert not torch.equal(again.pixels, both.pixels)
    assert seen[0] == seen[2]


def test_a_step_that_found_nothing_to_do_has_dealt_with_nothing(networks, monkeypatch, seen) -> None:
    monkeypatch.setattr(verbs, "condition_of", lambda _: Condition(noise=0, jpeg=60))
    chain("denoise,dejpeg", networks[:1])(photo())
    assert seen == [Condition(noise=0, jpeg=60, blur=0)]


def test_grain_comes_last_and_is_reported(networks, seen) -> None:
    plain, _ = chain("upscale:2", networks[1:])(photo())
    grainy, report = chain("upscale:2,grain:6", networks[1:])(photo())
    added = grainy.pixels - plain.pixels
    assert 3 < float(added.std() * 255) < 6.5  # 6 in mid-gray, less in light and shadow
    assert [(step.task, step.grain) for step in report.steps] == [("upscale", 0), ("grain", 6)]


def test_the_plan_names_every_step_and_the_size(networks) -> None:
    plan = chain("dejpeg,upscale:2,grain:2", networks).plan(30, 40)
    assert (plan.width, plan.height, plan.factor) == (80, 60, 2)
    assert plan.notes == ("dejpeg", "upscale x2", "grain 2")
    assert plan.weights[0] == "repair"
    assert chain("denoise:5", networks[:1]).plan(30, 40).factor == 1


def test_progress_goes_once_from_nothing_to_everything(networks) -> None:
    shares: list[float] = []
    chain("dejpeg,denoise:40,upscale:2", networks)(photo(), shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_weights_that_fit_no_step_are_refused(networks, tmp_path) -> None:
    with pytest.raises(ConfigError, match="no step needs them"):
        chain("denoise", networks)
    with pytest.raises(ConfigError, match="both for 'clean'"):
        chain("denoise", (networks[0], networks[0]))
    other = save(tmp_path / "other.safetensors", "translate", 1)
    with pytest.raises(WeightsError, match="for 'translate', which is no step"):
        chain("denoise", (other,))


def test_a_step_says_itself_in_words() -> None:
    assert [step.words for step in parse_steps("dejpeg,denoise:12.5,upscale:1.5,grain:2")] == [
        "dejpeg",
        "denoise 12.5",
        "upscale x1.5",
        "grain 2",
    ]
    assert Step("upscale").words == "upscale"
