"""The one generator: a conditional U-Net that predicts a residual on the resized input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore.errors import ConfigError
from restore.models.blocks import Down, ResidualBlock, Up
from restore.ops.pad import mirror_pad
from restore.ops.resize import cubic

_SKIP_RADIUS = 2
"""Bicubic enlargement looks two source pixels far."""
_MIDDLE_GREY = 0.5
_SELDOM = -3.0
"""Logit of one in twenty: a map of what is seldom there starts so."""
_PLANES = (1, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorConfig:
    """Shape of a generator. Three knobs fit it to a task: ``stem``, ``head`` and ``condition_channels``."""

    widths: tuple[int, ...] = (48, 96)
    """Channels at each level; each level has half the size of the one before."""
    encoder: tuple[int, ...] = (3,)
    """Residual blocks on the way down, one number per level but the last."""
    middle: int = 2
    """Residual blocks at the last level."""
    dilations: tuple[int, ...] = ()
    """How far apart the taps of each of these lie, in pixels of that level; empty: 1 for all."""
    decoder: tuple[int, ...] = (3,)
    """Residual blocks on the way up, one number per level but the last."""
    stem: int = 1
    """Pixel-unshuffle in front: 2 for same-size tasks, 1 for enlarging ones."""
    head: int = 4
    """Pixel-shuffle at the end; the picture grows by head / stem."""
    condition_channels: int = 4
    """Maps beside the picture that say what is wrong with it."""
    residual: bool = True
    """Add the output to the enlarged input; off where the result is to look different from the input."""
    out_channels: int = 3
    """Planes of the result: three of a picture, or one map of logits."""

    def __post_init__(self) -> None:
        inner = len(self.widths) - 1
        if inner < 0 or len(self.encoder) != inner or len(self.decoder) != inner:
            raise ConfigError(
                f"generator: {len(self.widths)} widths need {max(inner, 0)} encoder and decoder counts, "
                f"got {len(self.encoder)} and {len(self.decoder)}"
            )
        if min((*self.widths, self.stem, self.head)) < 1 or min((*self.encoder, *self.decoder, self.middle)) < 0:
            raise ConfigError("generator: widths, stem and head must be at least 1, block counts at least 0")
        if self.dilations and (len(self.dilations) != self.middle or min(self.dilations) < 1):
            raise ConfigError(
                f"generator: {self.middle} middle blocks need as many dilations of at least 1, got {self.dilations}"
            )
        if self.head % self.stem:
            raise ConfigError(f"generator: head {self.head} must be a multiple of stem {self.stem}")
        if self.out_channels not in _PLANES or (self.residual and self.out_channels != 3):
            raise ConfigError(
                f"generator: a result has 3 planes, or 1 where nothing is added to the input, not {self.out_channels}"
            )

    @property
    def scale(self) -> int:
        """Output size / input size."""
        return self.head // self.stem


class UNet(nn.Module):
    """Conditional U-Net: RGB and condition maps in, RGB (or one map of logits) out, ``scale`` times as large.

    Levels are joined by addition. Nothing normalises or pools over the picture, so a tile with ``radius`` pixels of
    surroundings gives exactly the pixels of the whole picture. The head starts at zero: an untrained network *is*
    bicubic enlargement, or, without ``residual``, middle grey; a map of logits says "seldom" everywhere.
    """

    enlarge: Tensor
    """Bicubic enlargement as the weights of a convolution."""

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        first = config.widths[0]
        self.stem = nn.Conv2d((3 + config.condition_channels) * config.stem**2, first, 3, padding=1)
        self.encoder = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
            for width, count in zip(config.widths, config.encoder, strict=False)
        )
        steps = list(zip(config.widths, config.widths[1:], strict=False))
        self.down = nn.ModuleList(Down(fine, coarse) for fine, coarse in steps)
        dilations = config.dilations or (1,) * config.middle
        self.middle = nn.Sequential(*(ResidualBlock(config.widths[-1], dilation) for dilation in dilations))
        self.up = nn.ModuleList(Up(coarse, fine) for fine, coarse in steps)
        self.decoder = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
            for width, count in zip(config.widths, config.decoder, strict=False)
        )
        self.head = nn.Conv2d(first, config.out_channels * config.head**2, 3, padding=1)
        nn.init.kaiming_normal_(self.stem.weight, nonlinearity="linear")
        for parameter in (self.stem.bias, self.head.weight, self.head.bias):
            nn.init.zeros_(parameter)  # type: ignore[arg-type]
        if not config.residual:
            start = _MIDDLE_GREY if config.out_channels == 3 else _SELDOM
            nn.init.constant_(self.head.bias, start)  # type: ignore[arg-type]
        self.register_buffer("enlarge", _bicubic_kernel(config.scale), persistent=False)

    @property
    def multiple(self) -> int:
        """Input height and width must be multiples of this."""
        return self.config.stem << (len(self.config.widths) - 1)

    @property
    def radius(self) -> int:
        """How far an output pixel looks, in input pixels; tiles need that much surroundings."""
        config = self.config
        reach = config.stem + config.stem  # stem and head: one pixel each behind the unshuffle
        for level in range(len(config.widths)):
            pixel = config.stem * 2**level
            reach += sum(block.radius for block in self._blocks(level)) * pixel
            reach += 0 if level == 0 else pixel  # down and up: at most one pixel of this level
        if len(config.widths) == 1:
            reach += config.stem - 1  # from one end of a pixel behind the unshuffle to the other; else within the above
        return max(reach, _SKIP_RADIUS)

    def _blocks(self, level: int) -> list[ResidualBlock]:
        """All residual blocks that work at ``level``."""
        parts = (self.middle,) if level == len(self.encoder) else (self.encoder[level], self.decoder[level])
        return [cast(ResidualBlock, block) for part in parts for block in cast(nn.Sequential, part)]

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Restore (B,3,H,W) under (B,``condition_channels``,H,W); gives (B,``out_channels``,scale*H,scale*W).

        Both float32 in [0,1], H and W multiples of ``multiple``. The result is not clipped.
        """
        x = torch.cat([image, condition.expand(image.shape[0], -1, *image.shape[-2:])], dim=1)
        if self.config.stem > 1:
            x = F.pixel_unshuffle(x, self.config.stem)
        x = start = self.stem(x)
        fine = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            x = blocks(x)
            fine.append(x)
            x = down(x)
        x = self.middle(x)
        for blocks, up, side in zip(reversed(self.decoder), reversed(self.up), reversed(fine), strict=True):
            x = blocks(up(x) + side)
        result = F.pixel_shuffle(self.head(x + start), self.config.head).float()
        return result + self.enlarged(image) if self.config.residual else result

    def enlarged(self, image: Tensor) -> Tensor:
        """(B,3,H,W) enlarged by the bicubic kernel, in float32 whatever precision surrounds it."""
        scale = self.config.scale
        if scale == 1:
            return image
        padded = mirror_pad(image.float(), *(_SKIP_RADIUS,) * 4)
        with torch.autocast(image.device.type, enabled=False):
            return F.pixel_shuffle(F.conv2d(padded, self.enlarge), scale)


def _bicubic_kernel(scale: int) -> Tensor:
    """(3 * scale^2, 3, 5, 5) weights: a convolution and a pixel shuffle that equal bicubic enlargement."""
    phase = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
    line = cubic(phase[:, None] - torch.arange(-_SKIP_RADIUS, _SKIP_RADIUS + 1))
    plane = torch.einsum("ay,bx->abyx", line, line).reshape(scale * scale, *(2 * _SKIP_RADIUS + 1,) * 2)
    kernel = torch.zeros(3, scale * scale, 3, *plane.shape[1:], dtype=torch.float64)
    for channel in range(3):
        kernel[channel, :, channel] = plane
    return kernel.flatten(0, 1).float()
