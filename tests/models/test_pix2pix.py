"""The paper's own configuration: its sizes to the last parameter, its shapes, and how it sees."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import restore
from restore.config.toml import load_toml
from restore.config.train import train_config
from restore.errors import ConfigError
from restore.models.build import build_generator, generator_config
from restore.models.patchgan import DiscriminatorConfig, build_discriminator
from restore.models.pix2pix import Pix2Pix, Pix2PixConfig
from restore.tasks import find_task

NOTHING = torch.zeros(1, 0, 1, 1)
SMALL = Pix2PixConfig(width=4, levels=5)


def small(seed: int = 0) -> Pix2Pix:
    torch.manual_seed(seed)
    return build_generator(SMALL)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_generator_has_the_papers_54_million_parameters() -> None:
    # by hand from C64-C128-C256-C512-C512-C512-C512-C512 and back: 4x4 kernels, no bias before a norm
    down = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 4 * 512 * 512)
    up = 16 * (512 * 512 + 3 * 1024 * 512 + 1024 * 256 + 512 * 128 + 256 * 64 + 128 * 3) + 3
    norms = 2 * (128 + 256 + 4 * 512) + 2 * (4 * 512 + 256 + 128 + 64)
    assert parameters(build_generator(Pix2PixConfig())) == down + up + norms == 54_413_955


def test_the_discriminator_has_the_papers_2_77_million_parameters_and_sees_70_pixels() -> None:
    # C64-C128-C256-C512 on six channels: input and candidate side by side
    config = DiscriminatorConfig(given_channels=3, norm="batch")
    expected = 16 * (6 * 64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + (64 + 1) + 2 * (128 + 256 + 512)
    network = build_discriminator(config)
    assert parameters(network) == expected == 2_768_705
    assert config.receptive_px == 70
    picture = torch.rand(2, 3, 256, 256)
    assert network(picture, picture).logits[0].shape == (2, 1, 30, 30)  # the 30x30 verdicts of the paper's code


def test_256_pixels_are_seen_as_one_point_and_come_back_as_256() -> None:
    network = build_generator(Pix2PixConfig(width=4))
    assert network.multiple == 256
    seen: list[torch.Size] = []
    network.down[-1].register_forward_hook(lambda _module, _input, output: seen.append(output.shape))
    result = network(torch.rand(1, 3, 256, 256), NOTHING)
    assert seen == [torch.Size([1, 32, 1, 1])]
    assert result.shape == (1, 3, 256, 256)


def test_pixels_stay_in_range_whatever_the_weights() -> None:
    network = small()
    with torch.no_grad():
        network.head.weight.normal_(0, 5)
        result = network(torch.rand(1, 3, 64, 96), NOTHING)
    assert result.shape == (1, 3, 64, 96)
    assert 0 <= float(result.min()) < 0.2
    assert 0.8 < float(result.max()) <= 1


def test_weights_start_as_the_paper_says() -> None:
    network = build_generator(Pix2PixConfig(width=16, levels=4))
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert float(module.weight.detach().std()) == pytest.approx(0.02, rel=0.2)
            assert abs(float(module.weight.detach().mean())) < 0.002


def test_dropout_is_the_only_noise_and_acts_in_training_alone() -> None:
    network = small()
    dropouts = [module for module in network.modules() if isinstance(module, nn.Dropout)]
    assert [module.p for module in dropouts] == [0.5] * 3  # CD512-CD512-CD512
    photo = torch.rand(1, 3, 64, 64)
    assert not torch.equal(network.train()(photo, NOTHING), network(photo, NOTHING))
    assert torch.equal(network.eval()(photo, NOTHING), network(photo, NOTHING))


def test_statistics_are_the_pictures_own_in_training_and_after() -> None:
    network = small()
    assert not list(network.buffers())
    photo = torch.rand(1, 3, 64, 64)
    before = network.eval()(photo, NOTHING)
    network.train()(torch.rand(4, 3, 64, 64), NOTHING)
    assert torch.equal(network.eval()(photo, NOTHING), before)


def test_one_pixel_is_felt_everywhere_so_tiles_would_differ() -> None:
    network = small().eval()
    photo = torch.rand(1, 3, 64, 64)
    changed = photo.clone()
    changed[..., 0, 0] += 0.5
    with torch.no_grad():
        felt = (network(changed, NOTHING) - network(photo, NOTHING)).abs().amax(dim=1)[0]
    assert float((felt > 0).float().mean()) > 0.99
    assert network.radius is None


def test_it_learns_a_picture_by_heart() -> None:
    network = small()
    photo, target = torch.rand(1, 3, 32, 32), torch.zeros(1, 3, 32, 32)
    target[..., :16, :] = torch.tensor([0.9, 0.5, 0.1]).view(1, 3, 1, 1)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3, betas=(0.5, 0.999))
    losses = []
    for _ in range(60):
        loss = (network(photo, NOTHING) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_it_is_a_size_for_translating_only() -> None:
    assert generator_config("pix2pix", scale=1, condition_channels=0, residual=False) == Pix2PixConfig()
    with pytest.raises(ConfigError, match="unknown model size 'pix2pix' for this task; known: fast, base"):
        generator_config("pix2pix", scale=2, condition_channels=4)


@pytest.mark.parametrize("wrong", [{"width": 0}, {"levels": 1}])
def test_an_impossible_shape_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="width must be at least 1 and levels at least 2"):
        Pix2PixConfig(**wrong)


def test_the_recipe_trains_these_two_networks_with_the_papers_settings() -> None:
    recipe = load_toml(Path(restore.__file__).parent / "recipes" / "pix2pix.toml")
    config = train_config(recipe | {"pairs_lq": "A", "pairs_hq": "B"})
    task, game = find_task(config.task), config.adversarial
    shape = generator_config(
        config.size, scale=config.scale, condition_channels=task.condition_channels, residual=task.faithful
    )
    assert shape == Pix2PixConfig()
    judge = DiscriminatorConfig(
        kind=game.discriminator,
        given_channels=3 + task.condition_channels,
        width=game.width,
        layers=game.layers,
        scales=game.scales,
        norm=game.norm,
    )
    assert judge == DiscriminatorConfig(given_channels=3, norm="batch")
    assert (config.losses, game.weight, game.objective) == ({"l1": 100.0}, 1.0, "non-saturating")
    assert (config.lr, config.betas) == (game.lr, game.betas) == (2e-4, (0.5, 0.999))
    assert (config.batch, config.patch_px, config.ema) == (1, 256, 0)
    assert config.warmup_steps == game.warmup_steps == game.ramp_steps == 0
