"""A picture as the sum of three bands of fineness, at full size: an undecimated Laplacian pyramid."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from restore.ops.pad import mirror_pad

REACH_PX: Final = 6
"""The bands of a pixel are made from pixels so far away: 2 for the first smoothing, 4 for the second."""
_BINOMIAL: Final = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)

Octaves = tuple[Tensor, Tensor, Tensor]
"""Fine (periods up to about 4 pixels), middle (up to about 11) and broad (all that is longer, and the mean)."""


def octaves(image: Tensor) -> Octaves:
    """Three bands, each (B,C,H,W), that add up to the image (B,C,H,W), any range; beyond the border it is mirrored.

    Smoothing by the binomial kernel of five taps, H1 = cos^4(w/2) along each axis, and then by the same one with a
    spacing of two, H2 = cos^4(w), leaves 1 - H1, H1 (1 - H2) and H1 H2. No response is negative anywhere, so bands
    never work against each other. Source: Burt and Adelson, "The Laplacian pyramid as a compact image code", 1983,
    without its decimation (the "a trous" form of Holschneider et al., 1989).
    """
    return padded_octaves(mirror_pad(image, REACH_PX, REACH_PX, REACH_PX, REACH_PX))


def padded_octaves(padded: Tensor) -> Octaves:
    """The bands of an image (B,C,H,W) whose surroundings of REACH_PX pixels came along: (B,C,H+12,W+12) in."""
    smooth = _smoothed(padded, 1)
    broad = _smoothed(smooth, 2)
    inner = smooth[..., 4:-4, 4:-4]
    return padded[..., REACH_PX:-REACH_PX, REACH_PX:-REACH_PX] - inner, inner - broad, broad


def _smoothed(image: Tensor, spacing: int) -> Tensor:
    """(B,C,H,W) smoothed, without the 2 * spacing pixels at each border, whose surroundings are not known."""
    for dim in (-2, -1):
        size = image.shape[dim] - 4 * spacing
        total = image.narrow(dim, 0, size) * _BINOMIAL[0]
        for tap, weight in enumerate(_BINOMIAL[1:], start=1):
            total = torch.add(total, image.narrow(dim, tap * spacing, size), alpha=weight)
        image = total
    return image
