"""Holes filled smoothly: from what surrounds them, from nothing else, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from skimage import data
from torch import Tensor

from restore.ops.prefill import prefill

SIZES = [(1, 1), (1, 9), (7, 1), (2, 2), (5, 7), (37, 64), (64, 101)]


def holes(height: int, width: int, share: float = 0.5, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return (torch.rand(2, 1, height, width, generator=rng) < share).float()


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_known_pixels_stay_to_the_bit_and_holes_lie_between_them(height: int, width: int) -> None:
    image = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    mask = holes(height, width)
    mask[..., 0, 0] = 0
    filled = prefill(image, mask)
    known = (mask == 0).expand_as(image)
    assert torch.equal(filled[known], image[known])
    for picture, result, hole in zip(image, filled, mask, strict=True):
        seen = picture[:, hole[0] == 0]
        assert (result.flatten(1).amax(1) <= seen.amax(1) + 1e-5).all()  # an average is never outside what it is of
        assert (result.flatten(1).amin(1) >= seen.amin(1) - 1e-5).all()


@pytest.mark.parametrize("wild", [float("nan"), float("inf"), -1e30])
def test_what_lies_under_the_mask_is_never_read(wild: float) -> None:
    image, mask = torch.rand(2, 3, 33, 50, generator=torch.Generator().manual_seed(1)), holes(33, 50)
    image[0, :, 10:20, 10:30] = 0.25
    mask[0, :, 10:20, 10:30] = 1
    spoilt = torch.where(mask == 1, wild, image)
    assert torch.equal(prefill(spoilt, mask), prefill(image, mask))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_picture_of_one_colour_stays_that_colour(height: int, width: int) -> None:
    image = torch.tensor([0.2, 0.5, 0.9]).view(1, 3, 1, 1).expand(2, 3, height, width)
    mask = holes(height, width, share=0.9)
    mask[..., -1, -1] = 0
    torch.testing.assert_close(prefill(image, mask), image.contiguous(), rtol=0, atol=1e-6)


def test_a_ramp_goes_on_through_a_narrow_hole() -> None:
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64).contiguous()
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 29:34] = 1  # a copied edge would be wrong by up to five steps, the middle of both edges by two
    assert float((prefill(ramp, mask) - ramp).abs().max()) < 0.75 / 63


def test_the_filling_is_nearly_harmonic() -> None:
    """The solution of Laplace's equation with the known pixels as its border, by a sparse direct solver."""
    photo = torch.from_numpy(data.camera()[100:148, 200:248] / 255.0).float()
    mask = torch.zeros(48, 48)
    mask[16:30, 12:34] = 1
    mask[:6, 40:] = 1  # a corner torn off: the picture's own edge mirrors
    cells = [tuple(cell) for cell in mask.nonzero().tolist()]
    number = {cell: n for n, cell in enumerate(cells)}
    system, right = lil_matrix((len(cells), len(cells))), np.zeros(len(cells))
    for cell, n in number.items():
        for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            near = (cell[0] + step[0], cell[1] + step[1])
            if not (0 <= near[0] < 48 and 0 <= near[1] < 48):
                continue
            system[n, n] += 1
            if near in number:
                system[n, number[near]] = -1
            else:
                right[n] += float(photo[near])
    harmonic = photo.clone()
    harmonic[mask == 1] = torch.from_numpy(spsolve(system.tocsr(), right)).float()
    filled = prefill(photo.expand(1, 3, 48, 48), mask[None, None])[0, 0]
    error = (filled - harmonic)[mask == 1].square().mean().sqrt()
    spread = (harmonic - photo[mask == 0].mean())[mask == 1].square().mean().sqrt()
    assert float(error) < 0.25 * float(spread)


def test_a_picture_is_filled_from_itself_alone() -> None:
    image, mask = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(1)), holes(40, 40)
    mask[1, :, :30, :30] = 1
    together = prefill(image, mask)
    for n in range(2):
        torch.testing.assert_close(together[n : n + 1], prefill(image[n : n + 1], mask[n : n + 1]), rtol=0, atol=1e-6)


def test_without_a_hole_nothing_changes_and_without_a_known_pixel_all_is_grey() -> None:
    image = torch.rand(1, 3, 12, 20)
    assert torch.equal(prefill(image, torch.zeros(1, 1, 12, 20)), image)
    torch.testing.assert_close(prefill(image, torch.ones(1, 1, 12, 20)), torch.full((1, 3, 12, 20), 0.5))
