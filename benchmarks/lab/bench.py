"""What all runs of the lab share: pictures, metrics, the number of steps, and results that others build on."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from lab.pictures import Pool, held_out
from restore.metrics.lpips import Lpips, load_lpips

UPSCALE_PX = 160
PATCH_PX = 64
Made = TypeVar("Made")


@dataclass(slots=True)
class Bench:
    """The table that everything lies on."""

    pool: Pool
    large: Tensor
    """Held-out crops (N,3,160,160) for upscaling."""
    small: Tensor
    """Held-out crops (M,3,64,64) for tasks of the same size."""
    lpips: Lpips | None
    share: float = 1.0
    """Of the usual number of steps of every run."""
    _kept: dict[Hashable, Any] = field(default_factory=dict)

    def steps(self, usual: int) -> int:
        """How many steps to take instead of ``usual``."""
        return max(2, round(usual * self.share))

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What ``make`` gives, made at the first call with ``key``."""
        if key not in self._kept:
            self._kept[key] = make()
        kept: Made = self._kept[key]
        return kept

    def forget(self) -> None:
        """Let go of what was kept: the next seed shares nothing with this one."""
        self._kept.clear()


def set_up(hq: Path, val: Path, *, photos: int, crops: int, share: float) -> Bench:
    """A bench with the photos of two folders; PairingError for what is wrong with them."""
    return Bench(
        pool=Pool(hq, photos=photos, crops=crops),
        large=held_out(val, side=UPSCALE_PX, each=1),
        small=held_out(val, side=PATCH_PX, each=6),
        lpips=load_lpips()[0],
        share=share,
    )


def mean_psnr(restored: Tensor, target: Tensor, mask: Tensor | None = None) -> float:
    """Mean over pictures of the PSNR over RGB in dB, where ``mask`` (B,1,H,W) is 1; all in [0,1]."""
    error = (restored.clamp(0, 1) - target).double().square().mean(dim=1, keepdim=True)
    inside = torch.ones_like(error) if mask is None else mask.double()
    mean = (error * inside).flatten(1).sum(dim=1) / inside.flatten(1).sum(dim=1)
    return float((-10 * mean.clamp_min(1e-10).log10()).mean())
