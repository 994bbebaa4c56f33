"""Grain: as loud as asked for, gray, as coarse as what was taken, and the same every time."""

from __future__ import annotations

import pytest
import torch

from restore.errors import ConfigError
from restore.ops import rows
from restore.ops.grain import add_grain
from restore.ops.octaves import octaves


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gray(level: float = 0.5, side: int = 256) -> torch.Tensor:
    return torch.full((1, 3, side, side), level)


def smooth_noise(sigma: float) -> torch.Tensor:
    """Noise without its finest octave."""
    _, middle, _ = octaves(torch.randn(1, 1, 256, 256, generator=seeded(9)))
    return (middle / middle.std() * sigma / 255).expand(1, 3, -1, -1)


@pytest.mark.parametrize("like", [None, smooth_noise(8)], ids=["white", "coarse"])
@pytest.mark.parametrize("level", [2, 10])
def test_mid_gray_gets_as_many_levels_as_asked_for(level: float, like: torch.Tensor | None) -> None:
    added = add_grain(gray(), level, seeded(), like=like) - 0.5
    assert float(added.std() * 255) == pytest.approx(level, rel=0.03)
    assert float(added.mean().abs() * 255) < 0.05 * level


def test_it_is_gray_and_leaves_black_and_white_alone() -> None:
    added = add_grain(gray(0.3), 10, seeded()) - 0.3
    assert torch.allclose(added[:, 0], added[:, 2], atol=1e-6)
    for level in (0.0, 1.0):
        assert torch.equal(add_grain(gray(level), 10, seeded()), gray(level))


def test_it_is_as_coarse_as_what_was_taken_away_and_never_blotchy() -> None:
    def loudness(noise: torch.Tensor) -> list[float]:
        return [float(band.std() * 255) for band in octaves(noise[:, :1])]

    def added(like: torch.Tensor | None) -> list[float]:
        return loudness(add_grain(gray(), 8, seeded(), like=like) - 0.5)

    fine, middle, broad = loudness(smooth_noise(8))
    ours = added(smooth_noise(8))
    assert ours[0] / ours[1] == pytest.approx(fine / middle, rel=0.1)
    assert ours[2] / ours[1] < 1.2 * broad / middle
    white = added(None)
    assert ours[1] > 2 * white[1]
    blotches = torch.nn.functional.interpolate(torch.randn(1, 1, 8, 8, generator=seeded(4)) / 20, (256, 256))
    blotchy = added(blotches.expand(1, 3, -1, -1) + torch.randn(1, 1, 256, 256, generator=seeded(5)) / 50)
    assert blotchy[2] < 1.2 * white[2]
    assert added(smooth_noise(0.01)) == pytest.approx(white)  # nothing was taken away: nothing to be like


def test_the_same_seed_gives_the_same_grain_and_another_one_another() -> None:
    first, again, other = (add_grain(gray(), 3, seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_none_at_all_changes_nothing() -> None:
    picture = torch.rand(1, 3, 9, 9)
    assert torch.equal(add_grain(picture.clone(), 0, seeded()), picture)


def test_a_large_picture_is_the_same_in_one_piece_and_in_many(monkeypatch) -> None:
    whole = add_grain(gray(side=60), 5, seeded(), like=smooth_noise(5))
    monkeypatch.setattr(rows, "BAND_PX", 1)
    monkeypatch.setattr(rows, "LEAST_ROWS", 7)
    assert torch.allclose(add_grain(gray(side=60), 5, seeded(), like=smooth_noise(5)), whole, atol=1e-6)


@pytest.mark.parametrize("level", [-1, 51, float("nan")])
def test_another_amount_is_refused(level: float) -> None:
    with pytest.raises(ConfigError, match="0 to 50 grey levels"):
        add_grain(gray(), level, seeded())
