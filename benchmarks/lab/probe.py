"""What a discriminator has learnt to see: a linear probe of its features (O-GAN's question).

Source: Su, "O-GAN: Extremely Concise Approach for Auto-Encoding Generative Adversarial Networks", 2019.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lab.bench import PATCH_PX, Bench
from lab.pictures import DAMAGES, damaged
from restore.models.patchgan import Discriminator

_TRAINING_PATCHES = 600
_RIDGE = 1e-2


def described(network: Discriminator, pictures: Tensor) -> Tensor:
    """(B,F): mean and deviation of every channel of every layer, for (B,3,H,W) in [0,1]; no input beside."""
    with torch.inference_mode():
        features = network(pictures, pictures[:, :0]).features
    return torch.cat([part for layer in features for part in (layer.mean((2, 3)), layer.std((2, 3)))], dim=1)


def accuracy(train: Tensor, train_kind: Tensor, test: Tensor, test_kind: Tensor) -> float:
    """Share of (M,F) ``test`` rows whose kind a ridge regression on (N,F) ``train`` rows tells; kinds are 0, 1, ..."""
    mean, spread = train.mean(dim=0), train.std(dim=0).clamp_min(1e-6)
    rows, others = (F.pad((side - mean) / spread, (0, 1), value=1.0).double() for side in (train, test))
    wanted = F.one_hot(train_kind).double()
    gram = rows.T @ rows + _RIDGE * len(rows) * torch.eye(rows.shape[1], dtype=torch.float64)
    weights = torch.linalg.solve(gram, rows.T @ wanted)
    return float(((others @ weights).argmax(dim=1) == test_kind).float().mean())


def probe(bench: Bench, seed: int, network: Discriminator) -> dict[str, float]:
    """How often a linear probe of the network's features names the damage of held-out patches; chance is 1/4."""
    rng = torch.Generator().manual_seed(seed)
    hq = bench.pool.patches(seed, 0, side=PATCH_PX, batch=_TRAINING_PATCHES)
    network.eval()
    sides: list[tuple[Tensor, Tensor]] = []
    for pictures in (hq, bench.small):
        features = torch.cat([described(network, damaged(pictures, kind, rng)) for kind in DAMAGES])
        sides.append((features, torch.arange(len(DAMAGES)).repeat_interleave(len(pictures))))
    return {"damage_named": accuracy(*sides[0], *sides[1])}
