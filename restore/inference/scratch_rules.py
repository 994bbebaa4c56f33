"""How a detector of damage is measured: photos damaged on purpose, the same way every time, and photos as they are."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.datasets.old_print import PrintDamage, spoil_as_old_print
from restore.errors import ConfigError
from restore.inference.protocol import Damage, read_target
from restore.inference.rules import Rules
from restore.metrics.lpips import Lpips
from restore.ops.color import luma

TOP_HAT: Final = "top-hat"
"""Name of the classical detector that stands beside."""
_TOP_HAT_PX: Final = 9
_TOP_HAT_CONTRAST: Final = 0.24
"""The best of 0.08 to 0.48 in steps of 0.04, by the mean IoU over 14 held-out photos: 14.5 %."""
_GRAIN, _JPEG_MIN = 12.0, 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScratchRules(Rules):
    """What is found, against the true map, pixel by pixel, without any tolerance at the edges.

    A target is the map three times, (1,3,H,W) of 0 and 1, a result likewise. ``damaged``: the photo is made an old
    print with defects, by a seed that its name gives, every other one gray; IoU, recall and precision in percent. Else
    it is measured as it is: the share of its pixels that is found in percent. Beside the methods stands what is thin
    and brighter or darker than all around it. Raises ConfigError for a scale that is not 1.
    """

    plain: ClassVar[str] = TOP_HAT

    scale: int = 1
    damage: Damage = field(default_factory=Damage)
    damaged: bool

    def __post_init__(self) -> None:
        if self.scale != 1:
            raise ConfigError(f"a mask has the size of its photo; the scale must be 1, got {self.scale}")

    @property
    def words(self) -> str:
        return "damaged prints" if self.damaged else "photos as they are"

    def prepare(self, photo: Path) -> tuple[Tensor, Tensor]:
        image = read_target(photo, 1)
        if not self.damaged:
            return torch.zeros_like(image), image
        seed = int.from_bytes(hashlib.sha256(photo.stem.encode("utf-8", "surrogateescape")).digest()[:4])
        plain = luma(image).expand(-1, 3, -1, -1) if seed % 2 else image
        damage = PrintDamage(clean_chance=0.0, noise_max=_GRAIN, jpeg_min=_JPEG_MIN)
        picture, mask = spoil_as_old_print(plain.float(), damage, torch.Generator().manual_seed(seed))
        return mask.expand(-1, 3, -1, -1).double(), picture.double()

    def untouched(self, source: Tensor) -> Tensor:
        return _top_hat(luma(source)).expand(-1, 3, -1, -1).double()

    def measure(
        self,
        restored: Tensor,
        target: Tensor,
        source: Tensor,  # noqa: ARG002 - a map is compared with a map
        lpips: Lpips | None,  # noqa: ARG002
    ) -> dict[str, float]:
        found, truth = restored[:, 0] > 0.5, target[:, 0] > 0.5
        if not self.damaged:
            return {"false_positives": 100 * float(found.double().mean())}
        both, either = float((found & truth).sum()), float((found | truth).sum())
        all_found = float(found.sum())
        return {
            "iou": 100 * both / either,
            "recall": 100 * both / float(truth.sum()),
            "precision": 100 * both / all_found if all_found else math.nan,
        }


def _top_hat(gray: Tensor) -> Tensor:
    """(1,1,H,W) of 0 and 1: what differs from its opening, or its closing, by a square of nine pixels."""
    bright = gray - _opened(gray)
    dark = -gray - _opened(-gray)
    return (torch.maximum(bright, dark) > _TOP_HAT_CONTRAST).to(gray.dtype)


def _opened(gray: Tensor) -> Tensor:
    """The smallest around each pixel, and the largest of that: what is thinner than the square is gone."""
    reach = _TOP_HAT_PX // 2
    least = -F.max_pool2d(-gray, _TOP_HAT_PX, stride=1, padding=reach)
    return F.max_pool2d(least, _TOP_HAT_PX, stride=1, padding=reach)
