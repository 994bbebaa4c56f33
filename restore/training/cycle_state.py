"""From settings to the four networks of an unpaired run, and their state on disk."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from lightning_fabric import Fabric

from restore.config.adversarial import AdversarialConfig
from restore.config.cycle import CycleConfig, cycle_toml
from restore.errors import TrainingError
from restore.inference.spoil_pairs import DAMAGE_TASK
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.ops.random_maps import RANDOM_MAPS
from restore.training.adversary import Adversary
from restore.training.checkpoint import read_checkpoint, write_checkpoint
from restore.training.cycle import DiscriminatorPlayer, GeneratorPlayer, Players
from restore.training.replay import Replay
from restore.training.state import CHECKPOINT, Average

DAMAGE: Final = "damage.safetensors"
REPAIR: Final = "repair.safetensors"
VERSION: Final = 1
_WHAT: Final = "unpaired training"
_MENDER_STEM: Final = 2
_COLOURS: Final = 3
_FIRST_GRAIN: Final = 8 / 255
"""Grain that an untrained spoiler makes of the first random map. From none at all, a little grain is no nearer to the
truth than a little of its negative, so none would grow."""


def seat(fabric: Fabric, config: CycleConfig) -> Players:
    """All four, set up on their device, untrained: both generators give back what they get, the spoiler with noise."""
    torch.manual_seed(config.seed)
    return Players(
        fabric=fabric,
        spoiler=_spoiler(fabric, config),
        mender=_mender(fabric, config),
        damaged_discriminator=_discriminator(fabric, config),
        good_discriminator=_discriminator(fabric, config),
    )


def _spoiler(fabric: Fabric, config: CycleConfig) -> GeneratorPlayer:
    """One level at full size: nothing in it can tell one place from another, so all texture is made of random maps."""
    blocks = sum(config.encoder) + config.middle + sum(config.decoder)
    network = UNet(
        GeneratorConfig(
            widths=config.widths[:1],
            encoder=(),
            middle=blocks,
            decoder=(),
            stem=1,
            head=1,
            condition_channels=RANDOM_MAPS,
        )
    )
    _start_with_grain(network, _FIRST_GRAIN)
    return _player(fabric, config, network)


def _mender(fabric: Fabric, config: CycleConfig) -> GeneratorPlayer:
    return _player(
        fabric,
        config,
        UNet(
            GeneratorConfig(
                widths=config.widths,
                encoder=config.encoder,
                middle=config.middle,
                decoder=config.decoder,
                stem=_MENDER_STEM,
                head=_MENDER_STEM,
                condition_channels=0,
            )
        ),
    )


def _player(fabric: Fabric, config: CycleConfig, network: UNet) -> GeneratorPlayer:
    network.to(memory_format=torch.channels_last)
    average = Average(network, config.ema)
    average.network.to(fabric.device)
    wrapped, optimizer = fabric.setup(network, torch.optim.Adam(network.parameters(), lr=config.lr, betas=config.betas))
    return GeneratorPlayer(network=network, learning=wrapped, optimizer=optimizer, average=average)


@torch.no_grad()
def _start_with_grain(network: UNet, amplitude: float) -> None:
    """The first feature becomes the first random map, which the head adds to all three channels."""
    network.stem.weight[0] = 0
    network.stem.weight[0, _COLOURS, 1, 1] = 1
    network.head.weight[:, 0, 1, 1] = amplitude


def _discriminator(fabric: Fabric, config: CycleConfig) -> DiscriminatorPlayer:
    game = AdversarialConfig(
        weight=1.0,
        objective=config.objective,
        width=config.discriminator_width,
        layers=config.discriminator_layers,
        norm=config.discriminator_norm,
        residual=False,
        lr=config.lr,
        betas=config.betas,
        warmup_steps=0,
        ramp_steps=0,
        r1=config.r1,
        augment=config.augment,
    )
    return DiscriminatorPlayer(adversary=Adversary(fabric, game, given_channels=0), replay=Replay(config.replay))


@dataclass(slots=True, kw_only=True)
class CycleState:
    """All that must be kept for an unpaired run to go on as if it had never stopped."""

    players: Players
    config: CycleConfig
    step: int = 0
    elapsed_s: float = 0.0

    def save(self, folder: Path) -> None:
        """Write ``checkpoint.pt`` whole or not at all, then both weights files; OutputError when it cannot."""
        values: dict[str, Any] = {
            "version": VERSION,
            "what": _WHAT,
            "generators": [
                {
                    "network": generator.network.state_dict(),
                    "average": generator.average.network.state_dict(),
                    "optimizer": generator.optimizer.state_dict(),
                }
                for generator in self.players.generators
            ],
            "discriminators": [
                {"adversary": discriminator.adversary.state(), "replay": discriminator.replay.state()}
                for discriminator in self.players.discriminators
            ],
            "step": self.step,
            "elapsed_s": self.elapsed_s,
        }
        write_checkpoint(folder / CHECKPOINT, values)
        self.export(folder)

    def load(self, folder: Path) -> None:
        """Take over the checkpoint in ``folder``; TrainingError when there is none, or it is of another run."""
        path = folder / CHECKPOINT
        saved = read_checkpoint(path)
        if saved.get("what") != _WHAT:
            raise TrainingError(f"{path}: is of a run for {saved.get('what')}, this one is {_WHAT}")
        if saved.get("version") != VERSION:
            raise TrainingError(f"{path}: written by another version of restore; start anew in another folder")
        try:
            for generator, own in zip(self.players.generators, saved["generators"], strict=True):
                generator.network.load_state_dict(own["network"])
                generator.average.network.load_state_dict(own["average"])
                generator.optimizer.load_state_dict(copy.deepcopy(own["optimizer"]))
            for discriminator, own in zip(self.players.discriminators, saved["discriminators"], strict=True):
                discriminator.adversary.load(own["adversary"])
                discriminator.replay.load(own["replay"], self.players.fabric.device)
            self.step, self.elapsed_s = saved["step"], saved["elapsed_s"]
        except (KeyError, RuntimeError, ValueError, TypeError) as error:
            raise TrainingError(f"{path}: does not fit these settings; resume with the settings in {folder}") from error

    def export(self, folder: Path) -> None:
        """The averaged weights: ``damage.safetensors`` for make-pairs and ``repair.safetensors`` for run."""
        for file, task, generator in (
            (DAMAGE, DAMAGE_TASK, self.players.spoiler),
            (REPAIR, "translate", self.players.mender),
        ):
            card = Card(
                name=Path(file).stem,
                task=task,
                scale=1,
                size="own",
                generator=generator.network.config,
                licence="",
                recipe=cycle_toml(self.config),
                steps=self.step,
                seconds=round(self.elapsed_s),
                note="learnt from two folders that do not match",
            )
            save_weights(folder / file, generator.average.network.state_dict(), card)
