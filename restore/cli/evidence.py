"""Pictures beside results: ``--evidence``, what a photo does not support, and ``--save-mask``, what was filled."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from restore.errors import ConfigError, OutputError
from restore.io.folder import Job
from restore.io.photo import Photo
from restore.io.remote import path_of
from restore.io.walk import is_folder
from restore.io.write import exists_already
from restore.ops.evidence_view import evidence_picture


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of picture beside results."""

    option: str
    noun: str
    name: str
    """Of a picture in a folder; ``result`` and ``photo`` are those files' stems."""


EVIDENCE: Final = Kind("--evidence", "evidence", "{result}_evidence.png")
MASK: Final = Kind("--save-mask", "mask", "{photo}.png")
"""Called as the photo, so that the folder can be given to ``--mask``."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A result, and the picture of its evidence if one was asked for."""

    photo: Photo
    evidence: Photo | None = None
    unchanged: bool = False
    """Whether the photo itself came out, to the bit."""
    sidecar: bytes | None = None
    """The recipe as XMP, where it is to lie beside the result too."""


def evidence_of(photo: Photo, result: Photo) -> Photo:
    """The picture for one photo; ConfigError where the result is smaller than its photo."""
    pixels = evidence_picture(photo.pixels[None], result.pixels[None])[0]
    return Photo(pixels=pixels, alpha=None, gray=False, depth=8, format="PNG", mode="RGB")


def evidence_targets(
    asked: str | None, jobs: Sequence[Job], kind: Kind = EVIDENCE, *, overwrite: bool
) -> Mapping[Path, Path]:
    """Where the picture for each target goes: the file asked for, or into the folder, as the results lie to each other.

    Nowhere, if nothing was asked for.
    A folder ends with a slash, is one, or serves several photos. ConfigError: a name that is neither that nor a PNG's.
    OutputError: the picture exists, would replace a photo or a result, or two would get one name.
    """
    if asked is None:
        return {}
    folder = path_of(asked)
    if asked.endswith(("/", os.sep)) or is_folder(folder):
        parents = [job.target.parent.absolute() for job in jobs]
        root = os.path.commonpath(parents) if parents else ""
        targets = {
            job.target: folder / (parent / _name(kind, job)).relative_to(root)
            for job, parent in zip(jobs, parents, strict=True)
        }
    elif len(jobs) > 1:
        raise ConfigError(f"{kind.option} {asked}: {len(jobs)} photos need a folder; end the name with /")
    elif folder.suffix.lower() != ".png":
        raise ConfigError(
            f"{kind.option} {asked}: it is written as PNG; end the name with .png, or with / for a folder"
        )
    else:
        targets = {job.target: folder for job in jobs}
    _refuse_unsafe(targets, jobs, kind, overwrite=overwrite)
    return targets


def _name(kind: Kind, job: Job) -> str:
    """Of the picture; one for stdout is called as its photo."""
    photo = "photo" if job.source == Path("-") else job.source.stem
    return kind.name.format(photo=photo, result=photo if job.target == Path("-") else job.target.stem)


def _refuse_unsafe(targets: Mapping[Path, Path], jobs: Sequence[Job], kind: Kind, *, overwrite: bool) -> None:
    others = {_key(path) for job in jobs for path in (job.source, job.target)}
    taken: dict[str, Path] = {}
    for target, path in targets.items():
        if _key(path) in others:
            raise OutputError(
                f"{path}: the {kind.noun} would replace a photo or a result; choose another {kind.option}"
            )
        if (other := taken.setdefault(_key(path), target)) is not target:
            raise OutputError(f"the {kind.noun} of {other} and of {target} would both become {path}; rename one photo")
        if path.exists() and not overwrite:
            raise exists_already(path)


def _key(path: Path) -> str:
    return os.path.normcase(path.resolve())
