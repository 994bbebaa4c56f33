"""Made pictures of earlier steps, so that a discriminator does not forget what it once saw through."""

from __future__ import annotations

import torch
from torch import Tensor


class Replay:
    """Up to ``size`` pictures. While there is room, every new one is kept and shown; then each is, with a chance of one
    half, exchanged for a kept one, which is shown in its place.

    Source: Shrivastava et al., "Learning from Simulated and Unsupervised Images through Adversarial Training", 2017.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: list[Tensor] = []

    def __len__(self) -> int:
        return len(self._kept)

    def swap(self, pictures: Tensor, rng: torch.Generator) -> Tensor:
        """(B,C,H,W) to show in place of ``pictures``; all that is random comes from ``rng``, which is on the host."""
        shown = []
        for picture in pictures.detach():
            if len(self._kept) < self._size:
                self._kept.append(picture.clone())
                shown.append(picture)
                continue
            swapped = bool(torch.rand((), generator=rng) < 0.5)
            place = int(torch.randint(self._size, (), generator=rng))
            shown.append(self._kept[place] if swapped else picture)
            if swapped:
                self._kept[place] = picture.clone()
        return torch.stack(shown)

    def state(self) -> list[Tensor]:
        """What is kept."""
        return list(self._kept)

    def load(self, kept: list[Tensor], device: torch.device) -> None:
        """Take over what ``state`` gave; ValueError when it is more than there is room for."""
        if len(kept) > self._size:
            raise ValueError(f"{len(kept)} kept pictures do not fit into a replay of {self._size}")
        self._kept = [picture.to(device) for picture in kept]
