"""Upscaling x4 at the lab's size: learning from pixels alone, then the library's own game."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from lab.bench import PATCH_PX, Bench, mean_psnr
from lab.learn import CLIP, EMA, learn
from lab.pictures import shrink
from restore.config.adversarial import AdversarialConfig
from restore.losses.distribution import sliced_wasserstein
from restore.losses.pixel import l1
from restore.losses.table import Setting, build_terms
from restore.models.patchgan import Discriminator
from restore.models.unet import GeneratorConfig, UNet
from restore.ops.degrade import to_8_bits
from restore.ops.resize import resize
from restore.training.adversary import Adversary
from restore.training.state import Average
from restore.training.step import Batch, Player, discriminator_step, generator_step, learning_rate
from restore.training.validate import luma_psnr

SCALE = 4
SHAPE = GeneratorConfig(widths=(32,), encoder=(), middle=4, decoder=(), stem=1, head=SCALE, condition_channels=0)
PIXEL_STEPS, GAME_STEPS = 500, 240
PIXEL_LR, GAME_LR = 1e-3, 3e-4
GAME = AdversarialConfig(weight=0.5, adaptive=True, width=16, lr=4e-4, warmup_steps=30, ramp_steps=30)
Change = Callable[[UNet], UNet]
Phases = tuple[tuple[int, int], ...]
"""(side of the patches, patches in a batch), each for an equal share of the steps."""
USUAL_PHASES: Phases = ((PATCH_PX, 8),)
SHARES = (0.25, 0.5, 0.75, 1.0)
"""Of the game's generator in the blends that are tried."""
_LAST_STEPS = 50
_SWD_DRAWS = 2


@dataclass(frozen=True, kw_only=True)
class Game:
    """One game; the fields not named are the baseline's."""

    name: str
    config: AdversarialConfig = GAME
    change: Change | None = None
    """What is done to the generator before it learns from pixels."""
    losses: Mapping[str, float] = field(default_factory=lambda: {"l1": 1.0})
    penalty: Callable[[nn.Module], Tensor] | None = None
    """On the generator's weights, in the game."""
    conditional: bool = True
    """Whether the discriminator sees the input beside the candidate."""
    start_discriminator: Callable[[nn.Module], None] | None = None
    pixels_first: bool = True
    """Off: no learning from pixels before; the game is as much longer."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """What a game leaves behind."""

    start: nn.Module | None
    """The generator after the L1 stage, if there was one."""
    average: nn.Module
    raw: nn.Module
    discriminator: Discriminator
    untrained: Discriminator
    """The discriminator as it was before the game."""
    told: dict[str, float]
    """Journal numbers, means of the last steps."""


def untrained(seed: int, change: Change | None) -> UNet:
    """A generator; the seed decides its start."""
    torch.manual_seed(seed)
    network = UNet(SHAPE)
    network = network if change is None else change(network)
    return network.to(memory_format=torch.channels_last)


def after_pixels(
    bench: Bench, seed: int, *, change: Change | None = None, phases: Phases = USUAL_PHASES
) -> tuple[nn.Module, nn.Module]:
    """Averaged and raw generator after the L1 stage, gone through once for each seed."""
    return bench.once(("pixels", seed, change, phases), lambda: _learn_pixels(bench, seed, change, phases))


def _learn_pixels(bench: Bench, seed: int, change: Change | None, phases: Phases) -> tuple[nn.Module, nn.Module]:
    network = untrained(seed, change)
    nothing = torch.zeros(1, 0, 1, 1)
    steps = bench.steps(PIXEL_STEPS)

    def loss(step: int) -> Tensor:
        side, batch = phases[min(step * len(phases) // steps, len(phases) - 1)]
        hq = bench.pool.patches(seed, step, side=side, batch=batch)
        lq = shrink(hq, SCALE).contiguous(memory_format=torch.channels_last)
        return l1(network(lq, nothing), hq)

    return learn(network, loss, steps=steps, lr=PIXEL_LR), network


def play(bench: Bench, seed: int, game: Game) -> Played:
    """The library's generator and discriminator steps, from the generator of the L1 stage of the same seed."""
    start = None
    if game.pixels_first:
        start, _ = after_pixels(bench, seed, change=game.change)
        network: nn.Module = copy.deepcopy(start).train().requires_grad_(True)
    else:
        network = untrained(seed, game.change)
    steps = bench.steps(GAME_STEPS if game.pixels_first else GAME_STEPS + PIXEL_STEPS)
    lr = GAME_LR if game.pixels_first else PIXEL_LR
    fabric = Fabric(accelerator="cpu", devices=1)
    average = Average(network, EMA)
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, betas=(0.9, 0.99), weight_decay=0.0)
    if game.penalty is not None:
        _punish(optimizer, network, game.penalty)
    wrapped, fabric_optimizer = fabric.setup(network, optimizer)
    torch.manual_seed(seed)
    adversary = Adversary(fabric, game.config, given_channels=3 if game.conditional else 0)
    if game.start_discriminator is not None:
        game.start_discriminator(adversary.network)
    before = copy.deepcopy(adversary.network)
    player = Player(
        fabric=fabric,
        network=wrapped,
        optimizer=fabric_optimizer,
        average=average,
        terms=build_terms(game.losses, Setting(device=torch.device("cpu"), seed=seed)),
        clip=CLIP,
    )
    sums: dict[str, float] = {}
    for step in range(steps):
        batch = _batch(bench, seed, step, conditional=game.conditional)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(lr, step=step, progress=step / steps, warmup_steps=20)
        restored, told = generator_step(player, batch, step=step, adversary=adversary if game.config.on else None)
        if game.config.on:
            rate = learning_rate(game.config.lr, step=step, progress=step / steps, warmup_steps=0)
            told |= discriminator_step(adversary, batch, restored, step=step, rate=rate)
        if step >= steps - _LAST_STEPS:
            for name, value in told.items():
                sums[name] = sums.get(name, 0.0) + float(value) / min(_LAST_STEPS, steps)
    return Played(
        start=start, average=average.network, raw=network, discriminator=adversary.network, untrained=before, told=sums
    )


def _batch(bench: Bench, seed: int, step: int, *, conditional: bool) -> Batch:
    hq = bench.pool.patches(seed, PIXEL_STEPS + step, side=PATCH_PX, batch=8)
    lq = shrink(hq, SCALE).contiguous(memory_format=torch.channels_last)
    near = F.interpolate(lq, size=hq.shape[-2:], mode="bicubic", align_corners=False).clamp(0, 1)
    given = near if conditional else near[:, :0]
    return Batch(lq=lq, hq=hq, condition=torch.zeros(len(lq), 0, 1, 1), given=given, seed=seed + step)


def _punish(optimizer: torch.optim.Optimizer, network: nn.Module, penalty: Callable[[nn.Module], Tensor]) -> None:
    """Add the gradient of ``penalty`` before each step: the library's step looks at pictures only."""

    def add(*_: object) -> None:
        penalty(network).backward()  # type: ignore[no-untyped-call]

    optimizer.register_step_pre_hook(add)


def measure(bench: Bench, network: nn.Module) -> dict[str, float]:
    """Mean figures over the held-out crops: dB on Y, consistency in dB, texture's distance, and LPIPS."""
    was = network.training
    network.eval()
    target = bench.large
    lq = shrink(target, SCALE)
    with torch.inference_mode():
        restored = to_8_bits(network(lq, torch.zeros(1, 0, 1, 1)))
    network.train(was)
    pairs = list(zip(torch.split(restored, 1), torch.split(target, 1), strict=True))
    figures = {
        "psnr_y": sum(luma_psnr(one, other, SCALE) for one, other in pairs) / len(pairs),
        "lr_psnr": mean_psnr(resize(restored, lq.shape[-2], lq.shape[-1]), lq),
        "swd": sum(float(sliced_wasserstein(restored, target, seed=0, step=draw)) for draw in range(_SWD_DRAWS))
        / _SWD_DRAWS,
    }
    if bench.lpips is not None:
        figures["lpips"] = float(torch.cat([bench.lpips(*pair) for pair in pairs]).mean())
    return figures


def played(bench: Bench, seed: int, game: Game) -> Played:
    """The game, played once for each seed."""
    return bench.once(("game", seed, game.name), lambda: play(bench, seed, game))


def game_figures(bench: Bench, seed: int, game: Game) -> dict[str, float]:
    """Figures of the averaged generator after ``game``, at its best blend, and the state of the game at its end."""
    end = played(bench, seed, game)
    told = {name: end.told[f"adversarial/{name}"] for name in ("gap", "accuracy") if game.config.on}
    return best_blend(bench, end.start, end.average) | told


def best_blend(bench: Bench, start: nn.Module | None, end: nn.Module) -> dict[str, float]:
    """Figures of the blend of ``start`` and ``end`` (of one shape) with the least LPIPS, and the share of ``end``.

    A game that merely pushes harder or more gently than another is not better or worse so: both are read at the
    strength that suits them. Without LPIPS the texture's distance chooses.
    Source: Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial Networks", 2018 (interpolation).
    """
    shares = SHARES if start is not None else SHARES[-1:]
    tried = [measure(bench, end if start is None else _blend(start, end, share)) for share in shares]
    at_full = {f"full_{name}": tried[-1][name] for name in ("psnr_y", "lpips") if name in tried[-1]}
    figures, share = min(zip(tried, shares, strict=True), key=lambda item: item[0].get("lpips", item[0]["swd"]))
    return figures | {"share": share} | at_full


def _blend(start: nn.Module, end: nn.Module, share: float) -> nn.Module:
    blended = copy.deepcopy(end)
    with torch.no_grad():
        for own, other in zip(blended.parameters(), start.parameters(), strict=True):
            own.lerp_(other, 1 - share)
    return blended


def pixel_figures(
    bench: Bench,
    seed: int,
    *,
    change: Change | None = None,
    phases: Phases = USUAL_PHASES,
) -> dict[str, float]:
    """Figures of the averaged generator after the L1 stage, and the PSNR of the raw one."""
    average, raw = after_pixels(bench, seed, change=change, phases=phases)
    return measure(bench, average) | {"raw_psnr_y": measure(bench, raw)["psnr_y"]}
