"""Colour: what metrics and views need of it."""

from __future__ import annotations

from typing import Final

from torch import Tensor

from restore.errors import ConfigError

STUDIO_BLACK: Final = 16 / 255
"""Y of black in the studio range of ITU-R BT.601."""

STUDIO_WEIGHTS: Final = (65.481 / 255, 128.553 / 255, 24.966 / 255)
"""Share of R, G and B in studio-range Y, as in MATLAB's rgb2ycbcr; they add up to 219/255."""


LUMA_WEIGHTS: Final = (0.299, 0.587, 0.114)
"""Share of R, G and B in full-range luma of BT.601, as in JFIF; they add up to 1, so gray keeps its value."""


def luma(image: Tensor) -> Tensor:
    """Full-range luma of BT.601 of (B,3,H,W), any range: (B,1,H,W) of the same dtype, not rounded.

    >>> import torch
    >>> luma(torch.full((1, 3, 1, 1), 0.25)).item()
    0.25
    """
    of_red, of_green, of_blue = LUMA_WEIGHTS
    return of_red * image[:, 0:1] + of_green * image[:, 1:2] + of_blue * image[:, 2:3]


def on_white(image: Tensor, alpha: Tensor | None) -> Tensor:
    """(...,3,h,w) of any range under its ``alpha`` (h,w) in [0,1], seen on white: the same shape in [0,1].

    >>> import torch
    >>> on_white(torch.full((3, 1, 2), 0.5), torch.tensor([[0.0, 1.0]]))[0].tolist()
    [[1.0, 0.5]]
    """
    inside = image.clamp(0, 1)
    return inside if alpha is None else 1 - alpha * (1 - inside)


def rgb_to_y(image: Tensor) -> Tensor:
    """Luma of ITU-R BT.601 in studio range, as papers on super-resolution use it.

    ``image`` is (B,3,H,W) in [0,1]; the result (B,1,H,W) in [16/255, 235/255], of the same dtype and not rounded.
    Raises ConfigError for other shapes.

    >>> import torch
    >>> (rgb_to_y(torch.ones(1, 3, 1, 1)) * 255).round(decimals=3).item()
    235.0
    """
    if image.ndim != 4 or image.shape[1] != 3:
        raise ConfigError(f"an RGB image must be (B,3,H,W), got {tuple(image.shape)}")
    red, green, blue = image[:, 0:1], image[:, 1:2], image[:, 2:3]
    of_red, of_green, of_blue = STUDIO_WEIGHTS
    return STUDIO_BLACK + of_red * red + of_green * green + of_blue * blue
