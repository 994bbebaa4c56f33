"""LPIPS v0.1 on SqueezeNet 1.1 features: how different two photos look to a network.

The linear heads come with the ``lpips`` package; the ImageNet features do not, and nothing here downloads them:
``io.backbone`` says where they are looked for and refuses any others.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from restore.errors import WeightsError
from restore.io.backbone import (
    BACKBONE_VARIABLE,
    CHECKPOINT,
    checkpoint_folder,
    digest_features,
    find_backbone,
    read_features,
)
from restore.metrics.psnr import check_pair
from restore.metrics.table import LPIPS_LABEL

__all__ = ["BACKBONE_VARIABLE", "Lpips", "digest_features", "find_backbone", "load_lpips", "read_features"]


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


def load_lpips(explicit: Path | None = None, device: torch.device | None = None) -> tuple[Lpips | None, str]:
    """The metric, and one line that says which file it uses or why there is none.

    A file that someone named (by ``explicit`` or by the environment) must be genuine: WeightsError otherwise. One that
    merely lies in torch's folder and is damaged only leaves LPIPS out, and the line says so.
    """
    backbone = find_backbone(explicit)
    if backbone is None:
        return None, (
            f"{LPIPS_LABEL} was not measured: no backbone. Put torchvision's {CHECKPOINT} into {checkpoint_folder()}, "
            f"or name a file with --lpips-backbone or {BACKBONE_VARIABLE}"
        )
    try:
        return Lpips(backbone, device), f"{LPIPS_LABEL}, backbone {backbone}"
    except WeightsError as problem:
        if explicit is not None or os.environ.get(BACKBONE_VARIABLE):
            raise
        return None, f"{LPIPS_LABEL} was not measured: {problem}"


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
