"""Work on a part of a picture: exact outside and inside, a mixture where the mask is soft."""

from __future__ import annotations

import torch

from restore.ops.area import area_of, within


def test_outside_is_the_photo_and_inside_the_result_to_the_bit() -> None:
    rng = torch.Generator().manual_seed(0)
    source, restored = torch.rand(2, 1, 3, 30, 40, generator=rng)
    area = (torch.rand(1, 1, 30, 40, generator=rng) > 0.5).float()
    result = within(area, restored, source)
    inside = area.bool().expand(1, 3, -1, -1)
    assert torch.equal(result[inside], restored[inside])
    assert torch.equal(result[~inside], source[~inside])


def test_half_a_mask_is_half_the_change() -> None:
    source, restored = torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)
    assert torch.equal(within(torch.full((1, 1, 2, 2), 0.25), restored, source), torch.full((1, 3, 2, 2), 0.25))


def test_the_ringing_of_a_jpeg_is_no_part_of_a_mask() -> None:
    mask = torch.tensor([0, 3, 30, 128, 225, 252, 255]).view(1, 1, 7).expand(3, 1, 7) / 255
    area = area_of(mask).flatten()
    assert area[:2].tolist() == [0, 0]
    assert area[-2:].tolist() == [1, 1]
    assert torch.allclose(area[2:5], mask[0, 0, 2:5])
