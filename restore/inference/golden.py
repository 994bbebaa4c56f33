"""What ``restore doctor`` puts through every network: small drawn pictures, and what must come out of them.

Networks that restore make a picture better than it is without them, those that fill come nearer to what was under a
hole than the smooth filling they begin with, and those that find damage are sure of a drawn scratch and of little else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.inference.restorer import Restorer
from restore.models.blend import is_detail
from restore.models.weights import Card
from restore.ops.consistency import colour_drift, consistency
from restore.ops.hole import grown
from restore.ops.prefill import prefill
from restore.ops.resize import resize
from restore.tasks import CLEAN, TASKS

GOLDEN_PX: Final = 48
"""Side of the golden picture as a network that restores sees it."""
HOLED_PX: Final = 96
"""Its side with holes."""
SCRATCHED_PX: Final = 128
"""Its side with a scratch: what finds damage looks at much at once."""
GOLDEN_FINER: Final = 4
"""The golden picture is drawn so many times larger and averaged, so that its edges are smooth."""
GOLDEN_NOISE: Final = 4.0
"""Grey levels; little enough that a result without it still agrees with what went in."""
FAITHFUL_DB: Final = 30.0
"""A result that agrees less with its input is not a restoration of it."""
DRIFT_LIMIT: Final = 1.0
"""Grey levels."""
WORSE_DB: Final = 0.05
"""Rounding makes a result no worse than this."""
FOUND: Final = 0.5
"""How sure a network must be of at least a half of a scratch."""
QUIET: Final = 0.1
"""How sure it may be, on average, of a picture without one, and of what lies off the scratch."""
SCRATCH_TONE: Final = 0.95
_OFF_PX: Final = 4
"""So near to a scratch a network may be of either opinion."""
_UNSURE: Final = 4.0
"""Probabilities differ more from device to device than colours do."""


@dataclass(frozen=True, slots=True)
class Golden:
    """A picture for one network."""

    work: Callable[[Restorer], Tensor]
    """(B,C,H,W) out of it, the same on every device."""
    fault: Callable[[Tensor], str]
    """What is wrong with that, or nothing."""
    words: Callable[[Tensor], str]
    """How good it is."""
    slack: float = 1.0
    """By so much more than others its results may differ from device to device."""


def golden_for(card: Card) -> Golden:
    """What goes through the network of these weights, by their task."""
    task = TASKS.get(card.task)
    if task is not None and task.masked:
        return _holed()
    if task is not None and task.detects:
        return _scratched()
    return _restored(card)


def golden_picture(side: int) -> Tensor:
    """(1,3,side,side) in [0,1], the same everywhere: a soft sky, a disc and slanted bars, with soft edges."""
    fine = torch.linspace(-1, 1, side * GOLDEN_FINER)
    down, right = torch.meshgrid(fine, fine, indexing="ij")
    sky = 0.5 + 0.3 * down
    disc = ((right - 0.2) ** 2 + (down + 0.1) ** 2 < 0.25).float()
    bars = (torch.sin(18 * (right + 0.3 * down)) > 0).float() * (down > 0.45)
    red = 0.1 + 0.55 * sky + 0.35 * disc - 0.2 * bars
    green = 0.25 + 0.4 * sky + 0.25 * disc - 0.2 * bars
    blue = 0.55 + 0.25 * sky + 0.05 * disc - 0.15 * bars
    return F.avg_pool2d(torch.stack([red, green, blue]).clamp(0, 1)[None], GOLDEN_FINER)


def decibels(image: Tensor, truth: Tensor) -> float:
    """PSNR over RGB, peak 1."""
    error = float((image.double() - truth.double()).square().mean())
    return float("inf") if error == 0 else -10 * torch.log10(torch.tensor(error)).item()


def _restored(card: Card) -> Golden:
    """Shrunk, or, where the size stays, with a little noise."""
    truth = golden_picture(GOLDEN_PX * card.scale)
    source = resize(truth, GOLDEN_PX, GOLDEN_PX).clamp(0, 1)
    condition = CLEAN
    if card.scale == 1:
        rng = torch.Generator().manual_seed(0)
        source = source + torch.randn(source.shape, generator=rng) * (GOLDEN_NOISE / 255)
        condition = replace(CLEAN, noise=GOLDEN_NOISE)
    return Golden(
        work=lambda restorer: restorer.restore(source, condition),
        fault=lambda result: fault_of(result, source, truth, invents=is_detail(card)),
        words=lambda result: f"{decibels(result, truth):.1f} dB on the golden picture",
    )


def fault_of(result: Tensor, source: Tensor, truth: Tensor, *, invents: bool = False) -> str:
    """What is wrong with a restoration of the golden picture, or nothing; one that ``invents`` need not be nearer."""
    if not bool(torch.isfinite(result).all()):
        return "the result holds numbers that are not finite"
    faithful, drift = consistency(result, source), colour_drift(result, source)
    if faithful < FAITHFUL_DB:
        return f"the result is not the picture that went in ({faithful:.0f} dB)"
    if drift > DRIFT_LIMIT:
        return f"the colours drift by {drift:.1f} grey levels"
    if invents:
        return ""
    gain = decibels(result, truth) - decibels(resize(source, *truth.shape[-2:]), truth)
    return f"the result is {-gain:.1f} dB worse than without the network" if gain < -WORSE_DB else ""


def golden_holes(side: int) -> Tensor:
    """(1,1,side,side) of 0 and 1: a slanted scratch across all of the picture, a square on the disc's rim and one on
    the bars.
    """
    line = torch.arange(float(side))
    down, right = torch.meshgrid(line, line, indexing="ij")
    hole = (down - 0.8 * right - 0.1 * side).abs() < 2
    size = side // 8
    for top, left in ((3 * side // 4, side // 3), (side // 5, side // 2)):
        hole[top : top + size, left : left + size] = True
    return hole.float()[None, None]


def _holed() -> Golden:
    """With holes: outside them nothing may change."""
    truth, hole = golden_picture(HOLED_PX), golden_holes(HOLED_PX)
    smooth = prefill(truth * (1 - hole), hole)
    return Golden(
        work=lambda restorer: restorer.fill(smooth, hole),
        fault=lambda result: fault_of_filling(result, smooth, truth, hole),
        words=lambda result: f"{_inside(result, truth, hole):.1f} dB in the holes of the golden picture",
    )


def fault_of_filling(result: Tensor, smooth: Tensor, truth: Tensor, hole: Tensor) -> str:
    """What is wrong with the filled holes of the golden picture, or nothing; ``smooth`` is what the network began with.

    Pictures (1,3,H,W), ``hole`` (1,1,H,W) of 0 and 1.
    """
    if not bool(torch.isfinite(result).all()):
        return "the result holds numbers that are not finite"
    if not torch.equal(result * (1 - hole), smooth * (1 - hole)):
        return "pixels outside the holes have changed"
    gain = _inside(result, truth, hole) - _inside(smooth, truth, hole)
    return f"the filled holes are {-gain:.1f} dB worse than without the network" if gain < -WORSE_DB else ""


def _inside(image: Tensor, truth: Tensor, hole: Tensor) -> float:
    """PSNR in the holes."""
    inside = hole.expand_as(image) > 0
    return decibels(image[inside], truth[inside])


def golden_scratch(side: int) -> Tensor:
    """(1,1,side,side) of 0 and 1: a scratch from top to bottom, two or three pixels wide."""
    line = torch.arange(float(side))
    down, right = torch.meshgrid(line, line, indexing="ij")
    return ((right - 0.3 * side - 0.15 * down).abs() < 1.2).float()[None, None]


def _scratched() -> Golden:
    """As it is and with a light scratch; out come two maps (2,1,H,W) of how sure the network is of damage."""
    whole, scratch = golden_picture(SCRATCHED_PX), golden_scratch(SCRATCHED_PX)
    spoilt = torch.where(scratch > 0, SCRATCH_TONE, whole)
    return Golden(
        work=lambda restorer: torch.cat([restorer.restore(image) for image in (whole, spoilt)]).sigmoid(),
        fault=lambda result: fault_of_finding(result, scratch),
        words=lambda result: f"{_sure(result, scratch):.0%} sure of the golden scratch",
        slack=_UNSURE,
    )


def fault_of_finding(result: Tensor, scratch: Tensor) -> str:
    """What is wrong with what was found in the golden picture without and with its scratch, or nothing.

    ``result`` (2,1,H,W): probabilities; ``scratch`` (1,1,H,W) of 0 and 1.
    """
    if not bool(torch.isfinite(result).all()):
        return "the result holds numbers that are not finite"
    clean, found = result
    sure, off = _sure(result, scratch), float(found[grown(scratch, _OFF_PX)[0] == 0].mean())
    if sure < FOUND:
        return f"a scratch is not found ({sure:.0%} sure of it)"
    if (most := max(float(clean.mean()), off)) > QUIET:
        return f"damage is seen where there is none ({most:.0%} sure of it)"
    return ""


def _sure(result: Tensor, scratch: Tensor) -> float:
    """How sure the network is of at least a half of the scratch."""
    return float(result[1][scratch[0] > 0].median())
