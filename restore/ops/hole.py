"""Holes as maps of 0 and 1: found by colour, grown, and faded towards their borders."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from restore.ops.crops import crops_around


def painted(pixels: Tensor, colour: Tensor, tolerance: float) -> Tensor:
    """(1,1,H,W) of 0 and 1: 1 where no channel of ``pixels`` (3,H,W) is more than ``tolerance`` grey levels off
    ``colour`` (3,), both in [0,1].

    >>> row = torch.tensor([[1.0, 0.9, 0.0]]).expand(3, 1, 3)
    >>> painted(row, torch.ones(3), 26).flatten().tolist()
    [1.0, 1.0, 0.0]
    """
    off = (pixels - colour.to(pixels).view(3, 1, 1)).abs().amax(dim=0) * 255
    return (off <= tolerance + 1e-3).to(torch.float32)[None, None]  # a file's own levels are not exact in float32


def grown(mask: Tensor, reach_px: int) -> Tensor:
    """(1,1,H,W) of 0 and 1: 1 within ``reach_px`` pixels, as the crow flies, of where ``mask`` (1,1,H,W) is not 0."""
    result = (mask != 0).to(torch.float32)
    if reach_px:
        for crop in crops_around(mask, reach_px):
            near = distance(crop.of(mask)[0, 0] != 0, reach_px) <= reach_px
            crop.of(result).masked_fill_(near, 1.0)
    return result


def held(mask: Tensor, sure: Tensor) -> Tensor:
    """(1,1,H,W) of 0 and 1: what is not 0 in ``mask`` (1,1,H,W), and hangs together, over corners too, with a pixel
    that is not 0 in ``sure`` as well.

    >>> held(torch.tensor([[[[1, 1, 0, 1]]]]), torch.tensor([[[[1, 0, 0, 0]]]])).flatten().tolist()
    [1.0, 1.0, 0.0, 0.0]
    """
    here = np.pad((mask[0, 0] != 0).numpy(), 1)
    start = here & ~np.roll(here, 1, axis=1)
    runs: NDArray[np.int32] = np.where(here, start.cumsum(dtype=np.int32).reshape(here.shape), 0) - 1
    things = _things(runs)
    wanted = np.zeros(len(things), dtype=bool)
    wanted[things[runs[1:-1, 1:-1][(sure[0, 0] != 0).numpy() & here[1:-1, 1:-1]]]] = True
    result = np.append(wanted[things], False)[runs[1:-1, 1:-1]]
    return torch.from_numpy(result.astype(np.float32))[None, None]


def _things(runs: NDArray[np.int32]) -> NDArray[np.int64]:
    """(n,): for each of n runs of pixels in rows, the lowest number among the runs that it hangs together with.

    ``runs`` (H,W) has each pixel's run, 0 to n - 1, and -1 elsewhere and all around.
    """
    pairs = []
    for along in (-1, 0, 1):
        one, other = runs[:-1], np.roll(runs, -along, axis=1)[1:]
        both = (one >= 0) & (other >= 0)
        pairs.append(one[both].astype(np.int64) << 32 | other[both])
    one, other = np.divmod(np.unique(np.concatenate(pairs)), 1 << 32)
    names = np.arange(int(runs.max()) + 1)
    while True:
        low = np.minimum(names[one], names[other])
        if bool((low == names[one]).all() and (low == names[other]).all()):
            return names
        for ends in (one, other):  # the names' own names too, so that long things take few rounds
            np.minimum.at(names, names[ends], low)
        while bool((names != names[names]).any()):
            names = names[names]


def faded(mask: Tensor, feather_px: int) -> Tensor:
    """(1,1,H,W) in [0,1]: how much of the filling is used, growing from the border of the hole inwards.

    0 where ``mask`` is 0; in the hole it grows in a straight line with the distance to the nearest known pixel, and is
    1 from ``feather_px`` + 1 on. The picture's own edge is no border. With 0 it is the mask itself.
    """
    known = mask[0, 0] == 0
    if feather_px == 0:
        return (~known).to(torch.float32)[None, None]
    return (distance(known, feather_px) / (feather_px + 1))[None, None]


def distance(area: Tensor, limit: int) -> Tensor:
    """(H,W) float32: pixels, as the crow flies, to where ``area`` (H,W) is true; at most ``limit`` + 1.

    >>> distance(torch.tensor([[True, False, False, False]]), 2).tolist()
    [[0.0, 1.0, 2.0, 3.0]]
    """
    far = float(limit + 1)
    start = torch.where(area, 0.0, far)
    upright = start.clone()
    for step in range(1, min(limit, area.shape[0] - 1) + 1):
        torch.minimum(upright[step:], start[:-step] + step, out=upright[step:])
        torch.minimum(upright[:-step], start[step:] + step, out=upright[:-step])
    square = upright.square()
    nearest = square.clone()
    for step in range(1, min(limit, area.shape[1] - 1) + 1):
        torch.minimum(nearest[:, step:], square[:, :-step] + step * step, out=nearest[:, step:])
        torch.minimum(nearest[:, :-step], square[:, step:] + step * step, out=nearest[:, :-step])
    return nearest.sqrt_().clamp_(max=far)
