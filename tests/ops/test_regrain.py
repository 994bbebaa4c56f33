"""Grain in fillings: as strong and as coarse as around them, and nowhere else."""

from __future__ import annotations

import pytest
import torch
from skimage import data
from torch import Tensor
from torch.nn import functional as F

from restore.errors import ConfigError
from restore.ops.regrain import check_share, regrain


def _rng(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _hole(side: int = 128) -> Tensor:
    hole = torch.zeros(1, 1, side, side)
    hole[..., 40:90, 56:72] = 1
    return hole


def _grainy(sigma: float, coarse: bool = False, side: int = 128) -> Tensor:
    """Even grey with grain of so many grey levels outside the hole, smooth inside."""
    noise = torch.randn(1, 1, side, side, generator=_rng(0))
    if coarse:
        noise = F.avg_pool2d(F.pad(noise, (1, 1, 1, 1), mode="reflect"), 3, stride=1)
        noise = noise / noise.std()
    return torch.where(_hole(side) > 0, 0.5, 0.5 + noise * sigma / 255).expand(-1, 3, -1, -1).contiguous()


def _inside(image: Tensor) -> Tensor:
    return image[0, 0, 42:88, 58:70]


@pytest.mark.parametrize("sigma", [2.0, 8.0, 20.0])
@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_smooth_filling_in_white_grain_gets_that_share_of_its_variance(sigma: float, share: float) -> None:
    made = regrain(_grainy(sigma), _hole(), share, _rng())
    found = float(_inside(made).std()) * 255
    assert found == pytest.approx(sigma * share**0.5, rel=0.2)


def test_coarse_grain_is_continued_as_coarse() -> None:
    """Neighbours are as alike in the filling as around it: 2/3 for the mean of three by three white pixels."""
    made = _inside(regrain(_grainy(8, coarse=True), _hole(), 1.0, _rng())) - 0.5
    alike = float((made[:, 1:] * made[:, :-1]).mean() / made.square().mean())
    assert alike > 0.4
    white = _inside(regrain(_grainy(8), _hole(), 1.0, _rng())) - 0.5
    assert abs(float((white[:, 1:] * white[:, :-1]).mean() / white.square().mean())) < 0.15


def test_known_pixels_stay_to_the_bit_and_gray_stays_gray() -> None:
    photo = _grainy(8)
    made = regrain(photo, _hole(), 0.5, _rng())
    assert torch.equal(torch.where(_hole() > 0, photo, made), photo)
    assert torch.equal(made[:, 0], made[:, 2])
    assert not torch.equal(made, photo)


def test_an_edge_beside_a_hole_is_not_taken_for_grain() -> None:
    photo = torch.full((1, 3, 128, 128), 0.2)
    photo[..., 100:] = 0.9
    made = regrain(photo, _hole(), 1.0, _rng())
    assert float((made - photo).abs().max()) * 255 < 1


def test_a_filling_with_texture_of_its_own_is_left_alone() -> None:
    noise = torch.randn(1, 1, 128, 128, generator=_rng(0)) * 12 / 255
    photo = (0.5 + noise).expand(-1, 3, -1, -1).contiguous()
    assert float((regrain(photo, _hole(), 0.25, _rng()) - photo).abs().max()) == 0


def test_the_same_seed_gives_the_same_grain_and_none_is_none() -> None:
    photo = torch.from_numpy(data.camera()[100:228, 100:228].copy()).float()[None, None] / 255
    smooth = torch.where(_hole() > 0, F.avg_pool2d(photo, 31, stride=1, padding=15), photo)
    assert torch.equal(regrain(smooth, _hole(), 0.5, _rng()), regrain(smooth, _hole(), 0.5, _rng()))
    assert not torch.equal(regrain(smooth, _hole(), 0.5, _rng()), regrain(smooth, _hole(), 0.5, _rng(2)))
    assert regrain(smooth, _hole(), 0.0, _rng()) is smooth
    assert regrain(smooth, torch.zeros(1, 1, 128, 128), 0.5, _rng()) is smooth


def test_a_hole_with_nothing_to_go_by_gets_no_grain() -> None:
    hole = torch.ones(1, 1, 64, 64)
    hole[..., :2, :2] = 0
    photo = torch.full((1, 3, 64, 64), 0.5)
    assert torch.equal(regrain(photo, hole, 1.0, _rng()), photo)


@pytest.mark.parametrize("percent", [-1, 101, float("nan")])
def test_a_percentage_out_of_range_is_refused(percent: float) -> None:
    with pytest.raises(ConfigError, match="0 to 100 percent"):
        check_share(percent)
