"""``restore eval``: how good weights are, on photos whose original is known, beside what one has without them."""

from __future__ import annotations

from enum import StrEnum
from itertools import count
from pathlib import Path
from typing import Annotated

import typer

from restore.cli.guard import guarded
from restore.cli.options import DeviceName, Ensemble, Verbose
from restore.errors import ConfigError


class EvalTask(StrEnum):
    """What can be measured."""

    UPSCALE = "upscale"
    DENOISE = "denoise"
    DEJPEG = "dejpeg"
    DEBLUR = "deblur"
    INPAINT = "inpaint"
    SCRATCH = "scratch"


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
        str | None,
        typer.Option(
            help="Bundled name or a .safetensors file; 'bicubic' (for upscale) and 'input' measure that alone, "
            "'telea', 'ns', 'fsr', 'fsr-fast' (OpenCV's) and 'biharmonic' (for inpaint) and 'top-hat' (for scratch) "
            "classical ways."
        ),
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
            help="What the network is told: the damage made here, 'all is clean', nothing (blind), or what restoring "
            "would measure in the pixels."
        ),
    ] = Told.TOLD,
    noise: Annotated[
        str | None,
        typer.Option(metavar="SIGMA[,...]", help="Noise added to the (small) photo, in grey levels of 0..255."),
    ] = None,
    jpeg: Annotated[
        str | None, typer.Option(metavar="QUALITY[,...]", help="JPEG that the (small) photo is saved as, 1 to 100.")
    ] = None,
    first_jpeg: Annotated[
        str | None,
        typer.Option(metavar="QUALITY[,...]", help="JPEG that it had been before, with blocks four pixels off."),
    ] = None,
    blur: Annotated[
        str | None, typer.Option(metavar="SIGMA[,...]", help="Gaussian blur of the photo, 0 to 4 pixels.")
    ] = None,
    motion: Annotated[
        str | None, typer.Option(metavar="PIXELS[,...]", help="Or a straight movement of so many, 0 to 20.")
    ] = None,
    gray: Annotated[
        bool, typer.Option("--gray", help="Measure the luma of colour photos alone, as papers on JPEG do.")
    ] = False,
    as_file: Annotated[
        bool, typer.Option("--as-file", help="Clip and round noise to 8 bits; papers on denoising do not.")
    ] = False,
    masks: Annotated[
        Path | None, typer.Option(help="For inpaint: folder of masks, white where the hole is cut.")
    ] = None,
    regrain: Annotated[
        str | None,
        typer.Option(
            metavar="0..100[,...]",
            help="For inpaint: how much of the grain around them fillings get; each number of a list is measured.",
        ),
    ] = None,
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
    ensemble: Ensemble = 1,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of --csv and --save.")] = False,
    verbose: Verbose = False,
) -> None:
    """Measure weights on photos whose original is known, with what one has without them beside.

    upscale: each photo is shrunk exactly as in the papers, enlarged again, and compared; bicubic stands beside.
    denoise, dejpeg, deblur: each photo is damaged on purpose, cleaned, and compared; the damaged one stands beside.
    Each value of a list is measured. inpaint: holes are cut by masks, filled, and compared, in bins by their size.
    scratch: photos are damaged as old prints are, and what is found is compared; then photos as they are.

    Examples: restore eval upscale --data Set5/ -x 4 --detail 0,50,100

    restore eval denoise --data CBSD68/ --noise 15,25,50

    restore eval dejpeg --data LIVE1/ --jpeg 10,20,40 --gray

    restore eval inpaint --data B100/ --masks masks/ --weights telea

    restore eval scratch --data B100/
    """
    with guarded(verbose=verbose):
        from restore.cli.evaluate_damage import DamageWords, check_words, parse_details, plan_damages, plan_rules
        from restore.cli.evaluate_files import DataSet, after_photo, check_targets, find_photos, plan_trials
        from restore.cli.evaluate_inpaint import plan_filling
        from restore.cli.evaluate_methods import load_subject
        from restore.cli.evaluate_report import print_json, print_table, write_csv
        from restore.cli.evaluate_scratch import plan_finding
        from restore.cli.talk import Talk
        from restore.inference.device import choose_device
        from restore.inference.evaluate import evaluate as measure
        from restore.inference.evaluate import method_names
        from restore.inference.protocol import pick_evenly
        from restore.metrics.lpips import load_lpips

        words = DamageWords(
            noise=noise, jpeg=jpeg, first_jpeg=first_jpeg, blur=blur, motion=motion, gray=gray, as_file=as_file
        )
        enlarging = {"-x": scale is not None, "--project": project != ProjectWord.OFF}
        if detail is not None and task not in {EvalTask.UPSCALE, EvalTask.DEBLUR}:
            raise ConfigError(f"--detail means nothing for {task.value}; leave it out")
        check_words(task.value, words, enlarging, masks=masks is not None, told=condition != Told.TOLD)
        if regrain is not None and task is not EvalTask.INPAINT:
            raise ConfigError(f"--regrain is for inpaint, not for {task.value}; leave it out")
        if scale is not None and scale < 2:
            raise ConfigError(f"-x {scale}: the scale must be 2 or more")
        computer = choose_device(device, ensemble=ensemble)
        damages, details = plan_damages(task.value, words), parse_details(detail)
        sets = [DataSet(name=one.name, photos=pick_evenly(one.photos, limit)) for one in map(find_photos, data)]
        if task is EvalTask.INPAINT:
            grains = parse_details(regrain, "--regrain")
            facts, trials, methods = plan_filling(sets, masks, weights, device=computer, grains=grains)
        elif task is EvalTask.SCRATCH:
            facts, trials, methods = plan_finding(sets, weights, device=computer)
        else:
            subject = load_subject(task.value, weights, scale, details, device=computer, told=condition.value)
            trials = plan_trials(sets, plan_rules(task.value, subject.scale, damages, gray=gray))
            facts, methods = subject.facts, [subject.methods(trial.rules.damage) for trial in trials]
        names = method_names(methods[0], project.value, plain=trials[0].rules.plain)
        check_targets(trials, names, csv, save, overwrite=overwrite)
        lpips, note = (None, None) if task is EvalTask.SCRATCH else load_lpips(lpips_backbone)
        results = []
        with Talk(as_json=json).progress(sum(len(trial.data.photos) for trial in trials)) as show:
            measured = count(1)
            for trial, told in zip(trials, methods, strict=True):
                found = measure(
                    told,
                    trial.data.photos,
                    trial.rules,
                    lpips=lpips,
                    projection=project.value,
                    on_photo=after_photo(trial, save, lambda: show(next(measured))),
                )
                results.append((trial.data.name, found))
        facts = facts | {"task": task.value, "lpips_note": note}
        if csv is not None:
            write_csv(csv, results, facts)
        (print_json if json else print_table)(results, facts)
