"""The rules of a measurement, as the papers on each task have them: what is made of a photo, what is compared how.

A photo becomes a target and, damaged, a source; a method restores the source; its result is made what a file would
hold (clamped, rounded to 8 bits, gray where the photo is) and compared with the target. What one has without any method
is measured beside it: bicubic enlargement, or the damaged input itself. All figures are taken in float64 with a peak of
255 grey levels; colour drift, high frequencies and grid are explained where they are computed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from torch import Tensor

from restore.errors import ConfigError
from restore.inference.protocol import Damage, is_gray, read_target, round_to_8_bits
from restore.metrics.lpips import Lpips
from restore.metrics.psnr import lr_psnr, psnr
from restore.metrics.psnr_b import psnr_b
from restore.metrics.ssim import ssim
from restore.ops.color import rgb_to_y
from restore.ops.consistency import colour_drift
from restore.ops.resize import resize
from restore.ops.spectrum import grid_peak, high_frequency

BICUBIC: Final = "bicubic"
"""Name of the method that stands beside every other way to enlarge."""
INPUT: Final = "input"
"""Name of the row of the damaged photo itself, beside methods that do not enlarge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules(ABC):
    """How one task is measured."""

    plain: ClassVar[str]
    """Name of the row that stands beside every method."""

    scale: int
    damage: Damage

    @property
    @abstractmethod
    def words(self) -> str:
        """What was made of the photos, in a few words; never empty."""

    @abstractmethod
    def prepare(self, photo: Path) -> tuple[Tensor, Tensor]:
        """Target (1,3,sH,sW) in whole 1/255 and source (1,3,H,W), both float64; ImageError for a photo that fails."""

    @abstractmethod
    def untouched(self, source: Tensor) -> Tensor:
        """(1,3,sH,sW) float64: what the row called ``plain`` shows."""

    def finished(self, result: Tensor, target: Tensor) -> Tensor:
        """A method's result (1,3,sH,sW) as a file would hold it, float64 in whole 1/255; gray where the target is."""
        if is_gray(target):
            result = result.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
        return round_to_8_bits(result.double())

    @abstractmethod
    def measure(self, restored: Tensor, target: Tensor, source: Tensor, lpips: Lpips | None) -> dict[str, float]:
        """Some of the figures of ``METRICS``, without "lpips" where there is no metric for it.

        ``restored`` is what :meth:`finished` or :meth:`untouched` gave, the others what :meth:`prepare` gave. "grid" is
        not a number where the picture is too small for it.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class UpscaleRules(Rules):
    """Papers on super-resolution; ``damage``, which they know not, comes on the shrunken photo.

    The photo is cropped to a multiple of the scale and shrunk with MATLAB's antialiased bicubic, rounded to 8 bits
    after each pass. PSNR and SSIM are taken on the luma of BT.601 in studio range after cutting ``scale`` pixels off
    each border; LPIPS on RGB without cutting. LR-PSNR shrinks the result as the photo was shrunk and compares with the
    source. Raises ConfigError for a scale below 2.
    """

    plain: ClassVar[str] = BICUBIC

    def __post_init__(self) -> None:
        if self.scale < 2:
            raise ConfigError(f"the scale of an evaluation must be 2 or more, got {self.scale}")

    @property
    def words(self) -> str:
        return self.damage.words or "clean"

    def prepare(self, photo: Path) -> tuple[Tensor, Tensor]:
        target = read_target(photo, self.scale)
        height, width = (side // self.scale for side in target.shape[-2:])
        return target, self.damage.spoil(resize(target, height, width, quantise=True))

    def untouched(self, source: Tensor) -> Tensor:
        height, width = (self.scale * side for side in source.shape[-2:])
        return round_to_8_bits(resize(source, height, width, quantise=True))

    def measure(self, restored: Tensor, target: Tensor, source: Tensor, lpips: Lpips | None) -> dict[str, float]:
        inside = (..., slice(self.scale, -self.scale), slice(self.scale, -self.scale))
        luma, true_luma = rgb_to_y(restored)[inside], rgb_to_y(target)[inside]
        return {
            "psnr": psnr(luma, true_luma, peak=1.0).item(),
            "ssim": ssim(luma, true_luma, peak=1.0).item(),
            "consistency": lr_psnr(restored, source).item(),
            **_of_every_task(restored, target, lpips),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanRules(Rules):
    """Papers on denoising, on JPEG damage and on deblurring: results have the size of their input.

    PSNR and SSIM are taken on RGB, without cutting any border; PSNR-B too where the input was a JPEG. The row of the
    input is measured as the methods get it: noise that is not ``damage.rounded`` reaches below black and above white.
    Of a gray photo all figures are those of its one channel. Raises ConfigError for a scale that is not 1.
    """

    plain: ClassVar[str] = INPUT

    scale: int = 1
    gray: bool = False
    """Whether colour photos become their luma first (BT.601 in studio range, rounded), as in papers on JPEG."""

    def __post_init__(self) -> None:
        if self.scale != 1:
            raise ConfigError(f"what is cleaned keeps its size; the scale must be 1, got {self.scale}")

    @property
    def words(self) -> str:
        exact = not self.damage.rounded and self.damage.jpeg is None and self.damage.first_jpeg is None
        as_file = " as a file" if self.damage.noise and not exact else ""
        return f"{'gray, ' if self.gray else ''}{self.damage.words or 'clean'}{as_file}"

    def prepare(self, photo: Path) -> tuple[Tensor, Tensor]:
        target = read_target(photo, 1)
        if self.gray and not is_gray(target):
            target = round_to_8_bits(rgb_to_y(target)).expand(-1, 3, -1, -1).contiguous()
        return target, self.damage.spoil(target)

    def untouched(self, source: Tensor) -> Tensor:
        return source

    def measure(
        self,
        restored: Tensor,
        target: Tensor,
        source: Tensor,  # noqa: ARG002 - nothing is shrunk, so there is no agreement with it to measure
        lpips: Lpips | None,
    ) -> dict[str, float]:
        planes = (restored[:, :1], target[:, :1]) if is_gray(target) else (restored, target)
        figures = {"psnr_rgb": psnr(*planes, peak=1.0).item(), "ssim_rgb": ssim(*planes, peak=1.0).item()}
        if self.damage.jpeg is not None:
            figures["psnr_b"] = psnr_b(*planes, peak=1.0).item()
        return figures | _of_every_task(restored, target, lpips)


def _of_every_task(restored: Tensor, target: Tensor, lpips: Lpips | None) -> dict[str, float]:
    return {
        **({} if lpips is None else {"lpips": lpips(restored, target).item()}),
        "drift": colour_drift(restored, target),
        "high_frequency": high_frequency(restored, target).item(),
        "grid": grid_peak(restored),
    }
