"""The weights format: what is written is what is loaded, and nothing else is accepted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from restore.errors import WeightsError
from restore.models.build import build_generator
from restore.models.unet import GeneratorConfig
from restore.models.weights import (
    Card,
    bundled_weights,
    find_weights,
    load_network,
    save_weights,
    verify_weights,
)

SHAPE = GeneratorConfig(widths=(4,), encoder=(), middle=1, decoder=(), head=2)
CARD = Card(name="small", task="upscale", scale=2, size="own", generator=SHAPE, steps=7, figures={"Set5": 33.5})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    path = tmp_path / "small.safetensors"
    save_weights(path, build_generator(SHAPE).state_dict(), CARD)
    return path


def test_a_network_comes_back_with_its_tensors_and_its_card(file: Path) -> None:
    torch.manual_seed(3)
    original = build_generator(SHAPE)
    weights = find_weights(file)
    network = load_network(weights)
    for name, tensor in original.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor.half().float())
    assert weights.card.generator == SHAPE
    assert (weights.card.steps, weights.card.figures) == (7, {"Set5": 33.5})


def test_one_flipped_byte_is_noticed(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="hash"):
        verify_weights(find_weights(file))
    with pytest.raises(WeightsError, match="hash"):
        load_network(find_weights(file))


@pytest.mark.parametrize("length", [0, 4, 100, -10])
def test_a_cut_file_is_called_damaged(file: Path, length: int) -> None:
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"small.safetensors.*(damaged|hash)"):
        load_network(find_weights(file))


def test_somebody_elses_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="not a restore weights file"):
        find_weights(path)


def test_an_unknown_name_lists_the_bundled_ones() -> None:
    with pytest.raises(WeightsError, match=r"no weights named 'upscale-x9'; bundled: .*upscale-x2.*upscale-x4"):
        find_weights("upscale-x9")
    with pytest.raises(WeightsError, match="no such weights file"):
        find_weights("nowhere/upscale.safetensors")


def test_every_bundled_file_is_whole_small_and_has_a_card_that_says_where_it_comes_from() -> None:
    names = [weights.card.name for weights in bundled_weights()]
    assert {"upscale-x2", "upscale-x4"} <= set(names)
    for weights in bundled_weights():
        verify_weights(weights)
        card = weights.card
        assert card.name == weights.path.stem
        assert weights.path.stat().st_size < 6e6
        assert card.steps > 0
        assert all([card.recipe, card.data, card.figures, card.licence])
