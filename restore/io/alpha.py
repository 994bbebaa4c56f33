"""Colour under transparent pixels, which nobody sees until a resampling filter mixes it into an edge."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from torch import Tensor

from restore.room import let_go

_BAND_ROWS = 256


def bleed(pixels: Tensor, alpha: Tensor) -> Tensor:
    """``pixels`` (3,H,W) with the colour of the nearest visible pixel wherever ``alpha`` (H,W) is zero.

    Visible pixels are untouched. A picture without visible or without hidden pixels comes back as it is.

    >>> pixels = torch.tensor([0.0, 0.7]).expand(3, 1, 2)
    >>> bleed(pixels, torch.tensor([[0.0, 1.0]]))[0].tolist() == [[pixels[0, 0, 1], pixels[0, 0, 1]]]
    True
    """
    if not any(bool((rows <= 0).any()) for rows in _bands(alpha)):
        return pixels
    hidden = (alpha <= 0).numpy()
    if hidden.all():
        return pixels
    _, labels = cv2.distanceTransformWithLabels(
        hidden.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    place_of_label = np.zeros(int(labels.max()) + 1, dtype=np.int64)
    seen = np.flatnonzero(~hidden)
    place_of_label[labels.ravel()[seen]] = seen
    nearest = torch.from_numpy(place_of_label[labels[hidden]])
    filled = pixels.clone().reshape(3, -1)
    filled[:, torch.from_numpy(np.flatnonzero(hidden))] = filled[:, nearest]
    return filled.reshape(pixels.shape)


def _bands(alpha: Tensor) -> Iterator[Tensor]:
    """(H,W) by bands of rows."""
    for top in range(0, alpha.shape[0], _BAND_ROWS):
        yield alpha[top : top + _BAND_ROWS]
        let_go()
