"""``restore eval``: how good the weights are, on photos whose original is known, beside bicubic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from restore.cli import exit_codes
from restore.cli.guard import guarded
from restore.cli.options import DeviceName, Verbose
from restore.errors import ConfigError, ImageError, OutputError

if TYPE_CHECKING:
    from torch import Tensor

    from restore.inference.evaluate import Damage, Sample
    from restore.inference.restorer import Restorer

DEFAULT_SCALE: Final = 4


class EvalTask(StrEnum):
    """What can be measured."""

    UPSCALE = "upscale"


class Told(StrEnum):
    """What the network is told about the damage."""

    TOLD = "told"
    CLEAN = "clean"
    BLIND = "blind"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """The photos of one ``--data``, in order of name."""

    name: str
    photos: tuple[Path, ...]


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
        Path | None, typer.Option(help="Folder for the input, bicubic and restored picture of each photo, as PNG.")
    ] = None,
    device: DeviceName = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files of --csv and --save.")] = False,
    verbose: Verbose = False,
) -> None:
    """Measure weights on photos whose original is known, with bicubic always beside.

    Each photo is shrunk exactly as in the papers, restored, and compared: PSNR and SSIM on luma, LPIPS where its
    backbone is found, consistency with the small photo, colour drift.

    Example: restore eval upscale --data Set5/ -x 4
    """
    with guarded(verbose=verbose):
        from restore.cli.evaluate_report import print_json, print_table, write_csv
        from restore.cli.talk import Talk
        from restore.inference.evaluate import BICUBIC, Damage, evaluate_upscale, pick_evenly
        from restore.metrics.lpips import load_lpips

        if scale is not None and scale < 2:
            raise ConfigError(f"-x {scale}: the scale must be 2 or more")
        damage = Damage(noise=noise, jpeg=jpeg)
        sets = [DataSet(name=one.name, photos=pick_evenly(one.photos, limit)) for one in map(find_photos, data)]
        _check_targets(sets, csv, save, overwrite=overwrite)
        restorer = _load(weights, scale, device)
        lpips, note = load_lpips(lpips_backbone)
        factor = restorer.scale if restorer else scale or DEFAULT_SCALE
        work = _work(restorer, condition, damage) if restorer else None
        name = restorer.card.name if restorer else BICUBIC
        results = []
        with Talk(as_json=json).progress(sum(len(one.photos) for one in sets)) as show:
            measured = count(1)
            for one in sets:
                after = _after_photo(one, save, lambda: show(next(measured)))
                found = evaluate_upscale(
                    work, one.photos, factor, lpips=lpips, method=name, damage=damage, on_photo=after
                )
                results.append((one.name, found))
        facts = _facts(restorer, condition) | {"task": task.value, "lpips_note": note}
        if csv is not None:
            write_csv(csv, results, facts)
        (print_json if json else print_table)(results, facts)


def find_photos(place: Path) -> DataSet:
    """The photos directly in a folder, or one photo; raises ImageError, or ends with code 4 if there is none."""
    from restore.io.folder import PHOTO_SUFFIXES

    if place.is_file():
        return DataSet(name=place.stem, photos=(place,))
    try:
        names = sorted(place.iterdir())
    except OSError as problem:
        raise ImageError(f"{place}: cannot be opened as a folder of photos ({problem.strerror})") from problem
    photos = [
        path for path in names if path.suffix.lower() in PHOTO_SUFFIXES and path.name[0] != "." and path.is_file()
    ]
    if not photos:
        typer.echo(f"{place}: no photos in this folder (subfolders are not searched)", err=True)
        raise typer.Exit(exit_codes.NOTHING_USABLE)
    return DataSet(name=place.resolve().name, photos=tuple(photos))


def _facts(restorer: Restorer | None, condition: Told) -> dict[str, str | None]:
    """What was measured, for the report; None where there is no network."""
    if restorer is None:
        return dict.fromkeys(("weights", "sha256", "condition", "device"))
    card = restorer.card
    return {
        "weights": card.name,
        "sha256": card.sha256,
        "condition": condition.value,
        "device": restorer.device.name,
    }


def _work(restorer: Restorer, told: Told, damage: Damage) -> Callable[[Tensor], Tensor]:
    """Restoring with what the network hears; ConfigError where the truth is beyond what a network can be told."""
    from restore.inference.inspect import condition_of_pixels
    from restore.tasks import BLIND, CLEAN, Condition

    if told is Told.MEASURED:
        return lambda image: restorer.restore(image, condition_of_pixels(image[0]))
    truth = Condition(noise=damage.noise, jpeg=100.0 if damage.jpeg is None else float(damage.jpeg))
    return partial(restorer.restore, condition={Told.TOLD: truth, Told.CLEAN: CLEAN, Told.BLIND: BLIND}[told])


def _load(weights: str | None, scale: int | None, device: str) -> Restorer | None:
    """The restorer asked for, or None for bicubic alone; ConfigError if its scale is not the one asked for."""
    from restore.inference.evaluate import BICUBIC
    from restore.inference.restorer import Restorer

    if weights == BICUBIC:
        return None
    restorer = Restorer(weights or f"upscale-x{scale or DEFAULT_SCALE}", device=device)
    if scale is not None and restorer.scale != scale:
        raise ConfigError(f"-x {scale}: {restorer.card.name} enlarges by {restorer.scale}; leave -x out")
    return restorer


def _check_targets(sets: Sequence[DataSet], csv: Path | None, save: Path | None, *, overwrite: bool) -> None:
    """Refuse before the work starts what would be overwritten, or land on one name twice."""
    planned = [csv] if csv else []
    if save is not None:
        planned += [path for one in sets for photo in one.photos for path in _saved_names(save / one.name, photo)]
        if len(set(planned)) < len(planned):
            raise OutputError(f"{save}: two photos or two --data folders would be saved under one name; rename one")
    existing = next((path for path in planned if path.exists()), None)
    if existing is not None and not overwrite:
        raise OutputError(f"{existing} exists; add --overwrite to replace it")


def _saved_names(folder: Path, photo: Path) -> tuple[Path, ...]:
    """Where the input, the bicubic and the restored picture of a photo go."""
    return tuple(folder / f"{photo.stem}_{what}.png" for what in ("input", "bicubic", "restored"))


def _after_photo(one: DataSet, save: Path | None, advance: Callable[[], None]) -> Callable[[Sample], None]:
    """What happens after each photo: its pictures are saved, the bar moves."""

    def after(sample: Sample) -> None:
        if save is not None:
            _save(save / one.name, sample)
        advance()

    return after


def _save(folder: Path, sample: Sample) -> None:
    """Write a photo's pictures; what may not be overwritten was refused before the work started."""
    from restore.io.convert import photo_from_array
    from restore.io.write import WriteOptions, write_photo

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{folder}: cannot be made ({problem.strerror}); choose another --save") from problem
    images = (sample.source, *sample.pictures.values())
    for path, image in zip(_saved_names(folder, sample.photo), images, strict=False):  # bicubic alone: no third
        pixels = (image[0].permute(1, 2, 0) * 255).round().byte().numpy()
        write_photo(photo_from_array(pixels), path, WriteOptions(overwrite=True))
