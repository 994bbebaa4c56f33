"""Shapes by name and by card, and what a network that makes another picture starts as."""

from __future__ import annotations

import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from restore.errors import ConfigError
from restore.models.build import (
    Shape,
    build_generator,
    generator_config,
    shape_from_values,
    shape_to_values,
)
from restore.models.pix2pix import Pix2PixConfig
from restore.models.unet import GeneratorConfig, UNet

SHAPES: list[Shape] = [
    GeneratorConfig(),
    GeneratorConfig(widths=(8, 12), encoder=(2,), decoder=(1,), stem=2, head=2, condition_channels=0, residual=False),
    GeneratorConfig(widths=(8, 12), encoder=(2,), middle=2, dilations=(1, 4), decoder=(1,), stem=2, head=2),
    Pix2PixConfig(width=16, levels=6),
]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_survives_the_card(shape: Shape) -> None:
    assert shape_from_values(json.loads(json.dumps(shape_to_values(shape)))) == shape


def test_values_without_a_family_are_those_of_a_u_net() -> None:
    assert shape_from_values({"widths": [8], "encoder": [], "decoder": []}) == GeneratorConfig(
        widths=(8,), encoder=(), decoder=()
    )


def test_an_unknown_family_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown family of networks 'gpt'; known: unet, pix2pix"):
        shape_from_values({"family": "gpt"})


@pytest.mark.parametrize("size", ["fast", "base"])
def test_a_network_that_makes_another_picture_is_middle_grey_until_it_is_trained(size: str) -> None:
    network = build_generator(generator_config(size, scale=1, condition_channels=0, residual=False))
    with torch.no_grad():
        result = network(torch.rand(1, 3, 32, 48), torch.zeros(1, 0, 1, 1))
    assert torch.equal(result, torch.full((1, 3, 32, 48), 0.5))


@pytest.mark.parametrize("size", ["fast", "base"])
def test_such_a_network_sees_far_and_one_that_restores_the_same_size_does_not(size: str) -> None:
    wide = build_generator(generator_config(size, scale=1, condition_channels=0, residual=False))
    near = build_generator(generator_config(size, scale=1, condition_channels=4))
    assert isinstance(wide, UNet)
    assert isinstance(near, UNet)
    assert near.radius < 64
    assert wide.radius > 200
    assert wide.multiple == 16


@pytest.mark.parametrize("size", ["fast", "base"])
def test_a_network_that_fills_holes_sees_far_and_changes_nothing_until_it_is_trained(size: str) -> None:
    network = build_generator(generator_config(size, scale=1, condition_channels=1, masked=True))
    assert isinstance(network, UNet)
    assert network.radius > 100
    photo, mask = torch.rand(1, 3, 32, 48), (torch.rand(1, 1, 32, 48) < 0.5).float()
    with torch.no_grad():
        assert torch.equal(network(photo, mask), photo)


@pytest.mark.parametrize("size", ["fast", "base"])
def test_a_network_that_finds_damage_says_seldom_everywhere_until_it_is_trained(size: str) -> None:
    network = build_generator(generator_config(size, scale=1, condition_channels=0, residual=False, detects=True))
    assert isinstance(network, UNet)
    assert network.radius > 100
    with torch.no_grad():
        logits = network(torch.rand(2, 3, 32, 48), torch.zeros(2, 0, 1, 1))
    assert logits.shape == (2, 1, 32, 48)
    assert float(logits.sigmoid().max()) < 0.05
    assert float(logits.std()) == 0


def test_the_small_network_that_finds_damage_is_a_file_of_less_than_a_megabyte() -> None:
    network = build_generator(generator_config("fast", scale=1, condition_channels=0, residual=False, detects=True))
    assert 300_000 < sum(tensor.numel() for tensor in network.parameters()) < 500_000


def test_a_card_from_before_maps_of_logits_means_a_network_that_gives_pictures() -> None:
    values = shape_to_values(GeneratorConfig())
    del values["out_channels"]
    assert shape_from_values(values) == GeneratorConfig(out_channels=3)


@pytest.mark.parametrize("wrong", [{"out_channels": 1}, {"out_channels": 2, "residual": False}])
def test_a_result_is_a_picture_or_one_map_and_nothing_is_added_to_a_map(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="3 planes, or 1 where nothing is added"):
        GeneratorConfig(**wrong)  # type: ignore[arg-type]


def test_a_card_from_before_dilations_still_means_the_same_network() -> None:
    values = shape_to_values(GeneratorConfig())
    del values["dilations"]
    assert shape_from_values(values) == GeneratorConfig()


def test_an_unknown_size_is_refused_with_those_of_the_task() -> None:
    for size, known in (("huge", "fast, base"), ("light", "fast, base")):
        with pytest.raises(ConfigError, match=rf"'{size}' for this task; known: {known}$"):
            generator_config(size, scale=2, condition_channels=4)
    with pytest.raises(ConfigError, match=r"'huge' for this task; known: fast, light, base$"):
        generator_config("huge", scale=1, condition_channels=6)
    with pytest.raises(ConfigError, match=r"'huge' for this task; known: fast, base, pix2pix$"):
        generator_config("huge", scale=1, condition_channels=0, residual=False)


def test_the_light_network_for_cleaning_does_less_than_a_third_of_the_work_of_the_fast_one() -> None:
    images, maps = torch.zeros(1, 3, 64, 64), torch.zeros(1, 6, 1, 1)
    work = {}
    for size in ("light", "fast"):
        network = build_generator(generator_config(size, scale=1, condition_channels=6))
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(images, maps)
        work[size] = counter.get_total_flops()
    assert work["light"] < work["fast"] / 3
