"""Does unpaired training learn what damage looks like? Asked of a classifier that has no part in the training.

Photos are shared out to four folders, no photo in two of them: damaged ones and good ones, to learn from and to hold
out. The damaged ones are spoiled by a model that the learner does not know: sepia, vignetting, blur, grain, scratches.
After unpaired training, small classifiers are trained from scratch to tell patches of damaged photos from patches of
good ones that were

    untouched    the start: nearly all are told apart
    colours      moved to the damaged photos' mean and spread of each channel, what a person would try first
    learnt       spoiled by damage.safetensors
    true         spoiled by the unknown model itself: what a perfect learner would reach

and judged on patches of held-out photos. 50 % is guessing. It is asked twice: of classifiers that learnt on the
untouched photos what damage looks like ("judge"), and of "fresh" ones for each candidate, which find any trace by which
the made damage differs from the true one. Since the damage is ours, the repaired held-out photos can be compared with
the truth as well.

    python benchmarks/unpaired_accuracy.py --photos data/train/set -o unpaired --budget 600 --sheet sheet.jpg
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from restore.config.cycle import CycleConfig
from restore.datasets.folders import photos_in
from restore.datasets.loader import step_seed
from restore.inference.device import choose_device
from restore.inference.restorer import Restorer
from restore.inference.spoil_pairs import Spoiler
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.metrics.psnr import psnr
from restore.ops.resize import resize
from restore.training.cycle_loop import train_unpaired
from restore.training.journal import Event

PATCH_PX = 64
FOLDERS = ("damaged", "good", "held_damaged", "held_good", "held_truth")
Make = Callable[[Tensor, int], Tensor]
"""(1,3,H,W) photo and a seed -> what the classifier is shown."""


def spoil_unknown(image: Tensor, seed: int) -> Tensor:
    """The damage that stands for a real one: (1,3,H,W) in [0,1] to the same, with all of it."""
    rng = torch.Generator().manual_seed(seed)
    height, width = image.shape[-2:]

    def between(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=rng))

    luma = (image * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    brown = luma * torch.tensor([0.86, 0.71, 0.50]).view(1, 3, 1, 1) + torch.tensor([0.12, 0.09, 0.04]).view(1, 3, 1, 1)
    image = torch.lerp(image, brown, between(0.8, 1.0))
    line = torch.exp(-(torch.arange(-3.0, 4.0) ** 2) / (2 * between(0.7, 1.1) ** 2))
    line = line / line.sum()
    kernel = (line[:, None] * line[None]).expand(3, 1, 7, 7)
    image = F.conv2d(F.pad(image, (3, 3, 3, 3), mode="reflect"), kernel, groups=3)
    down, right = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    image = image * (1 - between(0.1, 0.35) * (down**2 + right**2) / 2)
    grain = F.avg_pool2d(torch.randn(1, 1, height + 1, width + 1, generator=rng), 2, stride=1) * 2
    image = image + grain * between(7, 13) / 255
    for _ in range(int(height * width / 9000) + 1):
        image = _scratched(image, rng)
    return image.clamp(0, 1)


def _scratched(image: Tensor, rng: torch.Generator) -> Tensor:
    """One light scratch, nearly upright, a pixel or so wide."""
    height, width = image.shape[-2:]
    top, left, slant, length, light = torch.rand(5, generator=rng).tolist()
    rows = torch.arange(height).float()
    start, span = top * height, 20 + 60 * length
    inside = ((rows >= start) & (rows < start + span)).float()
    path = left * width + (slant - 0.5) * 0.3 * (rows - start)
    distance = (torch.arange(width).float()[None] - path[:, None]).abs()
    return image + (0.25 + 0.25 * light) * (1.2 - distance).clamp(0, 1) * inside[:, None]


def share_out(photos: Sequence[Path], out: Path, side_px: int) -> dict[str, list[Path]]:
    """Four folders of photos shrunk to ``side_px``, every photo in one of them, and the truth of the held-out ones."""
    folders: dict[str, list[Path]] = {name: [] for name in FOLDERS}
    for number, path in enumerate(photos):
        held = number % 8 >= 6
        damaged = number % 2 == 0
        image = read_photo(path).pixels[None].clamp(0, 1)
        scale = side_px / max(image.shape[-2:])
        if scale < 1:
            image = resize(image, round(image.shape[-2] * scale), round(image.shape[-1] * scale)).clamp(0, 1)
        if min(image.shape[-2:]) < 2 * PATCH_PX:
            continue
        name = f"{number:04d}.png"
        shown = spoil_unknown(image, step_seed(99, number)) if damaged else image
        folder = ("held_" if held else "") + ("damaged" if damaged else "good")
        save(shown, out / folder / name)
        folders[folder].append(out / folder / name)
        if held and damaged:
            save(image, out / "held_truth" / name)
            folders["held_truth"].append(out / "held_truth" / name)
    return folders


def save(image: Tensor, path: Path) -> None:
    """Write (1,3,H,W) with 8 bits."""
    array = image[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    write_photo(photo_from_array(array), path, WriteOptions(overwrite=True))


def load(path: Path) -> Tensor:
    """(1,3,H,W) in [0,1]."""
    return read_photo(path).pixels[None]


def patches(photos: Sequence[Path], make: Make, each: int, seed: int) -> Tensor:
    """(N,3,64,64) float32 in whole 1/255: ``each`` patches of every photo, after ``make``."""
    rng = torch.Generator().manual_seed(seed)
    cuts = []
    for number, path in enumerate(photos):
        image = make(load(path), step_seed(seed, number)).clamp(0, 1).mul(255).round().div(255)
        for _ in range(each):
            top, left = (int(torch.randint(side - PATCH_PX + 1, (), generator=rng)) for side in image.shape[-2:])
            cuts.append(image[0, :, top : top + PATCH_PX, left : left + PATCH_PX])
    return torch.stack(cuts)


class Classifier(nn.Sequential):
    """One logit for a patch: four strided convolutions and a mean."""

    def __init__(self) -> None:
        widths = [3, 16, 32, 64, 64]
        layers: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            layers += [nn.Conv2d(narrow, wide, 3, stride=2, padding=1), nn.BatchNorm2d(wide), nn.LeakyReLU(0.2)]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 1))


def taught(real: Tensor, candidate: Tensor, *, steps: int, seed: int) -> Classifier:
    """A classifier trained from scratch to tell patches of ``real`` (verdict above 0) from those of ``candidate``."""
    torch.manual_seed(seed)
    network = Classifier().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    rng = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        batch = torch.cat([side[torch.randint(len(side), (16,), generator=rng)] for side in (real, candidate)])
        if torch.rand((), generator=rng) < 0.5:
            batch = batch.flip(-1)
        label = torch.cat([torch.ones(16), torch.zeros(16)])
        loss = F.binary_cross_entropy_with_logits(network(batch * 2 - 1)[:, 0], label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return network.eval()


@torch.no_grad()
def accuracy(network: Classifier, real: Tensor, candidate: Tensor) -> float:
    """Share of right verdicts, both sides counting alike."""
    right, wrong = (float((network(side * 2 - 1)[:, 0] > 0).float().mean()) for side in (real, candidate))
    return (right + 1 - wrong) / 2


def moved_colours(damaged: Sequence[Path]) -> Make:
    """Each channel given the damaged photos' mean and spread."""
    pixels = torch.cat([load(path).flatten(2) for path in damaged], dim=2)[0]
    mean, spread = pixels.mean(dim=1).view(1, 3, 1, 1), pixels.std(dim=1).view(1, 3, 1, 1)

    def move(image: Tensor, seed: int) -> Tensor:  # noqa: ARG001 - nothing is random here
        own = image.flatten(2)
        return (image - own.mean(dim=2)[..., None, None]) / own.std(dim=2)[..., None, None] * spread + mean

    return move


def measure(folders: dict[str, list[Path]], spoiler: Make, args: argparse.Namespace) -> dict[str, float]:
    """Accuracy against each candidate, of the same judges and of fresh ones: mean over the seeds, and their spread."""
    candidates: dict[str, Make] = {
        "untouched": lambda image, _: image,
        "colours": moved_colours(folders["damaged"]),
        "learnt": spoiler,
        "true": spoil_unknown,
    }
    sides = (("damaged", "good"), ("held_damaged", "held_good"))
    real = [patches(folders[damaged], lambda image, _: image, args.each, 1) for damaged, _ in sides]
    figures: dict[str, float] = {}
    judges: list[Classifier] = []
    for name, make in candidates.items():
        made = [patches(folders[good], make, args.each, 2) for _, good in sides]
        fresh = [taught(real[0], made[0], steps=args.classifier_steps, seed=seed) for seed in range(args.seeds)]
        judges = judges or fresh  # the first candidate is the photos as they are
        for kind, networks in (("judge", judges), ("fresh", fresh)):
            told = [accuracy(network, real[1], made[1]) for network in networks]
            figures[f"{kind} {name}"] = statistics.mean(told)
            figures[f"{kind} {name} spread"] = max(told) - min(told)
            shares = " ".join(f"{share:.1%}" for share in told)
            print(f"{name} told apart, {kind}: {figures[f'{kind} {name}']:.1%} (seeds {shares})", flush=True)
    return figures


def repaired(folders: dict[str, list[Path]], repair: Path) -> dict[str, float]:
    """PSNR in dB over RGB of held-out damaged photos against the truth: as they are, and repaired."""
    restorer = Restorer(repair, device="cpu")
    before, after = [], []
    for damaged, truth in zip(folders["held_damaged"], folders["held_truth"], strict=True):
        spoilt, whole = load(damaged), load(truth)
        before.append(float(psnr(spoilt.double(), whole.double(), peak=1.0)))
        after.append(float(psnr(restorer.restore(spoilt).clamp(0, 1).double(), whole.double(), peak=1.0)))
    return {"psnr damaged": statistics.mean(before), "psnr repaired": statistics.mean(after)}


def sheet(folders: dict[str, list[Path]], spoiler: Make, repair: Path, path: Path) -> None:
    """Held-out photos, a row each of: good | spoiled as learnt | damaged | repaired."""
    restorer = Restorer(repair, device="cpu")
    rows = []
    for number, (good, damaged) in enumerate(zip(folders["held_good"][:4], folders["held_damaged"][:4], strict=True)):
        whole, spoilt = load(good), load(damaged)
        shown = (whole, spoiler(whole, number), spoilt, restorer.restore(spoilt).clamp(0, 1))
        rows.append(torch.cat([_middle(image, 176) for image in shown], dim=-1))
    array = torch.cat(rows, dim=-2)[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    write_photo(photo_from_array(array), path, WriteOptions(overwrite=True, quality=85))


def _middle(image: Tensor, side: int) -> Tensor:
    for dim in (-2, -1):
        image = image.narrow(dim, (image.shape[dim] - side) // 2, side)
    return image


def tell(event: Event) -> None:
    """One line for what happens in training."""
    numbers = "  ".join(f"{name} {value:.4g}" for name, value in event.values.items())
    print(f"{event.kind} {event.step}  {numbers} {event.message}", flush=True)


def main() -> None:
    """Make the folders, train, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="good photos, some dozens at least")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--budget", type=float, default=600, help="seconds of training")
    parser.add_argument("--steps", type=int, help="steps of training instead")
    parser.add_argument("--count", type=int, default=160, help="photos to take")
    parser.add_argument("--side", type=int, default=384, help="long side of the photos, in pixels")
    parser.add_argument("--classifier-steps", type=int, default=400)
    parser.add_argument("--each", type=int, default=12, help="patches from each photo")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--norm", default="none", choices=["spectral", "none"])
    parser.add_argument("--objective", default="hinge", choices=["hinge", "least-squares"])
    parser.add_argument("--r1", type=float, default=0.01)
    parser.add_argument("--cycle", type=float, default=3.0, help="lambda_cycle; the default of a long run is 10")
    parser.add_argument("--resume", action="store_true", help="go on with the folders and the run of an earlier call")
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    if args.resume:
        folders = {name: photos_in(args.output / name) for name in FOLDERS}
    else:
        folders = share_out(photos_in(args.photos)[: args.count], args.output, args.side)
    print({name: len(paths) for name, paths in folders.items()}, flush=True)
    config = CycleConfig(
        damaged=str(args.output / "damaged"),
        good=str(args.output / "good"),
        run=str(args.output / "run"),
        steps=args.steps,
        budget_s=None if args.steps else args.budget,
        batch=4,
        patch_px=PATCH_PX,
        widths=(16, 32),
        discriminator_width=24,
        lambda_cycle=args.cycle,
        discriminator_norm=args.norm,
        r1=args.r1,
        objective=args.objective,
        lr=args.lr,
        ema=0.995,
        decay_from=0.7,
        resume=(args.output / "run" / "checkpoint.pt").exists(),
        threads=int(os.environ.get("OMP_NUM_THREADS", "1")),
    )
    damage, repair = train_unpaired(config, tell)
    spoiler = Spoiler(damage, device=choose_device("cpu", threads=config.threads))
    figures = measure(folders, spoiler, args) | repaired(folders, repair)
    (args.output / "figures.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    print(json.dumps(figures, indent=1))
    if args.sheet:
        sheet(folders, spoiler, repair, args.sheet)


if __name__ == "__main__":
    main()
