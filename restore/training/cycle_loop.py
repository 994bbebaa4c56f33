"""An unpaired run from settings to weights of damage and of repair."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from restore.config.cycle import CycleConfig, cycle_toml
from restore.datasets.folders import Example, hold_out
from restore.datasets.unpaired import UnpairedLoader, UnpairedPatches, unpaired_photos
from restore.errors import ConfigError, OutputError, TrainingError
from restore.inference.device import choose_device, native_bfloat16
from restore.training.cycle import Balance, Sides, discriminators_step, falling_rate, generators_step, set_rate
from restore.training.cycle_samples import Samples
from restore.training.cycle_state import DAMAGE, REPAIR, CycleState, seat
from restore.training.guards import Watch, not_numbers
from restore.training.journal import Event, EventKind, Journal
from restore.training.processes import find_processes
from restore.training.state import CHECKPOINT
from restore.training.totals import Totals

SETTINGS = "config.toml"
_LOG_EVERY_STEPS = 50
_HELD_OUT_COUNT = 4


def train_unpaired(config: CycleConfig, on_event: Callable[[Event], None]) -> tuple[Path, Path]:
    """Train as ``config`` says; gives the paths of the damage weights and of the repair weights.

    Raises ConfigError under torchrun with several processes, PairingError with what is wrong with the folders before
    the first step, OutputError when the run folder already holds a run or cannot be written, DeviceError, and
    TrainingError when a loss stops being a number (the last good state stays).
    """
    if find_processes(1, config.batch).count > 1:
        raise ConfigError("unpaired training works on one device: start it without torchrun")
    damaged, good = unpaired_photos(Path(config.damaged), Path(config.good), patch_px=config.patch_px)
    folder = Path(config.run)
    if (folder / CHECKPOINT).exists() and not config.resume:
        raise OutputError(f"{folder}: already holds a run; add --resume to go on with it, or choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    fabric = _fabric_for(config)
    fabric.launch()
    (learnt_damaged, held_damaged), (learnt_good, held_good) = (_split(side) for side in (damaged, good))
    loader = UnpairedLoader(
        learnt_damaged,
        learnt_good,
        patch_px=config.patch_px,
        batch=config.batch,
        seed=config.seed,
        cache_bytes=config.cache_gb * 1e9,
    )
    run = CycleRun(fabric, config, loader, Samples(held_damaged, held_good, seed=config.seed))
    (folder / SETTINGS).write_text(cycle_toml(config), encoding="utf-8")
    with Journal(folder, on_event) as journal:
        run.loop(journal, {"damaged_photos": float(len(learnt_damaged)), "good_photos": float(len(learnt_good))})
    return folder / DAMAGE, folder / REPAIR


def _fabric_for(config: CycleConfig) -> Fabric:
    device = choose_device(config.device, threads=config.threads)
    lower = config.precision == "bfloat16" or (config.precision == "auto" and native_bfloat16(device.torch))
    return Fabric(accelerator=device.torch.type, devices=1, precision="bf16-mixed" if lower else "32-true")


def _split(photos: list[Path]) -> tuple[list[Path], list[Path]]:
    """Photos to learn from, and to look at: a tenth that is held out, or the same ones where they are so few."""
    learnt, held = hold_out([Example(path) for path in photos], _HELD_OUT_COUNT)
    return [example.hq for example in learnt], [example.hq for example in held or learnt[:_HELD_OUT_COUNT]]


class CycleRun:
    """The life of an unpaired run: steps, with a line, a checkpoint and a sheet of samples when each is due."""

    def __init__(self, fabric: Fabric, config: CycleConfig, loader: UnpairedLoader, samples: Samples) -> None:
        self.fabric = fabric
        self.config = config
        self.folder = Path(config.run)
        self.loader = loader
        self.samples = samples
        self.players = seat(fabric, config)
        self.balance = Balance(
            cycle=config.lambda_cycle, identity=config.lambda_identity, hiding_noise=config.hiding_noise
        )
        self.state = CycleState(players=self.players, config=config)
        if config.resume:
            self.state.load(self.folder)
        self.watch = Watch()

    def loop(self, journal: Journal, about: dict[str, float]) -> None:
        """Steps until the end; ``about`` is told at the start. TrainingError when a loss is no number."""
        state, config = self.state, self.config
        sizes = (_size(self.players.spoiler.network), _size(self.players.damaged_discriminator.adversary.network))
        self._tell(
            journal, "start", {**about, "parameters": float(sizes[0]), "discriminator_parameters": float(sizes[1])}
        )
        if state.step == 0:
            self._sample(journal)
        started = time.perf_counter() - state.elapsed_s
        saved = sampled = logged = state.elapsed_s
        totals = Totals()
        patches = self.loader.stream(state.step)
        progress = self._progress()
        while progress < 1:
            totals.add(self._step(next(patches), progress))
            state.step += 1
            state.elapsed_s = time.perf_counter() - started
            progress = self._progress()
            if state.step % _LOG_EVERY_STEPS and progress < 1:
                continue
            means = totals.means(self.fabric)
            self._refuse_nan(means)
            speed = totals.steps / max(state.elapsed_s - logged, 1e-9)
            self._tell(journal, "step", {**means, "steps_per_s": speed, "progress": min(progress, 1.0)})
            totals, logged = Totals(), state.elapsed_s
            if state.elapsed_s - saved >= config.checkpoint_every_s:
                self._save(journal)
                saved = state.elapsed_s
            if state.elapsed_s - sampled >= config.sample_every_s:
                self._sample(journal)
                sampled = state.elapsed_s
        patches.close()
        self._save(journal)
        self._tell(journal, "done", self._sample(journal), str(self.folder / DAMAGE))

    def _progress(self) -> float:
        if self.config.budget_s is not None:
            return self.state.elapsed_s / self.config.budget_s
        return self.state.step / (self.config.total_steps or 1)

    def _step(self, patches: UnpairedPatches, progress: float) -> dict[str, Tensor]:
        """One turn of all four; what is to be logged of it."""
        config, players = self.config, self.players
        rate = falling_rate(config.lr, progress=progress, decay_from=config.decay_from)
        set_rate((generator.optimizer for generator in players.generators), rate)
        damaged, good = (
            side.to(self.fabric.device, memory_format=torch.channels_last).float().div_(255)
            for side in (patches.damaged, patches.good)
        )
        sides = Sides(damaged=damaged, good=good, step=self.state.step, seed=config.seed)
        made, told = generators_step(players, sides, self.balance)
        told |= discriminators_step(players, sides, made, rate=rate)
        return {**told, "adversarial/weight": torch.tensor(1.0), "lr": torch.tensor(rate)}

    def _refuse_nan(self, means: dict[str, float]) -> None:
        if not (wrong := not_numbers(means)):
            return
        path = self.folder / CHECKPOINT
        kept = f"the last good state is {path}" if path.exists() else "no checkpoint had been written yet"
        raise TrainingError(
            f"{', '.join(wrong)} stopped being a number near step {self.state.step}: training stopped, {kept}. "
            "Lower --lr and go on with --resume"
        )

    def _save(self, journal: Journal) -> None:
        self.state.save(self.folder)
        self._tell(journal, "saved", {"seconds": self.state.elapsed_s})

    def _sample(self, journal: Journal) -> dict[str, float]:
        sheet = self.folder / "samples" / f"{self.state.step:07d}.png"
        figures = self.samples.draw(self.players, sheet)
        self._tell(journal, "validated", figures)
        return figures

    def _tell(self, journal: Journal, kind: EventKind, values: dict[str, float], message: str = "") -> None:
        event = Event(kind, self.state.step, values, message)
        journal.write(event)
        for alarm in self.watch.look(event):
            journal.write(Event("warning", self.state.step, {}, alarm.text))


def _size(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
