"""Peak signal-to-noise ratio."""

from __future__ import annotations

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.ops.resize import resize


def psnr(restored: Tensor, target: Tensor, *, peak: float) -> Tensor:
    """Peak signal-to-noise ratio of every image, in dB.

    Both images are (B,C,H,W) of any number type and the same shape; ``peak`` is the largest value that a pixel can
    have (1.0, or 255.0), never guessed. The result is (B,), float64, infinite where the images are equal. The squared
    error is averaged over channels and pixels together, in float64. Raises ConfigError if the shapes differ.

    >>> black = torch.zeros(1, 3, 4, 4)
    >>> psnr(black + 0.1, black, peak=1.0).round(decimals=4)
    tensor([20.], dtype=torch.float64)
    """
    check_pair(restored, target, peak)
    error = ((restored.double() - target.double()) ** 2).mean(dim=(1, 2, 3))
    return 10.0 * torch.log10(peak * peak / error)


def lr_psnr(restored: Tensor, source: Tensor) -> Tensor:
    """How well each result agrees with what it was made from: PSNR over RGB of the shrunken result, in dB.

    ``restored`` is (B,3,sH,sW) in whole 1/255 and ``source`` (B,3,H,W); the result is (B,), float64. The shrinking is
    MATLAB's on 8-bit pictures, rounded after each pass, so the truth itself is infinitely good for a source that was
    made from it, and disagreement far below half a grey level disappears. A GAN is expected to reach 45 dB.
    Source: the protocol of the NTIRE 2021 challenge on learning the super-resolution space.
    """
    shrunken = resize(restored.double(), *source.shape[-2:], quantise=True)
    return psnr(shrunken, source, peak=1.0)


def check_pair(restored: Tensor, target: Tensor, peak: float) -> None:
    """Raise ConfigError unless both are (B,C,H,W) of one shape, not empty, and ``peak`` is positive."""
    if restored.shape != target.shape or restored.ndim != 4 or restored.numel() == 0:
        shapes = f"{tuple(restored.shape)} and {tuple(target.shape)}"
        raise ConfigError(f"two images to compare must have one shape (B,C,H,W), got {shapes}")
    if not peak > 0:
        raise ConfigError(f"peak must be positive, got {peak}")
