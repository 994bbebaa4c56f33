"""The strength: exact at both ends, steady in between, and grain comes back before blotches."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from restore.errors import ConfigError
from restore.ops import rows
from restore.ops.octaves import octaves
from restore.ops.strength import with_strength


def pictures(height: int = 60, width: int = 45) -> tuple[torch.Tensor, torch.Tensor]:
    """A photo and something made of it."""
    rng = torch.Generator().manual_seed(3)
    source = torch.rand(1, 3, height, width, generator=rng)
    return source, torch.rand(1, 3, height, width, generator=rng)


def kept(strength: float, source: torch.Tensor, restored: torch.Tensor) -> torch.Tensor:
    return with_strength(restored.clone(), source, strength)


def test_nothing_and_everything_are_exact() -> None:
    source, restored = pictures()
    assert torch.equal(kept(0, source, restored), source)
    assert torch.equal(kept(100, source, restored), restored)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (60, 45)])
def test_the_stronger_the_farther_from_the_photo(shape: tuple[int, int]) -> None:
    source, restored = pictures(*shape)
    distances = [float((kept(s, source, restored) - source).double().square().sum()) for s in range(0, 101, 4)]
    assert all(near <= far * (1 + 1e-5) for near, far in pairwise(distances))
    assert distances[0] == 0
    assert distances[2] < distances[5] < distances[11]


@pytest.mark.parametrize("strength", [10, 40, 60, 90])
def test_what_comes_back_of_a_gray_wave_is_what_the_bands_say(strength: float) -> None:
    size = 64
    shares = [max(0, 1 - strength / limit) for limit in (100, 75, 50)]
    for count in (2, 12, 25, 50):
        w = math.pi * count / size
        line = torch.cos(math.pi * count * (torch.arange(size, dtype=torch.float64) + 0.5) / size)
        source = 0.5 + 0.2 * line.expand(1, 3, 20, size)
        flat = torch.full_like(source, 0.5)
        first, second = math.cos(w / 2) ** 4, math.cos(w) ** 4
        back = shares[0] * (1 - first) + shares[1] * first * (1 - second) + shares[2] * first * second
        assert torch.allclose(kept(strength, source, flat), 0.5 + back * (source - 0.5), atol=1e-12)


def test_gray_grain_comes_back_first_and_coloured_blotches_last() -> None:
    rng = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 3, 128, 128, generator=rng) * 0.1
    source, flat = 0.5 + noise, torch.full_like(noise, 0.5)

    def returned(strength: float) -> tuple[list[float], list[float]]:
        """Share of the amplitude that each band has again, in brightness and in colour."""
        change = kept(strength, source, flat) - flat
        parts = []
        for picture, whole in ((change, noise), (change - change.mean(1, True), noise - noise.mean(1, True))):
            one, all_of_it = (part if parts else part.mean(1, True) for part in (picture, whole))
            bands = zip(octaves(one), octaves(all_of_it), strict=True)
            parts.append([float(ours.std() / theirs.std()) for ours, theirs in bands])
        return parts[0], parts[1]

    for strength in (30, 45, 60):
        gray, colour = returned(strength)
        assert gray[0] > gray[1] > gray[2]
        assert all(g > c for g, c in zip(gray, colour, strict=True))
        assert colour[2] < 0.15 * gray[0]
    gray, colour = returned(60)
    assert max(colour) < 1e-4
    assert min(returned(5)[0]) > 0.8


def test_a_large_picture_is_the_same_in_one_piece_and_in_many(monkeypatch) -> None:
    source, restored = pictures(101, 20)
    whole = kept(35, source, restored)
    monkeypatch.setattr(rows, "BAND_PX", 1)
    monkeypatch.setattr(rows, "LEAST_ROWS", 13)
    assert torch.allclose(kept(35, source, restored), whole, atol=1e-6)


@pytest.mark.parametrize("strength", [-1, 100.5, float("nan")])
def test_another_strength_is_refused(strength: float) -> None:
    with pytest.raises(ConfigError, match=r"0 \(unchanged\) to 100 \(full\)"):
        with_strength(*pictures(), strength)
