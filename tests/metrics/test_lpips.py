"""LPIPS: the genuine backbone gives documented values; anything else is refused."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.io import backbone as module
from restore.metrics.lpips import BACKBONE_VARIABLE, Lpips, digest_features, find_backbone, load_lpips

GENUINE = os.environ.get(BACKBONE_VARIABLE)


@pytest.fixture(autouse=True)
def _an_empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(BACKBONE_VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def _random_features(seed: int) -> dict[str, Tensor]:
    """The right names and shapes, worthless values."""
    from torchvision.models import squeezenet1_1

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return dict(squeezenet1_1(weights=None).features.state_dict())


def _hub_file(name: str = "squeezenet1_1-b8a52dc0.pth") -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.skipif(GENUINE is None, reason=f"set {BACKBONE_VARIABLE} to the genuine features to run this")
def test_the_genuine_backbone_gives_the_values_that_torchmetrics_documents() -> None:
    generator = torch.Generator().manual_seed(42)
    one, other = (torch.rand(2, 3, 100, 100, generator=generator) for _ in range(2))
    assert Lpips(Path(str(GENUINE)))(one, other).tolist() == pytest.approx([0.1024, 0.0938], abs=5e-5)


def test_random_features_of_the_right_shapes_are_refused(tmp_path: Path) -> None:
    torch.save(_random_features(0), tmp_path / "random.pth")
    with pytest.raises(WeightsError, match="would mean nothing"):
        Lpips(tmp_path / "random.pth")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "damaged.pth").write_bytes(content)
    with pytest.raises(WeightsError, match="not a file of tensors"):
        Lpips(tmp_path / "damaged.pth")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"step": 3}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="not torchvision's"):
        Lpips(tmp_path / "other.pth")


def test_a_whole_checkpoint_and_its_features_alone_are_the_same_metric_as_the_lpips_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lpips

    features = _random_features(1)
    monkeypatch.setattr(module, "FEATURES_DIGEST", digest_features(features))
    torch.save(features, tmp_path / "features.pth")
    whole = {f"features.{name}": value for name, value in features.items()} | {"classifier.1.bias": torch.zeros(1000)}
    torch.save(whole, tmp_path / "whole.pth")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    for name, tensor in oracle.net.state_dict().items():
        tensor.copy_(features[name.split(".", 1)[1]])
    one, other = torch.rand(2, 3, 40, 48), torch.rand(2, 3, 40, 48)
    expected = oracle(one * 2 - 1, other * 2 - 1).flatten().tolist()
    for path in (tmp_path / "features.pth", tmp_path / "whole.pth"):
        measure = Lpips(path)
        assert measure(one, other).tolist() == pytest.approx(expected, abs=1e-6)
        assert measure(one.double(), one).tolist() == pytest.approx([0.0, 0.0], abs=1e-7)
    with pytest.raises(ConfigError, match="one shape"):
        measure(one, other[:1])


def test_loading_the_metric_does_not_move_the_random_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features = _random_features(2)
    monkeypatch.setattr(module, "FEATURES_DIGEST", digest_features(features))
    torch.save(features, tmp_path / "features.pth")
    before = torch.random.get_rng_state()
    Lpips(tmp_path / "features.pth")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_digest_sees_a_change_of_one_bit() -> None:
    features = _random_features(3)
    before = digest_features(features)
    features["0.bias"][0] = torch.nextafter(features["0.bias"][0], torch.tensor(9.0))
    assert digest_features(features) != before


def test_the_explicit_path_comes_first_then_the_variable_then_torchs_own_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert find_backbone() is None
    _hub_file().touch()
    assert find_backbone() == _hub_file()
    monkeypatch.setenv(BACKBONE_VARIABLE, str(tmp_path / "named.pth"))
    assert find_backbone() == tmp_path / "named.pth"
    assert find_backbone(tmp_path / "explicit.pth") == tmp_path / "explicit.pth"


def test_without_a_backbone_there_is_no_number_but_a_line_that_says_where_to_put_one() -> None:
    measure, note = load_lpips()
    assert measure is None
    assert "not measured" in note
    assert str(_hub_file().parent) in note
    assert _hub_file().name in note


def test_a_named_file_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such"):
        load_lpips(tmp_path / "missing.pth")
    monkeypatch.setenv(BACKBONE_VARIABLE, str(tmp_path / "missing.pth"))
    with pytest.raises(WeightsError, match="no such"):
        load_lpips()


def test_a_damaged_file_in_torchs_folder_leaves_lpips_out_and_says_why() -> None:
    _hub_file().write_bytes(b"half a download")
    measure, note = load_lpips()
    assert measure is None
    assert "fetch it again" in note
