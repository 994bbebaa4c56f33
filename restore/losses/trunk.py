"""A small trunk of convolutions, how features are compared, and the loss that needs no training: random weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS: Final = (16, 32, 64, 128)
"""Channels of the stages; each has two 3x3 convolutions and half the side of the one before."""

REDRAW_STEPS: Final = 500
"""A random trunk lives so long; then a new one keeps the generator from adapting to it."""

SMALLEST_SPREAD: Final = 0.05
"""Features that vary less than this are not blown up to vary by 1."""

NORM_EPS: Final = 1e-6
"""Added to the squared length of a feature vector: bounds the gradient where all features vanish."""


Network = TypeVar("Network", bound=nn.Module)


class Trunk(nn.Module):
    """VGG's shape, small: stages of two 3x3 convolutions with ReLU, 2x2 means between them, no normalisation."""

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        """Layers with PyTorch's own start; nothing is drawn that depends on a seed of ours."""
        super().__init__()
        steps = zip((3, *widths), widths, strict=False)
        self.stages = nn.ModuleList(
            nn.ModuleList((nn.Conv2d(before, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)))
            for before, width in steps
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features of (B,3,H,W) in [0,1] after each stage, finest first: (B,widths[i],H/2^i,W/2^i)."""
        features = (image * 2 - 1).contiguous(memory_format=torch.channels_last)
        found = []
        for number, stage in enumerate(self.stages):
            features = F.avg_pool2d(features, 2) if number else features
            for layer in layers_of(stage):
                features = F.relu(layer(features))
            found.append(features)
        return found


def random_features(restored: Tensor, target: Tensor, *, seed: int, step: int) -> Tensor:
    """L1 between features of a trunk with random weights, each stage in units of its spread in the target.

    Both images are (B,3,H,W) in [0,1], float32, at least 8 pixels a side; one scalar, 0 when equal. The weights are
    orthogonal with He's gain for ReLU, drawn from ``seed`` and ``step // 500`` alone.
    Source: Liu et al., "Generic perceptual loss for modeling structured output dependencies", CVPR 2021.
    """
    trunk = _random_trunk(seed, step // REDRAW_STEPS, restored.device)
    with torch.no_grad():
        wanted = trunk(target)
    parts = [
        (one - other).abs().mean() / other.std(unbiased=False).clamp(min=SMALLEST_SPREAD)
        for one, other in zip(trunk(restored), wanted, strict=True)
    ]
    return torch.stack(parts).mean()


@lru_cache(maxsize=2)
def _random_trunk(seed: int, period: int, device: torch.device) -> Trunk:
    rng = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, period]).generate_state(1)[0]))
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False):  # kept for later steps, which need gradients
        trunk = Trunk()
    for stage in trunk.stages:
        for layer in layers_of(stage):
            nn.init.orthogonal_(layer.weight, gain=nn.init.calculate_gain("relu"), generator=rng)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return frozen(trunk, device)


def unit_distance(found: Sequence[Tensor], wanted: Sequence[Tensor]) -> Tensor:
    """Mean squared distance of feature vectors scaled to length 1, summed over channels, mean over the layers.

    Each is a list of (B,C,H,W); one scalar in [0,4], 0 when equal.
    Source: Zhang et al., "The unreasonable effectiveness of deep features as a perceptual metric", CVPR 2018, without
    its learnt weights for channels.
    """
    parts = [(unit(one) - unit(other)).square().sum(1).mean() for one, other in zip(found, wanted, strict=True)]
    return torch.stack(parts).mean()


def unit(features: Tensor) -> Tensor:
    """Feature vectors (B,C,H,W) scaled to length 1 over C; vectors near zero stay short."""
    return features * (features.square().sum(dim=1, keepdim=True) + NORM_EPS).rsqrt()


def frozen(network: Network, device: torch.device) -> Network:
    """The same network on the device, channels-last, without gradients of its own."""
    return network.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)


def layers_of(stage: nn.Module) -> list[nn.Conv2d]:
    """The convolutions of one stage, in order."""
    return [layer for layer in stage.children() if isinstance(layer, nn.Conv2d)]
