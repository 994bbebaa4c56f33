"""LPIPS v0.1 on SqueezeNet 1.1 features: how different two photos look to a network.

The linear heads come with the ``lpips`` package; the ImageNet features do not, and nothing here downloads them. They
are looked for in this order: a path given by the caller, the environment variable RESTORE_LPIPS_BACKBONE, torch's own
checkpoint folder. What is checked is not the file but every tensor in it (names, shapes and float32 values), so
torchvision's whole checkpoint and a file of its ``features`` alone pass the same test. A figure from other weights,
or from random ones, would look like LPIPS and mean nothing: it is refused.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from restore.errors import WeightsError
from restore.metrics.psnr import check_pair
from restore.metrics.table import LPIPS_LABEL

BACKBONE_VARIABLE: Final = "RESTORE_LPIPS_BACKBONE"
"""Environment variable that may name the file of the features."""

HUB_PATTERN: Final = "squeezenet1_1-*.pth"
"""How torchvision names its checkpoint in torch's folder."""

CHECKPOINT: Final = "squeezenet1_1-b8a52dc0.pth"
"""The one that torchvision offers today."""

FEATURES_DIGEST: Final = "eafb94b5c7ba34d6651b8b74b84f006a6efcbcec71f3b7efacd8f40884e13bb9"
"""``digest_features`` of torchvision's ImageNet features of SqueezeNet 1.1, taken from the file with sha256
435cedb387e95bc8291893f61a3a64f0345b8c23a05139aceef43947efb3d52d, with which LPIPS gives the values that torchmetrics
documents."""


class Lpips:
    """LPIPS v0.1 with SqueezeNet features, complete after construction.

    >>> Lpips(Path("nowhere.pth"))
    Traceback (most recent call last):
    restore.errors.WeightsError: nowhere.pth: no such LPIPS backbone file
    """

    label: Final = LPIPS_LABEL

    def __init__(self, backbone: Path, device: torch.device | None = None) -> None:
        """Load and check the features in ``backbone``; raises WeightsError if they are not the genuine ones."""
        features = read_features(backbone)
        self.backbone = backbone
        self._network = _assemble(features).to(device or torch.device("cpu"))

    def __call__(self, restored: Tensor, target: Tensor) -> Tensor:
        """Distance of every image as (B,), 0 where equal, computed in float32 without gradients.

        Both images are (B,3,H,W) RGB in [0,1] of one shape, at least 17 pixels a side. Raises ConfigError otherwise.
        """
        check_pair(restored, target, 1.0)
        place = next(self._network.buffers()).device
        pair = (image.to(place, torch.float32) * 2 - 1 for image in (restored, target))
        with torch.inference_mode():
            distance: Tensor = self._network(*pair)
        return distance.flatten()


def find_backbone(explicit: Path | None = None) -> Path | None:
    """The file to load: ``explicit``, or what the environment variable names, or torch's checkpoint; else None.

    Nothing is opened; a file that was named but is not there is found out by ``Lpips``.
    """
    if explicit is not None:
        return explicit
    if named := os.environ.get(BACKBONE_VARIABLE):
        return Path(named)
    stored = sorted((Path(torch.hub.get_dir()) / "checkpoints").glob(HUB_PATTERN))
    return stored[0] if stored else None


def load_lpips(explicit: Path | None = None, device: torch.device | None = None) -> tuple[Lpips | None, str]:
    """The metric, and one line that says which file it uses or why there is none.

    A file that someone named (by ``explicit`` or by the environment) must be genuine: WeightsError otherwise. One that
    merely lies in torch's folder and is damaged only leaves LPIPS out, and the line says so.
    """
    backbone = find_backbone(explicit)
    if backbone is None:
        place = Path(torch.hub.get_dir()) / "checkpoints"
        return None, (
            f"{LPIPS_LABEL} was not measured: no backbone. Put torchvision's {CHECKPOINT} into {place}, or name "
            f"a file with --lpips-backbone or {BACKBONE_VARIABLE}"
        )
    try:
        return Lpips(backbone, device), f"{LPIPS_LABEL}, backbone {backbone}"
    except WeightsError as problem:
        if explicit is not None or os.environ.get(BACKBONE_VARIABLE):
            raise
        return None, f"{LPIPS_LABEL} was not measured: {problem}"


def read_features(path: Path) -> dict[str, Tensor]:
    """SqueezeNet's ``features`` from its own state dict or from the whole checkpoint, checked tensor by tensor.

    Raises WeightsError if the file is missing, is not a state dict, or holds other values.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such LPIPS backbone file")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as problem:
        raise WeightsError(f"{path}: not a file of tensors ({type(problem).__name__}); fetch it again") from problem
    tensors = {str(name): value for name, value in dict(stored).items()} if isinstance(stored, Mapping) else {}
    inner = {name.removeprefix("features."): value for name, value in tensors.items() if name.startswith("features.")}
    features = inner or tensors
    if (
        not all(isinstance(value, Tensor) for value in features.values())
        or digest_features(features) != FEATURES_DIGEST
    ):
        raise WeightsError(
            f"{path}: not torchvision's ImageNet features of SqueezeNet 1.1, so its LPIPS would mean nothing; "
            f"take {CHECKPOINT} from torchvision"
        )
    return features


def digest_features(features: Mapping[str, Tensor]) -> str:
    """sha256 over name, shape and little-endian float32 values of every tensor, in order of names."""
    digest = hashlib.sha256()
    for name in sorted(features):
        value = features[name].detach().to(torch.float32).contiguous()
        digest.update(name.encode())
        digest.update(str(tuple(value.shape)).encode())
        digest.update(value.numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def _assemble(features: Mapping[str, Tensor]) -> nn.Module:
    """The lpips package's network with its own heads and these features; the random number state is left alone."""
    import lpips

    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.filterwarnings("ignore", message=".*'weights'", category=UserWarning)  # lpips calls torchvision so
        network = lpips.LPIPS(net="squeeze", version="0.1", pnet_rand=True, verbose=False)
    slots = network.net.state_dict()  # "slice2.3.squeeze.weight" is "3.squeeze.weight" of features
    network.net.load_state_dict({slot: features[slot.split(".", 1)[1]] for slot in slots}, strict=True)
    assembled: nn.Module = network.eval().requires_grad_(False)
    return assembled
