"""The generator: what it is before training, how far it looks, and what shapes it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from restore.errors import ConfigError
from restore.models.build import build_generator, generator_config
from restore.models.unet import GeneratorConfig, UNet
from restore.ops.resize import resize
from restore.ops.tile import run_tiled

SHAPES = [
    GeneratorConfig(widths=(8,), encoder=(), middle=2, decoder=(), head=2),
    GeneratorConfig(widths=(8, 12), encoder=(1,), middle=1, decoder=(2,), head=4),
    GeneratorConfig(widths=(6, 8, 10), encoder=(1, 1), middle=1, decoder=(1, 1), stem=2, head=2),
    GeneratorConfig(widths=(6,), encoder=(), middle=2, dilations=(4, 1), decoder=(), stem=2, head=2),
    GeneratorConfig(widths=(6, 8), encoder=(1,), middle=3, dilations=(1, 3, 2), decoder=(0,), stem=2, head=2),
]


def randomised(config: GeneratorConfig) -> UNet:
    torch.manual_seed(0)
    network = build_generator(config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2)
    return network


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_an_untrained_network_is_matlabs_bicubic_enlargement(scale: int) -> None:
    network = build_generator(GeneratorConfig(widths=(8, 8), encoder=(1,), decoder=(1,), middle=1, head=scale))
    photo = torch.rand(2, 3, 12, 16)
    with torch.no_grad():
        enlarged = network(photo, torch.rand(2, 4, 1, 1))
    assert torch.allclose(enlarged, resize(photo, 12 * scale, 16 * scale), atol=1e-5)


def test_an_untrained_same_size_network_changes_nothing() -> None:
    network = build_generator(SHAPES[2])
    photo = torch.rand(1, 3, 16, 24)
    with torch.no_grad():
        assert torch.equal(network(photo, torch.zeros(1, 4, 1, 1)), photo)


@pytest.mark.parametrize("config", SHAPES)
def test_no_output_pixel_looks_farther_than_the_network_declares(config: GeneratorConfig) -> None:
    network = randomised(config)
    side = 4 * (network.radius // network.multiple + 1) * network.multiple
    photo = torch.rand(1, 3, side, side)
    middle = side // 2
    changed = photo.clone()
    changed[..., middle, middle] += 0.5
    with torch.no_grad():
        difference = (
            (network(changed, torch.zeros(1, 4, 1, 1)) - network(photo, torch.zeros(1, 4, 1, 1))).abs().sum(1)[0]
        )
    touched = difference.nonzero()
    first, last = touched.min() // config.scale, touched.max() // config.scale
    assert middle - network.radius <= int(first) <= int(last) <= middle + network.radius
    assert len(touched) > config.scale**2  # it does look around


@pytest.mark.parametrize("config", SHAPES)
def test_tiles_with_the_declared_surroundings_equal_the_whole_picture(config: GeneratorConfig) -> None:
    network = randomised(config)
    side = (network.radius // network.multiple + 1) * network.multiple
    photo = torch.rand(1, 3, 2 * side + 24, 2 * side + 40)
    maps = torch.zeros(1, 4, 1, 1)
    with torch.no_grad():
        whole = network(photo, maps)
        tiled = run_tiled(
            photo,
            lambda tile: network(tile, maps),
            scale=config.scale,
            core=16,
            overlap=network.radius,
            multiple=network.multiple,
        )
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-4 * float(whole.std()))


def ones_of(config: GeneratorConfig) -> GeneratorConfig:
    return replace(config, dilations=(1,) * config.middle)


def test_dilation_looks_further_for_the_same_number_of_weights() -> None:
    near = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=3, decoder=(1,), stem=2, head=2)
    far = replace(near, dilations=(1, 4, 8))
    sizes = [sum(part.numel() for part in build_generator(config).parameters()) for config in (near, far)]
    assert sizes[0] == sizes[1]
    pixel = 2 * 2  # of the last of two levels behind an unshuffle by 2
    assert build_generator(far).radius == build_generator(near).radius + pixel * (0 + 3 + 7)
    with torch.no_grad():
        photo = torch.rand(1, 3, 16, 16)
        plain, ones = (randomised(config)(photo, torch.zeros(1, 4, 1, 1)) for config in (near, ones_of(near)))
    assert torch.equal(plain, ones)


@pytest.mark.parametrize("size", ["fast", "base"])
@pytest.mark.parametrize("scale", [1, 2, 3, 4])
def test_every_size_fits_every_scale(size: str, scale: int) -> None:
    network = build_generator(generator_config(size, scale=scale, condition_channels=4))
    with torch.no_grad():
        assert network(torch.rand(1, 3, 8, 16), torch.zeros(1, 4, 1, 1)).shape == (1, 3, 8 * scale, 16 * scale)


def test_the_condition_reaches_the_pixels_and_may_vary_over_the_picture() -> None:
    network = randomised(SHAPES[1])
    photo = torch.rand(1, 3, 32, 32)
    condition = torch.zeros(1, 4, 32, 32)
    with torch.no_grad():
        plain = network(photo, condition)
        condition[..., :2, :2] = 1
        local = network(photo, condition)
    assert not torch.equal(plain[..., :8, :8], local[..., :8, :8])
    assert torch.equal(plain[..., -8:, -8:], local[..., -8:, -8:])


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"widths": (8, 8), "encoder": ()}, "need 1 encoder"),
        ({"widths": ()}, "need 0 encoder"),
        ({"middle": -1}, "at least 0"),
        ({"middle": 3, "dilations": (1, 2)}, "3 middle blocks need as many dilations"),
        ({"middle": 2, "dilations": (1, 0)}, "dilations of at least 1"),
        ({"stem": 2, "head": 3}, "multiple of stem"),
    ],
)
def test_an_impossible_shape_is_refused_with_the_reason(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        GeneratorConfig(**wrong)  # type: ignore[arg-type]


def test_an_unknown_size_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"huge.*fast, base"):
        generator_config("huge", scale=2, condition_channels=4)
