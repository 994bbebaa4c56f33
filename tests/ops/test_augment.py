"""Augmentation of what a discriminator sees."""

from __future__ import annotations

import torch

from restore.ops.augment import augment


def seeded(number: int) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def test_no_chance_leaves_every_pixel() -> None:
    pictures = torch.rand(4, 7, 16, 24)
    assert torch.equal(augment(pictures, 0.0, seeded(0)), pictures)


def test_a_picture_and_what_it_was_made_from_move_together() -> None:
    picture = torch.rand(6, 3, 32, 32)
    both = augment(torch.cat([picture, picture * 0.5], dim=1), 1.0, seeded(1))
    assert torch.equal(both[:, :3] * 0.5, both[:, 3:])
    assert not torch.equal(both[:, :3], picture)


def test_colours_are_never_touched() -> None:
    flat = torch.full((5, 3, 32, 32), 0.25)
    assert set(augment(flat, 1.0, seeded(2)).unique().tolist()) == {0.0, 0.25}


def test_gradients_pass_to_the_pixels_that_stayed() -> None:
    picture = torch.rand(1, 3, 16, 16, requires_grad=True)
    result = augment(picture, 1.0, seeded(3))
    result.sum().backward()
    assert picture.grad is not None
    assert picture.grad.sum() == (result != 0).sum()


def test_the_same_seed_augments_alike() -> None:
    pictures = torch.rand(3, 3, 16, 16)
    assert torch.equal(augment(pictures, 0.5, seeded(4)), augment(pictures, 0.5, seeded(4)))
