"""VGG19's features: torchvision's layers agree; the file must be the genuine one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.io import backbone
from restore.losses.vgg import VggDistance, VggFeatures

CPU = torch.device("cpu")
TAPPED = (2, 7, 16, 25, 34)
"""conv1_2, 2_2, 3_4, 4_4 and 5_4 among torchvision's layers."""


@pytest.fixture(autouse=True)
def _an_empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(backbone.VGG_VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Sequential:
    """torchvision's layers of VGG19 with random weights."""
    from torchvision.models.vgg import cfgs, make_layers

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = make_layers(cfgs["E"])
    assert isinstance(layers, torch.nn.Sequential)
    return layers.requires_grad_(False)


def taps(layers: torch.nn.Sequential, picture: Tensor) -> list[Tensor]:
    found = []
    for place, layer in enumerate(layers):
        picture = layer(picture)
        if place in TAPPED:
            found.append(picture.clone())
    return found


def picture(seed: int) -> Tensor:
    return torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(seed))


def test_the_features_are_torchvisions_before_activation(theirs: torch.nn.Sequential) -> None:
    ours = VggFeatures(theirs.state_dict())(picture(0))
    for one, other in zip(ours, taps(theirs, picture(0)), strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-6)
    assert min(features.min().item() for features in ours) < 0


def test_the_loss_is_the_weighted_l1_of_those_features(
    theirs: torch.nn.Sequential, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = {f"features.{name}": tensor for name, tensor in theirs.state_dict().items()}
    path = tmp_path / backbone.VGG_CHECKPOINT
    torch.save(whole | {"classifier.0.bias": torch.zeros(3)}, path)
    monkeypatch.setattr(backbone, "VGG_DIGITS", hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    compare = VggDistance(CPU, path)
    mean, std = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    layers = [taps(theirs, (picture(seed) - mean) / std) for seed in (0, 1)]
    parts = [(one - other).abs().mean().item() for one, other in zip(*layers, strict=True)]
    expected = 0.1 * (parts[0] + parts[1]) + sum(parts[2:])
    restored = picture(0).requires_grad_()
    value = compare(restored, picture(1))
    assert value.item() == pytest.approx(expected, rel=1e-3)
    assert torch.autograd.grad(value, restored)[0].abs().sum() > 0
    assert compare(picture(1), picture(1)).item() == 0


def test_without_the_file_the_message_says_where_to_put_it() -> None:
    with pytest.raises(ConfigError, match=rf"{backbone.VGG_CHECKPOINT} into .*checkpoints"):
        VggDistance(CPU)


def test_a_file_with_another_hash_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / backbone.VGG_CHECKPOINT).write_bytes(b"half a download")
    with pytest.raises(WeightsError, match=r"SHA-256 begins [0-9a-f]{8}, not dcbb9e9d"):
        VggDistance(CPU, tmp_path / backbone.VGG_CHECKPOINT)


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(backbone.VGG_VARIABLE, str(tmp_path / "missing.pth"))
    with pytest.raises(WeightsError, match="no such"):
        VggDistance(CPU)


def test_torchs_own_folder_is_looked_into_and_squeezenets_file_is_not_taken_for_vggs(tmp_path: Path) -> None:
    assert backbone.find_vgg(tmp_path / "squeezenet.pth") is None
    stored = backbone.checkpoint_folder() / backbone.VGG_CHECKPOINT
    stored.parent.mkdir(parents=True)
    stored.touch()
    assert backbone.find_vgg() == stored
    assert backbone.find_vgg(tmp_path / "vgg19-mine.pth") == tmp_path / "vgg19-mine.pth"
