"""The discriminators: conditional networks that judge patches, or pixels, of a picture beside what it was made from."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from restore.errors import ConfigError

Norm = Literal["spectral", "batch", "none"]
_SLOPE = 0.2
_LOUDER = 8.0
"""What an enlargement adds is faint, a few hundredths; this brings it near the size of the picture's own values."""
_WIDEST = 8
"""Channels grow up to this many times the first layer's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscriminatorConfig:
    """Shape of a discriminator; the defaults are pix2pix's 70x70 PatchGAN with spectral norm."""

    kind: Literal["patch", "unet"] = "patch"
    given_channels: int = 7
    """Channels beside the candidate: the enlarged input and the condition maps."""
    width: int = 64
    layers: int = 3
    scales: int = 1
    norm: Norm = "spectral"
    residual: bool = False
    """Look at what was added to the enlarged input instead of at the picture: the same knowledge, texture first."""

    def __post_init__(self) -> None:
        if min(self.width, self.layers, self.scales) < 1 or self.given_channels < 0:
            raise ConfigError("discriminator: width, layers and scales must be at least 1")
        if self.residual and self.given_channels < 3:
            raise ConfigError("discriminator: a residual needs the input that was enlarged beside the picture")
        if self.kind == "unet" and self.scales > 1:
            raise ConfigError("discriminator: only a patch discriminator judges at several scales")

    @property
    def receptive_px(self) -> int:
        """Side of the square of pixels behind one verdict of a patch discriminator at full size.

        >>> [DiscriminatorConfig(layers=layers).receptive_px for layers in (1, 2, 3, 5)]
        [16, 34, 70, 286]
        """
        side = 1
        for stride in (*(1, 1), *(2,) * self.layers):  # from the verdict back to the picture
            side = side * stride + 4 - stride
        return side


class Verdict(NamedTuple):
    """What a discriminator says: unbounded logits, above 0 for real, and the features that it judged by."""

    logits: tuple[Tensor, ...]
    """(B,1,h,w) for each scale."""
    features: tuple[Tensor, ...]
    """Activations, from shallow to deep, of all scales."""


class Discriminator(nn.Module):
    """Judges ``picture`` (B,3,H,W) in [0,1] beside ``given`` (B,C,H,W): the enlarged input and its condition maps.

    Sources: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", 2017 (PatchGAN); Wang et
    al., "High-Resolution Image Synthesis with Conditional GANs", 2018 (scales); Miyato et al., "Spectral Normalization
    for GANs", 2018; Schonfeld et al., "A U-Net Based Discriminator", 2020.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        body = _UNetBody if config.kind == "unet" else _PatchBody
        self.bodies = nn.ModuleList(body(config) for _ in range(config.scales))

    def forward(self, picture: Tensor, given: Tensor) -> Verdict:
        """The verdict; scales after the first see the pair at half size, quarter size."""
        own = (picture - given[:, :3]) * _LOUDER if self.config.residual else picture * 2 - 1
        seen = torch.cat([own, given * 2 - 1], dim=1)
        logits: list[Tensor] = []
        features: list[Tensor] = []
        for number, body in enumerate(self.bodies):
            verdict, inner = body(F.avg_pool2d(seen, 2**number) if number else seen)
            logits.append(verdict.float())
            features += inner
        return Verdict(tuple(logits), tuple(features))


def _convolution(
    width_in: int, width_out: int, side: int, stride: int, norm: Norm, *, plain: bool = False
) -> nn.Module:
    """A convolution with its norm; ``plain`` layers (first and last) take no batch norm."""
    batch = norm == "batch" and not plain
    layer = nn.Conv2d(width_in, width_out, side, stride, padding=1, bias=not batch)
    if norm == "batch":  # pix2pix's start
        nn.init.normal_(layer.weight, 0.0, 0.02)
    if norm == "spectral":
        return spectral_norm(layer)
    return nn.Sequential(layer, nn.BatchNorm2d(width_out)) if batch else layer


class _PatchBody(nn.Module):
    """Strided 4x4 convolutions and one verdict per patch."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        widths = [config.width * min(2**level, _WIDEST) for level in range(config.layers + 1)]
        inputs = [3 + config.given_channels, *widths]
        self.stages = nn.ModuleList(
            _convolution(inputs[level], width, 4, 2 if level < config.layers else 1, config.norm, plain=level == 0)
            for level, width in enumerate(widths)
        )
        self.verdict = _convolution(widths[-1], 1, 4, 1, config.norm, plain=True)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for stage in self.stages:
            x = F.leaky_relu(stage(x), _SLOPE)
            features.append(x)
        return self.verdict(x), features


class _UNetBody(nn.Module):
    """Down to an eighth and up again: one verdict per pixel."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        width, norm = config.width, config.norm
        widths = [width, 2 * width, 4 * width, 8 * width]
        self.stem = _convolution(3 + config.given_channels, width, 3, 1, norm, plain=True)
        self.down = nn.ModuleList(_convolution(fine, coarse, 4, 2, norm) for fine, coarse in pairwise(widths))
        self.up = nn.ModuleList(_convolution(coarse, fine, 3, 1, norm) for fine, coarse in pairwise(widths))
        self.finish = _convolution(width, width, 3, 1, norm)
        self.verdict = _convolution(width, 1, 3, 1, norm, plain=True)

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        sides = [F.leaky_relu(self.stem(x), _SLOPE)]
        for down in self.down:
            sides.append(F.leaky_relu(down(sides[-1]), _SLOPE))
        features = list(sides)
        x = sides.pop()
        for up in reversed(self.up):
            side = sides.pop()
            x = F.interpolate(x, size=side.shape[-2:], mode="bilinear", align_corners=False)
            x = F.leaky_relu(up(x), _SLOPE) + side
            features.append(x)
        return self.verdict(F.leaky_relu(self.finish(x), _SLOPE)), features


def build_discriminator(config: DiscriminatorConfig) -> Discriminator:
    """An untrained discriminator of that shape."""
    return Discriminator(config)
