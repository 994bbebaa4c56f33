"""The few layers that the generator is made of."""

from __future__ import annotations

import torch
from torch import Tensor, nn

RESIDUAL_START = 0.1
"""A residual block starts this small, so that a deep stack begins near the identity (He et al.'s gain otherwise)."""


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))): two plain 3x3 convolutions, no normalisation.

    Plain convolutions are what both AVX and tensor cores run fastest, and without normalisation a tile gives the same
    pixels as the whole picture. The first may be dilated, which looks further for the same work; the second is not, so
    that no pixel is passed over. (B,C,H,W) in and out; looks ``radius`` pixels far: two, when not dilated.
    """

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.radius = dilation + 1
        self.first = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="relu")
        nn.init.kaiming_normal_(self.second.weight, nonlinearity="linear")
        nn.init.zeros_(self.first.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]
        with torch.no_grad():
            self.second.weight.mul_(RESIDUAL_START)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) -> (B,C,H,W)."""
        residual: Tensor = self.second(torch.relu_(self.first(x)))
        return residual.add_(x)


class Down(nn.Conv2d):
    """Half the size: a 2x2 convolution of stride 2, whose windows never overlap and so print no grid."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__(width_in, width_out, 2, stride=2)


class Up(nn.Module):
    """Twice the size: a 1x1 convolution and a pixel shuffle, started as nearest-neighbour enlargement.

    The start (ICNR: Aitken et al., "Checkerboard artifact free sub-pixel convolution", 2017) keeps checkerboards out.
    """

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(width_in, 4 * width_out, 1)
        self.shuffle = nn.PixelShuffle(2)
        seed = torch.empty(width_out, width_in, 1, 1)
        nn.init.kaiming_normal_(seed, nonlinearity="linear")
        with torch.no_grad():
            self.mix.weight.copy_(seed.repeat_interleave(4, dim=0))
        nn.init.zeros_(self.mix.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) -> (B,C',2H,2W)."""
        result: Tensor = self.shuffle(self.mix(x))
        return result
