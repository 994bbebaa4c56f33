"""A print mended: what was found and marked is filled, the rest is done where it is needed, and can be left out."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data, filters
from torch import nn

import restore
from restore.errors import ConfigError, WeightsError
from restore.inference.detect import Search
from restore.inference.inspect import inspect
from restore.inference.repair import NOT_CLEANED, NOTHING_TO_DO, Mend, Mender
from restore.io.convert import photo_from_array, photo_to_array
from restore.io.photo import Photo
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.ops.fade import decoded, encoded

SCRATCH = (slice(40, 43), slice(20, 80))
ONLY_FILL = Mend(search=Search(grow=0), clean=False, tone=0.0)


def save_bright(path: Path) -> Path:
    """Finds what is nearly white in red, pixel by pixel, and is sure of it."""
    shape = GeneratorConfig(
        widths=(4,),
        encoder=(),
        middle=0,
        decoder=(),
        stem=2,
        head=2,
        condition_channels=0,
        residual=False,
        out_channels=1,
    )
    network = UNet(shape)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        for place in range(4):
            network.stem.weight[place, place, 1, 1] = 50.0
            network.head.weight[place, place, 1, 1] = 1.0
        network.head.bias.fill_(-97.0)  # twice 50 times red: from 0.985 on
    save_weights(
        path, network.state_dict(), Card(name="scratch", task="scratch", scale=1, generator=shape, size="fast")
    )
    return path


def save_changing(path: Path, task: str, maps: int) -> Path:
    """A tiny network that changes whatever it gets."""
    torch.manual_seed(5)
    wide = {"stem": 2, "head": 2} if task == "inpaint" else {"head": 1}
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), condition_channels=maps, **wide)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    nn.init.constant_(network.head.bias, 0.05)
    save_weights(path, network.state_dict(), Card(name=task, task=task, scale=1, size="fast", generator=shape))
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    save_bright(folder / "scratch.safetensors")
    save_changing(folder / "inpaint.safetensors", "inpaint", 1)
    save_changing(folder / "clean.safetensors", "clean", 6)
    return folder


@pytest.fixture
def bundled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: folder)
    return folder


def old_print(dtype: type = np.uint8, kind: str = "colour") -> tuple[np.ndarray, np.ndarray]:
    """Part of a photo with a white scratch, and where that is."""
    array = (data.coffee()[100:190, 200:300] * 0.8).round().astype(np.int64)
    if dtype is np.uint16:
        array = (array * 257 + np.random.default_rng(0).integers(-99, 99, array.shape)).clip(0, 60000)
    array[SCRATCH] = np.iinfo(dtype).max
    array = array.astype(dtype)
    shapes = {"colour": array, "gray": array[..., 0], "alpha": np.dstack([array, array[..., 1] // 2 + 99])}
    return shapes[kind], (array == np.iinfo(dtype).max).all(axis=2)


def tasks(report) -> tuple[str, ...]:
    return tuple(step.task for step in report.steps)


# what stays


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["colour", "gray", "alpha"])
def test_without_cleaning_and_tone_all_that_is_not_filled_stays_to_the_bit(bundled, dtype, kind) -> None:
    array, scratch = old_print(dtype, kind)
    result, _, mask = Mender(ONLY_FILL, device="cpu")(photo_from_array(array))
    again = photo_to_array(result, dtype)
    assert np.array_equal(mask[0, 0].numpy() > 0, scratch)
    assert again.shape == array.shape
    assert np.array_equal(again[~scratch], array[~scratch])
    assert (again[scratch] != array[scratch]).mean() > 0.5
    if kind == "alpha":
        assert np.array_equal(again[..., 3], array[..., 3])


def test_a_print_that_needs_nothing_is_the_same_and_that_is_said(bundled) -> None:
    photo = photo_from_array(data.coffee()[:, :, ::1])
    clear = photo.with_pixels(photo.pixels.clamp(max=0.97))
    result, report, mask = Mender(device="cpu")(clear)
    assert torch.equal(result.pixels, clear.pixels)
    assert not mask.any()
    assert report.notes[-1] == NOTHING_TO_DO
    assert (report.consistency_db, report.covered, report.weights[1:]) == (math.inf, 0, ())


def test_a_toned_print_stays_toned(bundled) -> None:
    matrix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    light = decoded(torch.from_numpy((data.coffee() * 0.7 @ matrix.T).clip(0, 255) / 255)) * 0.5
    array = (encoded(light + torch.tensor([0.06, 0.054, 0.045])).numpy() * 255).round().astype(np.uint8)
    array[100:103, 50:400] = 255
    result, report, _ = Mender(device="cpu")(photo_from_array(array))
    assert report.steps[-1].fade.toned
    assert report.steps[-1].strength > 0
    seen = photo_to_array(result, np.uint8).astype(int)
    assert (seen[..., 0] >= seen[..., 1]).mean() > 0.99
    assert (seen[..., 1] >= seen[..., 2]).mean() > 0.99
    assert (seen[..., 0] - seen[..., 2]).mean() > 8


def test_a_gray_print_stays_gray_through_all_steps(bundled) -> None:
    array = (data.camera()[:200, :200] * 0.4 + 70).round().astype(np.uint8)
    array[100:102, 20:150] = 255
    result, report, _ = Mender(device="cpu")(photo_from_array(array))
    assert tasks(report) == ("mask", "inpaint", "auto", "tone")
    assert result.gray
    assert torch.equal(result.pixels[0], result.pixels[2])


# what is filled


def test_what_is_found_and_what_is_marked_is_filled_and_each_share_is_told(bundled) -> None:
    array, scratch = old_print()
    own = torch.zeros(1, 1, *scratch.shape)
    own[..., 60:70, 10:20] = 0.6
    _, report, mask = Mender(ONLY_FILL, device="cpu")(photo_from_array(array), own)
    union = scratch | (own[0, 0].numpy() >= 0.5)
    assert np.array_equal(mask[0, 0].numpy() > 0, union)
    shares = {step.task: step.covered for step in report.steps}
    assert shares == pytest.approx({"mask": scratch.mean(), "own mask": 100 / 9000, "inpaint": union.mean()})
    assert report.covered == pytest.approx(union.mean())


def test_without_looking_only_what_is_marked_is_filled(bundled) -> None:
    array, scratch = old_print()
    own = torch.zeros(1, 1, *scratch.shape)
    own[..., 60:70, 10:20] = 1
    result, report, mask = Mender(Mend(search=None, clean=False, tone=0.0), device="cpu")(photo_from_array(array), own)
    assert torch.equal(mask, own)
    assert tasks(report) == ("own mask", "inpaint")
    assert np.array_equal(photo_to_array(result, np.uint8)[SCRATCH], array[SCRATCH])


def test_a_mask_over_most_of_the_print_is_doubted_and_one_over_all_refused(bundled) -> None:
    array, _ = old_print()
    mender = Mender(ONLY_FILL, device="cpu")
    own = torch.ones(1, 1, 90, 100)
    with pytest.raises(ConfigError, match="covers all of it"):
        mender(photo_from_array(array), own)
    own[..., :20] = 0
    _, report, _ = mender(photo_from_array(array), own)
    assert any("the mask covers 80% of the photo; white is filled" in note for note in report.notes)
    with pytest.raises(ConfigError, match="a mask for 100x90"):
        mender(photo_from_array(array), own[..., 1:])


# what is done besides


@pytest.mark.parametrize(
    ("mend", "expected"),
    [
        (Mend(), ("mask", "inpaint", "auto", "tone")),
        (Mend(clean=False), ("mask", "inpaint", "tone")),
        (Mend(tone=0.0), ("mask", "inpaint", "auto")),
        (ONLY_FILL, ("mask", "inpaint")),
    ],
)
def test_each_step_can_be_left_out(bundled, mend, expected) -> None:
    _, report, _ = Mender(mend, device="cpu")(photo_from_array(old_print()[0]))
    assert tasks(report) == expected


def test_noise_is_cleaned_at_the_level_that_the_print_has_outside_of_its_holes(bundled) -> None:
    level = 12.0
    plain = data.coffee() * 0.7 + 30
    noisy = plain + np.random.default_rng(0).normal(0, level, plain.shape)
    array = noisy.clip(0, 240).round().astype(np.uint8)
    alone = inspect(photo_from_array(array)).noise
    array[::25], array[:, ::40] = 255, 255
    _, report, _ = Mender(Mend(tone=0.0), device="cpu")(photo_from_array(array))
    cleaned = report.steps[-1]
    assert "denoise" in cleaned.done
    assert cleaned.condition.noise == pytest.approx(alone, abs=2.0)


def test_a_soft_print_is_seen_to_be_soft_though_its_scratches_are_sharp(bundled) -> None:
    soft = filters.gaussian(data.coffee() / 255.0, 2.0, channel_axis=2) * 0.8
    array = (soft * 255).round().astype(np.uint8)
    alone = inspect(photo_from_array(array)).blur
    array[::40], array[:, ::50] = 255, 255
    photo = photo_from_array(array)
    assert inspect(photo).blur < alone - 0.2
    _, report, _ = Mender(Mend(search=Search(grow=1), tone=0.0), device="cpu")(photo)
    assert "deblur" in report.steps[-1].done
    assert report.steps[-1].condition.blur == pytest.approx(alone, abs=0.15)


def test_fading_is_judged_without_the_holes_and_undone_as_strongly_as_asked(bundled) -> None:
    array = (data.coffee() * 0.5 + 60).round().astype(np.uint8)
    array[100:300, 100:400] = 255
    changes = {}
    for tone in (None, 30.0, 100.0):
        result, report, _ = Mender(Mend(search=Search(grow=0), clean=False, tone=tone), device="cpu")(
            photo_from_array(array)
        )
        step = report.steps[-1]
        assert max(step.fade.white) < 0.8  # the hole is as white as can be
        changes[tone] = (
            step.strength,
            float((result.pixels[:, :90] * 255 - photo_from_array(array).pixels[:, :90] * 255).abs().mean()),
        )
    assert changes[None][0] > 0
    assert changes[30.0][0] == 30
    assert changes[30.0][1] < changes[None][1] < changes[100.0][1]


@pytest.mark.parametrize("tone", [-1.0, 101.0])
def test_tone_has_its_limits(tone) -> None:
    with pytest.raises(ConfigError, match="0 to 100"):
        Mend(tone=tone)


# weights


@pytest.mark.parametrize(
    ("missing", "says"),
    [
        ("scratch", r"no scratch weights of size 'fast'.*--weights FILE.*--mask FILE --no-auto"),
        ("inpaint", r"no inpaint weights of size 'fast'.*--weights FILE"),
    ],
)
def test_missing_weights_are_named_with_what_to_do(folder, tmp_path, monkeypatch, missing, says) -> None:
    for path in folder.iterdir():
        if path.stem != missing:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match=says):
        Mender(device="cpu")
    if missing == "scratch":
        Mender(Mend(search=None), device="cpu")


def test_without_clean_weights_a_print_is_mended_all_the_same_and_that_is_said(folder, tmp_path, monkeypatch) -> None:
    for name in ("scratch", "inpaint"):
        (tmp_path / f"{name}.safetensors").write_bytes((folder / f"{name}.safetensors").read_bytes())
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path)
    photo = photo_from_array(old_print()[0])
    _, report, _ = Mender(device="cpu")(photo)
    assert NOT_CLEANED in report.notes
    assert tasks(report) == ("mask", "inpaint", "tone")
    _, report, _ = Mender(Mend(clean=False), device="cpu")(photo)
    assert NOT_CLEANED not in report.notes


def test_ones_own_weights_go_where_their_cards_say(folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path / "none")
    own = [folder / f"{name}.safetensors" for name in ("clean", "inpaint", "scratch")]
    _, report, _ = Mender(device="cpu", weights=own)(photo_from_array(old_print()[0]))
    assert tasks(report) == ("mask", "inpaint", "auto", "tone")
    with pytest.raises(ConfigError, match="are both for 'inpaint'"):
        Mender(device="cpu", weights=[own[1], own[1]])
    with pytest.raises(ConfigError, match="no step needs them"):
        Mender(Mend(clean=False), device="cpu", weights=own)


# the Python interface


def test_the_same_kind_comes_back(folder, tmp_path) -> None:
    array, scratch = old_print()
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    (tmp_path / "a.png").write_bytes(buffer.getvalue())
    weights = tuple(folder / f"{name}.safetensors" for name in ("inpaint", "scratch"))
    settings = {"grow": 0, "clean": False, "tone": "off", "device": "cpu", "weights": weights}
    expected = restore.repair(array, **settings)
    assert np.array_equal(expected[~scratch], array[~scratch])
    assert not np.array_equal(expected[scratch], array[scratch])
    assert np.array_equal(np.asarray(restore.repair(tmp_path / "a.png", **settings)), expected)
    assert np.array_equal(np.asarray(restore.repair(Image.fromarray(array), **settings)), expected)
    assert isinstance(restore.repair(buffer.getvalue(), **settings), bytes)
    assert isinstance(restore.repair(photo_from_array(array), **settings), Photo)
    alone = {**settings, "auto": False, "weights": weights[:1]}
    assert np.array_equal(restore.repair(array, scratch, **alone), expected)


@pytest.mark.parametrize(
    ("settings", "says"),
    [({"auto": False}, "give one"), ({"tone": "much"}, "'auto', 'off'"), ({"sensitivity": 101}, "0 to 100")],
)
def test_what_makes_no_sense_is_refused(settings, says) -> None:
    with pytest.raises(ConfigError, match=says):
        restore.repair(old_print()[0], device="cpu", **settings)
