"""Validation through the same Restorer that users get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from restore.datasets.folders import Example
from restore.inference.restorer import Restorer
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.metrics.psnr import psnr
from restore.ops.color import rgb_to_y
from restore.ops.degrade import to_8_bits
from restore.ops.resize import resize
from restore.tasks import CLEAN

_CROP_PX = 480
"""The middle of each photo is measured: enough to rank checkpoints, small enough for a CPU."""
_SHEET_PX = 192
_SHEET_ROWS = 4


@dataclass(frozen=True, slots=True)
class Held:
    """A held-out photo: what the network gets, what it should give, and what bicubic gives; (1,3,H,W) in [0,1]."""

    lq: Tensor
    hq: Tensor
    bicubic: Tensor


def load_held_out(examples: Sequence[Example], scale: int) -> list[Held]:
    """Middles of photos with clean low-resolution inputs made as the papers make them, or with their own partners."""
    return [_held(example, scale) for example in examples]


def _held(example: Example, scale: int) -> Held:
    hq = _middle(read_photo(example.hq).pixels[None], _CROP_PX, scale)
    height, width = hq.shape[-2] // scale, hq.shape[-1] // scale
    if example.lq is None:
        lq = resize(hq.double(), height, width, quantise=True).float()
    else:
        lq = _middle(read_photo(example.lq).pixels[None], _CROP_PX // scale, 1)
    return Held(lq, hq, to_8_bits(resize(lq, scale * height, scale * width)))


def _middle(image: Tensor, side: int, multiple: int) -> Tensor:
    """Up to ``side`` pixels from the middle; offset and size are multiples of ``multiple``."""
    for dim in (-2, -1):
        size = image.shape[dim] // multiple
        kept = min(size, side // multiple)
        image = image.narrow(dim, (size - kept) // 2 * multiple, kept * multiple)
    return image


def luma_psnr(restored: Tensor, hq: Tensor, scale: int) -> float:
    """PSNR in dB on Y with ``scale`` pixels of border left out; both (1,3,H,W) in [0,1]."""
    inner = (..., slice(scale, -scale), slice(scale, -scale))
    return float(psnr(rgb_to_y(restored.double())[inner], rgb_to_y(hq.double())[inner], peak=1.0))


def validate(restorer: Restorer, held: Sequence[Held], sheet: Path | None) -> dict[str, float]:
    """Mean PSNR on Y and the gain over bicubic, in dB; writes a sheet of bicubic | restored | truth crops."""
    scale = restorer.scale
    results = [to_8_bits(restorer.restore(item.lq, CLEAN)) for item in held]
    score = sum(luma_psnr(result, item.hq, scale) for result, item in zip(results, held, strict=True))
    plain = sum(luma_psnr(item.bicubic, item.hq, scale) for item in held)
    if sheet is not None:
        rows = [
            torch.cat([_middle(image, _SHEET_PX, 1) for image in (item.bicubic, result, item.hq)], dim=-1)
            for item, result in list(zip(held, results, strict=True))[:_SHEET_ROWS]
        ]
        width = min(row.shape[-1] for row in rows)
        picture = torch.cat([row[..., :width] for row in rows], dim=-2)[0]
        array = picture.mul(255).round().byte().permute(1, 2, 0).numpy()
        write_photo(photo_from_array(array), sheet, WriteOptions(overwrite=True))
    return {"psnr_y": score / len(held), "gain_db": (score - plain) / len(held)}
