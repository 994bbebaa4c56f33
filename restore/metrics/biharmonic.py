"""A filling to measure others against, of scikit-image: holes bend as little as their surroundings allow.

It stands here because nothing is restored with it: it is a yardstick, and only measuring loads scikit-image.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from skimage.restoration import inpaint_biharmonic
from torch import Tensor

from restore.errors import ConfigError

NAME: Final = "biharmonic"


def fill_biharmonically(image: Tensor, hole: Tensor) -> Tensor:
    """(1,3,H,W) in [0,1] with its holes filled, those of (1,1,H,W) that are not 0; the rest as it was.

    Each hole is solved by itself: a second for one of 50 000 pixels, and longer than in proportion for larger ones.
    ConfigError for other shapes.
    Source: Damelin and Hoang, "On surface completion and image inpainting by biharmonic functions", 2018.
    """
    if image.shape[:2] != (1, 3) or hole.shape != (1, 1, *image.shape[2:]):
        raise ConfigError(
            f"a picture to fill is (1,3,H,W) with holes (1,1,H,W), got {tuple(image.shape)} and {tuple(hole.shape)}"
        )
    holes = hole[0, 0].numpy() != 0
    if not holes.any():
        return image
    pixels = image[0].permute(1, 2, 0).double().numpy()
    filled = inpaint_biharmonic(np.where(holes[..., None], 0, pixels), holes, split_into_regions=True, channel_axis=-1)
    return torch.where(hole != 0, torch.from_numpy(filled).permute(2, 0, 1)[None].clamp(0, 1).to(image), image)
