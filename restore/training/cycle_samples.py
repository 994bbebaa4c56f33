"""What an unpaired run shows of itself: a sheet to look at, and two figures of how alike the damages are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.datasets.loader import step_seed
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.ops.random_maps import random_maps
from restore.training.cycle import Players

_SIDE_PX: Final = 192
_GREY_LEVELS: Final = 255
_TINY: Final = 1e-12
_MAPS: Final = 3


class Samples:
    """The middles of a few photos of either side, put through the averaged networks whenever asked."""

    def __init__(self, damaged: Sequence[Path], good: Sequence[Path], *, seed: int) -> None:
        self._damaged = [_middle(path) for path in damaged]
        self._good = [_middle(path) for path in good]
        self._seed = seed

    @torch.no_grad()
    def draw(self, players: Players, sheet: Path) -> dict[str, float]:
        """Write a sheet, a row each of: good | spoilt | damaged | mended. Gives two figures of spoilt photos.

        ``colour_gap``: how far their mean colour is from the damaged ones', in grey levels of 255; ``grain_ratio``:
        energy of their finest detail over the damaged ones'. Rough ones: the photos show different things.
        """
        device = players.fabric.device
        spoilt, mended = [], []
        for number, good in enumerate(self._good):
            rng = torch.Generator().manual_seed(step_seed(self._seed, number, _MAPS))
            maps = random_maps(1, _SIDE_PX, _SIDE_PX, rng).to(device)
            spoilt.append(players.spoiler.average.network(good.to(device), maps).cpu().clamp(0, 1))
        for damaged in self._damaged:
            nothing = torch.zeros(1, 0, 1, 1, device=device)
            mended.append(players.mender.average.network(damaged.to(device), nothing).cpu().clamp(0, 1))
        rows = [torch.cat(row, dim=-1) for row in zip(self._good, spoilt, self._damaged, mended, strict=False)]
        picture = torch.cat(rows, dim=-2)[0]
        array = picture.mul(_GREY_LEVELS).round().byte().permute(1, 2, 0).numpy()
        write_photo(photo_from_array(array), sheet, WriteOptions(overwrite=True))
        made, real = torch.cat(spoilt), torch.cat(self._damaged)
        return {
            "colour_gap": float((_colour(made) - _colour(real)).abs().mean()) * _GREY_LEVELS,
            "grain_ratio": _finest(made) / max(_finest(real), _TINY),
        }


def _middle(path: Path) -> Tensor:
    """(1,3,192,192) of the middle of a photo; a smaller one is continued by its mirror image."""
    image = read_photo(path).pixels[None].clamp(0, 1)
    for dim in (-2, -1):
        size = image.shape[dim]
        kept = min(size, _SIDE_PX)
        image = image.narrow(dim, (size - kept) // 2, kept)
        if kept < _SIDE_PX:
            there_and_back = torch.cat([torch.arange(kept), torch.arange(kept).flip(0)])
            image = image.index_select(dim, there_and_back[torch.arange(_SIDE_PX) % (2 * kept)])
    return image


def _colour(images: Tensor) -> Tensor:
    return images.mean(dim=(0, -2, -1))


def _finest(images: Tensor) -> float:
    """Mean energy of what a 3x3 mean takes away."""
    smooth = F.avg_pool2d(images, 3, stride=1)
    return float((images[..., 1:-1, 1:-1] - smooth).square().mean())
