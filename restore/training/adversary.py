"""The second player: a discriminator, its optimizer, and all that keeps the game steady."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from restore.config.adversarial import AdversarialConfig
from restore.losses.adversarial import (
    detail_share,
    feature_matching,
    find_objective,
    gradient_penalty,
    gradient_square,
    lecam,
    play,
)
from restore.models.patchgan import Discriminator, DiscriminatorConfig, Verdict, build_discriminator
from restore.ops.augment import augment

_ADA_STEP = 1e-3
"""Change of the augmentation chance per step (Karras et al. 2020 cross 0..1 in 500 thousand pictures)."""
_LECAM_DECAY = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """What lies on the table in one step: (B,3,H,W) pictures, and ``given`` (B,C,H,W) that both were made from."""

    real: Tensor
    fake: Tensor
    given: Tensor
    seed: int


class Adversary:
    """A discriminator that learns beside the generator; complete after construction, saved with ``state``.

    ``faithful``: results resemble their inputs, so that what was added can be looked at alone.
    """

    def __init__(
        self, fabric: Fabric, config: AdversarialConfig, *, given_channels: int, faithful: bool = True
    ) -> None:
        self.config = config
        self.objective = find_objective(config.objective)
        self.fabric = fabric
        self.network: Discriminator = build_discriminator(
            DiscriminatorConfig(
                kind=config.discriminator,
                given_channels=given_channels,
                width=config.width,
                layers=config.layers,
                scales=config.scales,
                norm=config.norm,
                residual=config.residual and faithful,
            )
        ).to(memory_format=torch.channels_last)
        optimizer = torch.optim.Adam(self.network.parameters(), lr=config.lr, betas=config.betas)
        self._wrapped, self.optimizer = fabric.setup(self.network, optimizer)
        self.usual_real = 0.0
        self.usual_fake = 0.0
        self.augment_chance = config.augment

    def share(self, step: int) -> float:
        """How much of the adversarial weight counts at ``step``: 0 in the warm-up, then a ramp to 1."""
        passed = step - self.config.warmup_steps
        if not self.config.ramp_steps:
            return float(passed >= 0)
        return min(max(passed / self.config.ramp_steps, 0.0), 1.0)

    def against(self, table: Table) -> tuple[Tensor, Tensor]:
        """What the generator pays: (adversarial loss, feature matching loss), both scalars that gradients flow from.

        The discriminator itself learns nothing from this.
        """
        config = self.config
        self.network.requires_grad_(False)
        match = config.feature_matching > 0
        with self.fabric.autocast():
            fake = self._seen(self.network, table.fake, table)
            if match or self.objective.needs_real:
                with torch.no_grad():
                    real = self._seen(self.network, table.real, table)
            else:
                real = fake
        self.network.requires_grad_(True)
        weights = detail_share(table.real, config.flat_share) if config.flat_share < 1 else None
        game = play(self.objective.generator, [verdict.detach() for verdict in real.logits], fake.logits, weights)
        matching = feature_matching(real.features, fake.features) if match else game.new_zeros(())
        return game, matching

    def learn(self, table: Table, *, step: int, rate: float) -> dict[str, Tensor]:
        """One step of the discriminator on real pictures and (detached) restored ones; gives what to log."""
        config = self.config
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        real, fake = self._both(table)
        loss = play(self.objective.discriminator, real.logits, fake.logits)
        if config.lecam:
            self._remember(real, fake)
            loss = loss + config.lecam * lecam(
                real.logits, fake.logits, usual_real=self.usual_real, usual_fake=self.usual_fake
            )
        if config.objective == "wasserstein" and config.gradient_penalty:
            loss = loss + config.gradient_penalty * self._slope(table)
        if config.r1 and step % config.r1_every == 0:
            loss = loss + config.r1 / 2 * config.r1_every * self._roughness(table)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.optimizer.step()
        edge = self.objective.boundary
        right = torch.cat([_flat(real) > edge, _flat(fake) < edge])
        if config.augment_target:
            self._adapt(real)
        means = [_flat(side).mean() for side in (real, fake)]
        return {
            "adversarial/discriminator": loss.detach(),
            "adversarial/real": means[0],
            "adversarial/fake": means[1],
            "adversarial/gap": means[0] - means[1],
            "adversarial/accuracy": right.float().mean(),
        }

    def state(self) -> dict[str, Any]:
        """All that must be kept to go on as if never stopped."""
        return {
            "discriminator": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "memory": [self.usual_real, self.usual_fake, self.augment_chance],
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take over what ``state`` gave; KeyError, RuntimeError or ValueError when it does not fit."""
        self.network.load_state_dict(state["discriminator"])
        self.optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self.usual_real, self.usual_fake, self.augment_chance = state["memory"]

    def _both(self, table: Table) -> tuple[Verdict, Verdict]:
        """Verdicts on real and restored pictures: in one pass, or in two where batch norm would mix them."""
        if self.config.norm == "batch":
            return self._seen(self._wrapped, table.real, table), self._seen(self._wrapped, table.fake, table)
        pictures = torch.cat([table.real, table.fake])
        verdict = self._seen(self._wrapped, pictures, table)
        count = len(table.real)
        halves = [
            Verdict(tuple(logit[part] for logit in verdict.logits), ())
            for part in (slice(None, count), slice(count, None))
        ]
        return halves[0], halves[1]

    def _seen(self, network: Any, pictures: Tensor, table: Table) -> Verdict:
        given = table.given
        if len(pictures) > len(given):
            given = torch.cat([given, given])
        if self.augment_chance:
            rng = torch.Generator().manual_seed(table.seed)
            joined = augment(torch.cat([pictures, given], dim=1), self.augment_chance, rng)
            pictures, given = joined[:, :3], joined[:, 3:]
        verdict: Verdict = network(pictures, given)
        return verdict

    def _slope(self, table: Table) -> Tensor:
        rng = torch.Generator().manual_seed(table.seed)
        mix = torch.rand(len(table.real), 1, 1, 1, generator=rng).to(table.real)
        with torch.autocast(table.real.device.type, enabled=False):
            return gradient_penalty(
                lambda between: self.network(between, table.given).logits, table.real, table.fake, mix
            )

    def _roughness(self, table: Table) -> Tensor:
        picture = table.real.detach().clone().requires_grad_(True)
        with torch.autocast(picture.device.type, enabled=False):
            return gradient_square(self.network(picture, table.given).logits, picture)

    def _remember(self, real: Verdict, fake: Verdict) -> None:
        self.usual_real += (1 - _LECAM_DECAY) * (self._mean(_flat(real)) - self.usual_real)
        self.usual_fake += (1 - _LECAM_DECAY) * (self._mean(_flat(fake)) - self.usual_fake)

    def _adapt(self, real: Verdict) -> None:
        """More augmentation while the discriminator is surer of the training photos than it should be."""
        sure = self._mean((_flat(real) - self.objective.boundary).sign())
        move = _ADA_STEP if sure > self.config.augment_target else -_ADA_STEP
        self.augment_chance = min(max(self.augment_chance + move, 0.0), 1.0)

    def _mean(self, values: Tensor) -> float:
        """The mean over the batch of all processes, so that they remember the same."""
        return float(cast(Tensor, self.fabric.all_reduce(values.mean(), reduce_op="mean")))


def _flat(verdict: Verdict) -> Tensor:
    """All logits of all scales in one row, without gradient."""
    return torch.cat([logit.detach().flatten() for logit in verdict.logits])
