"""Patches cut from a good photo, or from both photos of a pair at the same place; (H,W,3) uint8 arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from restore.ops.resize import resize

_MIRRORED = 4
Cut = tuple[np.ndarray, np.ndarray | None]
"""A good patch (P,P,3) and its damaged partner (P/scale,P/scale,3) or None."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a patch is cut, as shares of the room that there is, and which of eight ways it is turned."""

    down: float
    right: float
    turn: int


def draw_spot(rng: np.random.Generator, *, turns: bool = True) -> Spot:
    """Any spot, each equally likely; without ``turns`` it is mirrored or not, and stays upright."""
    down, right, turn = rng.random(), rng.random(), int(rng.integers(8))
    return Spot(down, right, turn if turns else turn & _MIRRORED)


def cut(hq: np.ndarray, lq: np.ndarray | None, spot: Spot, *, patch_px: int, scale: int) -> Cut:
    """The patch of side ``patch_px`` at ``spot``, and what shows the same in ``lq``, of 1/``scale`` the size."""
    side = patch_px // scale
    top = int(spot.down * (hq.shape[0] // scale - side + 1))
    left = int(spot.right * (hq.shape[1] // scale - side + 1))
    damaged = None if lq is None else _turned(lq[top : top + side, left : left + side], spot.turn)
    top, left = top * scale, left * scale
    return _turned(hq[top : top + patch_px, left : left + patch_px], spot.turn), damaged


def to_bytes(pixels: Tensor) -> np.ndarray:
    """(1,3,H,W) in [0,1] as (H,W,3) uint8, rounded and clipped; nothing of the tensor is kept in memory."""
    return pixels[0].mul(255).add(0.5).clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()


def halved(photo: np.ndarray) -> np.ndarray:
    """The photo at half its size, antialiased; an odd last row or column is left out."""
    height, width = photo.shape[0] // 2, photo.shape[1] // 2
    even = torch.from_numpy(photo[: 2 * height, : 2 * width]).permute(2, 0, 1)[None].float().div_(255)
    return to_bytes(resize(even, height, width))


def _turned(patch: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight flips and quarter turns of a square (P,P,C) patch."""
    if turn & 4:
        patch = patch[:, ::-1]
    return np.ascontiguousarray(np.rot90(patch, turn & 3))
