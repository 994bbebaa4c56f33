"""One step of training: the generator's turn, then the discriminator's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer

from restore.losses.table import Pictures, Terms
from restore.training.adversary import Adversary, Table
from restore.training.state import Average

FINAL_SHARE = 1e-3
"""The step size ends at this share of its peak."""
_TINY = 1e-12
_LARGEST_SCALE = 2.0
"""An adaptive weight never multiplies by more: a discriminator that knows nothing yet must not be made loud."""


def learning_rate(peak: float, *, step: int, progress: float, warmup_steps: int) -> float:
    """Linear rise over ``warmup_steps``, then a cosine from ``peak`` to almost nothing as progress goes from 0 to 1.

    >>> learning_rate(1.0, step=1000, progress=0.0, warmup_steps=10)
    1.0
    >>> round(learning_rate(1.0, step=1000, progress=1.0, warmup_steps=10), 6)
    0.001
    """
    rise = min(1.0, (step + 1) / max(warmup_steps, 1))
    fall = FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
    return peak * rise * fall


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Patches of one step on the device: ``lq`` (B,3,h,w) and ``hq`` (B,3,H,W) in [0,1], ``condition`` (B,C,1,1)."""

    lq: Tensor
    hq: Tensor
    condition: Tensor
    given: Tensor | None
    """(B,3+C,H,W) for the discriminator: ``lq`` enlarged and the condition spread out."""
    mask: Tensor | None = None
    """(B,1,H,W) of 0 and 1 where the task fills holes: the condition, which the losses see too."""
    seed: int

    def laid_in(self, picture: Tensor) -> Tensor:
        """(B,3,H,W): the picture as a person gets it: where the task fills holes, around them is what was known."""
        return picture if self.mask is None else torch.where(self.mask != 0, picture, self.lq)


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """The generator with all that it needs to learn."""

    fabric: Fabric
    network: nn.Module
    """The generator, set up by Fabric."""
    optimizer: Optimizer
    average: Average
    terms: Terms
    clip: float


def generator_step(
    player: Player, batch: Batch, *, step: int, adversary: Adversary | None = None
) -> tuple[Tensor, dict[str, Tensor]]:
    """Restore, compare, learn, average. Gives the restored patches (detached) and what to log, not yet known finite.

    While the adversary warms up, the generator restores and does not learn.
    """
    share = 0.0 if adversary is None else adversary.share(step)
    if adversary is not None and step < adversary.config.warmup_steps:
        with torch.no_grad():
            return player.network(batch.lq, batch.condition).float(), {}
    restored: Tensor = player.network(batch.lq, batch.condition).float()
    average = None
    if player.terms.needs_average:
        with torch.no_grad(), player.fabric.autocast():
            average = player.average.network(batch.lq, batch.condition).float()
    seen = restored.detach().requires_grad_(True)  # losses are differentiated up to the picture, the network once
    loss, parts = player.terms(
        Pictures(restored=seen, target=batch.hq, lq=batch.lq, mask=batch.mask, average=average, step=step)
    )
    logged = {f"loss/{name}": part for name, part in parts.items()} | {"loss": loss.detach()}
    if adversary is None or batch.given is None or share == 0:
        (gradient,) = torch.autograd.grad(loss, seen)
    else:
        gradient, told = _both_gradients(adversary, _table(batch, seen), seen, loss, share)
        logged |= told
    player.optimizer.zero_grad(set_to_none=True)
    player.fabric.backward(restored, gradient=gradient)
    player.fabric.clip_gradients(player.network, player.optimizer, max_norm=player.clip, error_if_nonfinite=False)
    player.optimizer.step()
    player.average.update(player.network, step)
    return restored.detach(), logged


def discriminator_step(
    adversary: Adversary, batch: Batch, restored: Tensor, *, step: int, rate: float
) -> dict[str, Tensor]:
    """Look at the truth and at what was restored, each beside what it was made from, and learn to tell them apart."""
    if batch.given is None:
        return {}
    return adversary.learn(_table(batch, restored), step=step, rate=rate)


def _table(batch: Batch, restored: Tensor) -> Table:
    """What the discriminator is to compare. Holes are judged within the pixels around them, which both sides share.

    Else it would tell a filled patch by the noise that its known pixels have and the truth's have not.
    """
    assert batch.given is not None
    return Table(real=batch.laid_in(batch.hq), fake=batch.laid_in(restored), given=batch.given, seed=batch.seed)


def _both_gradients(
    adversary: Adversary, table: Table, seen: Tensor, loss: Tensor, share: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Gradient at the restored patches (``seen``) of all losses together; how the adversarial one compares.

    The two are taken apart at the picture, where it costs next to nothing; the generator is then walked through once.
    """
    config = adversary.config
    game, matching = adversary.against(table)
    content = loss + share * config.feature_matching * matching
    (others,) = torch.autograd.grad(content, seen, retain_graph=True)
    (pull,) = torch.autograd.grad(game, seen)
    squares = torch.stack([pull.square().sum(), others.square().sum()])
    whole = cast(Tensor, adversary.fabric.all_reduce(squares, reduce_op="sum"))  # of the batch of all processes
    pulled, pushed = whole.sqrt()
    ratio = pulled / pushed.clamp_min(_TINY)
    weight = torch.as_tensor(share * config.weight, device=pull.device)
    if config.adaptive:
        weight = weight * (1 / ratio.clamp_min(_TINY)).clamp_max(_LARGEST_SCALE)
    return others + weight * pull, {
        "adversarial/generator": game.detach(),
        "adversarial/matching": matching.detach(),
        "adversarial/weight": weight,
        "adversarial/gradient_ratio": weight * ratio,
    }
