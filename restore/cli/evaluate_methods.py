"""What ``restore eval`` measures: weights, or blends of them, and what the network is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.inference.device import choose_device
from restore.inference.evaluate import BICUBIC, Method
from restore.inference.inspect import condition_of_pixels
from restore.inference.networks import open_pair
from restore.inference.protocol import Damage
from restore.inference.restorer import Restorer
from restore.models.blend import Pair, pair_of
from restore.models.weights import find_weights
from restore.tasks import BLIND, CLEAN

DEFAULT_SCALE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is measured."""

    methods: tuple[Method, ...]
    """Beside bicubic."""
    scale: int
    facts: dict[str, str | None]
    """For the report; None where there is no network."""


def load_subject(
    weights: str | None, scale: int | None, details: Sequence[float] | None, *, device: str, told: str, damage: Damage
) -> Subject:
    """The weights asked for, as they are or blended with each of ``details``; none of them for bicubic alone.

    Raises WeightsError, DeviceError, and ConfigError if their scale is not the one asked for.
    """
    if weights == BICUBIC:
        if details is not None:
            raise ConfigError("bicubic has no detail weights; leave --detail out")
        names = ("weights", "sha256", "detail_weights", "detail_sha256", "condition", "device")
        return Subject(methods=(), scale=scale or DEFAULT_SCALE, facts=dict.fromkeys(names))
    fidelity = find_weights(weights or f"upscale-x{scale or DEFAULT_SCALE}")
    card = fidelity.card
    if card.task != "upscale":
        raise WeightsError(f"{weights}: these weights are for {card.task!r}, not for upscale")
    if scale is not None and card.scale != scale:
        raise ConfigError(f"-x {scale}: {card.name} enlarges by {card.scale}; leave -x out")
    chosen = choose_device(device)
    pair = pair_of(fidelity) if details and any(details) else Pair(fidelity, None)
    methods = []
    for detail in details or (None,):
        restorer = open_pair(pair, detail or 0.0, chosen)
        name = card.name if detail is None else f"{card.name} detail {detail:g}"
        methods.append(Method(name=name, restore=_telling(restorer, told, damage), detail=detail))
    facts = {
        "weights": card.name,
        "sha256": card.sha256,
        "detail_weights": pair.detail.card.name if pair.detail else None,
        "detail_sha256": pair.detail.card.sha256 if pair.detail else None,
        "condition": told,
        "device": chosen.name,
    }
    return Subject(methods=tuple(methods), scale=card.scale, facts=facts)


def _telling(restorer: Restorer, told: str, damage: Damage) -> Callable[[Tensor], Tensor]:
    """Restoring with what the network hears; ConfigError where the truth is beyond what a network can be told."""
    if told == "measured":
        return lambda image: restorer.restore(image, condition_of_pixels(image[0]))
    return partial(restorer.restore, condition={"told": damage.condition, "clean": CLEAN, "blind": BLIND}[told])
