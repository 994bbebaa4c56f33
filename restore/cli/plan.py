"""Which photos an order is about, and which file each result goes into."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from restore.errors import ConfigError, ImageError, OutputError
from restore.inference.upscale import AUTO_SCALE, Target
from restore.io.folder import Job, Plan, is_batch, plan_jobs
from restore.io.remote import path_of
from restore.io.write import exists_already

if TYPE_CHECKING:
    from restore.cli.forecast import Sizer
    from restore.cli.machine import Reads
    from restore.cli.order import Order

STREAM: Final = "-"
"""In place of a path: stdin or stdout."""


def file_plan(order: Order, reads: Reads, *, forgiving: bool = False) -> Plan:
    """Without a size asked for, each photo's own size decides, and so is part of its result's name.

    ``forgiving`` leaves out photos whose results would clash, rather than refusing them all.
    """
    where = order.where

    def automatic(path: Path) -> str:
        reader = reads.of(2 if is_batch(where.inputs) else 1)
        return f"x{_automatic_scale(path, reader.size):g}"

    return plan_jobs(
        where.inputs,
        output=where.output,
        what=order.what or (automatic if order.target == Target() else what_of(order.target)),
        template=where.template,
        format=order.writing.format,
        recursive=where.recursive,
        include=where.include,
        exclude=where.exclude,
        overwrite=order.writing.overwrite or where.resume,
        forgiving=forgiving,
    )


def stream_plan(order: Order) -> Plan:
    """One job from stdin, or to stdout, or both."""
    (source,) = order.where.inputs
    if order.dry_run:
        raise ConfigError("--dry-run needs files; a picture from stdin or for stdout is not planned")
    if source != STREAM and not path_of(source).is_file():
        raise ImageError(f"{source}: no such file; give one picture when the result goes to stdout")
    if order.where.to_stdout:
        if sys.stdout.isatty():
            raise OutputError("the picture would go to the terminal; give -o FILE, or send it on with > or |")
        return Plan((Job(path_of(source), Path(STREAM)),), (), ())
    target = path_of(str(order.where.output))
    if target.is_dir() or str(order.where.output).endswith("/"):
        raise ConfigError(f"{target}: a picture from stdin has no name; give -o a file in that folder")
    if target.exists() and not order.writing.overwrite:
        raise exists_already(target)
    return Plan((Job(path_of(source), target),), (), ())


def what_of(target: Target) -> str:
    """What stands for the enlargement in the name of a result.

    >>> what_of(Target(scale=1.5)), what_of(Target(long_side=3000)), what_of(Target(size=(1920, 1080)))
    ('x1.5', '3000px', '1920x1080')
    """
    if target.long_side is not None:
        return f"{target.long_side}px"
    if target.size is not None:
        return f"{target.size[0]}x{target.size[1]}"
    return f"x{AUTO_SCALE if target.scale is None else target.scale:g}"


def _automatic_scale(path: Path, size: Sizer) -> float:
    try:
        height, width = size(path)
    except ImageError:  # it will be said when the photo is read
        return AUTO_SCALE
    return Target().factor(height, width)
