"""The plain loop: a network, a loss, so many steps. No game."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from restore.training.state import Average
from restore.training.step import learning_rate

EMA = 0.99
CLIP = 1.0
_WARMUP_STEPS = 20


def learn(
    network: nn.Module,
    loss: Callable[[int], Tensor],
    *,
    steps: int,
    lr: float,
    beside: nn.Module | None = None,
) -> nn.Module:
    """Lower ``loss(step)`` by AdamW over the network (and what learns ``beside`` it); gives the averaged network."""
    average = Average(network, EMA)
    parameters = [*network.parameters(), *(beside.parameters() if beside is not None else ())]
    optimizer = torch.optim.AdamW(parameters, lr=lr, betas=(0.9, 0.99), weight_decay=0.0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(lr, step=step, progress=step / steps, warmup_steps=_WARMUP_STEPS)
        whole = loss(step)
        optimizer.zero_grad(set_to_none=True)
        whole.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        average.update(network, step)
    return average.network
