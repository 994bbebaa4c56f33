"""Translating photos: nothing of the input's colours is held on to, everything of its file is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import nn

import restore
from restore.errors import DeviceError, WeightsError
from restore.inference.device import Device
from restore.inference.restorer import Restorer
from restore.inference.translate import Translator, weights_name
from restore.io.convert import photo_from_array
from restore.models.build import Network, Shape, build_generator
from restore.models.pix2pix import Pix2PixConfig
from restore.models.unet import GeneratorConfig
from restore.models.weights import Card, save_weights

WIDE = GeneratorConfig(
    widths=(4, 6), encoder=(1,), middle=1, decoder=(1,), stem=2, head=2, condition_channels=0, residual=False
)
PAPER = Pix2PixConfig(width=4, levels=5)
CPU = Device(torch.device("cpu"), "", "a test", None)


def network_of(shape: Shape) -> Network:
    torch.manual_seed(1)
    network = build_generator(shape).eval()
    nn.init.normal_(network.head.weight, std=0.2)
    return network


def card_of(shape: Shape, task: str = "translate") -> Card:
    return Card(name="tiny", task=task, scale=shape.scale, size="own", generator=shape)


@pytest.fixture(params=[WIDE, PAPER], ids=["unet", "pix2pix"])
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "sketch.safetensors"
    save_weights(path, network_of(request.param).state_dict(), card_of(request.param))
    return path


def crop(height: int = 50, width: int = 70) -> np.ndarray:
    return data.astronaut()[60 : 60 + height, 180 : 180 + width]


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float() / 255


def test_the_result_has_the_photos_size_and_the_networks_colours(weights: Path) -> None:
    translator = Translator(weights, device="cpu")
    result, report = translator(photo_from_array(crop()))
    assert (result.height, result.width) == (report.height, report.width) == (50, 70)
    expected = Restorer(weights, device="cpu").restore(tensor(crop()))
    assert torch.equal(result.pixels[None], expected.clamp(0, 1))
    assert (report.task, report.weights, report.consistency_db, report.drift) == ("translate", ("sketch",), None, None)


@pytest.mark.parametrize("task", ["translate", "upscale"])
def test_colours_are_the_networks_where_it_translates_and_the_photos_where_it_restores(task: str) -> None:
    network = network_of(WIDE)
    red = torch.tensor([0.9, 0.1, 0.2])
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.bias.copy_(red.repeat_interleave(4))
    photo = tensor(crop(64, 64))
    painted = Restorer.of_network(network, card_of(WIDE, task=task), CPU).restore(photo)
    wanted = red if task == "translate" else photo.mean(dim=(0, 2, 3))
    assert torch.allclose(painted.mean(dim=(0, 2, 3)), wanted, atol=0.01)


def test_tiles_equal_the_whole_picture() -> None:
    network = network_of(WIDE)
    photo = tensor(data.coffee()[:120, :200])
    pictures = []
    for core in (512, 32):
        restorer = Restorer.of_network(network, card_of(WIDE), CPU)
        restorer.core = core
        pictures.append(restorer.restore(photo))
    assert torch.allclose(pictures[0], pictures[1], atol=1e-5)


def test_a_network_that_sees_the_whole_picture_is_given_it_whole_and_padded_to_its_multiple() -> None:
    network = network_of(PAPER)
    seen: list[tuple[int, ...]] = []
    network.register_forward_pre_hook(lambda _module, given: seen.append(tuple(given[0].shape)))
    shares: list[float] = []
    Restorer.of_network(network, card_of(PAPER), CPU).restore(tensor(crop(50, 170)), progress=shares.append)
    assert seen == [(1, 3, 64, 192)]
    assert shares == [1.0]


def test_a_picture_too_large_to_be_seen_whole_is_refused_with_the_amount_that_would_do(tmp_path: Path) -> None:
    path = tmp_path / "paper.safetensors"
    save_weights(path, network_of(PAPER).state_dict(), card_of(PAPER))
    photo = photo_from_array(crop(256, 256))
    with pytest.raises(DeviceError, match=r"whole picture at once.*256x256.*shrink the picture.*--max-memory 1G"):
        Translator(path, device="cpu", max_memory=1_000_000)(photo)
    assert Translator(path, device="cpu", max_memory=20_000_000)(photo)[0].height == 256


def test_a_lack_of_memory_halfway_is_told_as_such() -> None:
    network = network_of(PAPER)

    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError

    network.register_forward_pre_hook(fail)
    with pytest.raises(DeviceError, match="not enough memory for 96x64 pixels in one piece"):
        Restorer.of_network(network, card_of(PAPER), CPU).restore(tensor(crop()))


def test_a_gray_sketch_may_become_a_coloured_picture(weights: Path) -> None:
    sketch = data.camera()[:40, :40]
    result, _ = Translator(weights, device="cpu")(photo_from_array(sketch))
    assert not result.gray
    assert not torch.equal(result.pixels[0], result.pixels[1])
    assert restore.Restorer(weights, device="cpu")(sketch).shape == (40, 40, 3)
    coloured = restore.Restorer(weights, device="cpu")(Image.fromarray(sketch))
    assert coloured.mode == "RGB"


def test_transparency_and_depth_stay(weights: Path) -> None:
    deep = np.dstack([crop().astype(np.uint16) * 257, np.full((50, 70), 30_000, np.uint16)])
    result, _ = Translator(weights, device="cpu")(photo_from_array(deep))
    assert result.depth == 16
    assert result.alpha is not None
    assert torch.allclose(result.alpha, torch.full((50, 70), 30_000 / 65535))


def test_the_same_photo_gives_the_same_result(weights: Path) -> None:
    translator = Translator(weights, device="cpu")
    first, second = (translator(photo_from_array(crop()))[0].pixels for _ in range(2))
    assert torch.equal(first, second)


def test_weights_of_another_task_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    save_weights(path, network_of(WIDE).state_dict(), card_of(WIDE, task="upscale"))
    with pytest.raises(WeightsError, match=r"large.safetensors: these weights are for 'upscale', not for translate"):
        Translator(path, device="cpu")


def test_weights_of_a_task_from_the_future_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "later.safetensors"
    save_weights(path, network_of(WIDE).state_dict(), card_of(WIDE, task="repaint"))
    with pytest.raises(WeightsError, match=r"'repaint'; this restore knows upscale, clean, inpaint, translate"):
        Restorer(path, device="cpu")


def test_a_file_still_called_as_training_calls_it_goes_by_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert weights_name(Path("weights.safetensors")) == tmp_path.name
    assert weights_name(Path("map-to-photo/weights.safetensors")) == "map-to-photo"
    assert weights_name(Path("map-to-photo/best.safetensors")) == "best"
