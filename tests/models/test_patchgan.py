"""Discriminators: as large as the papers say, as far-sighted as promised, conditional, and bounded by spectral norm."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from restore.errors import ConfigError
from restore.models.patchgan import Discriminator, DiscriminatorConfig, build_discriminator


def parameters_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_pix2pix_own_discriminator_has_its_2_77_million_parameters() -> None:
    network = build_discriminator(DiscriminatorConfig(given_channels=3, width=64, layers=3, norm="batch"))
    assert parameters_of(network) == 2_768_705


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_a_verdict_looks_exactly_as_far_as_its_receptive_field_says(layers: int) -> None:
    config = DiscriminatorConfig(width=4, layers=layers, given_channels=0, norm="none")
    torch.manual_seed(0)
    network = build_discriminator(config).double()
    side = 2 * config.receptive_px
    picture = torch.rand(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    logits = network(picture, picture[:, :0]).logits[0]
    middle = logits.shape[-1] // 2
    logits[0, 0, middle, middle].backward()
    assert picture.grad is not None
    seen = picture.grad.abs().sum(dim=1)[0].nonzero()
    assert (seen.max(dim=0).values - seen.min(dim=0).values + 1).tolist() == [config.receptive_px] * 2


def test_the_default_sees_70_pixels_as_in_the_paper() -> None:
    assert DiscriminatorConfig().receptive_px == 70


def test_what_the_picture_was_made_from_counts() -> None:
    torch.manual_seed(0)
    network = build_discriminator(DiscriminatorConfig(width=8))
    picture, given = torch.rand(1, 3, 64, 64), torch.rand(1, 7, 64, 64)
    network.eval()
    one, other = network(picture, given).logits[0], network(picture, given.flip(-1)).logits[0]
    assert not torch.allclose(one, other)


@pytest.mark.parametrize("kind", ["patch", "unet"])
def test_spectral_norm_keeps_every_layer_from_stretching(kind: str) -> None:
    torch.manual_seed(0)
    network = build_discriminator(DiscriminatorConfig(kind=kind, width=8))  # type: ignore[arg-type]
    for _ in range(30):  # power iterations settle as the network is used
        network(torch.rand(1, 3, 32, 32), torch.rand(1, 7, 32, 32))
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert layers
    for layer in layers:
        assert torch.linalg.svdvals(layer.weight.detach().flatten(1))[0].item() == pytest.approx(1.0, abs=0.05)


def test_a_unet_discriminator_gives_a_verdict_for_each_pixel_of_any_size() -> None:
    network = build_discriminator(DiscriminatorConfig(kind="unet", width=4))
    verdict = network(torch.rand(2, 3, 40, 52), torch.rand(2, 7, 40, 52))
    assert verdict.logits[0].shape == (2, 1, 40, 52)


def test_each_scale_has_its_own_verdicts_and_features() -> None:
    network = build_discriminator(DiscriminatorConfig(width=4, scales=3))
    verdict = network(torch.rand(1, 3, 128, 128), torch.rand(1, 7, 128, 128))
    sides = [logits.shape[-1] for logits in verdict.logits]
    assert sides == sorted(sides, reverse=True)
    assert len(set(sides)) == 3
    assert len(verdict.features) == 3 * 4


def test_a_discriminator_learns_to_tell_two_kinds_of_patches_apart() -> None:
    torch.manual_seed(0)
    network: Discriminator = build_discriminator(DiscriminatorConfig(width=8, given_channels=0))
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    stripes = torch.zeros(4, 3, 70, 70)
    stripes[..., ::2] = 1.0
    for _ in range(40):
        plain = torch.rand(4, 1, 1, 1).expand(4, 3, 70, 70)
        real, fake = (network(x, x[:, :0]).logits[0] for x in (stripes, plain))
        loss = (torch.relu(1 - real) + torch.relu(1 + fake)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert network(stripes, stripes[:, :0]).logits[0].mean() > 0 > network(plain, plain[:, :0]).logits[0].mean()


def test_shapes_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        DiscriminatorConfig(width=0)
    with pytest.raises(ConfigError, match="several scales"):
        DiscriminatorConfig(kind="unet", scales=2)
