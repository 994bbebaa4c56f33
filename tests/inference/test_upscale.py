"""Enlarging photos: sizes, tiles, alpha, gray, colour, and the same kind back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import restore
from restore.errors import ConfigError, ImageError, WeightsError
from restore.inference.device import choose_device, usable_cores
from restore.inference.restorer import Restorer
from restore.inference.upscale import Target, Upscaler
from restore.io.convert import photo_from_array
from restore.models.blend import is_detail
from restore.models.weights import Card, bundled_weights, save_weights
from restore.ops.resize import resize
from restore.tasks import BLIND, CLEAN, Condition

BUNDLED = [weights.card.name for weights in bundled_weights()]
PAINTERS = [weights.card.name for weights in bundled_weights() if weights.card.task != "scratch"]
FIDELITY = [
    weights.card.name for weights in bundled_weights() if weights.card.task == "upscale" and not is_detail(weights.card)
]


@pytest.fixture(scope="module")
def upscaler() -> Upscaler:
    return Upscaler(device="cpu")


def crop(height: int = 48, width: int = 64) -> np.ndarray:
    return data.astronaut()[60 : 60 + height, 180 : 180 + width]


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float() / 255


def applied(restorer: Restorer, image: torch.Tensor, condition: Condition = BLIND) -> torch.Tensor:
    """What the network is for; one that fills holes gets a scratch across the picture."""
    if not restorer.task.masked:
        return restorer.restore(image, condition)
    hole = torch.zeros_like(image[:, :1])
    third = image.shape[-2] // 3
    hole[..., third : third + 3, :] = 1
    return restorer.fill(image, hole)


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("condition", [CLEAN, BLIND])
def test_tiles_equal_the_whole_picture_for_every_bundled_network(name: str, condition: Condition) -> None:
    photo = tensor(data.astronaut()[:150, 100:290])
    whole, tiled = (applied(Restorer(name, device="cpu", tile=tile), photo, condition) for tile in (512, 40))

    def as_file(image: torch.Tensor) -> torch.Tensor:
        return image.clamp(0, 1).mul(255).round()

    assert (as_file(whole) - as_file(tiled)).abs().max() <= 1


@pytest.mark.parametrize("name", FIDELITY)
def test_every_bundled_fidelity_network_beats_bicubic_on_a_photo_it_never_saw(name: str) -> None:
    restorer = Restorer(name, device="cpu")
    good = tensor(data.coffee()[:384, :384]).double()
    side = 384 // restorer.scale
    small = resize(good, side, side, quantise=True)
    ours = restorer.restore(small.float(), CLEAN).double()
    plain = resize(small, 384, 384)

    def error(image: torch.Tensor) -> float:
        return float((image.clamp(0, 1) - good)[..., 8:-8, 8:-8].square().mean())

    assert 10 * np.log10(error(plain) / error(ours)) > 0.7  # dB


@pytest.mark.parametrize("name", PAINTERS)
@pytest.mark.parametrize("condition", [CLEAN, BLIND])
def test_a_flat_picture_stays_flat_so_the_network_prints_no_grid(name: str, condition: Condition) -> None:
    restorer = Restorer(name, device="cpu")
    for colour in ([0.1, 0.1, 0.1], [0.5, 0.5, 0.5], [0.8, 0.4, 0.2], [0.95, 0.95, 0.9]):
        flat = torch.tensor(colour).view(1, 3, 1, 1).expand(1, 3, 64, 64)
        inner = applied(restorer, flat, condition)[..., 20:-20, 20:-20]
        assert float((inner - torch.tensor(colour).view(1, 3, 1, 1)).abs().max() * 255) < (
            2 if restorer.task.masked else 1
        )


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 5), (33, 18)])
def test_pictures_of_any_size_are_taken(name: str, shape: tuple[int, int]) -> None:
    restorer = Restorer(name, device="cpu")
    result = applied(restorer, torch.rand(1, 3, *shape))
    assert result.shape == (1, 1 if restorer.task.detects else 3, shape[0] * restorer.scale, shape[1] * restorer.scale)


@pytest.mark.parametrize(
    ("target", "size"),
    [
        (Target(scale=2), (128, 96)),
        (Target(scale=3), (192, 144)),
        (Target(scale=4), (256, 192)),
        (Target(scale=1.5), (96, 72)),
        (Target(scale=6), (384, 288)),
        (Target(long_side=100), (100, 75)),
        (Target(size=(128, 500)), (128, 96)),
        (Target(), (256, 192)),
    ],
)
def test_the_result_has_the_size_asked_for(upscaler: Upscaler, target: Target, size: tuple[int, int]) -> None:
    result, report = upscaler(photo_from_array(crop()), target)
    assert (result.width, result.height) == (report.width, report.height) == size


def test_a_scale_in_between_uses_the_next_larger_network(upscaler: Upscaler) -> None:
    assert upscaler.plan(48, 64, Target(scale=1.5)).weights == ("upscale-x2",)
    assert upscaler.plan(48, 64, Target(scale=3)).weights == ("upscale-x4",)
    assert upscaler.plan(48, 64, Target(scale=8)).weights == ("upscale-x4", "upscale-x2")


def test_without_a_target_photos_over_four_megapixels_are_doubled_and_the_plan_says_so(upscaler: Upscaler) -> None:
    small, large = upscaler.plan(2000, 2000, Target()), upscaler.plan(2000, 2001, Target())
    assert (small.factor, large.factor) == (4, 2)
    assert not small.notes
    assert "over 4 megapixels" in large.notes[0]


@pytest.mark.parametrize(
    "target", [Target(scale=1), Target(scale=0.5), Target(scale=9), Target(long_side=64), Target(size=(10, 10))]
)
def test_what_is_not_an_enlargement_is_refused_with_the_limits(upscaler: Upscaler, target: Target) -> None:
    with pytest.raises(ConfigError, match="more than 1 and at most 8 times"):
        upscaler(photo_from_array(crop()), target)


def test_two_sizes_at_once_are_refused() -> None:
    with pytest.raises(ConfigError, match="one of"):
        Target(scale=2, long_side=500)


def test_a_gray_photo_stays_gray(upscaler: Upscaler) -> None:
    result, _ = upscaler(photo_from_array(data.camera()[:40, :40]), Target(scale=2))
    assert result.gray
    assert torch.equal(result.pixels[0], result.pixels[1])
    assert torch.equal(result.pixels[0], result.pixels[2])


def test_an_opaque_picture_stays_opaque_and_a_soft_edge_of_alpha_stays_in_range(upscaler: Upscaler) -> None:
    opaque = np.dstack([crop(), np.full((48, 64), 255, np.uint8)])
    result, _ = upscaler(photo_from_array(opaque), Target(scale=2))
    assert result.alpha is not None
    assert (result.alpha == 1).all()
    opaque[:, :32, 3] = 0
    result, _ = upscaler(photo_from_array(opaque), Target(scale=2))
    assert result.alpha is not None
    assert result.alpha.shape == (96, 128)
    assert (float(result.alpha.min()), float(result.alpha.max())) == (0, 1)
    assert (result.alpha[:, :58] == 0).all()
    assert (result.alpha[:, 70:] == 1).all()


def test_colours_do_not_drift_and_the_result_explains_its_input(upscaler: Upscaler) -> None:
    for scale in (2, 4):
        _, report = upscaler(photo_from_array(data.coffee()[100:220, 200:360]), Target(scale=scale), CLEAN)
        assert report.drift < 0.5
        assert report.consistency_db > 38


def test_a_clean_condition_and_a_noisy_one_give_different_pictures() -> None:
    rng = np.random.default_rng(0)
    flat = (np.full((64, 64, 3), 128) + rng.normal(0, 15, (64, 64, 3))).clip(0, 255).astype(np.uint8)
    restorer = Restorer("upscale-x2", device="cpu")

    def roughness(condition: Condition) -> float:
        return float(restorer.restore(tensor(flat), condition).std() * 255)

    assert roughness(Condition(noise=15, jpeg=100)) < 0.5 * roughness(CLEAN)
    assert roughness(BLIND) < 0.6 * roughness(CLEAN)


def test_the_same_kind_comes_back(tmp_path: Path) -> None:
    array = crop()
    picture = Image.fromarray(array)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    path = tmp_path / "crop.png"
    path.write_bytes(buffer.getvalue())
    from_array = restore.upscale(array, scale=2, device="cpu")
    assert (from_array.dtype, from_array.shape) == (np.uint8, (96, 128, 3))
    floats = restore.upscale(array.astype(np.float32) / 255, scale=2, device="cpu")
    assert floats.dtype == np.float32
    assert np.abs(floats * 255 - from_array).max() <= 0.51
    assert restore.upscale(array[..., 0], scale=2, device="cpu").shape == (96, 128)
    from_pil = restore.upscale(picture, scale=2, device="cpu")
    assert np.array_equal(np.asarray(from_pil), from_array)
    assert np.array_equal(np.asarray(restore.upscale(str(path), scale=2, device="cpu")), from_array)
    encoded = restore.upscale(buffer.getvalue(), scale=2, device="cpu")
    with Image.open(io.BytesIO(encoded)) as opened:
        assert opened.format == "PNG"
        assert np.array_equal(np.asarray(opened), from_array)


def test_a_restorer_takes_and_gives_the_same_kinds() -> None:
    restorer = restore.Restorer("upscale-x2", device="cpu")
    array = crop()
    enlarged = restorer(array)
    assert isinstance(enlarged, np.ndarray)
    assert np.array_equal(enlarged, restore.upscale(array, scale=2, detail=0, device="cpu"))
    gray = restorer(Image.fromarray(array).convert("L"))
    assert isinstance(gray, Image.Image)
    assert (gray.mode, gray.size) == ("L", (128, 96))
    assert not np.array_equal(restorer(array, condition=Condition(noise=20, jpeg=100)), enlarged)


def test_what_is_not_a_photo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not int"):
        restore.upscale(7)  # type: ignore[call-overload]
    with pytest.raises(ImageError, match=r"nowhere.jpg"):
        restore.upscale(tmp_path / "nowhere.jpg")


def test_weights_for_another_task_are_refused(tmp_path: Path) -> None:
    network = Restorer("upscale-x2", device="cpu").network
    card = Card(name="clean", task="denoise", scale=2, size="fast", generator=network.config)
    save_weights(tmp_path / "clean.safetensors", network.state_dict(), card)
    with pytest.raises(WeightsError, match="for 'denoise', not for upscale"):
        Upscaler(device="cpu", weights=tmp_path / "clean.safetensors")


def test_less_memory_means_smaller_tiles_and_the_same_picture() -> None:
    photo = tensor(crop(120, 160))
    roomy, tight = Restorer("upscale-x4", device="cpu"), Restorer("upscale-x4", device="cpu", max_memory=20_000_000)
    assert tight.core < roomy.core
    assert torch.allclose(roomy.restore(photo), tight.restore(photo), atol=1e-4)


def test_the_cpu_uses_the_cores_it_may_use_or_as_many_as_asked_for() -> None:
    before = torch.get_num_threads()
    try:
        choose_device("cpu", threads=1)
        assert torch.get_num_threads() == 1
        choose_device("cpu")
        assert torch.get_num_threads() == usable_cores()
    finally:
        torch.set_num_threads(before)


def test_a_device_that_is_not_there_is_refused_with_a_way_on() -> None:
    with pytest.raises(restore.DeviceError, match="unknown device 'tpu'"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(restore.DeviceError, match="--device cpu"):
            choose_device("cuda")
