"""What is to be filled in a photo: white in a mask, transparent, within a box, or painted over in a colour."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import ConfigError, ImageError
from restore.inference.masks import check_size, mask_for, white_of
from restore.io.photo import Photo
from restore.io.read import photo_size, read_photo
from restore.ops.hole import grown, painted

ALPHA: Final = "alpha"
"""In place of a mask: what is transparent in the photo."""
DEFAULT_TOLERANCE: Final = 40.0
"""Grey levels that JPEG moves paint by: of lines six pixels wide in files of quality 75 and 92 with colour at half size
this, and the growth below, found 99.97 %, and nothing else in two photos (docs/inpaint.md)."""
COLOUR_GROWTH_PX: Final = 2
"""A JPEG with colour at half size smears paint about so far beyond its edge."""
MOST_PX: Final = 100
"""The farthest that holes are grown, or faded."""
_HEX: Final = re.compile(r"#?([0-9a-f]{6}|[0-9a-f]{3})", re.IGNORECASE)
_WHITE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle in pixels of the upright photo, counted from its top left corner; it may reach beyond the photo."""

    left: int
    top: int
    width: int
    height: int

    @property
    def words(self) -> str:
        """As it is typed."""
        return f"{self.left},{self.top},{self.width},{self.height}"


def parse_area(text: str) -> Area:
    """The rectangle in a text such as "120,40,60,30" (x, y, width, height); ConfigError shows a right one.

    >>> parse_area("120, 40, 60, 30")
    Area(left=120, top=40, width=60, height=30)
    """
    try:
        left, top, width, height = (int(word) for word in text.split(","))
    except ValueError:
        left, top, width, height = 0, 0, 0, 0
    if width < 1 or height < 1:
        raise ConfigError(f"--box is x,y,width,height in whole pixels, like 120,40,60,30; got {text!r}")
    return Area(left, top, width, height)


def parse_colour(text: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of "#ff0000" or "#f00"; ConfigError shows a right one.

    >>> parse_colour("#ff8000"), parse_colour("0F0")
    ((255, 128, 0), (0, 255, 0))
    """
    match = _HEX.fullmatch(text.strip())
    if match is None:
        raise ConfigError(f'--color is red, green and blue in hexadecimal, like "#ff0000"; got {text!r}')
    digits = match[1] if len(match[1]) == 6 else "".join(2 * digit for digit in match[1])
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


@dataclass(frozen=True, slots=True, kw_only=True)
class FillMask:
    """All that is to be filled; several sources together fill what any of them names.

    Raises ConfigError for numbers out of range, or where no source is given; ImageError when there is no such mask.
    """

    mask: Path | None = None
    """A picture whose white (half and more) is filled, or a folder with one under each photo's name."""
    alpha: bool = False
    """What is more transparent than not; the result has no transparency."""
    areas: tuple[Area, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    """What was painted over in one of them."""
    tolerance: float = DEFAULT_TOLERANCE
    """Grey levels that each channel of a painted pixel may be off."""
    grow: int | None = None
    """Pixels by which everything is grown; None: ``COLOUR_GROWTH_PX`` for colours, nothing for the rest."""
    invert: bool = False
    """Whether black is filled in the mask instead."""
    fit: bool = False
    """Whether a mask of another size is resized (nearest pixel) rather than refused."""

    def __post_init__(self) -> None:
        if self.mask is None and not (self.alpha or self.areas or self.colours):
            raise ConfigError('say what to fill: --mask FILE, --mask alpha, --box X,Y,W,H or --color "#ff0000"')
        if self.mask is None and (self.invert or self.fit):
            raise ConfigError(f"{'--invert' if self.invert else '--fit-mask'} is for a mask; add --mask FILE")
        if self.mask is not None and not self.mask.exists():
            raise ImageError(f"--mask {self.mask}: there is no such file or folder; check the name")
        if self.grow is not None and not 0 <= self.grow <= MOST_PX:
            raise ConfigError(f"a hole is grown by 0 to {MOST_PX} pixels, got {self.grow}")
        if not 0 <= self.tolerance <= 255:
            raise ConfigError(f"the tolerance of a colour is 0 to 255 grey levels, got {self.tolerance:g}")

    @property
    def doubt(self) -> str:
        """What to try where this covers most of a photo; nothing where no mask was given."""
        if self.mask is None:
            return ""
        return "if white was meant, leave --invert out" if self.invert else "if black was meant, --invert"

    def check(self, height: int, width: int) -> None:
        """ConfigError for what cannot fit any photo of (height, width): a mask of another size, a box outside."""
        if self.mask is not None and self.mask.is_file() and not self.fit:
            check_size(f"--mask {self.mask}", photo_size(self.mask), (height, width), _CURE)
        for area in self.areas:
            _inside(area, height, width)

    def of(self, photo: Photo) -> Tensor:
        """(1,1,H,W) float32 of 0 and 1: what is to be filled in that photo.

        ConfigError for a mask of another size, a box that is wholly outside, or transparency that is not there;
        ImageError for a mask that is missing or no picture.
        """
        hole = torch.zeros(1, 1, photo.height, photo.width)
        if self.mask is not None:
            hole = self._masked(photo, self.mask)
        if self.alpha:
            if photo.alpha is None:
                raise ConfigError(f"{photo.name}: it holds no transparency, so --mask alpha has nothing to fill")
            hole = torch.maximum(hole, (photo.alpha < _WHITE).to(hole)[None, None])
        for area in self.areas:
            rows, columns = _inside(area, photo.height, photo.width)
            hole[..., rows, columns] = 1.0
        hole = grown(hole, self.grow or 0)
        for colour in self.colours:
            paint = painted(photo.pixels, torch.tensor(colour) / 255, self.tolerance)
            hole = torch.maximum(hole, grown(paint, COLOUR_GROWTH_PX if self.grow is None else self.grow))
        return hole

    def _masked(self, photo: Photo, path: Path) -> Tensor:
        found = mask_for(photo, "--mask", path) if path.is_dir() else path
        mask = read_photo(found)
        white = white_of(mask)
        size = (photo.height, photo.width)
        if self.fit:
            white = fitted(white, size)
        check_size(f"--mask {found}", (white.shape[-2], white.shape[-1]), size, _CURE)
        return ((white < _WHITE) if self.invert else (white >= _WHITE)).to(torch.float32)


_CURE: Final = "; --fit-mask stretches it"


def fitted(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """The mask (1,1,h,w) stretched to ``size`` = (height, width): each pixel takes the nearest one."""
    return mask if tuple(mask.shape[-2:]) == size else F.interpolate(mask, size=size, mode="nearest-exact")


def mask_picture(mask: Tensor) -> Photo:
    """(1,1,H,W) of 0 and 1 as a gray photo: what is filled is white."""
    return Photo(
        pixels=mask[0].expand(3, -1, -1), alpha=None, gray=True, depth=8, format="PNG", mode="L", lossless=True
    )


def _inside(area: Area, height: int, width: int) -> tuple[slice, slice]:
    """Its rows and columns within a photo; ConfigError when it has none."""
    rows = slice(max(area.top, 0), min(area.top + area.height, height))
    columns = slice(max(area.left, 0), min(area.left + area.width, width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        raise ConfigError(f"--box {area.words} lies outside the photo, which has {width}x{height} pixels")
    return rows, columns
