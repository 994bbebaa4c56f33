"""A training run from settings to weights."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from restore.config import TrainConfig, to_toml
from restore.datasets.folders import Example, good_photos, hold_out, paired_photos, photos_in
from restore.datasets.loader import Patches, PatchLoader, step_seed
from restore.datasets.synthetic import Damage, spoil
from restore.errors import ConfigError, OutputError, TrainingError
from restore.inference.device import Device, choose_device, native_bfloat16
from restore.inference.restorer import Restorer
from restore.losses.pixel import LOSSES
from restore.models.build import build_generator, generator_config
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, find_weights, load_tensors_of, save_weights
from restore.tasks import CLEAN, find_task
from restore.training.journal import Event, EventKind, Journal
from restore.training.state import CHECKPOINT, Average, TrainState
from restore.training.step import generator_step, learning_rate
from restore.training.validate import load_held_out, validate

WEIGHTS = "weights.safetensors"
SETTINGS = "config.toml"
_LOG_EVERY_STEPS = 50
_HELD_OUT_COUNT = 8
_DAMAGE_STREAM = 1


def train(config: TrainConfig, on_event: Callable[[Event], None]) -> Path:
    """Train as ``config`` says; gives the path of the exported weights.

    Raises PairingError with all problems of the folders before the first step, ConfigError, OutputError when the run
    folder already holds a run, and TrainingError when the loss stops being a number (the last good checkpoint stays).
    """
    task = find_task(config.task)
    if config.scale not in task.scales:
        raise ConfigError(f"{task.name} can be trained for x{', x'.join(map(str, task.scales))}, not x{config.scale}")
    examples, held = find_examples(config)
    folder = Path(config.run)
    if (folder / CHECKPOINT).exists() and not config.resume:
        raise OutputError(f"{folder}: already holds a run; add --resume to go on with it, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    device = choose_device(config.device, threads=config.threads or (1 if config.devices > 1 else None))
    fabric = Fabric(
        accelerator=device.torch.type,
        devices=config.devices,
        strategy="ddp" if config.devices > 1 else "auto",
        precision="bf16-mixed" if _lower_precision(config, device) else "32-true",
    )
    fabric.launch()
    run = _Run(fabric, config, examples, held)
    if fabric.global_rank:
        run.loop(None)
    else:
        (folder / SETTINGS).write_text(to_toml(config), encoding="utf-8")
        with Journal(folder, on_event, tensorboard=config.tensorboard) as journal:
            run.loop(journal)
    return folder / WEIGHTS


def find_examples(config: TrainConfig) -> tuple[list[Example], list[Example]]:
    """Training and validation photos; PairingError lists everything that is wrong with the folders."""
    if config.hq is not None:
        examples = good_photos(Path(config.hq), patch_px=config.patch_px)
    else:
        lq, hq = Path(str(config.pairs_lq)), Path(str(config.pairs_hq))
        examples = paired_photos(lq, hq, scale=config.scale, patch_px=config.patch_px)
    if config.val is None:
        return hold_out(examples, _HELD_OUT_COUNT)
    return examples, [Example(path) for path in photos_in(Path(config.val))]


def _lower_precision(config: TrainConfig, device: Device) -> bool:
    return config.precision == "bfloat16" or (config.precision == "auto" and native_bfloat16(device.torch))


class _Run:
    """The life of one process's part of a run."""

    def __init__(self, fabric: Fabric, config: TrainConfig, examples: list[Example], held: list[Example]) -> None:
        self.fabric = fabric
        self.config = config
        self.folder = Path(config.run)
        self.example_count = len(examples)
        self.held_out = load_held_out(held, config.scale) if fabric.global_rank == 0 else []
        torch.manual_seed(config.seed)
        network = build_generator(shape_of(config))
        if config.init is not None and not config.resume:
            start_from(network, config.init)
        network = network.to(memory_format=torch.channels_last)
        average = Average(network, config.ema)
        optimizer = torch.optim.AdamW(network.parameters(), lr=config.lr, betas=(0.9, 0.99), weight_decay=0.0)
        self.state = TrainState(network, average, optimizer)
        average.network.to(fabric.device)
        self.generator, self.optimizer = fabric.setup(network, optimizer)
        if config.resume:  # after the set-up, so that tensors land on the device where the network now is
            self.state.load(self.folder)
        self.loader = PatchLoader(
            examples,
            scale=config.scale,
            patch_px=config.patch_px,
            batch=config.batch,
            seed=config.seed,
            cache_bytes=config.cache_gb * 1e9,
        )
        self.damage = Damage(
            scale=config.scale,
            clean_chance=config.clean_chance,
            hidden_chance=config.hidden_chance,
            noise_max=config.noise_max,
            jpeg_min=config.jpeg_min,
        )

    def loop(self, journal: Journal | None) -> None:
        """Steps until the end, with a line, a checkpoint and a validation when each is due."""
        state, config = self.state, self.config
        self._tell(journal, "start", {"photos": float(self.example_count), "parameters": float(_size(state.generator))})
        started = time.perf_counter() - state.elapsed_s
        saved = validated = logged = state.elapsed_s
        counted = 0
        losses = torch.zeros((), device=self.fabric.device)
        patches = self.loader.stream(state.step, rank=self.fabric.global_rank, ranks=self.fabric.world_size)
        progress = self._progress()
        while progress < 1:
            rate = learning_rate(config.lr, step=state.step, progress=progress, warmup_steps=config.warmup_steps)
            losses += self._step(next(patches), rate)
            counted += 1
            state.step += 1
            state.elapsed_s = time.perf_counter() - started
            progress = self._progress()
            if state.step % _LOG_EVERY_STEPS and progress < 1:
                continue
            mean, speed = float(losses) / counted, counted / max(state.elapsed_s - logged, 1e-9)
            self._refuse_nan(mean)
            self._tell(
                journal, "step", {"loss": mean, "lr": rate, "steps_per_s": speed, "progress": min(progress, 1.0)}
            )
            losses.zero_()
            counted, logged = 0, state.elapsed_s
            if journal is not None and state.elapsed_s - saved >= config.checkpoint_every_s:
                self._save(journal)
                saved = state.elapsed_s
            if journal is not None and self.held_out and state.elapsed_s - validated >= config.validate_every_s:
                self._validate(journal)
                validated = state.elapsed_s
        patches.close()
        if journal is not None:
            self._save(journal)
            figures = self._validate(journal) if self.held_out else {}
            self._tell(journal, "done", figures, str(self.folder / WEIGHTS))

    def _progress(self) -> float:
        if self.config.budget_s is not None:
            passed = self.fabric.broadcast(self.state.elapsed_s) if self.fabric.world_size > 1 else self.state.elapsed_s
            return passed / self.config.budget_s
        return self.state.step / (self.config.total_steps or 1)

    def _step(self, patches: Patches, rate: float) -> Tensor:
        step, config, device = self.state.step, self.config, self.fabric.device
        hq = patches.hq.to(device).float().div_(255)
        if patches.lq is None:
            rng = torch.Generator(device).manual_seed(
                step_seed(config.seed, step, _DAMAGE_STREAM, self.fabric.global_rank)
            )
            lq, condition = spoil(hq, self.damage, rng)
        else:
            lq, condition = patches.lq.to(device).float().div_(255), CLEAN.maps().to(device)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return generator_step(
            self.fabric,
            self.generator,
            self.optimizer,
            self.state.average,
            lq=lq.contiguous(memory_format=torch.channels_last),
            condition=condition,
            hq=hq,
            loss=LOSSES[config.loss],
            clip=config.clip,
            step=step,
        )

    def _refuse_nan(self, loss: float) -> None:
        if math.isfinite(loss):
            return
        path = self.folder / CHECKPOINT
        kept = f"the last good state is {path}" if path.exists() else "no checkpoint had been written yet"
        raise TrainingError(
            f"the loss is {loss} near step {self.state.step}: training stopped, {kept}. "
            "Lower --lr, or use --precision float32, and go on with --resume"
        )

    def _save(self, journal: Journal) -> None:
        state = self.state
        state.save(self.folder)
        save_weights(self.folder / WEIGHTS, state.average.network.state_dict(), self._card())
        self._tell(journal, "saved", {"seconds": state.elapsed_s})

    def _validate(self, journal: Journal) -> dict[str, float]:
        sheet = self.folder / "samples" / f"{self.state.step:07d}.png"
        device = Device(self.fabric.device, "", "training", None)
        restorer = Restorer.of_network(self.state.average.network, self._card(), device)
        figures = validate(restorer, self.held_out, sheet)
        self._tell(journal, "validated", figures)
        return figures

    def _card(self) -> Card:
        config, state = self.config, self.state
        return Card(
            name=f"{config.task}-x{config.scale}" + ("" if config.size == "fast" else f"-{config.size}"),
            task=config.task,
            scale=config.scale,
            size=config.size if config.widths is None else "own",
            generator=state.generator.config,
            licence="",
            recipe=to_toml(config),
            steps=state.step,
            seconds=round(state.elapsed_s),
        )

    def _tell(self, journal: Journal | None, kind: EventKind, values: dict[str, float], message: str = "") -> None:
        if journal is not None:
            journal.write(Event(kind, self.state.step, values, message))


def shape_of(config: TrainConfig) -> GeneratorConfig:
    """The generator's shape: the named size for the scale, or the run's own numbers."""
    channels = find_task(config.task).condition_channels
    if config.widths is None or config.encoder is None or config.middle is None or config.decoder is None:
        return generator_config(config.size, scale=config.scale, condition_channels=channels)
    return GeneratorConfig(
        widths=config.widths,
        encoder=config.encoder,
        middle=config.middle,
        decoder=config.decoder,
        head=config.scale,
        condition_channels=channels,
    )


def start_from(network: UNet, name_or_path: str) -> None:
    """Take over every tensor of other weights that has the same name and shape; ConfigError if none has."""
    own = network.state_dict()
    found = load_tensors_of(find_weights(name_or_path))
    fitting = {name: tensor for name, tensor in found.items() if name in own and own[name].shape == tensor.shape}
    if not fitting:
        raise ConfigError(f"--init {name_or_path}: none of its tensors fits the generator; choose weights of its shape")
    network.load_state_dict(fitting, strict=False)


def _size(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
