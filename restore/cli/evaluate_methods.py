"""What ``restore eval`` measures: weights, or blends of them, and what the network is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.inference.device import Device
from restore.inference.evaluate import Method
from restore.inference.inspect import condition_of_pixels
from restore.inference.networks import open_pair
from restore.inference.protocol import Damage, is_gray
from restore.inference.restorer import Restorer
from restore.inference.rules import BICUBIC, INPUT
from restore.inference.verbs import Verb, nothing_to_do
from restore.inference.verbs import told as tell
from restore.io.photo import Photo
from restore.models.blend import Pair, pair_of
from restore.models.weights import Weights, bundled_weights, find_weights
from restore.tasks import BLIND, CLEAN

DEFAULT_SCALE: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network that is measured, under its name."""

    name: str
    restorer: Restorer
    detail: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is measured."""

    networks: tuple[Network, ...]
    """Beside bicubic, or beside the damaged photo itself."""
    task: str
    scale: int
    told: str
    facts: dict[str, str | None]
    """For the report; None where there is no network."""

    def methods(self, damage: Damage) -> tuple[Method, ...]:
        """The networks, told about this damage; ConfigError where the truth is beyond what a network can be told."""
        return tuple(
            Method(name=one.name, restore=_telling(one.restorer, self, damage), detail=one.detail)
            for one in self.networks
        )


def load_subject(
    task: str, weights: str | None, scale: int | None, details: Sequence[float] | None, *, device: Device, told: str
) -> Subject:
    """The weights asked for, as they are or blended with each of ``details``; none of them for the plain row alone.

    ``task`` is "upscale", or "denoise", "dejpeg" or "deblur", which are work for "clean" weights. Raises WeightsError,
    and ConfigError if their scale is not the one asked for.
    """
    enlarges = task == "upscale"
    trained_for = task if enlarges else "clean"
    if weights == (BICUBIC if enlarges else INPUT):
        if details is not None:
            raise ConfigError(f"{weights} has no detail weights; leave --detail out")
        none = dict.fromkeys(("weights", "sha256", "detail_weights", "detail_sha256", "condition", "device"))
        plain_scale = (scale or DEFAULT_SCALE) if enlarges else 1
        return Subject(networks=(), task=task, scale=plain_scale, told=told, facts=none)
    fidelity = _find(trained_for, weights, scale)
    card = fidelity.card
    if card.task != trained_for:
        raise WeightsError(f"{weights}: these weights are for {card.task!r}, not for {trained_for}")
    if scale is not None and card.scale != scale:
        raise ConfigError(f"-x {scale}: {card.name} enlarges by {card.scale}; leave -x out")
    pair = pair_of(fidelity) if details and any(details) else Pair(fidelity, None)
    networks = tuple(
        Network(
            name=device.called(card.name if detail is None else f"{card.name} detail {detail:g}"),
            restorer=open_pair(pair, detail or 0.0, device),
            detail=detail,
        )
        for detail in details or (None,)
    )
    facts = {
        "weights": card.name,
        "sha256": card.sha256,
        "detail_weights": pair.detail.card.name if pair.detail else None,
        "detail_sha256": pair.detail.card.sha256 if pair.detail else None,
        "condition": told,
        "device": device.name,
    }
    return Subject(networks=networks, task=task, scale=card.scale, told=told, facts=facts)


def _find(task: str, weights: str | None, scale: int | None) -> Weights:
    """The weights that were named, or the bundled ones for the task; WeightsError says what to do without any."""
    name = weights or (f"upscale-x{scale or DEFAULT_SCALE}" if task == "upscale" else task)
    if weights is None and name not in {one.path.stem for one in bundled_weights()}:
        raise WeightsError(
            f"no weights for {task} are bundled under the name {name!r}; give your own with --weights FILE "
            f"(`restore train {task}` makes them), or --weights {BICUBIC if task == 'upscale' else INPUT} to measure "
            "without any"
        )
    return find_weights(name)


def _telling(restorer: Restorer, subject: Subject, damage: Damage) -> Callable[[Tensor], Tensor]:
    if subject.told == "measured":
        if subject.task == "upscale":
            return lambda image: restorer.restore(image, condition_of_pixels(image[0], blur=False))
        return partial(_as_the_verb, restorer, cast("Verb", subject.task))
    condition = damage.condition if subject.told == "told" else {"clean": CLEAN, "blind": BLIND}[subject.told]
    return partial(restorer.restore, condition=condition)


def _as_the_verb(restorer: Restorer, verb: Verb, image: Tensor) -> Tensor:
    """What the verb makes of a file that keeps every pixel of (1,3,H,W); it may find that there is nothing to do."""
    photo = Photo(pixels=image[0], alpha=None, gray=is_gray(image), depth=8, format="PNG", mode="RGB", lossless=True)
    condition = tell(photo, verb, BLIND)
    return image if nothing_to_do(verb, condition) else restorer.restore(image, condition)
