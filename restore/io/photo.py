"""A photo inside the house: pixels in one form, and all that has to go back into the file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from torch import Tensor

Strip = Literal["none", "gps", "all"]
"""What is left out of a written file: nothing, the place, or all metadata but the colour profile and DPI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Photo:
    """One upright picture with its metadata.

    ``pixels`` are float32 RGB, (3,H,W), sRGB-encoded, nominal [0,1]. Colours of a wider profile may lie outside
    that range and are never clipped on the way in. A gray photo has three equal channels. ``alpha`` is float32
    (H,W) in [0,1], straight (not multiplied into the colour).
    """

    pixels: Tensor
    alpha: Tensor | None
    gray: bool
    """The file had one channel of colour: read from its type, never guessed from its values."""
    depth: int
    """Bits per channel in the file: 8 or 16."""
    format: str
    """Pillow's name: JPEG, PNG, TIFF, WEBP, AVIF, BMP, GIF or HEIF."""
    mode: str
    """Pillow's name of the channels in the file, such as RGB, L, LA, P, CMYK, RGBA or I;16."""
    quality: int | None = None
    """Estimated quality of a lossy file, 1..100; None when the file does not tell."""
    subsampling: str | None = None
    """Of a JPEG: 4:4:4, 4:2:2 or 4:2:0."""
    lossless: bool = False
    """The file format kept every pixel (PNG, lossless WebP), so nothing of the damage is its compression."""
    icc: bytes | None = None
    exif: bytes | None = None
    """Begins with ``Exif\\0\\0`` as in a JPEG; upright, without thumbnail."""
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    """What a person should know about how the file was read."""
    sha256: str | None = None
    """Of the bytes of the file that it was read from, in hexadecimal; None where nobody asked for it."""
    name: str = "<memory>"
    """File name for messages."""

    @property
    def height(self) -> int:
        """Rows of the upright picture."""
        return int(self.pixels.shape[-2])

    @property
    def width(self) -> int:
        """Columns of the upright picture."""
        return int(self.pixels.shape[-1])

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.height * self.width / 1e6

    def with_pixels(self, pixels: Tensor, alpha: Tensor | None = None) -> Photo:
        """The same photo with other pixels (3,H,W) and alpha (H,W); sizes may differ from before."""
        return replace(self, pixels=pixels, alpha=alpha)
