"""Crops around what there is to do: nothing is missed, nothing is done twice, and little is done besides."""

from __future__ import annotations

import pytest
import torch

from restore.ops.crops import MOST, crops_around


def dots(height: int, width: int, count: int, seed: int = 0) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask.view(-1)[torch.randperm(height * width, generator=torch.Generator().manual_seed(seed))[:count]] = 1
    return mask


@pytest.mark.parametrize("count", [1, 5, 40, 400])
@pytest.mark.parametrize(("context", "multiple"), [(0, 1), (20, 8), (64, 32), (7, 12)])
def test_everything_belongs_to_one_crop_which_holds_its_context_and_begins_on_the_grid(
    count: int, context: int, multiple: int
) -> None:
    mask = dots(401, 603, count)
    owned = torch.zeros_like(mask)
    for crop in crops_around(mask, context, multiple):
        own = crop.own(mask)
        rows, columns = own[0, 0].nonzero().T + torch.tensor([[crop.top], [crop.left]])
        crop.of(owned).add_(own)
        assert crop.top % multiple == crop.left % multiple == 0
        assert crop.top <= max(int(rows.min()) - context, 0)
        assert crop.left <= max(int(columns.min()) - context, 0)
        assert crop.bottom >= min(int(rows.max()) + 1 + context, 401)
        assert crop.right >= min(int(columns.max()) + 1 + context, 603)
    assert torch.equal(owned, mask)


def test_what_hangs_together_belongs_to_one_crop_whatever_lies_beside_it() -> None:
    mask = torch.zeros(1, 1, 3000, 3000)
    for place in range(0, 2900, 5):  # a slanted line
        mask[..., place : place + 8, place : place + 8] = 1
    line = mask.clone()
    mask = torch.maximum(mask, dots(3000, 3000, 40))
    assert sum(bool((crop.own(mask) & (crop.of(line) > 0)).any()) for crop in crops_around(mask, 64, 8)) == 1


def test_an_empty_mask_has_no_crops_and_a_full_one_has_one() -> None:
    assert crops_around(torch.zeros(1, 1, 50, 70), 10) == ()
    (crop,) = crops_around(torch.ones(1, 1, 50, 70), 10, 16)
    assert crop.area == 3500
    assert bool(crop.own(torch.ones(1, 1, 50, 70)).all())


def test_far_holes_stay_apart_and_near_ones_are_joined() -> None:
    mask = torch.zeros(1, 1, 1000, 1000)
    mask[..., 100, 100] = mask[..., 900, 900] = 1
    assert len(crops_around(mask, 64)) == 2
    mask[..., 100, 140] = 1
    assert len(crops_around(mask, 64)) == 2


@pytest.mark.parametrize("count", [30, 300, 3 * MOST])
def test_it_is_never_more_work_than_the_whole_picture(count: int) -> None:
    crops = crops_around(dots(1500, 2000, count), 64, 8)
    assert sum(crop.area for crop in crops) <= 1500 * 2000


def test_dust_all_over_a_large_picture_is_never_taken_at_once() -> None:
    mask = dots(4000, 4000, 3000)
    crops = crops_around(mask, 64, 8, largest_px=1000**2)
    assert max(crop.area for crop in crops) <= 1000**2
    assert sum(crop.area for crop in crops) < 1.7 * 4000 * 4000
    assert sum(int(crop.own(mask).sum()) for crop in crops) == 3000
