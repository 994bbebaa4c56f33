"""Fading undone: at least by half where it was put on, not at all where there is none, and a tone is no cast."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import color, data
from torch import Tensor

from restore.ops.fade import Fade, aims, decoded, encoded, fade_of, unfaded

GOOD = ("astronaut", "coffee", "chelsea")
SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
FADES = (
    ((0.6, 0.6, 0.6), (0.05, 0.05, 0.05)),
    ((0.7, 0.55, 0.4), (0.06, 0.04, 0.03)),
    ((0.6, 0.5, 0.6), (0.08, 0.05, 0.06)),
    ((0.45, 0.55, 0.6), (0.03, 0.04, 0.08)),
)
"""What is left of each colour, and the veil that lies over it, in linear light."""


def tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array)).permute(2, 0, 1)[None].float() / 255


def photo(name: str) -> Tensor:
    return tensor(getattr(data, name)())


def sepia(name: str) -> Tensor:
    toned = (getattr(data, name)() * 0.7) @ SEPIA.T
    return tensor(toned.clip(0, 255).round().astype(np.uint8))


def faded(image: Tensor, gain: tuple[float, ...], veil: tuple[float, ...]) -> Tensor:
    light = decoded(image) * torch.tensor(gain).view(1, 3, 1, 1) + torch.tensor(veil).view(1, 3, 1, 1)
    return (encoded(light) * 255).round() / 255


def auto(image: Tensor, known: Tensor | None = None) -> Tensor:
    found = fade_of(image, known)
    assert found is not None
    return unfaded(image, found, found.strength) if found.strength else image


def levels_apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().mean() * 255)


def test_linear_light_is_that_of_the_standard() -> None:
    stored = torch.linspace(0, 1, 256)
    expected = torch.tensor([v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in stored.tolist()])
    assert torch.allclose(decoded(stored), expected, atol=1e-6)
    assert torch.allclose(encoded(decoded(stored)), stored, atol=1e-6)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(("gain", "veil"), FADES)
def test_fading_is_undone_at_least_by_half(name, gain, veil) -> None:
    original = photo(name)
    print_ = faded(original, gain, veil)
    assert levels_apart(auto(print_), original) <= 0.5 * levels_apart(print_, original)


@pytest.mark.parametrize("name", GOOD)
def test_a_good_photo_stays_as_it_is(name) -> None:
    original = photo(name)
    assert torch.equal(auto(original), original)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize(("gain", "veil"), FADES)
def test_a_second_time_there_is_next_to_nothing_left_to_do(name, gain, veil) -> None:
    once = (auto(faded(photo(name), gain, veil)) * 255).round() / 255
    assert levels_apart(auto(once), once) < 0.5


@pytest.mark.parametrize("strength", [30, 75, 100])
@pytest.mark.parametrize("toned", [False, True])
def test_darker_stays_darker_and_nothing_new_is_cut_off(strength, toned) -> None:
    ramp = torch.linspace(0, 1, 4096).expand(1, 3, 1, -1)
    found = Fade((0.3, 0.3, 0.3) if toned else (0.3, 0.2, 0.25), (0.8,) * 3, toned, 1.0)
    result = unfaded(ramp, found, strength)
    assert bool((result.diff(dim=-1) > 0).all())
    assert float(result.min()) == 0
    assert float(result.max()) == 1
    picture = faded(photo("coffee"), *FADES[1])
    worked = unfaded(picture, fade_of(picture), strength)
    for edge in (lambda x: x <= 0.5 / 255, lambda x: x >= 254.5 / 255):
        assert float(edge(worked).double().mean() - edge(picture).double().mean()) < 0.001


def test_no_strength_changes_nothing_and_more_of_it_changes_more() -> None:
    picture = faded(photo("coffee"), *FADES[0])
    found = fade_of(picture)
    changes = [levels_apart(unfaded(picture, found, strength), picture) for strength in (0, 25, 50, 75, 100)]
    assert changes[0] < 1e-3
    assert changes == sorted(changes)
    assert changes[-1] > 10


def test_what_lies_outside_of_the_range_stays() -> None:
    picture = faded(photo("coffee"), *FADES[0])
    wide = picture.clone()
    wide[..., :10, :10], wide[..., :10, 10:20] = -0.1, 1.2
    result = unfaded(wide, fade_of(picture), 75)
    assert torch.equal(result[..., :10, :20], wide[..., :10, :20])


@pytest.mark.parametrize("name", GOOD)
def test_sepia_keeps_its_hue_and_becomes_no_gray(name) -> None:
    print_ = faded(sepia(name), (0.5, 0.5, 0.5), (0.06, 0.06 * 0.9, 0.06 * 0.75))
    found = fade_of(print_)
    assert found.toned
    assert found.strength > 0
    result = unfaded(print_, found, found.strength)
    light, before = decoded(result), decoded(print_)
    shares, old = (part[:, 2] / part[:, 0].clamp(min=1e-3) for part in (light, before))
    bright = before[:, 0] > 0.05
    assert float((shares - old)[bright].abs().max()) < 0.01
    lab, lab_before = (color.rgb2lab(part[0].permute(1, 2, 0).numpy()) for part in (result, print_))
    assert lab[..., 2].mean() > 0.6 * lab_before[..., 2].mean() > 3


def test_a_cast_without_fading_is_found_and_a_warm_scene_is_none() -> None:
    picture = photo("astronaut")
    light = decoded(picture) * torch.tensor([0.95, 0.55, 0.5]).view(1, 3, 1, 1)
    tinted = encoded(light + torch.tensor([0.02, 0.004, 0.0]).view(1, 3, 1, 1))
    found = fade_of(tinted)
    assert found.cast
    assert not found.faded
    assert levels_apart(auto(tinted), picture) < levels_apart(tinted, picture)
    assert not fade_of(photo("coffee")).cast


def test_holes_and_borders_and_what_is_not_known_do_not_count() -> None:
    plain = faded(photo("coffee"), *FADES[0])
    marred, known = plain.clone(), torch.ones_like(plain[:, :1])
    marred[..., 100:200, 100:300], known[..., 100:200, 100:300] = 0.0, 0.0
    marred[..., 250:300, 100:300], known[..., 250:300, 100:300] = 1.0, 0.0
    marred[..., :25, :] = 1.0
    marred[..., -40:] = 0.0
    assert fade_of(marred, known).strength > 0
    assert fade_of(marred, known).black == pytest.approx(fade_of(plain, known).black, abs=1e-6)
    assert fade_of(marred).black[0] < 0.01


@pytest.mark.parametrize("shape", [(1, 1), (12, 12), (300, 2)])
def test_too_little_is_not_judged(shape) -> None:
    assert fade_of(torch.rand(1, 3, *shape)) is None
    assert fade_of(torch.rand(1, 3, 200, 200), torch.zeros(1, 1, 200, 200)) is None
    assert fade_of(torch.full((1, 3, 200, 200), 0.5)) is None


def test_a_point_that_is_beyond_its_aim_stays() -> None:
    found = Fade((0.0, 0.01, 0.3), (1.0, 1.0, 1.0), False, 0.0)
    black, white = aims(found, 100)
    assert black[:2] == found.black[:2]
    assert black[2] < 0.3
    assert white == found.white
