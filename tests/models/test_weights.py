"""The weights format: what is written is what is loaded, and nothing else is accepted."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from restore.errors import WeightsError
from restore.models.build import Shape, build_generator
from restore.models.pix2pix import Pix2PixConfig
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


def rewrite_card(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """The same tensors under a changed card."""
    with safe_open(path, "pt") as opened:
        metadata = opened.metadata()
    card = json.loads(metadata["card"])
    change(card)
    save_file(load_file(path), path, metadata | {"card": json.dumps(card)})


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


@pytest.mark.parametrize("shape", [Pix2PixConfig(width=4, levels=3), replace(SHAPE, residual=False, head=1)])
def test_a_card_says_of_which_family_and_shape_its_network_is(tmp_path: Path, shape: Shape) -> None:
    network = build_generator(shape)
    path = tmp_path / "mine.safetensors"
    save_weights(path, network.state_dict(), replace(CARD, task="translate", scale=1, generator=shape))
    weights = find_weights(path)
    assert weights.card.generator == shape
    loaded = load_network(weights)
    assert type(loaded) is type(network)
    assert loaded.config == shape
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor.half().float())


def test_a_card_from_before_there_were_families_is_a_u_net_with_a_residual(file: Path) -> None:
    def older(card: dict[str, Any]) -> None:
        del card["generator"]["family"]
        del card["generator"]["residual"]

    rewrite_card(file, older)
    assert find_weights(file).card.generator == SHAPE
    assert load_network(find_weights(file)).config == SHAPE


def test_a_family_that_this_version_lacks_is_told_as_such(file: Path) -> None:
    rewrite_card(file, lambda card: card["generator"].update(family="transformer"))
    with pytest.raises(WeightsError, match=r"small.safetensors.*'transformer'; known: unet, pix2pix.*newer restore"):
        find_weights(file)
