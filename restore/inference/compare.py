"""Two pictures of one thing, compared: how near they are, and what a page needs to show them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from torch import Tensor

from restore.errors import ConfigError
from restore.inference.pages import data_uri
from restore.inference.thumbnail import shrunk
from restore.io.photo import Photo
from restore.io.read import DEFAULT_MAX_MEGAPIXELS, read_photo
from restore.io.write import WriteOptions, encode_photo
from restore.metrics.ssim import WINDOW_PX, ssim
from restore.ops.bands import BAND_PX
from restore.ops.consistency import colour_drift, consistency
from restore.ops.evidence import unsupported_share

QUALITY: Final = 92
"""JPEG quality on a page."""
SMALL_PX: Final = 1 << 18
"""Pictures of up to so many pixels are put on a page as PNG, with every pixel as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How near two pictures are to each other."""

    agreement_db: float
    """PSNR over RGB in dB, infinite if equal; the larger picture is first shrunk to the size of the smaller."""
    ssim: float | None
    """Structural similarity over RGB, at most 1; None if the sizes differ or are under 11 pixels."""
    drift: float
    """Largest difference of a channel's mean, in grey levels of 255."""
    unsupported: float | None
    """Share of the second's local contrast that the first does not support, 0 to 1; None if the second is smaller."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two pictures as a page shows it."""

    name: str
    height: int
    width: int
    """Of the file."""
    page_height: int
    page_width: int
    """On the page: smaller where the file's are over the limit."""
    uri: str
    clear: bool
    """Whether parts of it are transparent."""

    @property
    def share(self) -> float:
        """Of the file's size that the page's is; 1 where it was not shrunk."""
        return self.page_width / self.width


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two pictures and how near they are."""

    before: Side
    after: Side
    figures: Figures

    @property
    def same_size(self) -> bool:
        """Whether the two files have one size."""
        return (self.before.height, self.before.width) == (self.after.height, self.after.width)

    @property
    def grown(self) -> bool:
        """Whether the second is the larger one."""
        return self.after.width * self.after.height > self.before.width * self.before.height


def compare_files(before: Path, after: Path, *, max_side: int, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> Pair:
    """Two picture files compared, ready for a page, where their longer sides have at most ``max_side`` pixels.

    ImageError: one cannot be read. ConfigError: they are of different shapes.
    """
    first, second = (read_photo(path, max_megapixels=max_megapixels) for path in (before, after))
    figures = compare(first, second)
    return Pair(before=_side(first, max_side), after=_side(second, max_side), figures=figures)


def compare(before: Photo, after: Photo) -> Figures:
    """How near two pictures of one shape are, whatever their sizes; ConfigError if one cannot lie on the other."""
    _check_shapes(before, after)
    first, second = before.pixels[None], after.pixels[None]
    larger, smaller = (second, first) if second.numel() > first.numel() else (first, second)
    same = first.shape == second.shape
    return Figures(
        agreement_db=consistency(larger, smaller),
        ssim=_ssim(first, second) if same and min(first.shape[-2:]) >= WINDOW_PX else None,
        drift=colour_drift(second, first),
        unsupported=unsupported_share(first, second) if second.numel() >= first.numel() else None,
    )


def _check_shapes(before: Photo, after: Photo) -> None:
    """Sides in one proportion, up to the rounding of each to whole pixels."""
    gap = abs(before.height * after.width - before.width * after.height)
    if gap > max(before.height + before.width, after.height + after.width) / 2:
        raise ConfigError(
            f"{before.name} has {before.width}x{before.height} pixels and {after.name} {after.width}x{after.height}: "
            "pictures of different shapes cannot be laid on each other; crop or turn one of them first"
        )


def _ssim(one: Tensor, other: Tensor) -> float:
    """:func:`ssim` of two (1,3,H,W), a band of rows at a time: windows lie inside a band, bands overlap by a window."""
    height, width = one.shape[-2:]
    count = height - WINDOW_PX + 1
    rows = max(1, BAND_PX // width)
    total = 0.0
    for top in range(0, count, rows):
        bottom = min(top + rows, count)
        band = (..., slice(top, bottom + WINDOW_PX - 1), slice(None))
        total += float(ssim(one[band], other[band], peak=1.0)) * (bottom - top)
    return total / count


def _side(photo: Photo, max_side: int) -> Side:
    factor = min(1.0, max_side / max(photo.height, photo.width))
    height, width = (max(round(side * factor), 1) for side in (photo.height, photo.width))
    clear = photo.alpha is not None and bool((photo.alpha < 1).any())
    shown = Photo(  # plain sRGB, so that all browsers show the same colours
        pixels=shrunk(photo.pixels, height, width),
        alpha=shrunk(photo.alpha[None], height, width)[0] if clear and photo.alpha is not None else None,
        gray=photo.gray,
        depth=8,
        format="PNG",
        mode="RGB",
        name=photo.name,
    )
    kind = "png" if clear or height * width <= SMALL_PX else "jpeg"
    data, _ = encode_photo(shown, WriteOptions(format=kind, quality=QUALITY if kind == "jpeg" else None))
    return Side(
        name=photo.name,
        height=photo.height,
        width=photo.width,
        page_height=height,
        page_width=width,
        uri=data_uri(data, f"image/{kind}"),
        clear=clear,
    )
