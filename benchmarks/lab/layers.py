"""Changes to the library's U-Net that papers of the GAN family propose; each takes a network and gives it back."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from restore.models.blocks import RESIDUAL_START, ResidualBlock
from restore.models.unet import UNet

_DCGAN_DEVIATION = 0.02


class SelfAttention(nn.Module):
    """Each place looks at every other: x + gate * attention(x), the gate started at zero. (B,C,H,W) in and out.

    Source: Zhang et al., "Self-Attention Generative Adversarial Networks", 2019.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = max(width // 8, 1)
        self.query = nn.Conv2d(width, inner, 1)
        self.key = nn.Conv2d(width, inner, 1)
        self.value = nn.Conv2d(width, width // 2, 1)
        self.out = nn.Conv2d(width // 2, width, 1)
        self.gate = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = (layer(x).flatten(2) for layer in (self.query, self.key, self.value))
        share = torch.softmax(query.transpose(1, 2) @ key, dim=-1)
        found = (value @ share.transpose(1, 2)).unflatten(2, x.shape[-2:])
        result: Tensor = x + self.gate * self.out(found)
        return result


def add_attention(network: UNet) -> UNet:
    """Self-attention after the blocks of the last level."""
    network.middle.append(SelfAttention(network.config.widths[-1]))
    return network


def add_spectral_norm(network: UNet) -> UNet:
    """Every convolution but the head stretches nothing; the head starts at zero, which has no norm to divide by."""
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d) and module is not network.head:
            spectral_norm(module)
    return network


def add_batch_norm(network: UNet) -> UNet:
    """Batch norm after every convolution of the residual blocks, which start as small as without it."""
    for block in [module for module in network.modules() if isinstance(module, ResidualBlock)]:
        width = block.first.out_channels
        last = nn.BatchNorm2d(width)
        nn.init.constant_(last.weight, RESIDUAL_START)
        block.first = nn.Sequential(block.first, nn.BatchNorm2d(width))  # type: ignore[assignment]
        block.second = nn.Sequential(block.second, last)  # type: ignore[assignment]
    return network


def start_as_dcgan(network: UNet) -> UNet:
    """All convolutions drawn from N(0, 0.02), biases 0 (Radford et al., DCGAN, 2016)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, 0.0, _DCGAN_DEVIATION)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def orthogonality(network: nn.Module) -> Tensor:
    """Sum of the squared products of different filters of each convolution: 0 when they are orthogonal.

    Source: Brock et al., "Large Scale GAN Training for High Fidelity Natural Image Synthesis" (BigGAN), 2019, eq. 3.
    """
    total = torch.zeros(())
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            rows = module.weight.flatten(1)
            products = rows @ rows.T
            total = total + (products - products.diag().diag()).square().sum()
    return total
