"""Validation through the same Restorer that users get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final, Protocol

import torch
from torch import Tensor

from restore.datasets.align import align_pair
from restore.datasets.holes import held_mask
from restore.inference.protocol import LPIPS_SIDE_PX, Damage
from restore.inference.restorer import Restorer
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.metrics.lpips import load_lpips
from restore.metrics.psnr import psnr
from restore.ops.color import rgb_to_y
from restore.ops.consistency import consistency
from restore.ops.degrade import to_8_bits
from restore.ops.prefill import prefill
from restore.ops.resize import resize
from restore.ops.spectrum import high_frequency
from restore.tasks import BLIND, CLEAN, Condition

_CROP_PX = 480
"""The middle of each photo is measured: enough to rank checkpoints, small enough for a CPU."""
_SHEET_PX = 192
_SHEET_ROWS = 4
HELD_DAMAGE: Final = (
    Damage(noise=15),
    Damage(jpeg=20),
    Damage(noise=25),
    Damage(jpeg=40),
    Damage(blur=1.6, noise=2),
    Damage(noise=50),
    Damage(jpeg=10),
    Damage(first_jpeg=20, jpeg=60),
)
"""What is wrong with held-out photos of a task that does not enlarge: one after the other."""
_HOLE_COLOUR: Final = (1.0, 0.0, 1.0)
"""Holes on a sheet: a colour that no photo has much of."""
_EQUAL_DB = 100.0
"""Stands for an infinite PSNR: the journal holds finite numbers only."""


@dataclass(frozen=True, slots=True)
class Held:
    """A held-out photo: what the network gets, what it should give, and what bicubic gives; (1,3,H,W) in [0,1].

    With a ``mask`` the network gets the picture with its holes filled smoothly, and bicubic stands for just that.
    """

    lq: Tensor
    hq: Tensor
    bicubic: Tensor
    condition: Condition = CLEAN
    """What the network is told."""
    mask: Tensor | None = None
    """(1,1,H,W) of 0 and 1: the holes, where the task is to fill them; it is told these and no condition."""

    @property
    def shown(self) -> Tensor:
        """(1,3,H,W) in [0,1]: what a person is shown as the input."""
        if self.mask is None:
            return self.bicubic
        return torch.where(self.mask != 0, torch.tensor(_HOLE_COLOUR).view(1, 3, 1, 1), self.bicubic)


class Stored(Protocol):
    """A held-out photo and, where it has one, its damaged partner: paths, or the bytes of the files."""

    @property
    def hq(self) -> Path | bytes: ...
    @property
    def lq(self) -> Path | bytes | None: ...


def load_held_out(examples: Sequence[Stored], scale: int, *, align: bool = False, masked: bool = False) -> list[Held]:
    """Middles of photos with clean low-resolution inputs made as the papers make them, or with their own partners.

    At scale 1 a photo without a partner is damaged, each in another way, and the network is told how. ``align``:
    partners are put in place first, as in training. ``masked``: holes are torn into the good photos instead, half of
    them fine, half of them wide, the same in every run.
    """
    if masked:
        return [_with_holes(example, number) for number, example in enumerate(examples)]
    ways = cycle(HELD_DAMAGE)
    return [_held(example, scale, next(ways), align=align) for example in examples]


def _held(example: Stored, scale: int, damage: Damage, *, align: bool) -> Held:
    hq = read_photo(example.hq).pixels[None]
    lq = None if example.lq is None else read_photo(example.lq).pixels[None]
    if lq is not None and align:
        lq, hq = align_pair(lq, hq, least_px=scale)
    hq = _middle(hq, _CROP_PX, scale)
    height, width = hq.shape[-2] // scale, hq.shape[-1] // scale
    if scale == 1:
        given = damage.spoil(to_8_bits(hq)) if lq is None else _middle(lq, _CROP_PX, 1)
        return Held(given, hq, to_8_bits(given), damage.condition if lq is None else BLIND)
    shrunk = resize(hq.double(), height, width, quantise=True).float()
    lq = shrunk if lq is None else _middle(lq, _CROP_PX // scale, 1)
    return Held(lq, hq, to_8_bits(resize(lq, scale * height, scale * width)))


def _with_holes(example: Stored, number: int) -> Held:
    hq = _middle(read_photo(example.hq).pixels[None], _CROP_PX, 1)
    mask = held_mask(number, *hq.shape[-2:])
    given = prefill(to_8_bits(hq), mask)
    return Held(given, hq, to_8_bits(given), mask=mask)


def _middle(image: Tensor, side: int, multiple: int) -> Tensor:
    """Up to ``side`` pixels from the middle; offset and size are multiples of ``multiple``."""
    for dim in (-2, -1):
        size = image.shape[dim] // multiple
        kept = min(size, side // multiple)
        image = image.narrow(dim, (size - kept) // 2 * multiple, kept * multiple)
    return image


def luma_psnr(restored: Tensor, hq: Tensor, scale: int) -> float:
    """PSNR in dB on Y with ``scale`` pixels of border left out; both (1,3,H,W) in [0,1]."""
    inner = (..., slice(scale, -scale), slice(scale, -scale)) if scale > 1 else ...
    return float(psnr(rgb_to_y(restored.double())[inner], rgb_to_y(hq.double())[inner], peak=1.0))


def validate(restorer: Restorer, held: Sequence[Held], sheet: Path | None) -> dict[str, float]:
    """Mean figures over the held-out photos; writes a sheet of bicubic (or holes) | restored | truth crops.

    PSNR on Y (in the holes alone, where there are any) and the gain over bicubic in dB; an enlargement shrunk again
    against its input in dB; the mean error of colour in grey levels of 255 where it is to stay; the finest detail's
    energy, result over truth; LPIPS where its backbone is to be had.
    """
    results = [_restored(restorer, item) for item in held]
    pairs = list(zip(results, held, strict=True))
    figures = [_figures(result, item, restorer.scale, faithful=restorer.task.faithful) for result, item in pairs]
    means = {name: sum(each[name] for each in figures) / len(held) for name in figures[0]}
    lpips, _ = load_lpips()
    if lpips is not None and min(min(item.hq.shape[-2:]) for item in held) >= LPIPS_SIDE_PX:
        means["lpips"] = sum(float(lpips(result, item.hq)) for result, item in pairs) / len(held)
    if sheet is not None:
        rows = [
            torch.cat([_middle(image, _SHEET_PX, 1) for image in (item.shown, result, item.hq)], dim=-1)
            for result, item in pairs[:_SHEET_ROWS]
        ]
        width = min(row.shape[-1] for row in rows)
        picture = torch.cat([row[..., :width] for row in rows], dim=-2)[0]
        array = picture.mul(255).round().byte().permute(1, 2, 0).numpy()
        write_photo(photo_from_array(array), sheet, WriteOptions(overwrite=True))
    return means


def _restored(restorer: Restorer, item: Held) -> Tensor:
    if item.mask is None:
        return to_8_bits(restorer.restore(item.lq, item.condition))
    return to_8_bits(restorer.fill(item.lq, item.mask))


def _score(result: Tensor, item: Held, scale: int) -> float:
    """PSNR on Y in dB, in the holes alone where there are any."""
    if item.mask is None:
        return min(luma_psnr(result, item.hq, scale), _EQUAL_DB)
    inside = item.mask != 0
    result, truth = (rgb_to_y(image.double())[inside].view(1, 1, 1, -1) for image in (result, item.hq))
    return min(float(psnr(result, truth, peak=1.0)), _EQUAL_DB)


def _figures(result: Tensor, item: Held, scale: int, *, faithful: bool) -> dict[str, float]:
    score = _score(result, item, scale)
    enlarged = {"lr_psnr": min(consistency(result, item.lq), _EQUAL_DB)} if scale > 1 else {}
    return {
        "psnr_y": score,
        "gain_db": score - _score(item.bicubic, item, scale),
        **enlarged,
        **({"colour": float((result - item.hq).mean(dim=(-2, -1)).abs().mean() * 255)} if faithful else {}),
        "high_frequency": float(high_frequency(result, item.hq)),
    }
