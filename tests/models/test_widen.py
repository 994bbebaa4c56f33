"""A wider network that begins as a narrow one."""

from __future__ import annotations

import torch

from restore.models.build import build_generator
from restore.models.unet import GeneratorConfig, UNet
from restore.models.widen import fitted


def _network(widths: tuple[int, ...], *, head: int = 2, seed: int = 0) -> UNet:
    torch.manual_seed(seed)
    blocks = (1,) * (len(widths) - 1)
    network = build_generator(
        GeneratorConfig(
            widths=widths, encoder=blocks, middle=1, decoder=blocks, stem=2, head=head, condition_channels=2
        )
    )
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return network


def _picture() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.rand(1, 3, 32, 32, generator=rng), torch.rand(1, 2, 32, 32, generator=rng)


def test_a_wider_network_begins_with_the_pictures_of_the_narrow_one() -> None:
    narrow, wide = _network((8, 12)), _network((16, 20), seed=2)
    wide.load_state_dict(fitted(wide.state_dict(), narrow.state_dict()))
    with torch.no_grad():
        torch.testing.assert_close(wide(*_picture()), narrow(*_picture()), rtol=0, atol=1e-5)


def test_the_new_channels_learn_from_the_first_step_on() -> None:
    narrow, wide = _network((8, 12)), _network((16, 20), seed=2)
    wide.load_state_dict(fitted(wide.state_dict(), narrow.state_dict()))
    wide(*_picture()).square().mean().backward()
    first = wide.stem.weight
    assert bool((first[8:] != 0).any())  # the new channels see something
    assert wide.head.weight.grad is not None
    assert bool((wide.head.weight.grad[:, 8:] != 0).any())  # and will be listened to


def test_tensors_of_the_same_shape_are_taken_as_they_are() -> None:
    found = _network((8, 12)).state_dict()
    taken = fitted(_network((8, 12), seed=2).state_dict(), found)
    assert taken.keys() == found.keys()
    assert all(taken[name] is tensor for name, tensor in found.items())


def test_a_head_of_another_scale_and_a_narrower_network_take_nothing_wrong() -> None:
    narrow = _network((8, 12))
    larger = fitted(_network((8, 12), head=4, seed=2).state_dict(), narrow.state_dict())
    assert not any(name.startswith("head.") for name in larger)
    assert "stem.weight" in larger
    thinner = fitted(_network((4, 12), seed=2).state_dict(), narrow.state_dict())
    assert "stem.weight" not in thinner
    assert "middle.0.first.weight" in thinner
