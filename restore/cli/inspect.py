"""``restore inspect``: what is wrong with photos, and which steps would help."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from restore.cli import options as opt
from restore.cli.guard import guarded
from restore.cli.words import parse_timeout, read_list
from restore.errors import ConfigError, DeviceError, RestoreError

if TYPE_CHECKING:
    from restore.cli.rows import Row
    from restore.cli.talk import Talk
    from restore.cli.walk import Account
    from restore.inference.batch import Stage
    from restore.inference.inspect import Findings
    from restore.io.photo import Photo

STREAM: Final = "-"
"""In place of a path: a picture from stdin."""


def inspect(
    paths: opt.Paths = None,
    *,
    recursive: opt.Recursive = True,
    include: opt.Include = None,
    exclude: opt.Exclude = None,
    from_list: opt.FromList = None,
    max_megapixels: opt.MaxMegapixels = 200.0,
    timeout: opt.Timeout = None,
    as_json: opt.AsJson = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
) -> None:
    """Say what is wrong with photos, and which steps would help: restore inspect album/

    Noise, JPEG damage (also that of a JPEG before this one), blur, gray, clipping. Nothing is written.
    """
    with guarded(verbose=verbose):
        from restore.cli.rows import shown
        from restore.cli.talk import Talk
        from restore.cli.walk import Account
        from restore.io.decoder import DEFAULT_TIMEOUT_S, decoder_for

        timeout_s = DEFAULT_TIMEOUT_S if timeout is None else parse_timeout(timeout)
        inputs = (*(paths or ()), *(read_list(from_list) if from_list else ()))
        photos, ignored = _photos(inputs, recursive, tuple(include or ()), tuple(exclude or ()))
        talk, account = Talk(quiet=quiet, verbose=verbose, as_json=as_json), Account()
        if not photos:
            names = ", ".join(shown(name) for name in inputs)
            talk.warn(f"error: no pictures found in {names}; other files there: {len(ignored)} (-v names them)")
        for path in ignored:
            talk.detail(f"left alone: {shown(path)}")
        try:
            with (
                talk.progress(len(photos)) as show,
                closing(decoder_for(len(photos), timeout_s, apart=timeout is not None)) as decoder,
            ):
                for number, path in enumerate(photos, start=1):
                    _look(path, partial(decoder.read, max_megapixels=max_megapixels), account, talk)
                    show(number)
        except KeyboardInterrupt:
            account.stopped = True
            talk.warn(f"stopped with {len(photos) - len(account.rows)} left")
        if len(account.rows) > 1:
            talk.note(account.summary)
        if account.code:
            raise typer.Exit(account.code)


def _photos(
    inputs: tuple[str, ...], recursive: bool, include: tuple[str, ...], exclude: tuple[str, ...]
) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """Files to look at, and files left alone."""
    from restore.io.folder import find_photos

    if not inputs:
        raise ConfigError("no photo was given; name files or folders, or --from LIST")
    if STREAM not in inputs:
        return find_photos(inputs, recursive=recursive, include=include, exclude=exclude)
    if len(inputs) > 1:
        raise ConfigError("- (a picture from stdin) cannot be mixed with other inputs")
    return (Path(STREAM),), ()


def _look(path: Path, read: Callable[[Path | bytes], Photo], account: Account, talk: Talk) -> None:
    """Measure one photo, and say it; what cannot be read is a failure, and no end."""
    from restore.cli.walk import say
    from restore.inference.inspect import inspect as measure

    try:
        photo = read(sys.stdin.buffer.read() if path == Path(STREAM) else path)
        findings = measure(photo)
    except RestoreError as error:
        _fail(path, error, "read", account, talk)
    except MemoryError:
        _fail(
            path,
            DeviceError(f"{path}: not enough memory for this photo; close other programs"),
            "restore",
            account,
            talk,
        )
    else:
        say(_row(path, photo, findings), account, talk)
        for note in photo.notes:
            talk.detail(f"{path}: {note}")


def _fail(path: Path, error: RestoreError, stage: Stage, account: Account, talk: Talk) -> None:
    """Write a failure down and say it."""
    from restore.cli.rows import failed_row
    from restore.cli.walk import say
    from restore.inference.batch import Failed
    from restore.io.folder import Job

    failure = Failed(Job(path, path), error, stage)
    row = failed_row(failure)
    account.failed.append(failure)
    say(replace(row, values={key: value for key, value in row.values.items() if key != "target"}), account, talk)
    talk.traceback(error)


def _row(path: Path, photo: Photo, findings: Findings) -> Row:
    """What is said about one photo."""
    from restore.cli.rows import Row, shown
    from restore.io.recipe import recipe_of

    recipe = recipe_of(photo)
    before = f", restored before ({recipe.words})" if recipe else ""
    advice = f"suggested: {', '.join(findings.suggested)}" if findings.suggested else "nothing to do"
    values: dict[str, object] = {
        "status": "ok",
        "source": str(path),
        "width": photo.width,
        "height": photo.height,
        **{name: _rounded(value) for name, value in asdict(findings).items()},
        "quality": findings.quality,
        "condition": {name: _rounded(value) for name, value in asdict(findings.condition).items()},
        "suggested": list(findings.suggested),
        "restored": asdict(recipe) if recipe else None,
    }
    return Row("ok", f"{shown(path)}  {findings.words}{before} → {advice}", values)


def _rounded(value: object) -> object:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return round(value, 4) if isinstance(value, float) else value
