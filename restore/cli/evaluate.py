"""``restore eval``: how good the weights are, on photos whose original is known, beside bicubic."""

from __future__ import annotations

from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Annotated, Final

import typer

from restore.cli.guard import guarded
from restore.cli.options import DeviceName, Verbose
from restore.errors import ConfigError

MOST_DETAIL: Final = 100.0


class EvalTask(StrEnum):
    """What can be measured."""

    UPSCALE = "upscale"


class Told(StrEnum):
    """What the network is told about the damage."""

    TOLD = "told"
    CLEAN = "clean"
    BLIND = "blind"
    MEASURED = "measured"


class ProjectWord(StrEnum):
    """Whether results are made to agree with the small photo."""

    OFF = "off"
    ON = "on"
    BOTH = "both"


def evaluate(
    task: Annotated[EvalTask, typer.Argument(help="What to measure.")],
    *,
    data: Annotated[list[Path], typer.Option("--data", help="Folder of good photos, or one photo; may be repeated.")],
    scale: Annotated[
        int | None, typer.Option("-x", "--scale", help="2 or 4; the scale of --weights, or else 4, if left out.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(help="Bundled name or a .safetensors file; 'bicubic' measures bicubic alone.")
    ] = None,
    detail: Annotated[
        str | None,
        typer.Option(
            metavar="0..100[,...]",
            help="Blend with the detail weights beside --weights; each number of a list is measured.",
        ),
    ] = None,
    project: Annotated[
        ProjectWord,
        typer.Option(help="Make each result agree with the small photo first; both measures it without and with."),
    ] = ProjectWord.OFF,
    condition: Annotated[
        Told,
        typer.Option(
            help="What the network is told: the damage made here, 'all is clean', nothing (blind), or what "
            "`restore upscale` would measure in the pixels."
        ),
    ] = Told.TOLD,
    noise: Annotated[float, typer.Option(help="Noise added to the small photo, sigma in grey levels of 0..255.")] = 0,
    jpeg: Annotated[int | None, typer.Option(help="JPEG quality that the small photo is saved with, 1 to 100.")] = None,
    lpips_backbone: Annotated[
        Path | None, typer.Option(help="File of SqueezeNet 1.1 features for LPIPS; never downloaded.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write one line per photo and method into this file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per data set on stdout, no table.")] = False,
    limit: Annotated[int | None, typer.Option("--max", help="At most so many photos per set, evenly spread.")] = None,
    save: Annotated[
        Path | None, typer.Option(help="Folder for the input and the result of each method for each photo, as PNG.")
    ] = None,
    device: DeviceName = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of --csv and --save.")] = False,
    verbose: Verbose = False,
) -> None:
    """Measure weights on photos whose original is known, with bicubic always beside.

    Each photo is shrunk exactly as in the papers, restored, and compared: PSNR and SSIM on luma, LPIPS where its
    backbone is found, agreement with the small photo, colour drift, fine detail, grids.

    Example: restore eval upscale --data Set5/ -x 4 --detail 0,50,100
    """
    with guarded(verbose=verbose):
        from restore.cli.evaluate_files import DataSet, after_photo, check_targets, find_photos
        from restore.cli.evaluate_methods import load_subject
        from restore.cli.evaluate_report import print_json, print_table, write_csv
        from restore.cli.talk import Talk
        from restore.inference.evaluate import evaluate_upscale, method_names
        from restore.inference.protocol import Damage, pick_evenly
        from restore.metrics.lpips import load_lpips

        if scale is not None and scale < 2:
            raise ConfigError(f"-x {scale}: the scale must be 2 or more")
        damage = Damage(noise=noise, jpeg=jpeg)
        details = None if detail is None else parse_details(detail)
        sets = [DataSet(name=one.name, photos=pick_evenly(one.photos, limit)) for one in map(find_photos, data)]
        subject = load_subject(weights, scale, details, device=device, told=condition.value, damage=damage)
        names = method_names(subject.methods, project.value)
        check_targets(sets, names, csv, save, overwrite=overwrite)
        lpips, note = load_lpips(lpips_backbone)
        results = []
        with Talk(as_json=json).progress(sum(len(one.photos) for one in sets)) as show:
            measured = count(1)
            for one in sets:
                found = evaluate_upscale(
                    subject.methods,
                    one.photos,
                    subject.scale,
                    lpips=lpips,
                    projection=project.value,
                    damage=damage,
                    on_photo=after_photo(one, save, lambda: show(next(measured))),
                )
                results.append((one.name, found))
        facts = subject.facts | {"task": task.value, "lpips_note": note}
        if csv is not None:
            write_csv(csv, results, facts)
        (print_json if json else print_table)(results, facts)


def parse_details(text: str) -> tuple[float, ...]:
    """One or more numbers from 0 to 100 with commas between them, each once.

    >>> parse_details("0,25, 50")
    (0.0, 25.0, 50.0)
    """
    try:
        numbers = tuple(float(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 <= number <= MOST_DETAIL for number in numbers) or len(set(numbers)) < len(numbers):
        raise ConfigError(f"--detail is one or more different numbers from 0 to 100, like 0,50,100; got {text!r}")
    return numbers
