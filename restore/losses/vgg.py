"""Perceptual loss in VGG19's ImageNet features, as ESRGAN's successors use it.

The features are not in this package and are never downloaded; ``io.backbone`` says where they are looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore.errors import ConfigError, WeightsError
from restore.io.backbone import VGG_CHECKPOINT, VGG_VARIABLE, checkpoint_folder, find_vgg, read_vgg
from restore.losses.squeeze import MEAN, STD
from restore.losses.trunk import frozen

STAGES: Final = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
"""Convolutions and channels of each stage. Source: Simonyan, Zisserman, arXiv 1409.1556, configuration E."""

LAYER_WEIGHTS: Final = (0.1, 0.1, 1.0, 1.0, 1.0)
"""Of the last convolution of each stage, conv1_2 to conv5_4 (Liang et al., LDL, CVPR 2022; Real-ESRGAN, 2021)."""


class VggFeatures(nn.Module):
    """The sixteen convolutions of VGG19."""

    def __init__(self, features: Mapping[str, Tensor]) -> None:
        """Take the tensors below ``features`` of torchvision's checkpoint; WeightsError when they do not fit."""
        super().__init__()
        self.layers = nn.ModuleDict()
        place, before = 0, 3
        for count, width in STAGES:
            for _ in range(count):
                self.layers[str(place)] = nn.Conv2d(before, width, 3, padding=1)
                place, before = place + 2, width  # a ReLU has a place of its own
            place += 1  # so has the pooling
        try:
            self.layers.load_state_dict(dict(features), strict=True)
        except RuntimeError as error:
            raise WeightsError(f"the VGG19 file holds other layers; take {VGG_CHECKPOINT} from torchvision") from error

    def forward(self, image: Tensor) -> list[Tensor]:
        """The last convolution of each stage before its ReLU, for (B,3,H,W), normalised, at least 16 pixels a side."""
        features, found = image.contiguous(memory_format=torch.channels_last), []
        layers = iter(self.layers.values())
        for count, _ in STAGES:
            for _ in range(count - 1):
                features = F.relu(next(layers)(features))
            found.append(next(layers)(features))
            features = F.max_pool2d(F.relu(found[-1]), 2)
        return found


class VggDistance:
    """Weighted L1 of VGG19's features before activation: conv1_2, 2_2, 3_4, 4_4 and 5_4.

    Source: Wang et al., "ESRGAN: enhanced super-resolution generative adversarial networks", 2018.
    """

    def __init__(self, device: torch.device, backbone: Path | None = None) -> None:
        """Load the features; ConfigError when there are none, WeightsError when they are not the genuine ones."""
        path = find_vgg(backbone)
        if path is None:
            raise ConfigError(
                f"losses.vgg_features needs VGG19: put torchvision's {VGG_CHECKPOINT} into {checkpoint_folder()}, or "
                f"name the file with the setting backbone or with {VGG_VARIABLE}; random_features needs no file"
            )
        self._network = frozen(VggFeatures(read_vgg(path)), device)
        self._mean, self._std = (torch.tensor(row, device=device).view(1, 3, 1, 1) for row in (MEAN, STD))

    def __call__(self, restored: Tensor, target: Tensor) -> Tensor:
        """One scalar for two (B,3,H,W) float32 images in [0,1], at least 16 pixels a side; 0 when equal."""
        with torch.no_grad():
            wanted = self._network((target - self._mean) / self._std)
        found = self._network((restored - self._mean) / self._std)
        layers = zip(LAYER_WEIGHTS, found, wanted, strict=True)
        return torch.stack([weight * (one - other).abs().mean() for weight, one, other in layers]).sum()
