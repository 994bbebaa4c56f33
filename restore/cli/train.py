"""``restore train``: weights of your own, from a folder of good photos or from pairs."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import exit_codes
from restore.cli.guard import guarded
from restore.cli.options import DeviceName, ModelSize, Quiet, Threads, Verbose
from restore.cli.words import parse_duration
from restore.config import TrainConfig, load_toml, to_toml, train_config

if TYPE_CHECKING:
    from restore.training.journal import Event

DATA_PANEL: Final = "The photos"
RUN_PANEL: Final = "The run"


class TrainTask(StrEnum):
    """What can be trained."""

    UPSCALE = "upscale"


class PrecisionWord(StrEnum):
    """Arithmetic of the network."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def _meaning(setting: str) -> str:
    """The default of a setting, for the help."""
    default = next(field.default for field in fields(TrainConfig) if field.name == setting)
    return f"(default {default})"


def train(
    task: Annotated[TrainTask, typer.Argument(help="What to train for.")],
    *,
    hq: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Good photos; the damage is made on the fly.", rich_help_panel=DATA_PANEL),
    ] = None,
    pairs: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="LQ HQ", help="Damaged photos, and good ones of the same names.", rich_help_panel=DATA_PANEL
        ),
    ] = None,
    val: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Good photos to validate on. Default: some are held out.", rich_help_panel=DATA_PANEL
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="RUN",
            help="Folder for weights, checkpoints, journal, samples.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option(
            "-x",
            "--scale",
            metavar="2|3|4",
            help=f"Output size / input size {_meaning('scale')}.",
            rich_help_panel=RUN_PANEL,
        ),
    ] = None,
    size: Annotated[
        ModelSize | None, typer.Option(help=f"Shape of the network {_meaning('size')}.", rich_help_panel=RUN_PANEL)
    ] = None,
    steps: Annotated[
        int | None, typer.Option(metavar="N", help="Length in steps; repeatable to the bit.", rich_help_panel=RUN_PANEL)
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Length on the clock instead, like 2h or 45m.", rich_help_panel=RUN_PANEL),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(metavar="N", help=f"Patches per step {_meaning('batch')}.", rich_help_panel=RUN_PANEL)
    ] = None,
    patch: Annotated[
        int | None,
        typer.Option(
            metavar="N", help=f"Side of a good patch in pixels {_meaning('patch_px')}.", rich_help_panel=RUN_PANEL
        ),
    ] = None,
    lr: Annotated[
        float | None, typer.Option("--lr", help=f"Step size at its peak {_meaning('lr')}.", rich_help_panel=RUN_PANEL)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"All randomness comes from it {_meaning('seed')}.", rich_help_panel=RUN_PANEL),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(metavar="WEIGHTS", help="Bundled name or file to start from.", rich_help_panel=RUN_PANEL),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the run folder.", rich_help_panel=RUN_PANEL)
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE.toml", help="Settings; flags win over it.", rich_help_panel=RUN_PANEL),
    ] = None,
    device: DeviceName = "",
    devices: Annotated[
        int | None, typer.Option(metavar="N", help="GPUs, or processes on a CPU.", rich_help_panel="The machine")
    ] = None,
    threads: Threads = None,
    precision: Annotated[
        PrecisionWord | None, typer.Option(help="auto: bfloat16 where it is native.", rich_help_panel="The machine")
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write TensorBoard events too.", rich_help_panel="What is said")
    ] = False,
    print_config: Annotated[
        bool,
        typer.Option("--print-config", help="Print all settings as TOML and stop.", rich_help_panel="What is said"),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Look through the photos, say what is wrong, and stop.", rich_help_panel="What is said"
        ),
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Train weights: restore train upscale --hq photos/ -o run/

    They end up in run/weights.safetensors: restore upscale photo.jpg --weights run/weights.safetensors
    """
    with guarded(verbose=verbose):
        flags: dict[str, object | None] = {
            "task": task.value,
            "hq": hq,
            "pairs_lq": pairs[0] if pairs else None,
            "pairs_hq": pairs[1] if pairs else None,
            "val": val,
            "run": run,
            "scale": scale,
            "size": size.value if size else None,
            "steps": steps,
            "budget_s": parse_duration(budget) if budget else None,
            "batch": batch,
            "patch_px": patch,
            "lr": lr,
            "seed": seed,
            "init": init,
            "resume": resume or None,
            "device": device or None,
            "devices": devices,
            "threads": threads,
            "precision": precision.value if precision else None,
            "tensorboard": tensorboard or None,
        }
        settings = merged({} if config is None else load_toml(config), flags)
        if print_config:
            typer.echo(to_toml(settings), nl=False)
        elif check:
            _check(settings)
        else:
            _run(settings, quiet=quiet)


ALTERNATIVES: Final = (frozenset({"hq", "pairs_lq", "pairs_hq"}), frozenset({"steps", "budget_s"}))
"""Settings of which a flag replaces the file's other choice too: --pairs wins over the file's hq."""


def merged(file: dict[str, object], flags: dict[str, object | None]) -> TrainConfig:
    """Flags over the file over the defaults; ConfigError for what does not fit together."""
    given = {name: value for name, value in flags.items() if value is not None}
    replaced = {name for group in ALTERNATIVES if group & given.keys() for name in group}
    return train_config({name: value for name, value in file.items() if name not in replaced} | given)


def _check(config: TrainConfig) -> None:
    from restore.training.run import find_examples

    examples, held_out = find_examples(config)
    typer.echo(f"ok: {len(examples)} photos to train on, {len(held_out)} to validate on")


def _run(config: TrainConfig, *, quiet: bool) -> None:
    from restore.training.run import train as train_weights

    try:
        weights = train_weights(config, EventTalk(quiet=quiet))
    except KeyboardInterrupt:
        typer.echo(
            f"stopped; the same command with --resume goes on from the last checkpoint in {config.run}", err=True
        )
        raise typer.Exit(exit_codes.STOPPED) from None
    typer.echo(str(weights))


STEP_LINE_EVERY_S: Final = 10.0


@dataclass(slots=True)
class EventTalk:
    """Says on stderr what a run tells; it crosses process borders, so it holds plain values only."""

    quiet: bool = False
    said_at: float | None = None

    def __call__(self, event: Event) -> None:
        """One line per event; steps at most every ten seconds."""
        now = time.monotonic()
        if event.kind == "step":
            if self.said_at is not None and now - self.said_at < STEP_LINE_EVERY_S:
                return
            self.said_at = now
        if not self.quiet:
            typer.echo(event_line(event), err=True)


def event_line(event: Event) -> str:
    """One event in words."""
    values = event.values
    if event.kind == "step":
        return (
            f"step {event.step}  loss {values['loss']:.4f}  lr {values['lr']:.1e}  "
            f"{values['steps_per_s']:.1f} steps/s  {values['progress']:.0%}"
        )
    parts = [f"{name} {value:.6g}" for name, value in values.items()]
    return "  ".join([f"{event.kind} at step {event.step}", *parts, *([event.message] if event.message else [])])
