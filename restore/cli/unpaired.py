"""``restore train-unpaired`` and ``restore make-pairs``: damage learnt from photos that have no partner."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final

import typer

from restore.cli import exit_codes
from restore.cli.guard import guarded
from restore.cli.options import MACHINE_PANEL, TALK_PANEL, DeviceName, MaxMemory, Quiet, Threads, Tile, Verbose
from restore.cli.words import parse_duration, parse_memory
from restore.config.cycle import CycleConfig, cycle_config, cycle_toml
from restore.config.toml import load_toml

_DATA_PANEL: Final = "The photos"
_RUN_PANEL: Final = "The run"


def _default(setting: str) -> str:
    value = next(field.default for field in fields(CycleConfig) if field.name == setting)
    return f"(default {value})"


def train_unpaired(
    *,
    damaged: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Damaged photos, such as scans.", rich_help_panel=_DATA_PANEL),
    ] = None,
    good: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Good photos, of whatever.", rich_help_panel=_DATA_PANEL),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--output",
            metavar="RUN",
            help="Folder for weights, checkpoints, samples.",
            rich_help_panel=_RUN_PANEL,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(metavar="N", help="Length in steps; repeatable to the bit.", rich_help_panel=_RUN_PANEL),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Length on the clock instead, like 2h or 45m.", rich_help_panel=_RUN_PANEL),
    ] = None,
    batch: Annotated[
        int | None,
        typer.Option(
            metavar="N", help=f"Patches per step from each folder {_default('batch')}.", rich_help_panel=_RUN_PANEL
        ),
    ] = None,
    patch: Annotated[
        int | None,
        typer.Option(
            metavar="N", help=f"Side of a patch in pixels {_default('patch_px')}.", rich_help_panel=_RUN_PANEL
        ),
    ] = None,
    lr: Annotated[
        float | None,
        typer.Option("--lr", help=f"Step size until it falls {_default('lr')}.", rich_help_panel=_RUN_PANEL),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help=f"All randomness comes from it {_default('seed')}.", rich_help_panel=_RUN_PANEL),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the run folder.", rich_help_panel=_RUN_PANEL)
    ] = False,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Settings; flags win over it.", rich_help_panel=_RUN_PANEL)
    ] = None,
    device: DeviceName = "",
    threads: Threads = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print all settings as TOML and stop.", rich_help_panel=TALK_PANEL)
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Learn damage from photos without partners: restore train-unpaired --damaged scans/ --good photos/ -o run/

    run/damage.safetensors spoils good photos (restore make-pairs), run/repair.safetensors repairs (restore run).
    """
    with guarded(verbose=verbose):
        flags: dict[str, object | None] = {
            "damaged": damaged,
            "good": good,
            "run": run,
            "steps": steps,
            "budget_s": parse_duration(budget) if budget else None,
            "batch": batch,
            "patch_px": patch,
            "lr": lr,
            "seed": seed,
            "resume": resume or None,
            "device": device or None,
            "threads": threads,
        }
        given = {name: value for name, value in flags.items() if value is not None}
        file = {} if config is None else load_toml(config)
        if {"steps", "budget_s"} & given.keys():  # a flag replaces the file's other choice too
            file = {name: value for name, value in file.items() if name not in ("steps", "budget_s")}
        settings = cycle_config(file | given)
        if print_config:
            typer.echo(cycle_toml(settings), nl=False)
        else:
            _train(settings, quiet=quiet)


def _train(settings: CycleConfig, *, quiet: bool) -> None:
    from restore.cli.live import LiveTalk
    from restore.training.cycle_loop import train_unpaired as train

    try:
        with LiveTalk(quiet=quiet, title=f"unpaired training in {settings.run}") as talk:
            damage, repair = train(settings, talk)
    except KeyboardInterrupt:
        typer.echo(
            f"stopped; the same command with --resume goes on from the last checkpoint in {settings.run}", err=True
        )
        raise typer.Exit(exit_codes.STOPPED) from None
    typer.echo(f"{damage}\n{repair}")


def make_pairs(
    good: Annotated[Path, typer.Argument(metavar="GOOD", help="Folder of good photos.")],
    *,
    damage: Annotated[str, typer.Option("--damage", metavar="FILE", help="The damage.safetensors of an unpaired run.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="PAIRS", help="Folder for the pairs: lq/ and hq/.")],
    scale: Annotated[
        int, typer.Option("-x", "--scale", min=1, max=4, metavar="1..4", help="Also shrink the damaged side by this.")
    ] = 1,
    seed: Annotated[int, typer.Option(metavar="N", help="Other seeds, other grain and scratches.")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace pairs that exist.")] = False,
    device: Annotated[
        str,
        typer.Option("--device", metavar="auto|cpu|cuda[:n]|mps", help="What computes.", rich_help_panel=MACHINE_PANEL),
    ] = "auto",
    threads: Threads = None,
    max_memory: MaxMemory = None,
    tile: Tile = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Spoil good photos with learnt damage: restore make-pairs photos/ --damage run/damage.safetensors -o pairs/

    Then train on them: restore train translate --pairs pairs/lq pairs/hq
    """
    with guarded(verbose=verbose):
        from restore.cli.talk import Talk
        from restore.inference.device import choose_device
        from restore.inference.spoil_pairs import Spoiler, plan_pairs
        from restore.inference.spoil_pairs import make_pairs as make

        jobs = plan_pairs(good, output, overwrite=overwrite)
        memory = None if max_memory is None else parse_memory(max_memory)
        spoiler = Spoiler(damage, device=choose_device(device, threads=threads), max_memory=memory, tile=tile)
        talk = Talk(quiet=quiet, verbose=verbose)
        failed = 0
        with talk.progress(len(jobs)) as tell:
            for number, (_, error) in enumerate(make(jobs, spoiler, scale=scale, seed=seed), start=1):
                tell(number)
                if error is not None:
                    failed += 1
                    talk.warn(f"fail  {error}")
                    talk.traceback(error)
        talk.note(f"{len(jobs) - failed} pairs made" + (f", {failed} photos failed" if failed else ""))
        if failed == len(jobs):
            raise typer.Exit(exit_codes.NOTHING_USABLE)
        typer.echo(f"{output / 'lq'}\n{output / 'hq'}")
        if failed:
            raise typer.Exit(exit_codes.SOME_FAILED)
