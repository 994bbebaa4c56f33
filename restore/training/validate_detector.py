"""Validation of a detector of damage: photos damaged the same way in every run, and photos that are not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.datasets.old_print import PrintDamage, spoil_as_old_print
from restore.inference.restorer import Restorer
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.ops.color import luma
from restore.training.validate import Held, Stored

_CROP_PX: Final = 384
_SHEET_PX: Final = 256
_SHEET_ROWS: Final = 4
_HELD_SEED: Final = 40_961
_NOISE_MAX, _JPEG_MIN = 12.0, 50.0
_THRESHOLD_LOGIT: Final = 0.0
"""A probability of one half."""


def load_held_prints(examples: Sequence[Stored]) -> list[Held]:
    """Middles of photos as old prints, each once damaged and once not; every other one gray. The same in every run.

    ``hq`` of each is the true map of damage, (1,1,H,W) of 0 and 1.
    """
    held = []
    for number, example in enumerate(examples):
        image = _middle(read_photo(example.hq).pixels[None])
        image = luma(image).expand(-1, 3, -1, -1) if number % 2 else image
        for clean_chance in (0.0, 1.0):
            rng = torch.Generator().manual_seed(_HELD_SEED + 2 * number + int(clean_chance))
            damage = PrintDamage(clean_chance=clean_chance, noise_max=_NOISE_MAX, jpeg_min=_JPEG_MIN)
            picture, mask = spoil_as_old_print(image, damage, rng)
            held.append(Held(picture, mask, picture))
    return held


def validate_detector(restorer: Restorer, held: Sequence[Held], sheet: Path | None) -> dict[str, float]:
    """Figures in percent over the held-out prints; writes a sheet of picture | probability | truth crops.

    Of the damaged ones: IoU of found and true pixels, the mean over the photos; and of all their pixels together the
    recall and the precision. Of the others the share of pixels that was found all the same.
    """
    logits = [restorer.restore(item.lq) for item in held]
    found = [one > _THRESHOLD_LOGIT for one in logits]
    pairs = [(one, item.hq != 0) for one, item in zip(found, held, strict=True)]
    damaged = [(one, truth) for one, truth in pairs if bool(truth.any())]
    clean = [one for one, truth in pairs if not bool(truth.any())]
    hits, all_found, all_true = (
        float(sum(int(part.sum()) for part in parts))
        for parts in ([one & truth for one, truth in damaged], *zip(*damaged, strict=True))
    )
    if sheet is not None:
        _write_sheet(sheet, [pair for pair in zip(held, logits, strict=True) if bool(pair[0].hq.any())][:_SHEET_ROWS])
    wrong = sum(int(one.sum()) for one in clean) / max(sum(one.numel() for one in clean), 1)
    return {
        "iou": 100 * sum(_overlap(*pair) for pair in damaged) / len(damaged),
        "recall": 100 * hits / all_true,
        "precision": 100 * hits / max(all_found, 1.0),
        "false_positives": 100 * wrong,
    }


def _overlap(found: Tensor, truth: Tensor) -> float:
    return float((found & truth).sum() / (found | truth).sum())


def _middle(image: Tensor) -> Tensor:
    height, width = image.shape[-2:]
    top, left = max(0, (height - _CROP_PX) // 2), max(0, (width - _CROP_PX) // 2)
    return image[..., top : top + _CROP_PX, left : left + _CROP_PX]


def _write_sheet(path: Path, rows: Sequence[tuple[Held, Tensor]]) -> None:
    """The part of each picture where most damage is."""
    strips = []
    for item, logits in rows:
        side = min(_SHEET_PX, *item.hq.shape[-2:])
        density = F.avg_pool2d(item.hq, side, stride=8)[0, 0]
        top, left = (8 * int(place) for place in divmod(int(density.argmax()), density.shape[1]))
        parts = (item.lq, logits.sigmoid().expand(-1, 3, -1, -1), item.hq.expand(-1, 3, -1, -1))
        strips.append(torch.cat([part[..., top : top + side, left : left + side] for part in parts], dim=-1))
    width = min(strip.shape[-1] for strip in strips)
    picture = torch.cat([strip[..., :width] for strip in strips], dim=-2)[0]
    array = picture.mul(255).round().byte().permute(1, 2, 0).numpy()
    write_photo(photo_from_array(array), path, WriteOptions(overwrite=True))
