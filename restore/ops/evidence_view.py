"""The map of evidence as a picture: the result in grey, and in colour over it what its photo does not support."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from restore.ops.bands import BAND_PX, resized_bands
from restore.ops.color import luma
from restore.ops.evidence import evidence_cells, spread

LONGEST_PX: Final = 4096
"""Larger results are shrunk for the picture, which is only looked at."""
FAINTEST: Final = 0.08
"""Below this nothing is coloured: good enlargements are there nearly everywhere."""
FULL: Final = 0.5
"""From here on the colour is the strongest."""
_MILD: Final = (1.0, 0.72, 0.0)
_STRONG: Final = (0.9, 0.0, 0.25)
"""Amber to red: no grey, and apart in lightness too, for those who do not see red."""
_DARKEST, _LIGHTEST = 0.12, 0.88
"""The grey is a little flat, so that colour shows in black hair and on white sky."""


def evidence_picture(photo: Tensor, result: Tensor) -> Tensor:
    """(1,3,h,w) in [0,1]: ``result`` (1,3,sH,sW) in grey with the map for ``photo`` (1,3,H,W) in colour over it.

    Of the result's size, or with its longer side at 4096 pixels. Raises ConfigError as ``evidence_map`` does.
    """
    cells = evidence_cells(photo, result)
    tall, wide = result.shape[-2:]
    factor = min(1.0, LONGEST_PX / max(tall, wide))
    height, width = max(round(tall * factor), 1), max(round(wide * factor), 1)
    picture = torch.empty(1, 3, height, width)
    for top, band in resized_bands(result, height, width, torch.float32):
        picture[..., top : top + band.shape[-2], :] = luma(band)
    much = spread(cells, (photo.shape[-2], photo.shape[-1]), (height, width))
    rows = max(1, BAND_PX // width)
    for top in range(0, height, rows):
        part = slice(top, top + rows)
        picture[..., part, :] = _coloured(picture[..., part, :], much[..., part, :])
    return picture


def _coloured(grey: Tensor, much: Tensor) -> Tensor:
    """Grey (1,3,h,w) under the colour of the map (1,1,h,w)."""
    cover = ((much - FAINTEST) / (FULL - FAINTEST)).clamp(0, 1)
    mild, strong = (grey.new_tensor(colour).view(1, 3, 1, 1) for colour in (_MILD, _STRONG))
    grey = _DARKEST + (_LIGHTEST - _DARKEST) * grey.clamp(0, 1)
    # lights and shades stay under the colour, so that one sees what it is that is coloured
    return torch.lerp(grey, torch.lerp(mild, strong, cover) * (0.6 + 0.4 * grey), (2 * cover).clamp(max=0.85))
