"""The detail slider: two networks of one shape, one true to the pixels and one that adds texture, mixed by weight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, Weights, load_tensors_of, read_card

DETAIL_SUFFIX: Final = "-detail"
"""``upscale-x4-detail`` holds the detail weights that belong to ``upscale-x4`` and lie beside it."""

KINSHIP: Final = 0.3
"""Least cosine between the two sets of weights. Detail weights are fine-tuned from the fidelity weights and stay near
them (over 0.9); networks that were trained apart are near 0, and what lies between them restores nothing."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Fidelity weights, and the detail weights that they can be blended with, if there are any."""

    fidelity: Weights
    detail: Weights | None


def is_detail(card: Card) -> bool:
    """Whether these are detail weights, which serve only blended with the fidelity weights of that name."""
    return card.name.endswith(DETAIL_SUFFIX)


def detail_path(fidelity: Path) -> Path:
    """Where the detail weights of a fidelity file lie, if there are any.

    >>> detail_path(Path("mine.safetensors")).as_posix()
    'mine-detail.safetensors'
    """
    return fidelity.with_name(f"{fidelity.stem}{DETAIL_SUFFIX}{fidelity.suffix}")


def fidelity_path(detail: Path) -> Path:
    """Where the fidelity weights lie that detail weights belong to.

    >>> fidelity_path(Path("mine-detail.safetensors")).as_posix()
    'mine.safetensors'
    """
    return detail.with_name(f"{detail.stem.removesuffix(DETAIL_SUFFIX)}{detail.suffix}")


def pair_of(fidelity: Weights) -> Pair:
    """A fidelity file and the detail file beside it; WeightsError when that one is damaged or of another shape."""
    path = detail_path(fidelity.path)
    if not path.is_file():
        return Pair(fidelity, None)
    detail = read_card(path)
    check_pair(fidelity, detail)
    return Pair(fidelity, detail)


def check_pair(fidelity: Weights, detail: Weights) -> None:
    """WeightsError unless both are for one task and one scale and have one shape, as their cards say."""
    for what in ("task", "scale", "generator"):
        ours, theirs = getattr(fidelity.card, what), getattr(detail.card, what)
        if ours != theirs:
            raise WeightsError(
                f"{detail.path}: cannot be blended with {fidelity.path.name}: its {what} is {theirs}, not {ours}; "
                f"fine-tune detail weights from {fidelity.path.name} itself"
            )


def blend(fidelity: Weights, detail: Weights, share: float, device: torch.device | str = "cpu") -> UNet:
    """The network between two: weights (1 - share) fidelity + share detail, in float32, ready to restore.

    ``share`` is 0 to 1; 0 and 1 give exactly the two ends. Both files are checked by hash whatever the share. Raises
    ConfigError for another share; WeightsError for damaged files, for another task, scale or shape, and for networks
    that were trained apart.
    Source: network interpolation, Wang et al., "ESRGAN: enhanced super-resolution generative adversarial networks",
    ECCV Workshops 2018.
    """
    if not 0 <= share <= 1:
        raise ConfigError(f"the share of the detail weights must be 0 to 1, got {share}")
    check_pair(fidelity, detail)
    shape = fidelity.card.generator
    if not isinstance(shape, GeneratorConfig):
        raise WeightsError(f"{fidelity.path}: only networks without normalisation can be blended")
    ours, theirs = load_tensors_of(fidelity), load_tensors_of(detail)
    network = UNet(shape)
    try:
        network.load_state_dict(theirs, strict=True)
        network.load_state_dict(ours, strict=True)
    except RuntimeError as error:
        raise WeightsError(
            f"{detail.path} and {fidelity.path.name}: tensors that do not fit the shape on the cards; fetch them again"
        ) from error
    if (likeness := _cosine(ours, theirs)) < KINSHIP:
        raise WeightsError(
            f"{detail.path}: was not fine-tuned from {fidelity.path.name} (cosine {likeness:.2f} between them), so "
            "there is nothing to blend; use either of them alone with --weights"
        )
    network.load_state_dict({name: torch.lerp(ours[name], theirs[name], share) for name in ours}, strict=True)
    return network.to(device=device, memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload, no-any-return]


def blended_card(pair: Pair, share: float) -> Card:
    """A card for what lies between: the fidelity weights' own, under a name that says how much detail is in it."""
    return replace(pair.fidelity.card, name=f"{pair.fidelity.card.name} detail {100 * share:g}", figures={}, sha256="")


def _cosine(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    """Of the angle between two networks, each as one vector; 1 for equal ones, also where both are zero."""
    dot = sum(float((ours[name] * theirs[name]).sum()) for name in ours)
    lengths = [sum(float(tensor.square().sum()) for tensor in side.values()) ** 0.5 for side in (ours, theirs)]
    return dot / (lengths[0] * lengths[1]) if all(lengths) else 1.0
