"""Losses in SqueezeNet 1.1's ImageNet features: LPIPS itself, and the same distance without its learnt weights.

A network trained with either has seen the metric that LPIPS is: beside its LPIPS figure another measure belongs. The
features are not in this package and are never downloaded; ``io.backbone`` says where they are looked for.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore.errors import ConfigError
from restore.io.backbone import BACKBONE_VARIABLE, CHECKPOINT, checkpoint_folder, find_backbone, read_features
from restore.losses.trunk import frozen, unit, unit_distance

MEAN: Final = (0.485, 0.456, 0.406)
STD: Final = (0.229, 0.224, 0.225)
"""Of ImageNet's photos in [0,1], per colour (torchvision)."""

_LPIPS_SHIFT: Final = (-0.030, -0.088, -0.188)
_LPIPS_SCALE: Final = (0.458, 0.448, 0.450)
"""LPIPS v0.1 rounds the same two rows for pixels in [-1,1]."""

_POOLED: Final = (3, 6, 9)
"""Places in ``features`` of the fire modules that a pooling stands before."""

_TAPPED: Final = (0, 4, 7, 9, 10, 11, 12)
"""Places in ``features`` whose results are compared; the first is the plain convolution."""


class Fire(nn.Module):
    """SqueezeNet's block: few channels, then 1x1 and 3x3 side by side. Source: Iandola et al., arXiv 1602.07360."""

    def __init__(self, before: int, squeezed: int, each: int) -> None:
        """``before`` channels in, 2 * ``each`` out; the names are those of torchvision's checkpoint."""
        super().__init__()
        self.squeeze = nn.Conv2d(before, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, each, 1)
        self.expand3x3 = nn.Conv2d(squeezed, each, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B,before,H,W) to (B,2*each,H,W), not negative."""
        small = F.relu(self.squeeze(features))
        return F.relu(torch.cat([self.expand1x1(small), self.expand3x3(small)], dim=1))


class SqueezeFeatures(nn.Module):
    """SqueezeNet 1.1 up to its last fire module, giving what LPIPS compares."""

    def __init__(self, features: Mapping[str, Tensor]) -> None:
        """Take the tensors of ``io.backbone.read_features``."""
        super().__init__()
        shapes = {3: (64, 16, 64), 4: (128, 16, 64), 6: (128, 32, 128), 7: (256, 32, 128)}
        shapes |= {9: (256, 48, 192), 10: (384, 48, 192), 11: (384, 64, 256), 12: (512, 64, 256)}
        self.layers = nn.ModuleDict({"0": nn.Conv2d(3, 64, 3, stride=2)})
        self.layers.update({str(place): Fire(*shape) for place, shape in shapes.items()})
        self.layers.load_state_dict(dict(features), strict=True)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Seven feature maps of (B,3,H,W), already normalised, at least 17 pixels a side."""
        features, found = image.contiguous(memory_format=torch.channels_last), []
        for name, layer in self.layers.items():
            place = int(name)
            if place in _POOLED:
                features = F.max_pool2d(features, 3, stride=2, ceil_mode=True)
            features = layer(features) if place else F.relu(layer(features))
            if place in _TAPPED:
                found.append(features)
        return found


class SqueezeDistance:
    """Distance of feature vectors scaled to length 1: all channels and layers alike."""

    def __init__(self, device: torch.device, backbone: Path | None = None) -> None:
        """Load the features; ConfigError when there are none, WeightsError when they are not the genuine ones."""
        self._network = _network(device, backbone)
        self._mean, self._std = (torch.tensor(row, device=device).view(1, 3, 1, 1) for row in (MEAN, STD))

    def __call__(self, restored: Tensor, target: Tensor) -> Tensor:
        """One scalar for two (B,3,H,W) float32 images in [0,1], at least 17 pixels a side; 0 when equal."""
        with torch.no_grad():
            wanted = self._network((target - self._mean) / self._std)
        return unit_distance(self._network((restored - self._mean) / self._std), wanted)


class LpipsLoss:
    """LPIPS v0.1 (SqueezeNet) with its gradient, as the mean over the batch.

    Source: Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018.
    """

    def __init__(self, device: torch.device, backbone: Path | None = None) -> None:
        """Load the features, and the heads from the lpips package; errors as for ``SqueezeDistance``."""
        self._network = _network(device, backbone)
        self._heads = [head.to(device) for head in lpips_heads()]
        self._shift, self._scale = (
            torch.tensor(row, device=device).view(1, 3, 1, 1) for row in (_LPIPS_SHIFT, _LPIPS_SCALE)
        )

    def __call__(self, restored: Tensor, target: Tensor) -> Tensor:
        """One scalar for two (B,3,H,W) float32 images in [0,1], at least 17 pixels a side; 0 when equal."""
        with torch.no_grad():
            wanted = self._network((target * 2 - 1 - self._shift) / self._scale)
        found = self._network((restored * 2 - 1 - self._shift) / self._scale)
        return _headed_distance(found, wanted, self._heads)


class EnlargedLpipsLoss(LpipsLoss):
    """LPIPS of a quarter of the pictures, enlarged twice.

    SqueezeNet's first layer steps two pixels at a time and hardly sees a pattern of that period, so a generator that is
    taught by plain LPIPS learns to print one. Enlarged, the same pattern is wide enough to be seen.
    """

    def at(self, restored: Tensor, target: Tensor, *, seed: int, step: int) -> Tensor:
        """As the plain loss, on a window of half the height and width whose place depends on seed and step alone."""
        height, width = (size // 2 for size in restored.shape[-2:])
        rng = torch.Generator().manual_seed((seed * 1_000_003 + step) % 2**63)
        down, right = torch.rand(2, generator=rng).tolist()
        top, left = round(down * (restored.shape[-2] - height)), round(right * (restored.shape[-1] - width))
        window = (..., slice(top, top + height), slice(left, left + width))
        near = (
            F.interpolate(x[window], scale_factor=2.0, mode="bilinear", align_corners=False) for x in (restored, target)
        )
        return self(*near)


def lpips_heads() -> list[Tensor]:
    """The seven learnt weights of channels, each (1,C,1,1), from the installed lpips package."""
    place = importlib.util.find_spec("lpips")
    if place is None or place.origin is None:
        raise ConfigError("losses.lpips needs the lpips package: pip install lpips")
    path = Path(place.origin).parent / "weights" / "v0.1" / "squeeze.pth"
    stored = torch.load(path, map_location="cpu", weights_only=True)
    return [stored[f"lin{number}.model.1.weight"].float() for number in range(len(_TAPPED))]


def _headed_distance(found: Sequence[Tensor], wanted: Sequence[Tensor], heads: Sequence[Tensor]) -> Tensor:
    layers = zip(found, wanted, heads, strict=True)
    return torch.stack([F.conv2d((unit(one) - unit(other)).square(), head).mean() for one, other, head in layers]).sum()


def _network(device: torch.device, backbone: Path | None) -> SqueezeFeatures:
    path = find_backbone(backbone)
    if path is None:
        raise ConfigError(
            f"these losses need SqueezeNet's features: put torchvision's {CHECKPOINT} into {checkpoint_folder()}, or "
            f"name the file with the setting backbone or with {BACKBONE_VARIABLE}; random_features needs no file"
        )
    return frozen(SqueezeFeatures(read_features(path)), device)
