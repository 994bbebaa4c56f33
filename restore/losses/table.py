"""The table of losses: a recipe names rows and gives each a weight."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.losses.artefact import artefact
from restore.losses.detection import bce, dice
from restore.losses.distribution import sliced_wasserstein
from restore.losses.features import OwnFeatures
from restore.losses.frequency import fft_l1, focal_frequency
from restore.losses.pixel import (
    charbonnier,
    consistency,
    gradient,
    grid,
    grid_rms,
    l1,
    l1_where,
    low_pass,
    rmse,
    rmse_where,
)
from restore.losses.squeeze import EnlargedLpipsLoss, LpipsLoss, SqueezeDistance
from restore.losses.structure import ms_ssim
from restore.losses.trunk import random_features
from restore.losses.vgg import VggDistance


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """What a loss may look at, all float32 RGB; of a task that finds damage, a map of logits and the true map."""

    restored: Tensor
    """(B,3,H,W), not clipped, with gradient."""
    target: Tensor
    """(B,3,H,W) in [0,1]."""
    lq: Tensor
    """(B,3,H/scale,W/scale) in [0,1]: what the generator was given."""
    mask: Tensor | None = None
    """(B,1,H,W) of 0 and 1, the holes that were to be filled; None where the task fills none."""
    average: Tensor | None = None
    """(B,3,H,W): the averaged generator's result, without gradient; only there when a row asks for it."""
    step: int = 0
    """Step of the run: losses that draw something at random draw it from this."""


Term = Callable[[Pictures], Tensor]
"""One loss: a scalar tensor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a row may need to be built."""

    device: torch.device
    seed: int = 0
    backbone: Path | None = None
    """File of pretrained features; None: looked for in the usual places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One loss of the table."""

    build: Callable[[Setting], Term]
    summary: str
    needs_average: bool = False
    needs_mask: bool = False
    """Sees all that the network gave; the other rows see a filled picture with the target's known pixels around it."""
    of_logits: bool = False
    """Compares (B,1,H,W) logits with a map of 0 and 1, for tasks that find damage; the other rows compare pictures."""


Comparison = Callable[[Tensor, Tensor], Tensor]
"""What many losses are: a scalar from restored and target."""


def _plain(compare: Comparison) -> Callable[[Setting], Term]:
    """A loss that needs nothing but the two pictures."""
    return lambda _: lambda seen: compare(seen.restored, seen.target)


def _loaded(load: Callable[[Setting], Comparison]) -> Callable[[Setting], Term]:
    """A loss that reads a network when it is built."""

    def build(setting: Setting) -> Term:
        compare = load(setting)
        return lambda seen: compare(seen.restored, seen.target)

    return build


def _artefact(seen: Pictures) -> Tensor:
    if seen.average is None:
        raise ConfigError("losses.artefact needs the averaged generator's result, which this run does not make")
    return artefact(seen.restored, seen.target, seen.average)


def _hole(seen: Pictures) -> Tensor:
    return l1_where(seen.restored, seen.target, _mask_of(seen))


def _hole_rmse(seen: Pictures) -> Tensor:
    return rmse_where(seen.restored, seen.target, _mask_of(seen))


def _known(seen: Pictures) -> Tensor:
    return l1_where(seen.restored, seen.target, 1 - _mask_of(seen))


def _mask_of(seen: Pictures) -> Tensor:
    if seen.mask is None:
        raise ConfigError(
            "losses.hole, losses.hole_rmse and losses.known are for tasks that fill holes; use losses.l1 elsewhere"
        )
    return seen.mask


def _squeeze_backbone(setting: Setting) -> Path | None:
    """The named file, unless its name says that it is VGG19's."""
    return None if setting.backbone and setting.backbone.name.startswith("vgg19") else setting.backbone


def _enlarged_lpips(setting: Setting) -> Term:
    loss = EnlargedLpipsLoss(setting.device, _squeeze_backbone(setting))
    return lambda seen: loss.at(seen.restored, seen.target, seed=setting.seed, step=seen.step)


ROWS: Final[Mapping[str, Row]] = {
    "l1": Row(build=_plain(l1), summary="mean absolute difference"),
    "hole": Row(build=lambda _: _hole, summary="L1 in the holes (inpaint)", needs_mask=True),
    "hole_rmse": Row(
        build=lambda _: _hole_rmse, summary="root mean squared difference in the holes (inpaint)", needs_mask=True
    ),
    "known": Row(build=lambda _: _known, summary="L1 of the pixels around the holes (inpaint)", needs_mask=True),
    "bce": Row(build=_plain(bce), summary="binary cross entropy of what was found (scratch)", of_logits=True),
    "dice": Row(build=_plain(dice), summary="1 - soft Dice of what was found (scratch)", of_logits=True),
    "charbonnier": Row(build=_plain(charbonnier), summary="L1, rounded at zero"),
    "rmse": Row(build=_plain(rmse), summary="root of the mean squared difference of each picture: what PSNR counts"),
    "gradient": Row(build=_plain(gradient), summary="L1 of the steps between neighbours: edges"),
    "low_pass": Row(build=_plain(low_pass), summary="L1 of the colours of 8-pixel squares: colour stays put"),
    "consistency": Row(
        build=lambda _: lambda seen: consistency(seen.restored, seen.lq),
        summary="L1 of the result, shrunk again, and the input; for clean inputs",
    ),
    "grid": Row(build=_plain(grid), summary="the part of the error that repeats every four pixels: no checkerboards"),
    "grid_rms": Row(build=_plain(grid_rms), summary="likewise, its root mean square: plain grids in few places first"),
    "ms_ssim": Row(build=_plain(ms_ssim), summary="1 - multi-scale structural similarity"),
    "fft_l1": Row(build=_plain(fft_l1), summary="L1 of the spectra"),
    "focal_frequency": Row(build=_plain(focal_frequency), summary="squared error of spectra, worst frequencies first"),
    "sliced_wasserstein": Row(
        build=lambda setting: (
            lambda seen: sliced_wasserstein(seen.restored, seen.target, seed=setting.seed, step=seen.step)
        ),
        summary="distance of the patches' distributions, wherever they lie: texture",
    ),
    "artefact": Row(
        build=lambda _: _artefact,
        summary="L1 where the generator seems to invent, beside its average (LDL)",
        needs_average=True,
    ),
    "random_features": Row(
        build=lambda setting: (
            lambda seen: random_features(seen.restored, seen.target, seed=setting.seed, step=seen.step)
        ),
        summary="L1 in the features of a random network, drawn anew every 500 steps",
    ),
    "own_features": Row(
        build=_loaded(lambda setting: OwnFeatures(setting.device)),
        summary="distance in the features of a network that this project trained itself",
    ),
    "squeeze_features": Row(
        build=_loaded(lambda setting: SqueezeDistance(setting.device, _squeeze_backbone(setting))),
        summary="distance in SqueezeNet's ImageNet features; needs their file",
    ),
    "lpips_enlarged": Row(
        build=_enlarged_lpips,
        summary="LPIPS of a quarter of the patch, enlarged twice: sees the fine patterns that LPIPS is blind to",
    ),
    "lpips": Row(
        build=_loaded(lambda setting: LpipsLoss(setting.device, _squeeze_backbone(setting))),
        summary="LPIPS v0.1 (SqueezeNet); needs the same file",
    ),
    "vgg_features": Row(
        build=_loaded(lambda setting: VggDistance(setting.device, setting.backbone)),
        summary="distance in VGG19's ImageNet features (ESRGAN, LDL); needs their file; slow",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The rows that a recipe asks for, built, with their weights."""

    weights: Mapping[str, float]
    terms: Mapping[str, Term]
    needs_average: bool
    needs_mask: bool
    of_logits: bool
    """Whether all of them compare logits with a map; else none does."""

    def __call__(self, seen: Pictures) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum, to be differentiated, and each unweighted part (detached), to be logged.

        Computed in the type of the pictures, whatever autocast is around.
        """
        with torch.autocast(seen.restored.device.type, enabled=False):
            filled = _composed(seen)
            parts = {name: term(seen if ROWS[name].needs_mask else filled) for name, term in self.terms.items()}
        whole = sum((self.weights[name] * part for name, part in parts.items()), seen.restored.new_zeros(()))
        return whole, {name: part.detach() for name, part in parts.items()}


def _composed(seen: Pictures) -> Pictures:
    """What was restored with the target's pixels outside the holes: of a result, only the holes are kept."""
    if seen.mask is None:
        return seen
    hole = seen.mask != 0
    average = None if seen.average is None else torch.where(hole, seen.average, seen.target)
    return replace(seen, restored=torch.where(hole, seen.restored, seen.target), average=average)


def build_terms(weights: Mapping[str, float], setting: Setting) -> Terms:
    """The losses named in ``weights``; ConfigError for an unknown name, a bad weight or missing features."""
    for name, weight in weights.items():
        if name not in ROWS:
            raise ConfigError(f"unknown loss {name!r}; known: {', '.join(ROWS)}")
        if not weight > 0:
            raise ConfigError(f"losses.{name} must be positive, got {weight}; leave it out to switch it off")
    if not weights:
        raise ConfigError("losses: name at least one, for example losses = {l1 = 1.0}")
    if len({ROWS[name].of_logits for name in weights}) > 1:
        raise ConfigError("losses: bce and dice compare maps of damage and cannot stand beside losses of pictures")
    return Terms(
        weights=weights,
        terms={name: ROWS[name].build(setting) for name in weights},
        needs_average=any(ROWS[name].needs_average for name in weights),
        needs_mask=any(ROWS[name].needs_mask for name in weights),
        of_logits=any(ROWS[name].of_logits for name in weights),
    )
