"""One step of unpaired training: both generators' turn, then both discriminators'.

Source: Zhu, Park, Isola and Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks",
ICCV 2017. Three things differ, since damage is random and hides what was there. The spoiler is told random maps.
Spoiled photos get noise before they are repaired again, as else a photo's colours come back out of its faded copy,
written into it where no eye sees them (Chu, Zhmoginov and Sandler, "CycleGAN, a Master of Steganography", 2017). And
what comes back is compared at a quarter of the size, where grain and dust, which nobody can foretell or undo exactly,
are averaged away: at full size the spoiler would learn to make none, or a pattern that can be taken off again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from restore.datasets.loader import step_seed
from restore.models.unet import UNet
from restore.ops.random_maps import random_maps
from restore.training.adversary import Adversary, Table
from restore.training.replay import Replay
from restore.training.state import Average

_COARSE_PX: Final = 4
_GREY_LEVELS: Final = 255
_MAPS, _SWAPS, _AUGMENT = 1, 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Patches of one step on the device: two times (B,3,P,P) in [0,1], of different scenes."""

    damaged: Tensor
    good: Tensor
    step: int
    seed: int
    """The run's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What the generators made in one step, (B,3,P,P), cut off from their gradients."""

    spoilt: Tensor
    mended: Tensor


@dataclass(slots=True, kw_only=True)
class GeneratorPlayer:
    """A generator and all that it needs to learn."""

    network: UNet
    learning: torch.nn.Module
    """The network as Fabric has set it up."""
    optimizer: torch.optim.Optimizer
    average: Average


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How much each thing counts beside the game, and the noise over spoiled photos in grey levels."""

    cycle: float
    identity: float
    hiding_noise: float


@dataclass(slots=True, kw_only=True)
class DiscriminatorPlayer:
    """A discriminator of one side, and the made patches that it is shown again."""

    adversary: Adversary
    replay: Replay


@dataclass(slots=True, kw_only=True)
class Players:
    """The four networks: ``spoiler`` damages, ``mender`` repairs, and a discriminator for the results of each."""

    fabric: Fabric
    spoiler: GeneratorPlayer
    mender: GeneratorPlayer
    damaged_discriminator: DiscriminatorPlayer
    good_discriminator: DiscriminatorPlayer

    @property
    def generators(self) -> tuple[GeneratorPlayer, GeneratorPlayer]:
        """Both generators."""
        return self.spoiler, self.mender

    @property
    def discriminators(self) -> tuple[DiscriminatorPlayer, DiscriminatorPlayer]:
        """Both discriminators."""
        return self.damaged_discriminator, self.good_discriminator


def generators_step(players: Players, sides: Sides, balance: Balance) -> tuple[Made, dict[str, Tensor]]:
    """Spoil and repair, there and back, and learn from it; gives what was made, and what to log."""
    damaged, good = sides.damaged, sides.good
    rng = torch.Generator().manual_seed(step_seed(sides.seed, sides.step, _MAPS))
    maps = random_maps(3 * len(good), good.shape[-2], good.shape[-1], rng).to(good)
    there, back, still = maps.chunk(3)
    veil = torch.randn(good.shape, generator=rng).to(good) * (balance.hiding_noise / _GREY_LEVELS)
    nothing = good.new_zeros(1, 0, 1, 1)

    spoiler, mender = players.spoiler.learning, players.mender.learning
    spoilt, kept_damaged = spoiler(torch.cat([good, damaged]), torch.cat([there, still])).chunk(2)
    mended, kept_good = mender(torch.cat([damaged, good]), nothing).chunk(2)
    good_again = mender(spoilt + veil, nothing)
    damaged_again = spoiler(mended, back)

    parts = {
        "cycle": _coarse_distance(good_again, good) + _coarse_distance(damaged_again, damaged),
        "identity": (kept_good - good).abs().mean() + _coarse_distance(kept_damaged, damaged),
    }
    games = [
        discriminator.adversary.against(_table(real, fake, sides))[0]
        for discriminator, real, fake in zip(players.discriminators, (damaged, good), (spoilt, mended), strict=True)
    ]
    game = torch.stack(games).sum()
    loss = game + balance.cycle * parts["cycle"] + balance.identity * parts["identity"]
    for generator in players.generators:
        generator.optimizer.zero_grad(set_to_none=True)
    players.fabric.backward(loss)
    for generator in players.generators:
        generator.optimizer.step()
        generator.average.update(generator.network, sides.step)
    told = {f"loss/{name}": part.detach() for name, part in parts.items()}
    made = Made(spoilt=spoilt.detach(), mended=mended.detach())
    return made, {"loss": loss.detach(), **told, "adversarial/generator": game.detach() / 2}


def discriminators_step(players: Players, sides: Sides, made: Made, *, rate: float) -> dict[str, Tensor]:
    """Both discriminators learn to tell real from made; gives what to log, each number and its mean over the two."""
    told = []
    pictures = ((sides.damaged, made.spoilt), (sides.good, made.mended))
    for number, (discriminator, (real, fake)) in enumerate(zip(players.discriminators, pictures, strict=True)):
        rng = torch.Generator().manual_seed(step_seed(sides.seed, sides.step, _SWAPS + number))
        shown = discriminator.replay.swap(fake, rng)
        told.append(discriminator.adversary.learn(_table(real, shown, sides), step=sides.step, rate=rate))
    means = {name: (told[0][name] + told[1][name]) / 2 for name in told[0]}
    right = (each["adversarial/accuracy"] for each in told)
    return {**means, **{f"{side}/accuracy": share for side, share in zip(("damaged", "good"), right, strict=True)}}


def falling_rate(peak: float, *, progress: float, decay_from: float) -> float:
    """``peak`` until ``decay_from``, then a line to zero at progress 1.

    >>> [falling_rate(1.0, progress=progress, decay_from=0.5) for progress in (0.0, 0.5, 0.75, 1.0)]
    [1.0, 1.0, 0.5, 0.0]
    """
    left = 1 - min(max(progress, 0.0), 1.0)
    return peak * min(1.0, left / max(1 - decay_from, 1e-9))


def set_rate(optimizers: Iterable[torch.optim.Optimizer], rate: float) -> None:
    """Give every optimizer this step size."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = rate


def _coarse_distance(one: Tensor, other: Tensor) -> Tensor:
    return (F.avg_pool2d(one, _COARSE_PX) - F.avg_pool2d(other, _COARSE_PX)).abs().mean()


def _table(real: Tensor, fake: Tensor, sides: Sides) -> Table:
    """The discriminators see pictures alone, with nothing beside them."""
    given = real.new_zeros(len(real), 0, *real.shape[-2:])
    return Table(real=real, fake=fake, given=given, seed=step_seed(sides.seed, sides.step, _AUGMENT))
