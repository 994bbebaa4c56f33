"""One step of training."""

from __future__ import annotations

import math

from lightning_fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from restore.losses.pixel import PixelLoss
from restore.training.state import Average

FINAL_SHARE = 1e-3
"""The step size ends at this share of its peak."""


def learning_rate(peak: float, *, step: int, progress: float, warmup_steps: int) -> float:
    """Linear rise over ``warmup_steps``, then a cosine from ``peak`` to almost nothing as progress goes from 0 to 1.

    >>> learning_rate(1.0, step=1000, progress=0.0, warmup_steps=10)
    1.0
    >>> round(learning_rate(1.0, step=1000, progress=1.0, warmup_steps=10), 6)
    0.001
    """
    rise = min(1.0, (step + 1) / max(warmup_steps, 1))
    fall = FINAL_SHARE + (1 - FINAL_SHARE) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
    return peak * rise * fall


def generator_step(
    fabric: Fabric,
    generator: object,
    optimizer: Optimizer,
    average: Average,
    *,
    lq: Tensor,
    condition: Tensor,
    hq: Tensor,
    loss: PixelLoss,
    clip: float,
    step: int,
) -> Tensor:
    """Restore, compare, learn, average. Gives the loss (detached), not yet known to be finite."""
    restored = generator(lq, condition)  # type: ignore[operator]
    value = loss(restored.float(), hq)
    optimizer.zero_grad(set_to_none=True)
    fabric.backward(value)
    fabric.clip_gradients(generator, optimizer, max_norm=clip, error_if_nonfinite=False)  # type: ignore[arg-type]
    optimizer.step()
    average.update(generator, step)  # type: ignore[arg-type]
    return value.detach()
