"""Eight ways to lie: all different, each undone."""

from __future__ import annotations

import pytest
import torch

from restore.ops.turn import WAYS, turned, turned_back

IMAGE = torch.arange(2 * 3 * 5 * 7).view(2, 3, 5, 7)


@pytest.mark.parametrize("way", range(WAYS))
def test_a_turned_picture_comes_back(way: int) -> None:
    assert torch.equal(turned_back(turned(IMAGE, way), way), IMAGE)


def test_all_eight_ways_differ_and_the_first_is_the_picture_itself() -> None:
    square = torch.arange(9).view(3, 3)
    assert torch.equal(turned(square, 0), square)
    assert len({tuple(turned(square, way).flatten().tolist()) for way in range(WAYS)}) == 8


def test_the_first_two_keep_the_shape_and_the_first_four_are_turns_without_a_mirror() -> None:
    assert turned(IMAGE, 1).shape == IMAGE.shape
    assert torch.equal(turned(IMAGE, 1), IMAGE.flip(-1, -2))
    assert torch.equal(turned(IMAGE, 2), IMAGE.transpose(-1, -2).flip(-2))
    assert torch.equal(turned(IMAGE, 3), IMAGE.transpose(-1, -2).flip(-1))
