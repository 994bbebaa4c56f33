"""The file of own features: it comes back as it was written, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from restore.errors import ConfigError, WeightsError
from restore.losses.features import OwnFeatures, bundled_features, load_trunk, save_trunk
from restore.losses.trunk import Trunk
from restore.models.weights import bundled_weights

CPU = torch.device("cpu")


@pytest.fixture
def trunk() -> Trunk:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Trunk((4, 6))


def test_a_trunk_comes_back_as_float16_holds_it(trunk: Trunk, tmp_path: Path) -> None:
    save_trunk(tmp_path / "own" / "features.safetensors", trunk, {"licence": "MIT"})
    again = load_trunk(tmp_path / "own" / "features.safetensors").state_dict()
    assert all(torch.equal(again[name], value.half().float()) for name, value in trunk.state_dict().items())
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["features.safetensors"]


def test_the_distance_is_zero_for_equals_and_grows_with_noise(trunk: Trunk, tmp_path: Path) -> None:
    save_trunk(tmp_path / "features.safetensors", trunk, {})
    compare = OwnFeatures(CPU, tmp_path / "features.safetensors")
    photo, noise = torch.rand(2, 1, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    losses = [compare(photo + sigma * noise, photo).item() for sigma in (0, 0.05, 0.1, 0.2)]
    assert losses[0] == 0
    assert losses == sorted(losses)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"train_features\.py.*random_features"):
        OwnFeatures(CPU, tmp_path / "features.safetensors")


@pytest.mark.parametrize("damage", ["cut", "flipped", "foreign", "unnamed"])
def test_a_damaged_file_is_refused(trunk: Trunk, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "features.safetensors"
    save_trunk(path, trunk, {})
    content = path.read_bytes()
    flipped = content[:-1] + bytes([content[-1] ^ 64])
    unnamed = content.replace(b"restore-features-1", b"restore-features-9")
    path.write_bytes({"cut": content[:-9], "flipped": flipped, "foreign": b"JFIF", "unnamed": unnamed}[damage])
    with pytest.raises(WeightsError, match="damaged"):
        load_trunk(path)


def test_the_packages_own_trunk_is_no_generator_and_is_not_listed_as_one() -> None:
    assert bundled_features().parent.name == "features"
    assert "features" not in {weights.card.name for weights in bundled_weights()}
