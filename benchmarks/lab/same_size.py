"""Denoising, JPEG repair and deblurring at the lab's size: a shared trunk, and a network that is told the noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lab.bench import PATCH_PX, Bench, mean_psnr
from lab.learn import learn
from lab.networks import share_trunk
from lab.pictures import damaged
from restore.datasets.loader import step_seed
from restore.losses.pixel import l1
from restore.models.unet import GeneratorConfig, UNet
from restore.ops.degrade import add_noise
from restore.tasks import NOISE_UNIT

TASKS = ("noise", "jpeg", "blur")
STEPS = 180
LR = 1e-3
BATCH = 8
WIDTHS, NARROW = (24, 48), (14, 28)
"""Three networks of the narrow shape have about as many parameters as one of the wide."""
LEVELS = (10.0, 25.0, 50.0)
_DAMAGE_STREAM = 1


def shape(widths: tuple[int, ...] = WIDTHS, *, condition_channels: int = 0) -> GeneratorConfig:
    """Two levels behind an unshuffle, one block each."""
    return GeneratorConfig(
        widths=widths, encoder=(1,), middle=1, decoder=(1,), stem=2, head=2, condition_channels=condition_channels
    )


def three_tasks(bench: Bench, seed: int, *, shared: bool, widths: tuple[int, ...] = WIDTHS) -> dict[str, float]:
    """PSNR gain over the damaged picture for each task, after STEPS steps of each in turn."""
    torch.manual_seed(seed)
    networks = [UNet(shape(widths)) for _ in TASKS]
    whole = share_trunk(networks) if shared else nn.ModuleList(networks)
    nothing = torch.zeros(1, 0, 1, 1)

    def loss(step: int) -> Tensor:
        turn = step % len(TASKS)
        hq = bench.pool.patches(seed, step, side=PATCH_PX, batch=BATCH)
        rng = torch.Generator().manual_seed(step_seed(seed, step, _DAMAGE_STREAM))
        return l1(whole[turn](damaged(hq, TASKS[turn], rng), nothing), hq)

    average = learn(whole, loss, steps=bench.steps(STEPS * len(TASKS)), lr=LR)
    figures = {"parameters": float(sum(parameter.numel() for parameter in whole.parameters()))}
    assert isinstance(average, nn.ModuleList)
    with torch.inference_mode():
        for network, task in zip(average, TASKS, strict=True):
            lq = damaged(bench.small, task, torch.Generator().manual_seed(0))
            figures[task] = mean_psnr(network(lq, nothing), bench.small) - mean_psnr(lq, bench.small)
    return figures | {"gain_db": sum(figures[task] for task in TASKS) / len(TASKS)}


def noise(bench: Bench, seed: int, *, told: bool, level: float | None = None) -> dict[str, float]:
    """PSNR after denoising at LEVELS; trained on 0 to 50 grey levels, or on ``level`` alone, the level told or not."""
    torch.manual_seed(seed)
    network = UNet(shape(condition_channels=1))

    def loss(step: int) -> Tensor:
        hq = bench.pool.patches(seed, step, side=PATCH_PX, batch=BATCH)
        rng = torch.Generator().manual_seed(step_seed(seed, step, _DAMAGE_STREAM))
        sigma = torch.rand(BATCH, generator=rng) * NOISE_UNIT
        sigma = sigma if level is None else torch.full_like(sigma, level)
        return l1(_denoised(network, hq, sigma, rng, told=told), hq)

    average = learn(network, loss, steps=bench.steps(STEPS), lr=LR)
    figures = {}
    with torch.inference_mode():
        for sigma in LEVELS if level is None else (level,):
            rng = torch.Generator().manual_seed(0)
            restored = _denoised(average, bench.small, torch.full((len(bench.small),), sigma), rng, told=told)
            figures[f"noise_{sigma:g}"] = mean_psnr(restored, bench.small)
    return figures | {"psnr": sum(figures.values()) / len(figures)}


def _denoised(network: nn.Module, hq: Tensor, sigma: Tensor, rng: torch.Generator, *, told: bool) -> Tensor:
    """``hq`` with noise of ``sigma`` (B,) grey levels put on and taken off."""
    condition = (sigma / NOISE_UNIT).view(-1, 1, 1, 1) * float(told)
    result: Tensor = network(add_noise(hq, sigma, rng), condition)
    return result
