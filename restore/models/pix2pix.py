"""The generator of pix2pix as its paper configures it, for people who come from there.

Source: Isola, Zhu, Zhou and Efros, "Image-to-Image Translation with Conditional Adversarial Networks", CVPR 2017,
section 3 and appendix 6.1. Its discriminator is ``patchgan`` with three input channels and batch norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore.errors import ConfigError

_WIDEST: Final = 8
"""Channels grow up to this many times the first layer's."""
_SLOPE: Final = 0.2
"""Of the leaky ReLUs on the way down."""
_DROPPED_LAYERS: Final = 3
_DROPOUT: Final = 0.5
_START: Final = 0.02
"""Standard deviation of the weights before training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pix2PixConfig:
    """Shape of the generator; the defaults are the paper's C64-C128-C256-C512-C512-C512-C512-C512 and its mirror."""

    scale: ClassVar[int] = 1
    condition_channels: ClassVar[int] = 0
    width: int = 64
    """Channels of the first layer; they double with each layer, up to eight times as many."""
    levels: int = 8
    """Layers that halve the size; 8 make one point of 256 pixels."""

    def __post_init__(self) -> None:
        if self.width < 1 or self.levels < 2:
            raise ConfigError("pix2pix: width must be at least 1 and levels at least 2")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of each layer on the way down.

        >>> Pix2PixConfig().widths
        (64, 128, 256, 512, 512, 512, 512, 512)
        """
        return tuple(self.width * min(2**level, _WIDEST) for level in range(self.levels))


class Pix2Pix(nn.Module):
    """The paper's U-Net: 4x4 convolutions of stride 2 down to one point and back up, levels joined side by side.

    Batch norm uses the picture's own statistics always, as the paper does, so every pixel depends on the whole
    picture: ``radius`` is None, and cutting into tiles would change the result. The innermost layer has no norm, as in
    the paper's erratum and published code. Dropout, the paper's only noise, acts in training alone: restoring gives
    the same result every time.
    """

    radius: ClassVar[None] = None
    """Looks at the whole picture."""

    def __init__(self, config: Pix2PixConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.widths
        last = config.levels - 1
        self.down = nn.ModuleList(
            _down(narrow, wide, norm=0 < level < last)
            for level, (narrow, wide) in enumerate(zip((3, *widths), widths, strict=False))
        )
        self.up = nn.ModuleList(
            _up(
                widths[level] if level == last else 2 * widths[level],
                widths[level - 1],
                dropped=level > last - _DROPPED_LAYERS,
            )
            for level in range(last, 0, -1)
        )
        self.head = nn.ConvTranspose2d(2 * widths[0], 3, 4, 2, 1)
        self.apply(_start)

    @property
    def multiple(self) -> int:
        """Input height and width must be multiples of this: 256 pixels for eight levels."""
        return int(2**self.config.levels)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:  # noqa: ARG002 - every generator is told one
        """Translate (B,3,H,W) in [0,1], H and W multiples of ``multiple``; gives float32 of the same size in [0,1].

        There are no condition maps: ``condition`` is (B,0,H,W), and not looked at.
        """
        x = image * 2 - 1
        sides = []
        for level, down in enumerate(self.down):
            x = down(F.leaky_relu(x, _SLOPE) if level else x)
            sides.append(x)
        x = sides.pop()
        for up in self.up:
            x = torch.cat([up(F.relu(x)), sides.pop()], dim=1)
        return torch.tanh(self.head(F.relu(x)).float()) * 0.5 + 0.5


def _down(width_in: int, width_out: int, *, norm: bool) -> nn.Sequential:
    """Half the size; the convolution has no bias where a norm follows, nor elsewhere on the way down."""
    layer = nn.Conv2d(width_in, width_out, 4, 2, 1, bias=False)
    return nn.Sequential(layer, _norm(width_out)) if norm else nn.Sequential(layer)


def _up(width_in: int, width_out: int, *, dropped: bool) -> nn.Sequential:
    """Twice the size."""
    layers: list[nn.Module] = [nn.ConvTranspose2d(width_in, width_out, 4, 2, 1, bias=False), _norm(width_out)]
    return nn.Sequential(*layers, *([nn.Dropout(_DROPOUT)] if dropped else []))


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, track_running_stats=False)


def _start(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, _START)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, _START)
