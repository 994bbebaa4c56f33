"""Running means of what a step tells."""

from __future__ import annotations

from typing import cast

import torch
from lightning_fabric import Fabric
from torch import Tensor


class Totals:
    """Running means of what is logged, kept on the device until they are asked for."""

    def __init__(self) -> None:
        self.steps = 0
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """Take one step's numbers; a step need not have all of them."""
        self.steps += 1
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value.clone()
            self._counts[name] = self._counts.get(name, 0) + 1

    def means(self, fabric: Fabric) -> dict[str, float]:
        """Each number's mean over the steps that had it and over all processes, that is, over whole batches."""
        own = [(total / self._counts[name]).float().to(fabric.device) for name, total in self._sums.items()]
        whole = cast(Tensor, fabric.all_reduce(torch.stack(own), reduce_op="mean"))
        return dict(zip(self._sums, whole.tolist(), strict=True))
