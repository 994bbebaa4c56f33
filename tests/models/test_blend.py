"""Blending fidelity and detail weights: exact ends, straight lines between them, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from restore.errors import ConfigError, WeightsError
from restore.models.blend import Pair, blend, blended_card, check_pair, is_detail, pair_of
from restore.models.build import build_generator
from restore.models.pix2pix import Pix2PixConfig
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, Weights, load_network, load_tensors_of, read_card, save_weights

SHAPE = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=2)
CARD = Card(name="upscale-x2", task="upscale", scale=2, size="fast", generator=SHAPE)
Save = Callable[..., Weights]


def tiny(seed: int = 0) -> dict[str, Tensor]:
    """Tensors of a network that has learnt something."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = UNet(SHAPE)
        nn.init.normal_(network.head.weight, std=0.05)
    return dict(network.state_dict())


def moved(tensors: dict[str, Tensor], by: float = 0.02) -> dict[str, Tensor]:
    """The same, a little further on, as fine-tuning leaves it."""
    rng = torch.Generator().manual_seed(5)
    return {name: tensor + by * torch.randn(tensor.shape, generator=rng) for name, tensor in tensors.items()}


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(name: str, tensors: dict[str, Tensor], card: Card = CARD) -> Weights:
        path = tmp_path / f"{name}.safetensors"
        save_weights(path, tensors, replace(card, name=name))
        return read_card(path)

    return write


@pytest.fixture
def pair(save: Save) -> tuple[Weights, Weights]:
    ours = tiny()
    return save("upscale-x2", ours), save("upscale-x2-detail", moved(ours))


def test_the_ends_are_exactly_the_two_files(pair: tuple[Weights, Weights]) -> None:
    for share, end in zip((0.0, 1.0), pair, strict=True):
        blended, whole = blend(*pair, share).state_dict(), load_network(end).state_dict()
        assert blended.keys() == whole.keys()
        assert all(torch.equal(blended[name], whole[name]) for name in whole)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.8])
def test_every_tensor_lies_on_the_straight_line_between_the_ends(pair: tuple[Weights, Weights], share: float) -> None:
    blended = blend(*pair, share).state_dict()
    ours, theirs = (load_tensors_of(end) for end in pair)
    for name, tensor in ours.items():
        assert blended[name].dtype == torch.float32
        assert torch.allclose(blended[name], (1 - share) * tensor + share * theirs[name], atol=1e-7)


def test_a_blend_is_ready_to_restore(pair: tuple[Weights, Weights]) -> None:
    network = blend(*pair, 0.5)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())
    photo, told = torch.rand(1, 3, 8, 8), torch.zeros(1, 4, 1, 1)
    results = [blend(*pair, share)(photo, told) for share in (0.0, 0.5, 1.0)]
    assert results[1].shape == (1, 3, 16, 16)
    assert not torch.equal(results[0], results[1])
    assert not torch.equal(results[1], results[2])


@pytest.mark.parametrize("share", [-0.01, 1.01, float("nan")])
def test_a_share_outside_its_range_is_refused(pair: tuple[Weights, Weights], share: float) -> None:
    with pytest.raises(ConfigError, match="0 to 1"):
        blend(*pair, share)


def test_another_task_scale_or_shape_is_refused_by_its_name(save: Save) -> None:
    fidelity = save("upscale-x2", tiny())
    others = {
        "task": replace(CARD, task="denoise"),
        "scale": replace(CARD, scale=4),
        "generator": replace(CARD, generator=replace(SHAPE, middle=2)),
    }
    for what, card in others.items():
        detail = save("upscale-x2-detail", tiny(), card)
        for call in (lambda: blend(fidelity, detail, 0.5), lambda: pair_of(fidelity)):  # noqa: B023 - called at once
            with pytest.raises(WeightsError, match=rf"upscale-x2-detail\.safetensors.*its {what} is"):
                call()
    check_pair(fidelity, fidelity)


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("which", [0, 1])
def test_one_wrong_bit_in_either_file_is_found_whatever_the_share(
    pair: tuple[Weights, Weights], share: float, which: int
) -> None:
    path = pair[which].path
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=rf"{path.name}: the hash"):
        blend(*pair, share)


def test_networks_that_were_trained_apart_are_not_blended(save: Save) -> None:
    one, other = save("upscale-x2", tiny(0)), save("upscale-x2-detail", tiny(1))
    with pytest.raises(WeightsError, match=r"was not fine-tuned from upscale-x2\.safetensors"):
        blend(one, other, 0.5)


def test_tensors_that_are_not_those_of_the_shape_are_refused(save: Save) -> None:
    ours = tiny()
    fidelity = save("upscale-x2", ours)
    without = {name: tensor for name, tensor in ours.items() if name != "head.bias"}
    with pytest.raises(WeightsError, match="do not fit the shape"):
        blend(fidelity, save("upscale-x2-detail", without), 0.5)


def test_a_network_with_batch_normalisation_is_not_blended(save: Save) -> None:
    shape = Pix2PixConfig(width=4, levels=2)
    card = replace(CARD, task="translate", scale=1, generator=shape)
    tensors = build_generator(shape).state_dict()
    with pytest.raises(WeightsError, match="without normalisation"):
        blend(save("paper", tensors, card), save("paper-detail", tensors, card), 0.5)


def test_detail_weights_are_found_beside_their_fidelity_weights_by_name(save: Save) -> None:
    ours = tiny()
    fidelity = save("mine", ours)
    assert pair_of(fidelity) == Pair(fidelity, None)
    detail = save("mine-detail", moved(ours))
    assert pair_of(fidelity) == Pair(fidelity, detail)
    assert [is_detail(weights.card) for weights in (fidelity, detail)] == [False, True]


def test_a_blend_says_how_much_detail_is_in_it_and_claims_no_hash(pair: tuple[Weights, Weights]) -> None:
    card = blended_card(Pair(*pair), 0.75)
    assert (card.name, card.sha256, card.figures) == ("upscale-x2 detail 75", "", {})
    assert (card.task, card.scale, card.generator) == ("upscale", 2, SHAPE)
