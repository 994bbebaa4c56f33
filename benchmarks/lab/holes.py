"""Filling wide holes at the lab's size: attention, coarse to fine, and several fills for one hole."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lab.bench import PATCH_PX, Bench, mean_psnr
from lab.learn import learn
from lab.networks import CoarseAndFine, Recovery
from lab.pictures import boxes, with_hole
from restore.datasets.loader import step_seed
from restore.models.unet import GeneratorConfig, UNet

STEPS = 300
LR = 1e-3
BATCH = 8
LEAST_PX, MOST_PX = 24, 40
CODE_SIZE = 4
_COARSE_WEIGHT = 0.5
_RECOVERY_WEIGHT = 0.02
_BLUR_PX = 4
"""The code is read from a fill shrunk by this much, with noise on it: it must be seen, not hidden in the last bit."""
_GRAIN = 8 / 255
_HOLE_STREAM = 1
_CODES_TRIED = 4


def shape(condition_channels: int = 1) -> GeneratorConfig:
    """Three levels behind an unshuffle: the last has an eighth of the picture's size."""
    return GeneratorConfig(
        widths=(24, 48, 96),
        encoder=(1, 1),
        middle=2,
        decoder=(1, 1),
        stem=2,
        head=2,
        condition_channels=condition_channels,
    )


def _patch(bench: Bench, seed: int, step: int) -> tuple[Tensor, Tensor, torch.Generator]:
    hq = bench.pool.patches(seed, step, side=PATCH_PX, batch=BATCH)
    rng = torch.Generator().manual_seed(step_seed(seed, step, _HOLE_STREAM))
    return hq, boxes(BATCH, PATCH_PX, rng, least_px=LEAST_PX, most_px=MOST_PX), rng


def _held(bench: Bench) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(0)
    return bench.small, boxes(len(bench.small), PATCH_PX, rng, least_px=LEAST_PX, most_px=MOST_PX)


def inside(restored: Tensor, hq: Tensor, mask: Tensor) -> Tensor:
    """Mean absolute difference within the holes."""
    return ((restored - hq).abs() * mask).sum() / (3 * mask.sum())


def patterns(count: int, side: int) -> Tensor:
    """(count,3,side,side) in [0,1]: drawn gratings and checks, each of another period, direction and colour."""
    rng = torch.Generator().manual_seed(0)
    place = torch.arange(side).float()
    pictures = []
    for number in range(count):
        period, turn = 4 + 8 * torch.rand((), generator=rng), torch.rand((), generator=rng) * torch.pi
        along = (turn.cos() * place[None] + turn.sin() * place[:, None]) * 2 * torch.pi / period
        across = (turn.cos() * place[:, None] - turn.sin() * place[None]) * 2 * torch.pi / period
        wave = along.sin() if number % 2 else along.sin() * across.sin()
        dark, light = torch.rand(2, 3, 1, 1, generator=rng)
        pictures.append(dark + (light - dark) * (0.5 + 0.5 * wave.sign()))
    return torch.stack(pictures)


def fill(bench: Bench, seed: int, *, change: Callable[[UNet], UNet] | None = None) -> dict[str, float]:
    """PSNR within wide holes of held-out photos, and of drawn patterns, by L1 within the holes."""
    torch.manual_seed(seed)
    network = UNet(shape()) if change is None else change(UNet(shape()))

    def loss(step: int) -> Tensor:
        hq, mask, _ = _patch(bench, seed, step)
        return inside(network(with_hole(hq, mask), mask), hq, mask)

    average = learn(network, loss, steps=bench.steps(STEPS), lr=LR)
    return _filled(bench, average)


def fill_coarse_too(bench: Bench, seed: int) -> dict[str, float]:
    """As ``fill``, with a loss at quarter size too."""
    torch.manual_seed(seed)
    network = CoarseAndFine(shape())

    def loss(step: int) -> Tensor:
        hq, mask, _ = _patch(bench, seed, step)
        result, coarse = network.both(with_hole(hq, mask), mask)
        small = F.avg_pool2d(hq, hq.shape[-1] // coarse.shape[-1])
        holes = F.avg_pool2d(mask, mask.shape[-1] // coarse.shape[-1])
        return inside(result, hq, mask) + _COARSE_WEIGHT * inside(coarse, small, holes)

    average = learn(network, loss, steps=bench.steps(STEPS), lr=LR)
    return _filled(bench, average)


def _filled(bench: Bench, network: nn.Module) -> dict[str, float]:
    hq, mask = _held(bench)
    drawn = patterns(len(hq), PATCH_PX)
    with torch.inference_mode():
        photos, pattern = (network(with_hole(picture, mask), mask) for picture in (hq, drawn))
    return {"hole_psnr": mean_psnr(photos, hq, mask), "pattern_psnr": mean_psnr(pattern, drawn, mask)}


def fill_by_code(bench: Bench, seed: int, *, recovered: bool) -> dict[str, float]:
    """A code of four signs beside the picture; ``recovered``: a head must be able to read it from the fill.

    Without, the head learns all the same, and the generator takes no notice of it. Gives the PSNR within the holes
    (mean over codes), the mean distance of two fills of one hole with different codes in grey levels, and the share of
    signs that the head reads right on held-out photos.
    """
    torch.manual_seed(seed)
    network, reader = UNet(shape(1 + CODE_SIZE)), Recovery(CODE_SIZE)

    def loss(step: int) -> Tensor:
        hq, mask, rng = _patch(bench, seed, step)
        code = torch.randint(2, (BATCH, CODE_SIZE), generator=rng).float()
        result = _with_code(network, hq, mask, code)
        logits = reader(*_looked_at(result if recovered else result.detach(), mask, rng))
        told = F.binary_cross_entropy_with_logits(logits, code)
        return inside(result, hq, mask) + _RECOVERY_WEIGHT * told

    average = learn(network, loss, steps=bench.steps(STEPS), lr=LR, beside=reader)
    hq, mask = _held(bench)
    rng = torch.Generator().manual_seed(0)
    codes = [torch.randint(2, (len(hq), CODE_SIZE), generator=rng).float() for _ in range(_CODES_TRIED)]
    with torch.inference_mode():
        fills = [_with_code(average, hq, mask, code).clamp(0, 1) for code in codes]
        read = [reader(*_looked_at(one, mask, rng)) > 0 for one in fills]
    right = torch.stack([(guess == (code > 0)).float().mean() for guess, code in zip(read, codes, strict=True)])
    pairs = [(one, other) for number, one in enumerate(fills) for other in fills[:number]]
    apart = torch.stack([inside(one, other, mask) for one, other in pairs]).mean()
    return {
        "hole_psnr": sum(mean_psnr(one, hq, mask) for one in fills) / len(fills),
        "grey_levels_apart": float(apart) * 255,
        "code_read_right": float(right.mean()),
    }


def _with_code(network: nn.Module, hq: Tensor, mask: Tensor, code: Tensor) -> Tensor:
    maps = (2 * code - 1)[..., None, None].expand(-1, -1, *mask.shape[-2:])
    result: Tensor = network(with_hole(hq, mask), torch.cat([mask, maps], dim=1))
    return result


def _looked_at(result: Tensor, mask: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """The fill and its mask as the recovery head gets them: small, and with grain."""
    small, holes = (F.avg_pool2d(plane, _BLUR_PX) for plane in (result * mask, mask))
    return small + _GRAIN * torch.randn(small.shape, generator=rng), (holes == 1).float()
