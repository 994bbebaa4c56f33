"""SqueezeNet's features: torchvision's network and the lpips package agree; without the file there is a reason."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest
import torch
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.io import backbone
from restore.losses.squeeze import MEAN, STD, EnlargedLpipsLoss, LpipsLoss, SqueezeDistance, SqueezeFeatures

GENUINE = os.environ.get(backbone.BACKBONE_VARIABLE)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _an_empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(backbone.BACKBONE_VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def stranger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file of random features that passes for the genuine one."""
    from torchvision.models import squeezenet1_1

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        features = dict(squeezenet1_1(weights=None).features.state_dict())
    torch.save(features, tmp_path / "features.pth")
    monkeypatch.setattr(backbone, "FEATURES_DIGEST", backbone.digest_features(features))
    return tmp_path / "features.pth"


def pair(side: int = 48) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, side, side + 5, generator=rng), torch.rand(2, 3, side, side + 5, generator=rng)


def test_the_layers_are_torchvisions(stranger: Path) -> None:
    from torchvision.models import squeezenet1_1

    features = torch.load(stranger, weights_only=True)
    theirs = squeezenet1_1(weights=None).features
    theirs.load_state_dict(features)
    picture, wanted = pair()[0], []
    for place, layer in enumerate(theirs):
        picture = layer(picture)
        if place in {1, 4, 7, 9, 10, 11, 12}:
            wanted.append(picture.clone())
    for one, other in zip(SqueezeFeatures(features)(pair()[0]), wanted, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_loss_is_the_mean_of_the_lpips_package_and_so_is_its_gradient(stranger: Path) -> None:
    import lpips

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = lpips.LPIPS(net="squeeze", pnet_rand=True, verbose=False)
    features = torch.load(stranger, weights_only=True)
    for name, tensor in theirs.net.state_dict().items():
        tensor.copy_(features[name.split(".", 1)[1]])
    restored, target = pair()
    ours, slopes = LpipsLoss(CPU, stranger), []
    for compare in (lambda one: theirs(one * 2 - 1, target * 2 - 1).mean(), lambda one: ours(one, target)):
        image = restored.clone().requires_grad_()
        value = compare(image)
        slopes.append((value.item(), torch.autograd.grad(value, image)[0]))
    assert slopes[0][0] == pytest.approx(slopes[1][0], rel=1e-4)
    assert torch.allclose(slopes[0][1], slopes[1][1], atol=0.02 * slopes[0][1].abs().max().item())


@pytest.mark.skipif(GENUINE is None, reason=f"set {backbone.BACKBONE_VARIABLE} to the genuine features to run this")
def test_the_genuine_backbone_gives_the_mean_of_the_values_that_torchmetrics_documents() -> None:
    rng = torch.Generator().manual_seed(42)
    one, other = (torch.rand(2, 3, 100, 100, generator=rng) for _ in range(2))
    assert LpipsLoss(CPU, Path(str(GENUINE)))(one, other).item() == pytest.approx((0.1024 + 0.0938) / 2, abs=5e-5)


def test_without_heads_every_channel_and_layer_counts_the_same(stranger: Path) -> None:
    restored, target = pair()
    mean, std = (torch.tensor(row).view(1, 3, 1, 1) for row in (MEAN, STD))
    network = SqueezeFeatures(torch.load(stranger, weights_only=True))
    layers = [network((image - mean) / std) for image in (restored, target)]
    angles = [torch.nn.functional.cosine_similarity(one, other) for one, other in zip(*layers, strict=True)]
    expected = torch.stack([(2 - 2 * angle).mean() for angle in angles]).mean()  # |u - v|^2 of unit vectors
    assert SqueezeDistance(CPU, stranger)(restored, target).item() == pytest.approx(expected.item(), rel=1e-3)


@pytest.mark.parametrize("loss", [SqueezeDistance, LpipsLoss])
def test_equal_and_flat_pictures_give_zero_with_a_finite_gradient(
    stranger: Path, loss: type[SqueezeDistance | LpipsLoss]
) -> None:
    compare = loss(CPU, stranger)
    for picture in (pair()[0], torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)):
        restored = picture.clone().requires_grad_()
        value = compare(restored, picture)
        assert value.item() == 0
        assert torch.autograd.grad(value, restored)[0].isfinite().all()


@pytest.mark.parametrize("loss", [SqueezeDistance, LpipsLoss])
def test_without_a_file_the_message_says_where_to_put_it(loss: type[SqueezeDistance | LpipsLoss]) -> None:
    with pytest.raises(ConfigError, match=rf"{backbone.CHECKPOINT} into .*checkpoints.*backbone"):
        loss(CPU)


def test_other_weights_are_refused(stranger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbone, "FEATURES_DIGEST", "0" * 64)
    with pytest.raises(WeightsError, match="not torchvision's"):
        LpipsLoss(CPU, stranger)


def test_an_enlarged_window_of_a_flat_pair_is_plain_lpips_and_moves_with_the_step(stranger: Path) -> None:
    enlarged, plain = EnlargedLpipsLoss(CPU, stranger), LpipsLoss(CPU, stranger)
    gray, light = torch.full((1, 3, 48, 48), 0.4), torch.full((1, 3, 48, 48), 0.7)  # enlarging leaves these as they are
    assert float(enlarged.at(gray, light, seed=0, step=0)) == pytest.approx(float(plain(gray, light)), rel=1e-5)
    restored, target = (image[..., :48, :48] for image in pair())
    found = {float(enlarged.at(restored, target, seed=0, step=step)) for step in range(6)}
    assert len(found) == 6
    assert float(enlarged.at(restored, target, seed=0, step=3)) == float(enlarged.at(restored, target, seed=0, step=3))


def test_an_enlarged_checkerboard_counts_more_than_a_plain_one_where_it_is_genuine() -> None:
    if GENUINE is None:
        pytest.skip(f"set {backbone.BACKBONE_VARIABLE} to the genuine features to run this")
    target = torch.full((1, 3, 64, 64), 0.5)
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 0.06 - 0.03
    enlarged, plain = EnlargedLpipsLoss(CPU, Path(GENUINE)), LpipsLoss(CPU, Path(GENUINE))
    assert enlarged.at(target + board, target, seed=0, step=0) > 2 * plain(target + board, target)
