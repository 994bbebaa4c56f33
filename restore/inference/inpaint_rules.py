"""How filling is measured: holes cut into whole photos by masks of a known share, and compared with what was there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

import torch
from torch import Tensor

from restore.errors import ConfigError, ImageError
from restore.inference.fill_mask import fitted
from restore.inference.masks import white_of
from restore.inference.protocol import Damage, is_gray, read_target, round_to_8_bits
from restore.inference.rules import INPUT, Rules
from restore.io.formats import PHOTO_SUFFIXES
from restore.io.read import read_photo
from restore.metrics.lpips import Lpips
from restore.metrics.psnr import psnr
from restore.ops.prefill import prefill

BINS: Final = ((1, 10), (10, 20), (20, 30), (30, 40))
"""Percent of a mask that are hole; the upper end belongs to the next bin. Masks beyond are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InpaintRules(Rules):
    """Papers on filling: irregular masks in bins by their share of hole.

    A source is the photo with transparent holes, (1,4,H,W): 0 in all channels in a hole, alpha 1 elsewhere. PSNR is
    taken over the RGB of the holes alone and of the whole picture, LPIPS of the whole. Beside the methods stands the
    smooth filling that networks begin with. Raises ConfigError for a scale that is not 1.
    """

    plain: ClassVar[str] = INPUT

    scale: int = 1
    damage: Damage = field(default_factory=Damage)
    share: tuple[int, int]
    """Percent of hole, from and to."""
    masks: Mapping[Path, Path]
    """The mask for each photo."""

    def __post_init__(self) -> None:
        if self.scale != 1:
            raise ConfigError(f"what is filled keeps its size; the scale must be 1, got {self.scale}")

    @property
    def words(self) -> str:
        return f"holes {self.share[0]}-{self.share[1]} %"

    def prepare(self, photo: Path) -> tuple[Tensor, Tensor]:
        target = read_target(photo, 1)
        known = 1 - read_hole(self.masks[photo], (target.shape[-2], target.shape[-1])).double()
        return target, torch.cat([target * known, known], dim=1)

    def untouched(self, source: Tensor) -> Tensor:
        image, hole = parts_of(source)
        return round_to_8_bits(prefill(image, hole))

    def measure(self, restored: Tensor, target: Tensor, source: Tensor, lpips: Lpips | None) -> dict[str, float]:
        hole = (source[0, 3] == 0).flatten()
        inside = [image.flatten(2)[..., hole][..., None] for image in (restored, target)]
        return {
            "psnr_hole": psnr(inside[0], inside[1], peak=1.0).item(),
            "psnr_rgb": psnr(restored, target, peak=1.0).item(),
            **({} if lpips is None else {"lpips": lpips(restored, target).item()}),
        }


def parts_of(source: Tensor) -> tuple[Tensor, Tensor]:
    """(1,3,H,W) and (1,1,H,W), 1 in the holes, of a source (1,4,H,W)."""
    return source[:, :3], 1 - source[:, 3:]


def gray_source(source: Tensor) -> bool:
    """Whether what is known of a source (1,4,H,W) is gray."""
    return is_gray(source[:, :3])


def read_hole(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """(1,1,H,W) of 0 and 1, 1 where the mask is white; stretched to ``size`` = (height, width), each pixel the nearest.

    ImageError for what is no picture.
    """
    hole = (white_of(read_photo(path)) >= 0.5).to(torch.float32)
    return hole if size is None else fitted(hole, size)


def find_masks(folder: Path) -> tuple[tuple[Path, float], ...]:
    """The masks directly in a folder by name, each with its share of hole, 0 to 1; ImageError when there are none."""
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in PHOTO_SUFFIXES)
    except OSError as problem:
        raise ImageError(f"--masks {folder}: cannot be opened as a folder ({problem.strerror})") from problem
    if not paths:
        raise ImageError(f"--masks {folder}: no pictures in this folder (subfolders are not searched)")
    return tuple((path, float(read_hole(path).mean())) for path in paths)


def inpaint_rules(photos: Sequence[Path], masks: Sequence[tuple[Path, float]]) -> tuple[InpaintRules, ...]:
    """Rules for each bin that has masks: photo number i gets mask number i mod n of the n masks of the bin.

    ConfigError when no mask lies in any bin.
    """
    rules = []
    for low, high in BINS:
        own = [path for path, share in masks if low <= 100 * share < high]
        if own:
            pairs = {photo: own[place % len(own)] for place, photo in enumerate(photos)}
            rules.append(InpaintRules(share=(low, high), masks=pairs))
    if not rules:
        raise ConfigError(
            f"none of the {len(masks)} masks is white in {BINS[0][0]} to {BINS[-1][1]} %; white is the hole, "
            "so turn masks of the other polarity first"
        )
    return tuple(rules)
