"""All of an order that decides what results look like, as names and words that two runs can be compared by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from restore import __version__
from restore.io.steady import sha256_of
from restore.models.blend import detail_path
from restore.models.weights import Weights, bundled_weights, find_weights, read_card

if TYPE_CHECKING:
    from restore.cli.order import Order

NO_SETTINGS: Final = (
    frozenset(("where", "what", "dry_run", "report", "evidence", "save_mask", "overwrite", "sidecar", "weights"))
    | frozenset(("device", "threads", "max_memory", "max_megapixels", "timeout_s", "apart", "tile"))
    | frozenset(("engine", "ray_address"))
)
"""Fields of an order that leave the pixels as they are: what is done to which files, and by what machine. Weights are
added by their hashes."""
_DIGITS: Final = 16
"""Hexadecimal digits of a hash that are kept."""


def settings_of(order: Order) -> dict[str, str]:
    """Every setting by its name. Raises WeightsError for weights that are not there, ImageError for such a mask."""
    found = dict(_flat(order, ""))
    leaves = Counter(name.rpartition(".")[2] for name in found)
    named = {(leaf if leaves[leaf := name.rpartition(".")[2]] == 1 else name): words for name, words in found.items()}
    return named | {"version": __version__} | _weights(order)


def _flat(node: object, prefix: str) -> Iterator[tuple[str, str]]:
    for field in fields(node):  # type: ignore[arg-type]
        if field.name in NO_SETTINGS:
            continue
        value = getattr(node, field.name)
        if is_dataclass(value):
            yield from _flat(value, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", _words(value)


def _words(value: object) -> str:
    match value:
        case None:
            words = "as usual"
        case bool():
            words = "yes" if value else "no"
        case float():
            words = f"{value:g}"
        case Path() if value.is_file():
            words = f"{value} sha256:{sha256_of(value)[:_DIGITS]}"
        case tuple():
            words = ", ".join(map(_words, value)) or "none"
        case _ if is_dataclass(value):
            words = " ".join(_words(getattr(value, field.name)) for field in fields(value))
        case _:
            words = str(value)
    return words


def _weights(order: Order) -> dict[str, str]:
    """The weights that were named; without any, all bundled ones of the size, since each photo may choose."""
    machine = order.machine
    if machine.weights:
        named = [find_weights(name) for name in machine.weights]
        beside = [detail_path(weights.path) for weights in named]
        found = [*named, *(read_card(path) for path in beside if path.is_file())]
    else:
        found = [weights for weights in bundled_weights() if weights.card.size == machine.size]
    return {f"weights {weights.path.stem}": _hash(weights) for weights in found}


def _hash(weights: Weights) -> str:
    return f"sha256:{weights.card.sha256[:_DIGITS]}"
