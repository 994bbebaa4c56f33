"""How well ``restore inspect`` measures damage that was made on purpose, and what it says about clean photos.

    nice python benchmarks/inspect_accuracy.py data/val/photos data/val/B100 --side 512

Each photo (its middle, ``--side`` pixels at most; ``--half``: shrunk to half its size first) is measured as it is and
after each damage; tables for each figure, the confusion of the suggestions and the clean photos with a suggestion are
printed as Markdown. ``--rows FILE`` keeps every measurement as a line of JSON; ``--only coarse`` makes only the damages
whose names begin so.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from restore.inference.inspect import Findings, inspect
from restore.inference.protocol import Damage, round_to_8_bits
from restore.io.convert import photo_from_array
from restore.io.folder import PHOTO_SUFFIXES
from restore.io.read import read_photo
from restore.ops.blur import blur, gaussian_kernels
from restore.ops.degrade import add_camera_noise

NOISES, QUALITIES, BLURS = (
    (1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50),
    (5, 10, 20, 30, 50, 75, 90),
    (0.5, 1, 1.5, 2, 3, 4),
)
CAMERA: Final = (5, 15, 30)
CAMERA_STEADY: Final = 0.2  # share of a camera's noise that is the same at every brightness
COARSE: Final = (5, 10, 20)
SPREADS: Final = (0.5, 0.6, 0.8, 1.0, 1.2)  # pixels that noise is smoothed by
TWICE: Final = ((30, 50), (30, 90), (50, 75), (50, 90), (70, 85), (75, 95))
CODED_NOISE: Final = ((10, 90), (10, 75), (25, 75), (25, 50))
STEPS: Final = {"nothing": None, "noise": "denoise", "JPEG": "dejpeg", "blur": "deblur"}


@dataclass(frozen=True, slots=True)
class Case:
    """One damage: what it is called, what does it, and what should be measured."""

    table: str
    name: str
    spoil: Callable[[Tensor], Tensor]
    truth: float
    kind: str = ""
    """Row of the confusion table; "" where several things are wrong, or too little to say."""


def camera(sigma: float) -> Callable[[Tensor], Tensor]:
    """Noise that grows with the brightness, clipped and rounded as in a file."""

    def spoil(image: Tensor) -> Tensor:
        rng = torch.Generator().manual_seed(0)
        noisy = add_camera_noise(image.float(), torch.tensor([sigma]), torch.tensor([CAMERA_STEADY]), rng)
        return round_to_8_bits(noisy.double())

    return spoil


def coarse(sigma: float, spread: float) -> Callable[[Tensor], Tensor]:
    """White noise under a Gaussian blur, brought back to its strength, clipped and rounded as in a file."""

    def spoil(image: Tensor) -> Tensor:
        noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
        noise = blur(noise, gaussian_kernels(torch.tensor([spread])))
        return round_to_8_bits(image + (noise * (sigma / 255 / noise.std())).double())

    return spoil


def cases() -> Iterator[Case]:
    """Every damage."""
    yield Case("noise", "none", lambda image: image, 0, "nothing")
    for sigma in NOISES:
        kind = "noise" if sigma >= 7 else ""
        yield Case("noise", f"white {sigma}", Damage(noise=sigma).spoil, sigma, kind)
    for sigma in CAMERA:
        yield Case("noise", f"camera {sigma}", camera(sigma), sigma, "noise" if sigma >= 7 else "")
    for sigma in COARSE:
        for spread in SPREADS:
            yield Case("noise", f"coarse {sigma}, {spread} px", coarse(sigma, spread), sigma)
    for sigma, quality in CODED_NOISE:
        yield Case("noise", f"white {sigma}, then JPEG {quality}", Damage(noise=sigma, jpeg=quality).spoil, sigma)
    for quality in QUALITIES:
        yield Case("JPEG", f"{quality}", Damage(jpeg=quality).spoil, quality, "JPEG" if quality <= 75 else "")
    for first, last in TWICE:
        yield Case("JPEG", f"{first} off grid, then {last}", Damage(first_jpeg=first, jpeg=last).spoil, first)
        yield Case("JPEG", f"{first}, then {last}", in_turn(first, last), first)
    for spread in BLURS:
        yield Case("blur", f"Gaussian {spread:g}", Damage(blur=spread).spoil, spread, "blur" if spread >= 1.5 else "")
    moved = Damage(motion=8)
    yield Case("blur", "moved by 8", moved.spoil, moved.condition.blur or 0)
    yield Case("blur", "Gaussian 2, noise 5", Damage(blur=2, noise=5).spoil, 2)
    yield Case("blur", "Gaussian 2, JPEG 75", Damage(blur=2, jpeg=75).spoil, 2)


def in_turn(first: int, last: int) -> Callable[[Tensor], Tensor]:
    """Two JPEGs whose blocks lie on each other."""
    return lambda image: Damage(jpeg=last).spoil(Damage(jpeg=first).spoil(image))


def measured(findings: Findings, table: str) -> float | None:
    """The figure of a table; None where nothing was seen."""
    return {"noise": findings.noise, "JPEG": findings.quality, "blur": findings.blur}[table]


def opened(path: Path, side: int | None, *, half: bool) -> Tensor:
    """(1,3,H,W) float64 in whole 1/255."""
    pixels = read_photo(path).pixels[None].double()
    if half:
        height, width = (size // 2 * 2 for size in pixels.shape[-2:])
        pixels = F.avg_pool2d(pixels[..., :height, :width], 2)
    if side is not None:
        top, left = (max(0, size - side) // 2 for size in pixels.shape[-2:])
        pixels = pixels[..., top : top + side, left : left + side]
    return round_to_8_bits(pixels)


def look(image: Tensor) -> Findings:
    """What is found in a (1,3,H,W) image as a file without any word about its past."""
    return inspect(photo_from_array(np.ascontiguousarray((image[0].permute(1, 2, 0) * 255).round().byte().numpy())))


def print_tables(rows: Sequence[tuple[str, Case, Findings]]) -> None:
    """Errors of every figure under every damage."""
    for table in ("noise", "JPEG", "blur"):
        print(f"\n| {table} | mean abs. error | mean error | largest | not seen |\n|---|---|---|---|---|")
        for name in dict.fromkeys(case.name for _, case, _ in rows if case.table == table):
            found = [
                (measured(seen, table), case.truth)
                for _, case, seen in rows
                if (case.table, case.name) == (table, name)
            ]
            off = np.array([value - truth for value, truth in found if value is not None])
            blind = sum(value is None for value, _ in found)
            figures = (
                f"{np.abs(off).mean():.2f} | {off.mean():+.2f} | {np.abs(off).max():.1f}" if len(off) else "- | - | -"
            )
            print(f"| {name} | {figures} | {blind} of {len(found)} |")


def print_confusion(rows: Sequence[tuple[str, Case, Findings]]) -> None:
    """What was suggested for photos with one kind of damage, or none."""
    print(f"\n| is \\ suggested | {' | '.join(STEPS)} | several |\n|---|{'---|' * (len(STEPS) + 1)}")
    names = {step: name for name, step in STEPS.items()}
    for kind in STEPS:
        said: Counter[str] = Counter()
        for _, case, seen in rows:
            if case.kind == kind:
                steps = seen.suggested
                said["several" if len(steps) > 1 else names[steps[0] if steps else None]] += 1
        whole = max(1, said.total())
        print(
            f"| {kind} ({said.total()}) | {' | '.join(f'{said[name] / whole:.1%}' for name in (*STEPS, 'several'))} |"
        )
    wrong = [(name, seen) for name, case, seen in rows if case.kind == "nothing" and seen.suggested]
    total = sum(case.kind == "nothing" for _, case, _ in rows)
    print(f"\nclean photos with nothing suggested: {total - len(wrong)} of {total}")
    for name, seen in wrong:
        print(f"  {name}: {seen.words} -> {', '.join(seen.suggested)}")


def main() -> int:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description="Accuracy of restore inspect on damage made on purpose.")
    parser.add_argument("folders", type=Path, nargs="+", help="folders of good photos")
    parser.add_argument("--side", type=int, help="measure only the middle, so many pixels wide and high")
    parser.add_argument("--half", action="store_true", help="shrink the photos to half their size first")
    parser.add_argument("--every", type=int, default=1, help="take every so many photos (default 1)")
    parser.add_argument("--clean", action="store_true", help="measure the photos as they are, without any damage")
    parser.add_argument("--only", metavar="WORD", default="", help="make only damages whose names begin so")
    parser.add_argument("--rows", type=Path, help="write every measurement to this file, as JSON lines")
    options = parser.parse_args()
    torch.set_num_threads(1)  # it is meant to run beside other work
    paths = [
        path
        for folder in options.folders
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in PHOTO_SUFFIXES
    ]
    rows = []
    for path in paths[:: options.every]:
        image = opened(path, options.side, half=options.half)
        for case in cases():
            if case.name.startswith(options.only) and (case.kind == "nothing" or not options.clean):
                rows.append((path.name, case, look(case.spoil(image))))
    if not rows:
        parser.error("there are no photos in these folders")
    if options.rows is not None:
        lines = [{"photo": name, "damage": case.name, "truth": case.truth, **asdict(seen)} for name, case, seen in rows]
        options.rows.write_text("\n".join(map(json.dumps, lines)) + "\n", encoding="utf-8")
    print_tables(rows)
    print_confusion(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
