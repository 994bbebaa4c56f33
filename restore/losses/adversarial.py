"""What generator and discriminator play for, and what keeps the game steady."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import ConfigError

Score = Callable[[Tensor, Tensor], Tensor]
"""(logits of real pictures, logits of restored ones) -> a loss for each verdict, of the same shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """One game: what each side minimises, verdict by verdict. Logits are unbounded."""

    discriminator: Score
    generator: Score
    summary: str
    boundary: float = 0.0
    """Logits above it say real."""
    needs_real: bool = False
    """Whether the generator's loss looks at the real pictures' verdicts too."""


def _tell_apart(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real) + F.softplus(fake)


def _relative(first: Tensor, second: Tensor) -> Tensor:
    """-log sigmoid of ``first`` above the average ``second``, and the reverse; halved, as the reference does."""
    return (F.softplus(second.mean() - first) + F.softplus(second - first.mean())) / 2


OBJECTIVES: Final[Mapping[str, Objective]] = {
    "minimax": Objective(
        discriminator=_tell_apart,
        generator=lambda _, fake: -F.softplus(fake),
        summary="the 2014 paper's game, log(1 - D); its gradient fades when the discriminator is sure",
    ),
    "non-saturating": Objective(
        discriminator=_tell_apart,
        generator=lambda _, fake: F.softplus(-fake),
        summary="the same discriminator, -log D for the generator (Goodfellow et al. 2014; pix2pix's 'vanilla')",
    ),
    "least-squares": Objective(
        discriminator=lambda real, fake: ((real - 1) ** 2 + fake**2) / 2,
        generator=lambda _, fake: (fake - 1) ** 2 / 2,
        boundary=0.5,
        summary="squared distance to 1 and 0 (Mao et al., LSGAN, 2017)",
    ),
    "hinge": Objective(
        discriminator=lambda real, fake: F.relu(1 - real) + F.relu(1 + fake),
        generator=lambda _, fake: -fake,
        summary="verdicts beyond the margin teach no more (Lim & Ye 2017; SAGAN 2019)",
    ),
    "wasserstein": Objective(
        discriminator=lambda real, fake: fake - real,
        generator=lambda _, fake: -fake,
        summary="a critic's distance, kept smooth by a gradient penalty (Gulrajani et al., WGAN-GP, 2017)",
    ),
    "relativistic": Objective(
        discriminator=_relative,
        generator=lambda real, fake: _relative(fake, real),
        summary="more real than the average restored picture (Jolicoeur-Martineau 2018; ESRGAN)",
        needs_real=True,
    ),
}


def find_objective(name: str) -> Objective:
    """The objective called ``name``; ConfigError names the known ones."""
    if name not in OBJECTIVES:
        raise ConfigError(f"unknown objective {name!r}; known: {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


def play(score: Score, real: Sequence[Tensor], fake: Sequence[Tensor], weights: Tensor | None = None) -> Tensor:
    """Mean loss over all verdicts of all scales, (B,1,h,w) each; ``weights`` (B,1,H,W): how much each place counts."""
    means = []
    for one, other in zip(real, fake, strict=True):
        value = score(one, other)
        if weights is not None:
            value = value * F.adaptive_avg_pool2d(weights, (value.shape[-2], value.shape[-1]))
        means.append(value.mean())
    return torch.stack(means).mean()


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Mean L1 distance of a discriminator's features; the real side teaches and is not taught (Wang et al. 2018)."""
    return torch.stack(
        [(one.detach().float() - other.float()).abs().mean() for one, other in zip(real, fake, strict=True)]
    ).mean()


def gradient_square(logits: Sequence[Tensor], picture: Tensor) -> Tensor:
    """R1: squared length of the gradient of all verdicts on a picture, averaged over the batch (Mescheder et al. 2018).

    ``picture`` (B,3,H,W) must require gradients; half of this times gamma is the penalty.
    """
    total = torch.stack([verdict.sum() for verdict in logits]).sum()
    (gradient,) = torch.autograd.grad(total, picture, create_graph=True)
    length: Tensor = gradient.float().square().flatten(1).sum(dim=1)
    return length.mean()


def gradient_penalty(critic: Callable[[Tensor], Sequence[Tensor]], real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """WGAN-GP: how far the slope of the mean verdict between real and restored pictures is from 1, squared.

    ``mix`` (B,1,1,1) in [0,1] picks the points between (B,3,H,W) ``real`` and ``fake``.
    """
    between = (mix * real + (1 - mix) * fake).detach().requires_grad_(True)
    total = torch.stack([verdict.flatten(1).mean(dim=1) for verdict in critic(between)]).mean(dim=0).sum()
    (gradient,) = torch.autograd.grad(total, between, create_graph=True)
    slope: Tensor = gradient.float().flatten(1).norm(dim=1)
    return ((slope - 1) ** 2).mean()


def lecam(real: Sequence[Tensor], fake: Sequence[Tensor], *, usual_real: float, usual_fake: float) -> Tensor:
    """LeCam regulariser: verdicts must not run away from the other side's moving average (Tseng et al. 2021)."""
    return torch.stack(
        [
            F.relu(one - usual_fake).square().mean() + F.relu(usual_real - other).square().mean()
            for one, other in zip(real, fake, strict=True)
        ]
    ).mean()


def detail_share(target: Tensor, flat_share: float, window_px: int = 7) -> Tensor:
    """(B,1,H,W): 1 where the truth has texture, ``flat_share`` where it is flat, smoothly between.

    Texture is a standard deviation of luma of more than two grey levels within ``window_px``.
    """
    luma = target.mean(dim=1, keepdim=True)
    side = window_px // 2
    mean, square = (F.avg_pool2d(F.pad(x, (side,) * 4, mode="replicate"), window_px, 1) for x in (luma, luma * luma))
    deviation = (square - mean * mean).clamp_min(0).sqrt() * 255
    return flat_share + (1 - flat_share) * ((deviation - _FLAT) / (_TEXTURE - _FLAT)).clamp(0, 1)


_FLAT, _TEXTURE = 1.0, 3.0
"""Grey levels: less deviation than the first is flat, more than the second is texture."""
