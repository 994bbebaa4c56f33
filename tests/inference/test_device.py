"""Which device computes, and in which precision."""

from __future__ import annotations

import pytest
import torch
from skimage import data

from restore.errors import ConfigError, DeviceError
from restore.inference.device import choose_device, native_bfloat16
from restore.inference.restorer import Restorer
from restore.ops.prefill import prefill
from restore.tasks import Condition


def test_a_cpu_computes_in_float32_unless_it_is_asked_for_less() -> None:
    assert choose_device("cpu").autocast is None
    assert choose_device("cpu", precision="float32").autocast is None


def test_bfloat16_is_refused_where_it_would_be_emulated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.inference.device.native_bfloat16", lambda _: False)
    with pytest.raises(DeviceError, match="leave --precision out"):
        choose_device("cpu", precision="bfloat16")


def test_bfloat16_changes_a_photo_by_less_than_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its eight bits of mantissa round activations, not the photo itself: the network's residual is small."""
    monkeypatch.setattr("restore.inference.device.native_bfloat16", lambda _: True)
    device = choose_device("cpu", precision="bfloat16")
    assert device.autocast == torch.bfloat16
    photo = torch.from_numpy(data.astronaut()[:128, 100:228].copy()).permute(2, 0, 1)[None].float() / 255
    noisy = (photo + torch.randn(photo.shape, generator=torch.Generator().manual_seed(0)) * 15 / 255).clamp(0, 1)
    told = Condition(noise=15, jpeg=100, blur=0)
    exact, fast = (Restorer("clean", device=one).restore(noisy, told) * 255 for one in (choose_device("cpu"), device))
    assert float((exact - fast).abs().max()) < 4
    assert float((exact - fast).square().mean().sqrt()) < 0.5
    assert not torch.equal(exact, fast)


def test_only_hardware_counts_as_bfloat16() -> None:
    assert native_bfloat16(torch.device("meta")) is False


def dihedral(image: torch.Tensor, flipped: bool, quarters: int) -> torch.Tensor:
    return torch.rot90(image.flip(-1) if flipped else image, quarters, (-2, -1))


def undone(image: torch.Tensor, flipped: bool, quarters: int) -> torch.Tensor:
    image = torch.rot90(image, -quarters, (-2, -1))
    return image.flip(-1) if flipped else image


@pytest.mark.parametrize("tile", [None, 64])
def test_an_ensemble_of_eight_is_the_mean_of_what_the_network_makes_of_all_turned_and_mirrored_photos(tile) -> None:
    photo = torch.from_numpy(data.astronaut()[:100, 100:228].copy()).permute(2, 0, 1)[None].float() / 255
    small = torch.nn.functional.avg_pool2d(photo, 2)
    told = Condition(noise=0, jpeg=100)
    one, eight = (Restorer("upscale-x2", device=choose_device("cpu", ensemble=number), tile=tile) for number in (1, 8))
    ways = [(flipped, quarters) for flipped in (False, True) for quarters in range(4)]
    single = [undone(one.restore(dihedral(small, *way), told), *way) for way in ways]
    made = eight.restore(small, told)
    # Not to the last digit: the colour lock begins its cells at the upper left corner, which turns with the photo.
    assert torch.allclose(made, torch.stack(single).mean(dim=0), atol=2e-3)
    errors = [float((image - photo).square().mean()) for image in single]
    assert float((made - photo).square().mean()) < sum(errors) / len(errors)


def test_the_holes_turn_with_the_photo() -> None:
    photo = torch.from_numpy(data.astronaut()[:96, 100:228].copy()).permute(2, 0, 1)[None].float() / 255
    mask = torch.zeros(1, 1, 96, 128)
    mask[..., 20:60, 70:73] = 1
    filled = Restorer("inpaint", device=choose_device("cpu", ensemble=4)).fill(prefill(photo, mask), mask)
    assert torch.equal(torch.where(mask == 1, photo, filled), photo)
    hole = (mask == 1).expand_as(photo)
    assert float((filled - photo)[hole].square().mean()) < float((prefill(photo, mask) - photo)[hole].square().mean())


def test_an_ensemble_has_one_two_four_or_eight_members() -> None:
    with pytest.raises(ConfigError, match="1, 2, 4 or 8"):
        choose_device("cpu", ensemble=3)
