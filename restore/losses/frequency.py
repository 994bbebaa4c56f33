"""Losses that compare spectra. All use the orthonormal Fourier transform, which keeps the size of an error."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_TINY: Final = 1e-12
"""Keeps the spectrum of two equal images from being divided by zero."""


def fft_l1(restored: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of the real and the imaginary parts of the spectra: one scalar, 0 when equal.

    Both images are (B,C,H,W).
    Source: Cho et al., "Rethinking coarse-to-fine approach in single image deblurring", ICCV 2021.

    >>> image = torch.zeros(1, 1, 4, 4)
    >>> fft_l1(image + 0.5, image).item()  # one coefficient of 0.5 * 4 among 2 * 16 numbers
    0.0625
    """
    return torch.view_as_real(torch.fft.fft2(restored - target, norm="ortho")).abs().mean()


def focal_frequency(restored: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of the spectra, each frequency weighted by how wrong it is: one scalar, 0 when equal.

    Both images are (B,C,H,W). The weight is the size of the difference over the largest in the same channel of the
    same image (alpha = 1), and is not differentiated: what is hard counts more.
    Source: Jiang et al., "Focal frequency loss for image reconstruction and synthesis", ICCV 2021.
    """
    power = torch.view_as_real(torch.fft.fft2(restored - target, norm="ortho")).square().sum(-1)
    weight = power.detach().sqrt()
    weight = weight / weight.amax(dim=(2, 3), keepdim=True).clamp(min=_TINY)
    return (weight * power).mean()
