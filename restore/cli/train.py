"""``restore train``: weights of your own, from a folder of good photos or from pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

import typer

from restore.cli import exit_codes
from restore.cli.guard import guarded
from restore.cli.live import LiveTalk
from restore.cli.options import DeviceName, ModelSize, Quiet, Threads, Verbose
from restore.cli.words import parse_duration
from restore.config.toml import load_toml, to_toml
from restore.config.train import TrainConfig, train_config

CHECK_LIMIT: Final = 300
"""Photos that --check decodes, evenly spread over larger sets."""
DATA_PANEL: Final = "The photos"
RUN_PANEL: Final = "The run"


class TrainTask(StrEnum):
    """What can be trained."""

    UPSCALE = "upscale"
    CLEAN = "clean"
    INPAINT = "inpaint"
    SCRATCH = "scratch"
    TRANSLATE = "translate"


class RecipeName(StrEnum):
    """Settings that come with restore."""

    DETAIL = "detail"
    TRANSLATE = "translate"
    CLEAN = "clean"
    INPAINT = "inpaint"
    SCRATCH = "scratch"
    PIX2PIX = "pix2pix"


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
    shards: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Tar shards, like s3://set/{000..099}.tar.", rich_help_panel=DATA_PANEL),
    ] = None,
    align: Annotated[
        bool, typer.Option("--align", help="Shift damaged photos onto their partners.", rich_help_panel=DATA_PANEL)
    ] = False,
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
    recipe: Annotated[
        RecipeName | None,
        typer.Option(help="Settings that come with restore; --config and flags win.", rich_help_panel=RUN_PANEL),
    ] = None,
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
            "--check", help="Examine the photos, try 20 steps, estimate, and stop.", rich_help_panel="What is said"
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
            "shards": shards,
            "align": align or None,
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
        written = [] if recipe is None else [load_toml(recipe_path(recipe.value))]
        written += [] if config is None else [load_toml(config)]
        settings = merged(written, flags)
        if print_config:
            typer.echo(to_toml(settings), nl=False)
        elif check:
            _check(settings)
        else:
            _run(settings, quiet=quiet)


_SAME_SIZE: Final = (TrainTask.TRANSLATE, TrainTask.CLEAN, TrainTask.INPAINT, TrainTask.SCRATCH)
ALTERNATIVES: Final = (frozenset({"hq", "pairs_lq", "pairs_hq", "shards"}), frozenset({"steps", "budget_s"}))
"""Settings of which a flag replaces the file's other choice too: --pairs wins over the file's hq."""


def merged(files: Sequence[Mapping[str, object]], flags: Mapping[str, object | None]) -> TrainConfig:
    """Flags over the files, later files over earlier ones, over the defaults; ConfigError for what does not fit.

    Tasks that keep the size begin with the recipe of their name where nothing else is laid under the flags.
    """
    values: dict[str, object] = {}
    given = {name: value for name, value in flags.items() if value is not None}
    task = str(given.get("task", ""))
    if not files and task in _SAME_SIZE:
        files = [load_toml(recipe_path(task))]
    for layer in (*files, given):
        replaced = {name for group in ALTERNATIVES if group & layer.keys() for name in group}
        values = {name: value for name, value in values.items() if name not in replaced} | dict(layer)
    if values.get("task") in _SAME_SIZE:
        values.setdefault("scale", 1)
    return train_config(values)


def recipe_path(name: str) -> Path:
    """The file of a recipe that comes with restore."""
    return Path(str(resources.files("restore"))) / "recipes" / f"{name}.toml"


def _check(config: TrainConfig) -> None:
    from restore.datasets.doctor import examine
    from restore.tasks import find_task
    from restore.training.rehearsal import rehearse
    from restore.training.source import check_task, find_examples, open_source

    check_task(config)
    healthy = True
    if config.shards is None:
        examples, held_out = find_examples(config)
        diagnosis = examine(
            examples,
            held_out,
            config.scale,
            patch_px=config.patch_px,
            limit=CHECK_LIMIT,
            align=config.align,
            faithful=find_task(config.task).faithful,
        )
        for line in diagnosis.lines():
            typer.echo(line)
        healthy = not diagnosis.problems
    if healthy:
        for line in rehearse(config, open_source(config, validates=False).loader).lines():
            typer.echo(line)
        return
    raise typer.Exit(exit_codes.WRONG_USE)


def _run(config: TrainConfig, *, quiet: bool) -> None:
    from restore.training.processes import is_first
    from restore.training.run import train as train_weights

    try:
        with LiveTalk(quiet=quiet or not is_first(), title=f"{config.task} x{config.scale} in {config.run}") as talk:
            weights = train_weights(config, talk)
    except KeyboardInterrupt:
        typer.echo(
            f"stopped; the same command with --resume goes on from the last checkpoint in {config.run}", err=True
        )
        raise typer.Exit(exit_codes.STOPPED) from None
    if is_first():
        typer.echo(str(weights))
