"""The photos that ``restore eval`` measures, and the pictures that it saves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from restore.cli import exit_codes
from restore.errors import ImageError, OutputError

if TYPE_CHECKING:
    from restore.inference.evaluate import Sample
    from restore.inference.rules import Rules

_SOURCE: Final = "input"
"""What stands for the picture that was restored in the name of a saved one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """The photos of one ``--data``, in order of name."""

    name: str
    photos: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The photos of one ``--data``, measured by one set of rules."""

    data: DataSet
    rules: Rules
    folder: Path
    """Below that of ``--save``: where its pictures go."""


def plan_trials(sets: Sequence[DataSet], rules: Sequence[Rules]) -> tuple[Trial, ...]:
    """Every set by all rules; with several of these, each has a folder of its own within the set's."""
    return tuple(
        Trial(data=one, rules=each, folder=Path(one.name, *([_file_word(each.words)] if len(rules) > 1 else [])))
        for one in sets
        for each in rules
    )


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


def check_targets(
    trials: Sequence[Trial], methods: Sequence[str], csv: Path | None, save: Path | None, *, overwrite: bool
) -> None:
    """Refuse before the work starts what would be overwritten, or land on one name twice."""
    planned = [csv] if csv else []
    if save is not None:
        words = dict.fromkeys((_SOURCE, *map(saved_word, methods)))
        planned += [
            saved_path(save / trial.folder, photo, word)
            for trial in trials
            for photo in trial.data.photos
            for word in words
        ]
        if len(set(planned)) < len(planned):
            raise OutputError(f"{save}: two photos or two --data folders would be saved under one name; rename one")
    existing = next((path for path in planned if path.exists()), None)
    if existing is not None and not overwrite:
        raise OutputError(f"{existing} exists; add --overwrite to replace it")


def saved_word(method: str) -> str:
    """What stands for a method in the name of a saved picture.

    >>> saved_word("upscale-x4 detail 50 projected")
    'upscale-x4-detail-50-projected'
    """
    return _file_word(method)


def _file_word(words: str) -> str:
    return words.replace(",", "").replace(" + ", " ").replace(" %", "").replace(" ", "-")


def saved_path(folder: Path, photo: Path, word: str) -> Path:
    """Where the picture of a photo goes that ``word`` stands for."""
    return folder / f"{photo.stem}_{word}.png"


def after_photo(trial: Trial, save: Path | None, advance: Callable[[], None]) -> Callable[[Sample], None]:
    """What happens after each photo: its pictures are saved, the bar moves."""

    def after(sample: Sample) -> None:
        if save is not None:
            _save(save / trial.folder, sample)
        advance()

    return after


def _save(folder: Path, sample: Sample) -> None:
    """Write a photo's pictures; what may not be overwritten was refused before the work started."""
    from restore.inference.protocol import round_to_8_bits
    from restore.io.convert import photo_from_array
    from restore.io.write import WriteOptions, write_photo

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise OutputError(f"{folder}: cannot be made ({problem.strerror}); choose another --save") from problem
    images = {_SOURCE: sample.source, **{saved_word(method): image for method, image in sample.pictures.items()}}
    for word, image in images.items():
        pixels = (round_to_8_bits(image)[0].permute(1, 2, 0) * 255).round().byte().numpy()
        write_photo(photo_from_array(pixels), saved_path(folder, sample.photo, word), WriteOptions(overwrite=True))
