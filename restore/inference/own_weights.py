"""Which weights do a task: those that a person named, or the bundled ones."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from restore.errors import ConfigError, WeightsError
from restore.models.blend import is_detail
from restore.models.weights import Weights, bundled_weights, find_weights


def bundled_for(task: str, size: str) -> Weights | None:
    """The bundled weights of a task and a size, the faithful ones; None if there are none."""
    for weights in bundled_weights():
        if weights.card.task == task and weights.card.size == size and not is_detail(weights.card):
            return weights
    return None


def weights_for(task: str, size: str, own: str | Path | None, *, need: str, wrong: str) -> Weights:
    """The weights that were named (``own``, a bundled name or a path), or the bundled ones of the task and size.

    Raises WeightsError where the named ones are for another task (``wrong`` goes on from there), and where none are
    bundled: it tells what is in ``need`` of them, and how to get some.
    """
    found = bundled_for(task, size) if own is None else find_weights(own)
    if found is None:
        raise WeightsError(
            f"this version of restore brings no {task} weights of size {size!r}, and {need} needs some; "
            f"give them with --weights FILE (`restore train {task}` makes them), or update restore"
        )
    if found.card.task != task:
        raise WeightsError(f"{own}: these weights are for {found.card.task!r}, {wrong}")
    return found


def by_task(weights: Sequence[str | Path], known: Collection[str], needed: Collection[str]) -> dict[str, str | Path]:
    """Several weights that were named, by the task on the card of each.

    Raises WeightsError for a task that is not ``known``, ConfigError for one that is not ``needed`` or comes twice.
    """
    own: dict[str, str | Path] = {}
    for name in weights:
        task = find_weights(name).card.task
        if task not in known:
            raise WeightsError(f"{name}: these weights are for {task!r}, which is no step; apply them with --model")
        if task not in needed:
            raise ConfigError(f"{name}: these weights are for {task!r}, and no step needs them; leave them out")
        if task in own:
            raise ConfigError(f"{own[task]} and {name} are both for {task!r}; give one of them")
        own[task] = name
    return own
