"""Aligning: both photos show the same afterwards, nothing is resampled without need, bad pairs stay untouched."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch
from skimage import data
from torch import Tensor

from restore.datasets.align import align_pair, alignment, is_beside
from restore.ops.degrade import to_8_bits
from restore.ops.resize import resize
from restore.ops.shift import Shift, measure_shift

BORDER = 24
SIDE = 448
ASTRONAUT = torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None].float() / 255


def pair(down: int, right: int, scale: int, fraction: int = 1) -> tuple[Tensor, Tensor]:
    """A damaged photo whose content lies (down, right)/fraction pixels beside that of the good one."""
    fixed = ASTRONAUT[..., BORDER : BORDER + SIDE, BORDER : BORDER + SIDE]
    moved = ASTRONAUT[..., BORDER - down : BORDER - down + SIDE, BORDER - right : BORDER - right + SIDE]
    hq, lq = SIDE // fraction, SIDE // fraction // scale
    return to_8_bits(resize(moved, lq, lq)), to_8_bits(resize(fixed, hq, hq))


def apart_db(lq: Tensor, hq: Tensor) -> float:
    """PSNR between a damaged photo and its good one, shrunk to its size, without the outermost pixels."""
    inner = (resize(hq, *lq.shape[-2:]) - lq)[..., 6:-6, 6:-6]
    return -10 * math.log10(max(float(inner.square().mean()), 1e-10))


@pytest.mark.parametrize(("scale", "fraction"), [(1, 2), (1, 4), (2, 1), (2, 2), (4, 1)])
def test_after_aligning_both_photos_show_the_same(scale: int, fraction: int) -> None:
    in_place = apart_db(*pair(0, 0, scale, fraction))
    for down, right in [(2, -3), (-5, 9), (17, 13)]:
        lq, hq = pair(down, right, scale, fraction)
        aligned, good = align_pair(lq, hq, least_px=64)
        assert good.shape[-2:] == (aligned.shape[-2] * scale, aligned.shape[-1] * scale)
        assert apart_db(lq, hq) < 27
        assert apart_db(aligned, good) > min(in_place - 3, 35)


def test_whole_pixels_are_moved_by_cutting_alone() -> None:
    lq, hq = pair(8, -4, 4)
    aligned, good = align_pair(lq, hq, least_px=64)
    assert torch.equal(aligned, lq[..., 2:, :-1])
    assert torch.equal(good, hq[..., :-8, 4:])


def test_a_pair_that_fits_is_given_back_as_it_is() -> None:
    lq, hq = pair(0, 0, 2)
    aligned, good = align_pair(lq, hq, least_px=64)
    assert aligned is lq
    assert good is hq


def test_only_what_both_photos_show_is_kept_and_all_of_it() -> None:
    for scale, down, right in product((1, 2, 3, 4), (-9.4, -2.0, 0.6, 5.25), (-3.3, 0.0, 7.0)):
        lq, hq = (50, 60), (50 * scale, 60 * scale)
        cut = alignment(Shift(down, right, 0.01, 0.9), lq, scale, least_px=8)
        assert cut is not None
        for side, moved in enumerate((round(down), round(right))):
            top, good, size = cut.lq[side], cut.hq[side], cut.size[side]
            assert 0 <= top < top + size <= lq[side]
            assert 0 <= good < good + size * scale <= hq[side]
            assert good == top * scale - moved
            lost = lq[side] - size
            assert lost <= abs(moved) / scale + 1 + 2 * (cut.rest != (0.0, 0.0))
        assert max(abs(rest) for rest in cut.rest) <= 0.5 / scale


@pytest.mark.parametrize(
    "shift",
    [
        None,
        Shift(0.1, -0.2, 0.001, 0.9),
        Shift(0.5, 0.0, 0.2, 0.5),
        Shift(30.0, 12.0, math.inf, 0.0),
        Shift(100.0, 0.0, 0.01, 0.9),
    ],
    ids=["nothing to measure", "close enough", "not sure", "another picture", "too little left"],
)
def test_a_pair_is_left_as_it_is_when_moving_would_not_help(shift: Shift | None) -> None:
    assert alignment(shift, (80, 80), 2, least_px=64) is None


def test_another_picture_is_not_moved() -> None:
    other = torch.from_numpy(data.coffee()).permute(2, 0, 1)[None, :, :400, :400].float() / 255
    lq = resize(ASTRONAUT[..., :400, :400], 200, 200)
    assert not is_beside(measure_shift(lq, other))
    assert align_pair(lq, other, least_px=64)[0] is lq
