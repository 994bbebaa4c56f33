"""Spoiling good photos on purpose, on whatever device they are on: noise and JPEG, seeded by an explicit generator."""

from __future__ import annotations

from functools import lru_cache

import kornia
import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.dct import BLOCK_PX, dct_matrix

_LUMA_TABLE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of brightness at quality 50: ITU-T T.81, table K.1."""
_CHROMA_CORNER = ((17, 18, 24, 47), (18, 21, 26, 66), (24, 26, 56, 99), (47, 66, 99, 99))
"""Quantisation of colour at quality 50: ITU-T T.81, table K.2; 99 beyond these four rows and columns."""
_CHROMA_BLOCK = 16
"""A 4:2:0 colour block covers this many pixels."""


def add_noise(image: Tensor, sigma: Tensor, rng: torch.Generator) -> Tensor:
    """Add white Gaussian noise: (B,C,H,W) in [0,1], ``sigma`` (B,) in grey levels of 255. Not clipped."""
    noise = torch.randn(image.shape, generator=rng, device=image.device, dtype=image.dtype)
    return image + noise * (sigma / 255).view(-1, 1, 1, 1)


def add_camera_noise(image: Tensor, sigma: Tensor, share: Tensor, rng: torch.Generator) -> Tensor:
    """Add noise that grows with brightness, as a sensor's does: (B,C,H,W) in [0,1]. Not clipped.

    ``sigma`` (B,) in grey levels is the noise's standard deviation over the whole picture; ``share`` (B,) in [0,1] is
    the part of its variance that is the same everywhere, the rest goes with the brightness of each channel.
    Source: the Gaussian approximation of Foi et al., "Practical Poissonian-Gaussian noise modeling", 2008.
    """
    light = image.clamp(min=0)
    steady = share.view(-1, 1, 1, 1)
    grown = light / light.mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-3)
    noise = torch.randn(image.shape, generator=rng, device=image.device, dtype=image.dtype)
    return image + noise * (sigma / 255).view(-1, 1, 1, 1) * (steady + (1 - steady) * grown).sqrt()


def to_8_bits(image: Tensor) -> Tensor:
    """What a file of 8 bits holds of an image: clipped to [0,1], rounded to 1/255.

    >>> to_8_bits(torch.tensor([-0.2, 0.5, 1.7])).mul(255).round().tolist()
    [0.0, 128.0, 255.0]
    """
    return image.clamp(0, 1).mul(255).add(0.5).floor().div(255)


@lru_cache(maxsize=1)
def _tables() -> Tensor:
    luma = torch.tensor(_LUMA_TABLE, dtype=torch.float32)
    chroma = torch.full((BLOCK_PX, BLOCK_PX), 99.0)
    chroma[:4, :4] = torch.tensor(_CHROMA_CORNER, dtype=torch.float32)
    return torch.stack([luma, chroma])


def quantisation_tables(quality: Tensor) -> Tensor:
    """libjpeg's tables at ``quality`` (B,) in 1..100: (B,2,8,8), brightness then colour, whole numbers 1..255."""
    percent = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality).floor()
    scaled = (_tables().to(quality.device)[None] * percent.view(-1, 1, 1, 1) + 50) / 100
    return scaled.floor().clamp(1, 255)


def _code_plane(plane: Tensor, table: Tensor) -> Tensor:
    """Transform, quantise and restore (B,H,W) grey levels around 0 in 8x8 blocks with (B,8,8) tables."""
    batch, height, width = plane.shape
    dct = dct_matrix().to(plane)
    blocks = plane.view(batch, height // BLOCK_PX, BLOCK_PX, width // BLOCK_PX, BLOCK_PX).permute(0, 1, 3, 2, 4)
    step = table[:, None, None]
    coded = (dct @ blocks @ dct.T / step).round() * step
    return (dct.T @ coded @ dct).permute(0, 1, 3, 2, 4).reshape(batch, height, width)


def jpeg(image: Tensor, quality: Tensor, *, subsample: Tensor) -> Tensor:
    """What JPEG makes of an image: libjpeg's tables, real rounding, no gradient.

    Image (B,3,H,W) in [0,1], any size; ``quality`` (B,) in 1..100; ``subsample`` (B,) bool: colour at half size
    (4:2:0, as cameras and the web do) or at full size (4:4:4). The result is rounded to 8 bits.
    Source: ITU-T T.81; colour as in JFIF.
    """
    height, width = image.shape[-2:]
    padded = F.pad(image, (0, -width % _CHROMA_BLOCK, 0, -height % _CHROMA_BLOCK), mode="replicate")
    ycbcr = (kornia.color.rgb_to_ycbcr(padded) * 255).round() - 128
    tables = quantisation_tables(quality.float())
    luma = _code_plane(ycbcr[:, 0], tables[:, 0])
    chroma = ycbcr[:, 1:]
    coded_full = _code_chroma(chroma, tables[:, 1])
    coded_half = F.interpolate(
        _code_chroma(F.avg_pool2d(chroma, 2).round(), tables[:, 1]),
        scale_factor=2,
        mode="bilinear",
        align_corners=False,
    )
    chroma = torch.where(subsample.view(-1, 1, 1, 1), coded_half, coded_full)
    decoded = torch.cat([luma[:, None], chroma], dim=1).add(128).round().clamp(0, 255) / 255
    return to_8_bits(kornia.color.ycbcr_to_rgb(decoded)[..., :height, :width])


def _code_chroma(chroma: Tensor, table: Tensor) -> Tensor:
    return _code_plane(chroma.flatten(0, 1), table.repeat_interleave(2, dim=0)).view_as(chroma)
