"""From settings to the networks of a run."""

from __future__ import annotations

from pathlib import Path

import torch
from lightning_fabric import Fabric

from restore.config.toml import to_toml
from restore.config.train import TrainConfig
from restore.errors import ConfigError
from restore.losses.table import Setting, build_terms
from restore.models.build import Network, Shape, build_generator, generator_config
from restore.models.unet import GeneratorConfig
from restore.models.weights import Card, find_weights, load_tensors_of
from restore.models.widen import fitted
from restore.tasks import find_task
from restore.training.adversary import Adversary
from restore.training.state import Average, TrainState
from restore.training.step import Player


def shape_of(config: TrainConfig) -> Shape:
    """The generator's shape: the named size for the task and scale, or the run's own numbers."""
    task = find_task(config.task)
    channels = task.condition_channels
    if config.widths is None or config.encoder is None or config.middle is None or config.decoder is None:
        return generator_config(
            config.size,
            scale=config.scale,
            condition_channels=channels,
            residual=task.faithful,
            masked=task.masked,
            detects=task.detects,
        )
    stem, head = (2, 2) if config.scale == 1 else (1, config.scale)
    return GeneratorConfig(
        widths=config.widths,
        encoder=config.encoder,
        middle=config.middle,
        decoder=config.decoder,
        dilations=config.dilations,
        stem=stem,
        head=head,
        condition_channels=channels,
        residual=task.faithful,
        out_channels=1 if task.detects else 3,
    )


def seat(fabric: Fabric, config: TrainConfig) -> tuple[Player, TrainState]:
    """Both players, set up on their device, and the state that keeps them; ConfigError for what does not fit."""
    torch.manual_seed(config.seed)
    network = build_generator(shape_of(config))
    if config.init is not None and not config.resume:
        start_from(network, config.init)
    if (config.patch_px // config.scale) % network.multiple:
        raise ConfigError(
            f"patch_px {config.patch_px}: this network needs a multiple of {network.multiple * config.scale}"
        )
    network.to(memory_format=torch.channels_last)
    average = Average(network, config.ema)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr, betas=config.betas, weight_decay=0.0)
    average.network.to(fabric.device)
    wrapped, fabric_optimizer = fabric.setup(network, optimizer)
    adversary = None
    if config.adversarial.on:
        task = find_task(config.task)
        adversary = Adversary(
            fabric, config.adversarial, given_channels=3 + task.condition_channels, faithful=task.faithful
        )
    backbone = None if config.backbone is None else Path(config.backbone)
    terms = build_terms(config.losses, Setting(device=fabric.device, seed=config.seed, backbone=backbone))
    if terms.needs_mask and not find_task(config.task).masked:
        raise ConfigError(f"losses: hole and known are for tasks that fill holes, which {config.task} does not")
    if terms.of_logits != find_task(config.task).detects:
        fitting = "bce and dice" if find_task(config.task).detects else "losses of pictures"
        raise ConfigError(f"losses: {config.task} is learnt with {fitting}, not with {', '.join(config.losses)}")
    kind = "adversarial" if adversary is not None else "pixel"
    state = TrainState(network, average, optimizer, f"{config.task} x{config.scale}, {kind} training", adversary)
    if config.resume:  # after the set-up, so that tensors land on the device where the networks now are
        state.load(Path(config.run))
    player = Player(
        fabric=fabric, network=wrapped, optimizer=fabric_optimizer, average=average, terms=terms, clip=config.clip
    )
    return player, state


def start_from(network: Network, name_or_path: str) -> None:
    """Take over the tensors of other weights that fit, or fit into a wider network; ConfigError if none does."""
    fitting = fitted(network.state_dict(), load_tensors_of(find_weights(name_or_path)))
    if not fitting:
        raise ConfigError(f"--init {name_or_path}: none of its tensors fits the generator; choose weights of its shape")
    network.load_state_dict(fitting, strict=False)


def card_of(config: TrainConfig, state: TrainState) -> Card:
    """What the weights of a run say about themselves."""
    where = "" if find_task(config.task).scales == (1,) else f"-x{config.scale}"
    return Card(
        name=f"{config.task}{where}" + ("" if config.size == "fast" else f"-{config.size}"),
        task=config.task,
        scale=config.scale,
        size=config.size if config.widths is None else "own",
        generator=state.generator.config,  # type: ignore[arg-type]
        licence="",
        recipe=to_toml(config),
        steps=state.step,
        seconds=round(state.elapsed_s),
        deconvolves=find_task(config.task).deconvolves,
    )
