"""The life of a run: steps, with a line, a checkpoint and a validation when each is due."""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from pathlib import Path
from typing import Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn import functional as F

from restore.config.train import TrainConfig
from restore.datasets.loader import Patches, step_seed
from restore.datasets.spoil import spoil_for, without_colour
from restore.errors import TrainingError
from restore.inference.device import Device
from restore.inference.restorer import Restorer
from restore.models.weights import save_weights
from restore.tasks import find_task
from restore.training.guards import Watch, must_roll_back, not_numbers
from restore.training.journal import Event, EventKind, Journal
from restore.training.players import card_of, seat
from restore.training.state import CHECKPOINT
from restore.training.step import Batch, discriminator_step, generator_step, learning_rate
from restore.training.totals import Totals
from restore.training.validate import Held, validate
from restore.training.validate_detector import validate_detector

WEIGHTS = "weights.safetensors"
_LOG_EVERY_STEPS = 50
_TOLD_AT_ONCE = 5
_DAMAGE_STREAM, _GAME_STREAM = 1, 2


class Loader(Protocol):
    """Where patches come from: folders or shards."""

    @property
    def skipped(self) -> list[str]:
        """What could not be used so far: which photo, and why; grows during a stream."""
        ...

    def stream(self, first: int, *, rank: int = 0, ranks: int = 1) -> Generator[Patches]:
        """Patches of step ``first`` and after, for ever."""
        ...


class Run:
    """One process's part of a run. ``loader`` gives patches, ``held_out`` is validated on (in the first process)."""

    def __init__(self, fabric: Fabric, config: TrainConfig, loader: Loader, held_out: list[Held]) -> None:
        self.fabric = fabric
        self.config = config
        self.folder = Path(config.run)
        self.loader = loader
        self.held_out = held_out
        self.player, self.state = seat(fabric, config)
        self.watch = Watch(config.adversarial.warmup_steps + config.adversarial.ramp_steps)
        self.spoil = spoil_for(config)
        self._told = 0

    def loop(self, journal: Journal | None, about: dict[str, float]) -> None:
        """Steps until the end; ``about`` is told at the start. TrainingError when the run goes wrong."""
        state, config = self.state, self.config
        sizes = {"parameters": float(_size(state.generator))}
        if state.adversary is not None:
            sizes["discriminator_parameters"] = float(_size(state.adversary.network))
        self._tell(journal, "start", about | sizes)
        if state.step == 0 and journal is not None and self.held_out:
            self._validate(journal)
        started = time.perf_counter() - state.elapsed_s
        saved = validated = logged = state.elapsed_s
        totals = Totals()
        patches = self.loader.stream(state.step, rank=self.fabric.global_rank, ranks=self.fabric.world_size)
        progress = self._progress()
        while progress < 1:
            totals.add(self.step(next(patches), progress))
            state.step += 1
            state.elapsed_s = time.perf_counter() - started
            progress = self._progress()
            if state.step % _LOG_EVERY_STEPS and progress < 1:
                continue
            means = totals.means(self.fabric)
            self._refuse_nan(journal, means)
            speed = totals.steps / max(state.elapsed_s - logged, 1e-9)
            self._tell_skipped(journal)
            self._tell(journal, "step", {**means, "steps_per_s": speed, "progress": min(progress, 1.0)})
            totals, logged = Totals(), state.elapsed_s
            due = state.elapsed_s - validated >= config.validate_every_s
            if journal is not None and (due or state.elapsed_s - saved >= config.checkpoint_every_s):
                self._save(journal)
                saved = state.elapsed_s
            if journal is not None and self.held_out and due:
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

    def step(self, patches: Patches, progress: float) -> dict[str, Tensor]:
        """One turn of each player; what is to be logged of it."""
        step, config = self.state.step, self.config
        rate = learning_rate(config.lr, step=step, progress=progress, warmup_steps=config.warmup_steps)
        for group in self.player.optimizer.param_groups:
            group["lr"] = rate
        batch = self._batch(patches)
        adversary = self.state.adversary
        restored, told = generator_step(self.player, batch, step=step, adversary=adversary)
        if adversary is not None:
            fallen = learning_rate(config.adversarial.lr, step=step, progress=progress, warmup_steps=0)
            told |= discriminator_step(adversary, batch, restored, step=step, rate=fallen)
        return {**told, "lr": torch.tensor(rate)}

    def _batch(self, patches: Patches) -> Batch:
        """Patches on the device, spoiled where they are good photos alone."""
        step, config, device, rank = self.state.step, self.config, self.fabric.device, self.fabric.global_rank
        hq = patches.hq.to(device).float().div_(255)
        if patches.lq is None:
            rng = torch.Generator(device).manual_seed(step_seed(config.seed, step, _DAMAGE_STREAM, rank))
            hq = without_colour(hq, config.gray_chance, rng) if config.gray_chance else hq
            lq, condition = self.spoil(hq, rng)
            if find_task(config.task).detects:
                hq, condition = condition, condition.new_zeros(len(lq), 0, 1, 1)
        else:
            lq = patches.lq.to(device).float().div_(255)
            condition = find_task(config.task).pair_maps().to(device).expand(len(lq), -1, -1, -1)
        given = None
        if self.state.adversary is not None:
            near = F.interpolate(lq, size=hq.shape[-2:], mode="bicubic", align_corners=False).clamp(0, 1)
            given = torch.cat([near, condition.expand(-1, -1, *hq.shape[-2:])], dim=1)
        return Batch(
            lq=lq.contiguous(memory_format=torch.channels_last),
            hq=hq,
            condition=condition,
            given=given,
            mask=condition if find_task(config.task).masked else None,
            seed=step_seed(config.seed, step, _GAME_STREAM, rank),
        )

    def _refuse_nan(self, journal: Journal | None, means: dict[str, float]) -> None:
        if not (wrong := not_numbers(means)):
            return
        step = self.state.step
        if journal is None:
            raise TrainingError(f"{', '.join(wrong)} stopped being a number near step {step}")
        path = self.folder / CHECKPOINT
        kept = f"the last good state is {path}" if path.exists() else "no checkpoint had been written yet"
        raise TrainingError(
            f"{', '.join(wrong)} stopped being a number near step {step}: training stopped, {kept}. "
            "Lower --lr, or use --precision float32, and go on with --resume"
        )

    def _save(self, journal: Journal) -> None:
        self.state.save(self.folder)
        self._export()
        self._tell(journal, "saved", {"seconds": self.state.elapsed_s})

    def _export(self) -> None:
        network = self.state.average.network
        save_weights(self.folder / WEIGHTS, network.state_dict(), card_of(self.config, self.state))

    def _validate(self, journal: Journal) -> dict[str, float]:
        """Measure the averaged weights; go back and stop when they have become much worse than they were."""
        state = self.state
        sheet = self.folder / "samples" / f"{state.step:07d}.png"
        device = Device(self.fabric.device, "", "training", None)
        restorer = Restorer.of_network(state.average.network, card_of(self.config, state), device)  # type: ignore[arg-type]
        look = validate_detector if find_task(self.config.task).detects else validate
        figures = look(restorer, self.held_out, sheet)
        score, unit = ("iou", "%") if "iou" in figures else ("psnr_y", "dB")
        name, now = {"iou": "IoU", "psnr_y": "PSNR"}[score], figures[score]
        best = now if state.best_db is None else state.best_db
        if must_roll_back(best, now, self.config.max_drop_db):
            bad = state.step
            if state.go_back(self.folder):
                self._export()
            text = (
                f"held-out {name} fell from {best:.2f} to {now:.2f} {unit} at step {bad}: back to step {state.step}, "
                "the last good state, and stopped. Lower --lr or adversarial.weight, or raise max_drop_db if the fall "
                "is meant, and go on with --resume"
            )
            self._tell(journal, "rolled back", {score: now} if math.isfinite(now) else {}, text)
            raise TrainingError(text)
        state.best_db = max(best, now)
        self._tell(journal, "validated", figures)
        if (self.folder / CHECKPOINT).exists():
            state.mark_good(self.folder)
        return figures

    def _tell_skipped(self, journal: Journal | None) -> None:
        """A warning for each photo that could not be used since the last line, but not for more than a few."""
        if journal is None:
            return
        new = self.loader.skipped[self._told :]
        self._told += len(new)
        texts = [f"left out: {text}" for text in new[:_TOLD_AT_ONCE]]
        if len(new) > _TOLD_AT_ONCE:
            texts.append(f"left out: {len(new) - _TOLD_AT_ONCE} more photos that cannot be used")
        for text in texts:
            journal.write(Event("warning", self.state.step, {}, text))

    def _tell(self, journal: Journal | None, kind: EventKind, values: dict[str, float], message: str = "") -> None:
        if journal is None:
            return
        event = Event(kind, self.state.step, values, message)
        journal.write(event)
        for alarm in self.watch.look(event):
            journal.write(Event("warning", self.state.step, {}, alarm.text))


def _size(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
