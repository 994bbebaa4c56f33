"""Networks built around the library's U-Net, for the lab alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore.models.unet import GeneratorConfig, UNet

_SLOPE = 0.2


class CoarseAndFine(nn.Module):
    """A U-Net of which the second level also tells the picture, at quarter size (StackGAN's stages in one network).

    Source: Zhang et al., "StackGAN: Text to Photo-realistic Image Synthesis with Stacked GANs", 2017.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.fine = UNet(config)
        self.coarse = nn.Conv2d(config.widths[1], 3, 1)

    def forward(self, image: Tensor, condition: Tensor) -> Tensor:
        """As the U-Net alone."""
        result: Tensor = self.fine(image, condition)
        return result

    def both(self, image: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """The result (B,3,H,W) and the picture at the size of the second level, with a stem of 2 a quarter's."""
        seen: list[Tensor] = []
        with self.fine.up[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])):
            result = self.fine(image, condition)
        return result, self.coarse(seen[0])


class Recovery(nn.Module):
    """Reads the code of a fill from the fill: (B,3,H,W) and its mask (B,1,H,W) to logits (B,code_size).

    Source: Chen et al., "InfoGAN: Interpretable Representation Learning by Information Maximizing GANs", 2016.
    """

    def __init__(self, code_size: int, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 4, 2, 1) for before, after in ((4, width), (width, 2 * width))
        )
        self.verdict = nn.Linear(2 * width, code_size)

    def forward(self, fill: Tensor, mask: Tensor) -> Tensor:
        x = torch.cat([fill * mask, mask], dim=1)
        for layer in self.layers:
            x = F.leaky_relu(layer(x), _SLOPE)
        inside = F.adaptive_avg_pool2d(mask, (x.shape[-2], x.shape[-1]))
        mean = (x * inside).sum(dim=(-2, -1)) / inside.sum(dim=(-2, -1)).clamp_min(1)
        result: Tensor = self.verdict(mean)
        return result


def share_trunk(networks: Sequence[UNet]) -> nn.ModuleList:
    """U-Nets of one shape that keep their own stem and head and share all between with the first.

    Source: Liu and Tuzel, "Coupled Generative Adversarial Networks", 2016.
    """
    first = networks[0]
    for network in networks[1:]:
        for part in ("encoder", "down", "middle", "up", "decoder"):
            setattr(network, part, getattr(first, part))
    return nn.ModuleList(networks)
