"""What the task ``clean`` learns from: good patches blurred, with noise, compressed once or twice, or left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.blur import blur, disc_kernels, gaussian_kernels, motion_kernels, motion_length, spread_px
from restore.ops.deconvolve import deconvolve, inverses_for
from restore.ops.degrade import add_camera_noise, add_noise, jpeg, to_8_bits
from restore.tasks import BLUR_UNIT, NOISE_UNIT, QUALITY_UNIT

_GAUSSIAN_SHARE, _DISC_SHARE = 0.5, 0.17
"""Of the blurred patches; the others were moved."""
_DIRECTION_CHANCE: Final = 0.7
"""How often the direction of a movement is told; else its spread alone, as that of a round kernel."""
_WRONG_CHANCE: Final = 0.5
_WRONG_SPREAD, _WRONG_ANGLE = 0.1, 0.09
"""In this share of the patches the spread is told wrong by at most this part, and a direction by so many radians: what
is measured is never exact, and a network that trusted it would print rings."""
_CAMERA_CHANCE: Final = 0.3
"""Noise grows with brightness, as a sensor's does, in this share of the noisy patches."""
_EXACT_CHANCE: Final = 0.5
"""Noise and nothing else stays as drawn in this share, not rounded to 8 bits, as papers measure."""
_TWICE_CHANCE: Final = 0.2
"""So many JPEGs had been a JPEG before, cut elsewhere since, so that the blocks of the two do not lie on each other."""
_SUBSAMPLE_CHANCE: Final = 0.85
_JPEG_BEST: Final = 95.0
_QUALITY_POWER: Final = 1.0
"""JPEG qualities are drawn evenly, and raised to this power: the higher, the more bad ones."""
_BLUR_NOISE_MAX: Final = 6.0
"""Noise over blurred patches, in grey levels: a soft photo with strong noise cannot be sharpened."""
_MIXED_NOISE_MAX: Final = 25.0
_BLOCK_PX: Final = 8
_FINEST_COARSE, _COARSEST = 0.4, 1.2
"""Standard deviation in pixels of the Gaussian that makes noise coarse."""
_LONGEST_MOTION, _LARGEST_DISC = 14.0, 4.5
_ROUND: Final = -1.0
"""Stands for the direction of a kernel that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanDamage:
    """How strongly and how often to spoil patches; see TrainConfig for the meaning of each number."""

    clean_chance: float
    hidden_chance: float
    noise_max: float
    jpeg_min: float
    blur_max: float
    coarse_chance: float = 0.0
    noise_share: float = 0.32
    jpeg_share: float = 0.46
    blur_share: float = 0.13


def spoil_same_size(hq: Tensor, damage: CleanDamage, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Damage (B,3,H,W) in [0,1]; give ``lq`` of the same shape and the condition (B,6,1,1) as tasks.Condition.maps.

    First blur, then noise, then JPEG, as in a camera. What was compressed is in whole 1/255 and within [0,1]; noise
    alone may lie outside. Of a patch that was compressed twice the worse quality is told. Gray patches stay gray.
    Where the blur is told, ``lq`` has been deconvolved, see :func:`restore.ops.deconvolve`.
    """
    batch = len(hq)

    def draw() -> Tensor:
        return torch.rand(batch, generator=rng, device=hq.device)

    kind = (draw() - damage.clean_chance) / max(1 - damage.clean_chance, 1e-9)
    jpeg_from, blur_from = damage.noise_share, damage.noise_share + damage.jpeg_share
    mixed_from = blur_from + damage.blur_share
    noise_kind, jpeg_kind = (kind >= 0) & (kind < jpeg_from), (kind >= jpeg_from) & (kind < blur_from)
    blur_kind, mixed = (kind >= blur_from) & (kind < mixed_from), kind >= mixed_from

    lq = hq
    blurred = blur_kind | (mixed & (draw() < 0.5))
    kernels, angle = _kernels(draw(), draw(), draw(), draw() * damage.blur_max)
    spread = spread_px(kernels) * blurred
    if bool(blurred.any()):
        lq = lq.clone()
        lq[blurred] = blur(hq[blurred], kernels[blurred])

    strength = draw()
    sigma = strength * (damage.noise_max * noise_kind + _BLUR_NOISE_MAX * blur_kind)
    sigma = sigma + strength.square() * min(_MIXED_NOISE_MAX, damage.noise_max) * mixed
    noisy = _noisy(lq, sigma, draw() < _CAMERA_CHANCE, draw(), rng)
    if damage.coarse_chance > 0:
        noisy = torch.where(_each(draw() < damage.coarse_chance), lq + coarsened(noisy - lq, draw()), noisy)
    exact = _each(noise_kind & (draw() < _EXACT_CHANCE))
    lq = torch.where(exact, noisy, to_8_bits(noisy))

    coded = jpeg_kind | (mixed & (draw() < 0.7))
    last, first = (damage.jpeg_min + draw().pow(_QUALITY_POWER) * (_JPEG_BEST - damage.jpeg_min) for _ in range(2))
    twice = coded & (draw() < _TWICE_CHANCE)
    lq = _coded(lq, twice, first, draw() < _SUBSAMPLE_CHANCE, rng)
    lq = _coded(lq, coded, last, draw() < _SUBSAMPLE_CHANCE, None)
    quality = torch.where(coded, torch.where(twice, torch.minimum(first, last), last), QUALITY_UNIT)

    wrong = (draw() < _WRONG_CHANCE) * (2 * draw() - 1)
    spread = (spread * (1 + _WRONG_SPREAD * wrong)).clamp(max=BLUR_UNIT)
    parts = (sigma / NOISE_UNIT, 1 - quality / QUALITY_UNIT, spread / BLUR_UNIT)
    known = [draw() >= damage.hidden_chance for _ in parts]
    angle = torch.where(draw() < _DIRECTION_CHANCE, angle + _WRONG_ANGLE * wrong, _ROUND)
    soft = known[2] & (spread > 0)
    if bool(soft.any()):
        level, coding = torch.where(known[0], sigma, torch.nan), torch.where(known[1], quality, torch.nan)
        filters = inverses_for(_told(spread, angle)[soft], level[soft], coding[soft])
        lq = lq.index_put((soft,), deconvolve(lq[soft], filters))
    maps = [each for part, told in zip(parts, known, strict=True) for each in (part * told, told.float())]
    return lq, torch.stack(maps, dim=1).view(batch, len(maps), 1, 1)


def _kernels(kind: Tensor, size: Tensor, angle: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """(B,21,21), Gaussian, out of focus or moved, and (B,): each movement's direction in radians, negative for none."""
    discs = disc_kernels(0.5 + size * _LARGEST_DISC)
    moved = motion_kernels(2 + size * _LONGEST_MOTION, angle * torch.pi)
    choice = kind.view(-1, 1, 1)
    kernels = torch.where(choice < _GAUSSIAN_SHARE + _DISC_SHARE, discs, moved)
    kernels = torch.where(choice < _GAUSSIAN_SHARE, gaussian_kernels(sigma), kernels)
    return kernels, torch.where(kind < _GAUSSIAN_SHARE + _DISC_SHARE, _ROUND, angle * torch.pi)


def _told(spread: Tensor, angle: Tensor) -> Tensor:
    """(B,21,21): the kernels that (B,) spreads and directions stand for, a Gaussian where there is no direction."""
    moved = motion_kernels(motion_length(spread), angle)
    return torch.where(angle.view(-1, 1, 1) < _ROUND / 2, gaussian_kernels(spread), moved)


def coarsened(noise: Tensor, size: Tensor) -> Tensor:
    """White noise (B,3,H,W) as coarse as scaling and cameras make it, as strong as before; ``size`` (B,) in [0,1]."""
    kernels = gaussian_kernels(_FINEST_COARSE + size * (_COARSEST - _FINEST_COARSE))
    return blur(noise, kernels) / _each(kernels.square().sum(dim=(1, 2)).sqrt())


def _each(numbers: Tensor) -> Tensor:
    """(B,) for pictures (B,3,H,W)."""
    return numbers.view(-1, 1, 1, 1)


def _noisy(image: Tensor, sigma: Tensor, camera: Tensor, share: Tensor, rng: torch.Generator) -> Tensor:
    white = add_noise(image, sigma, rng)
    shot = add_camera_noise(image, sigma, share, rng)
    noisy = torch.where(_each(camera), shot, white)
    gray = (image.amax(dim=1) == image.amin(dim=1)).flatten(1).all(dim=1).view(-1, 1, 1, 1)
    return torch.where(gray, noisy[:, :1], noisy)


def _coded(image: Tensor, which: Tensor, quality: Tensor, subsample: Tensor, shift: torch.Generator | None) -> Tensor:
    """JPEG on the patches of ``which``; with ``shift``, its blocks begin at a random place."""
    if not bool(which.any()):
        return image
    top, left = (
        (0, 0) if shift is None else torch.randint(_BLOCK_PX, (2,), generator=shift, device=shift.device).tolist()
    )
    padded = F.pad(image[which], (left, 0, top, 0), mode="replicate")
    result = image.clone()
    result[which] = jpeg(padded, quality[which], subsample=subsample[which])[..., top:, left:]
    return result
