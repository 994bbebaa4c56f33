"""Which device computes, and in which precision."""

from __future__ import annotations

import pytest
import torch
from skimage import data

from restore.errors import DeviceError
from restore.inference.device import choose_device, native_bfloat16
from restore.inference.restorer import Restorer
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
