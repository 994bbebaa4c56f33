"""Train the trunk behind the loss ``own_features``: a small encoder, on good photos alone, without labels.

    nice python benchmarks/train_features.py photos/ -o restore/weights/features/features.safetensors --seconds 600

One view of each patch is turned by quarter turns, blurred, noised and compressed; the other is mirrored and recoloured.
From the first, the encoder tells the turn (Gidaris et al., ICLR 2018), the blur and the levels of noise and JPEG; both
views must find each other in the batch (InfoNCE, van den Oord et al., 2018). The heads are thrown away.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore.datasets.folders import Example, good_photos, hold_out
from restore.datasets.loader import PhotoCache
from restore.losses.features import save_trunk
from restore.losses.trunk import WIDTHS, Trunk
from restore.ops.degrade import add_noise, jpeg, to_8_bits
from restore.ops.resize import resize

TURNS, BLURS = 4, (1.0, 1.5, 2.0, 3.0)  # a patch is shrunk by one of these factors and enlarged again
NOISE_MAX, JPEG_MIN, JPEG_BEST, TEMPERATURE, CACHE_BYTES = 25.0, 30.0, 98.0, 0.2, 1.5e9
PATCH_PX, PHOTOS, PATCHES, LR = 64, 8, 3, 2e-3  # a batch has so many patches of so many photos


class Student(nn.Module):
    """The trunk with its heads; they read mean and spread of every feature of every stage."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        width = 2 * sum(WIDTHS)
        self.even = nn.BatchNorm1d(width, affine=False)
        self.tell = nn.Linear(width, TURNS + len(BLURS) + 2)
        self.embed = nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 64))
        for weight in (tensor for tensor in self.trunk.parameters() if tensor.ndim == 4):
            nn.init.kaiming_normal_(weight, nonlinearity="relu")

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """What it tells (B,10), and unit vectors (B,64), of (B,3,H,W)."""
        flat = [features.flatten(2) for features in self.trunk(image)]
        spread = [(part.var(dim=2) + 1e-6).sqrt() for part in flat]
        pooled = self.even(torch.cat([*(part.mean(dim=2) for part in flat), *spread], dim=1))
        return self.tell(pooled), F.normalize(self.embed(pooled), dim=1)


def views(hq: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """The spoilt view, the recoloured view, turn (B,), blur (B,), levels of noise and JPEG (B,2)."""
    batch = len(hq)
    turn, blur = torch.randint(TURNS, (batch,), generator=rng), torch.randint(len(BLURS), (batch,), generator=rng)
    spoilt = torch.stack([torch.rot90(patch, int(k), (1, 2)) for patch, k in zip(hq, turn, strict=True)])
    for number, factor in enumerate(BLURS[1:], start=1):
        small = resize(spoilt[blur == number], round(PATCH_PX / factor), round(PATCH_PX / factor))
        spoilt[blur == number] = resize(small, PATCH_PX, PATCH_PX)
    (noisy, coded), (noise, best) = torch.rand(2, batch, generator=rng) < 0.5, torch.rand(2, batch, generator=rng)
    sigma, quality = noise * NOISE_MAX * noisy, JPEG_MIN + best * (JPEG_BEST - JPEG_MIN)
    spoilt = to_8_bits(add_noise(spoilt, sigma, rng))
    spoilt = torch.where(coded.view(-1, 1, 1, 1), jpeg(spoilt, quality, subsample=noisy), spoilt)
    gain, shift = (torch.rand(batch, 3, 1, 1, generator=rng) for _ in range(2))
    other = ((hq.flip(-1) - 0.5) * (0.5 + gain) + 0.5 + 0.4 * (shift - 0.5)).clamp(0, 1)
    levels = torch.stack([sigma / NOISE_MAX, torch.where(coded, 1 - quality / 100, 0.0) / 0.7], dim=1)
    return spoilt, other, turn, blur, levels


def judge(student: Student, hq: Tensor, rng: torch.Generator) -> tuple[Tensor, np.ndarray]:
    """The loss, and four figures: right turns, right blurs, right partners (shares), mean error of the levels."""
    spoilt, other, turn, blur, levels = views(hq, rng)
    told, vectors = student(torch.cat([spoilt, other]))
    turns, blurs, guessed = told[: len(hq)].split([TURNS, len(BLURS), 2], dim=1)
    alike = vectors[: len(hq)] @ vectors[len(hq) :].T / TEMPERATURE
    own, off = torch.arange(len(hq)), (guessed - levels).abs().mean()
    parts = [F.cross_entropy(turns, turn), F.cross_entropy(blurs, blur), 0.3 * F.cross_entropy(alike, own), 8 * off]
    right = [(score.argmax(1) == truth).float().mean() for score, truth in ((turns, turn), (blurs, blur), (alike, own))]
    return torch.stack(parts).sum(), torch.stack([*right, off]).detach().numpy()


def main() -> int:
    """Train for so much processor time, save, and print the figures."""
    parser = argparse.ArgumentParser(description="Train the trunk behind the loss own_features.")
    parser.add_argument("photos", type=Path, help="folder of good photos")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the .safetensors file to write")
    parser.add_argument("--seconds", type=float, default=600.0, help="of processor time (default 600)")
    parser.add_argument("--data", default="", help="what the photos are, for the file's header")
    options = parser.parse_args()
    torch.set_num_threads(1)  # it is meant to run beside other work
    torch.manual_seed(0)
    shown, held = hold_out(good_photos(options.photos, patch_px=PATCH_PX), 8)
    cache, student = PhotoCache(CACHE_BYTES), Student()
    place, rng = np.random.default_rng(0), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(student.parameters(), lr=LR)

    def patches(examples: list[Example]) -> Tensor:
        cuts = []
        for number in place.integers(len(examples), size=PHOTOS).repeat(PATCHES):
            photo = cache.get(examples[number].hq)
            top, left = (int(place.integers(size - PATCH_PX + 1)) for size in photo.shape[:2])
            cuts.append(photo[top : top + PATCH_PX, left : left + PATCH_PX])
        return torch.from_numpy(np.stack(cuts)).permute(0, 3, 1, 2).float() / 255

    started, step = time.process_time(), 0
    while (progress := (time.process_time() - started) / options.seconds) < 1:
        optimizer.param_groups[0]["lr"] = LR * min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * progress))
        loss, figures = judge(student, patches(shown), rng)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step}: loss {loss.item():.3f}, turn, blur, partner, levels {figures.round(3)}", flush=True)
    student.eval()
    with torch.no_grad():
        found = np.mean([judge(student, patches(held), rng)[1] for _ in range(10)], axis=0)
    print(f"held out, step {step}: turn, blur, partner, levels {found.round(3)}")
    recipe = f"benchmarks/train_features.py, {step} steps"
    save_trunk(options.output, student.trunk, {"licence": "MIT", "data": options.data, "recipe": recipe})
    return 0


if __name__ == "__main__":
    sys.exit(main())
