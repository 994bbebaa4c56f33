"""The one generator: a conditional U-Net that predicts a residual on the resized input."""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorConfig:
    """Shape of a generator. Three knobs fit it to a task: ``stem``, ``head`` and ``condition_channels``."""

    widths: tuple[int, ...] = (48, 96)
    """Channels at each level; each level has half the size of the one before."""
    encoder: tuple[int, ...] = (3,)
    """Residual blocks on the way down, one number per level but the last."""
    middle: int = 2
    """Residual blocks at the last level."""
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

    def __post_init__(self) -> None:
        inner = len(self.widths) - 1
        if inner < 0 or len(self.encoder) != inner or len(self.decoder) != inner:
            raise ConfigError(
                f"generator: {len(self.widths)} widths need {max(inner, 0)} encoder and decoder counts, "
                f"got {len(self.encoder)} and {len(self.decoder)}"
            )
        if min((*self.widths, self.stem, self.head)) < 1 or min((*self.encoder, *self.decoder, self.middle)) < 0:
            raise ConfigError("generator: widths, stem and head must be at least 1, block counts at least 0")
        if self.head % self.stem:
            raise ConfigError(f"generator: head {self.head} must be a multiple of stem {self.stem}")

    @property
    def scale(self) -> int:
        """Output size / input size."""
        return self.head // self.stem


class UNet(nn.Module):
    """Conditional U-Net: RGB and condition maps in, RGB out, ``scale`` times as large.

    Levels are joined by addition. Nothing normalises or pools over the picture, so a tile with ``radius`` pixels of
    surroundings gives exactly the pixels of the whole picture. The head starts at zero: an untrained network *is*
    bicubic enlargement, or, without ``residual``, middle grey.
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
        self.middle = nn.Sequential(*(ResidualBlock(config.widths[-1]) for _ in range(config.middle)))
        self.up = nn.ModuleList(Up(coarse, fine) for fine, coarse in steps)
        self.decoder = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(width) for _ in range(count)))
            for width, count in zip(config.widths, config.decoder, strict=False)
        )
        self.head = nn.Conv2d(first, 3 * config.head**2, 3, padding=1)
        nn.init.kaiming_normal_(self.stem.weight, nonlinearity="linear")
        for parameter in (self.stem.bias, self.head.weight, self.head.bias):
            nn.init.zeros_(parameter)  # type: ignore[arg-type]
        if not config.residual:
            nn.init.constant_(self.head.bias, _MIDDLE_GREY)  # type: ignore[arg-type]
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
        for level, count in enumerate((*map(sum, zip(config.encoder, config.decoder, strict=True)), config.middle)):
            pixel = config.stem * 2**level
            reach += ResidualBlock.radius * count * pixel
            reach += 0 if level == 0 else pixel  # down and up: at most one pixel of this level
        return max(reach, _SKIP_RADIUS)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """Restore (B,3,H,W) under (B,``condition_channels``,H,W); gives (B,3,scale*H,scale*W).

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
