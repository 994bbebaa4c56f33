"""Numbers as they stand in a file, before they become the house's pixels. Nothing here needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Family = Literal["gray", "rgb", "cmyk"]
Layout = Literal["L", "LA", "RGB", "RGBA", "CMYK"]
FAMILIES: Final[dict[Layout, Family]] = {"L": "gray", "LA": "gray", "RGB": "rgb", "RGBA": "rgb", "CMYK": "cmyk"}
CHANNELS: Final[dict[Layout, int]] = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Numbers as stored in a file: (H,W,C), uint8 or uint16, straight alpha last."""

    array: NDArray[np.uint8] | NDArray[np.uint16]
    layout: Layout

    @property
    def depth(self) -> int:
        """Bits per channel, 8 or 16."""
        return self.array.dtype.itemsize * 8

    @property
    def family(self) -> Family:
        """What the colour channels are."""
        return FAMILIES[self.layout]

    def turned(self, orientation: int) -> Raster:
        """Upright by the EXIF orientation 1..8; a view, nothing is copied."""
        array = self.array
        if orientation >= 5:
            array = array.transpose(1, 0, 2)
        if orientation in (2, 3, 6, 7):
            array = array[:, ::-1]
        if orientation in (3, 4, 7, 8):
            array = array[::-1]
        return Raster(array, self.layout)
