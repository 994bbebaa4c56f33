"""Do our figures mean what the papers' figures mean? What needs no method, beside the published rows.

    python benchmarks/published_rows.py --data ROOT      # ROOT/Set5, B100, LIVE1, Classic5, CBSD68: the original photos
    python benchmarks/published_rows.py --data ROOT --sets LIVE1 Classic5

Bicubic enlargement, as every paper since SRCNN repeats it; gray JPEGs, as papers on JPEG damage print them (PSNR, SSIM
and, where they do, PSNR-B); and white noise, whose PSNR follows from its strength. Prints a Markdown table and ends
with 1 if a figure is further off than rounding and another libjpeg explain. Sets that are not there are named and
skipped; with none at all it ends with 4.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from restore.inference.evaluate import evaluate
from restore.inference.protocol import Damage
from restore.inference.rules import CleanRules, Rules, UpscaleRules
from restore.metrics.table import METRICS

TOLERANCES = {"psnr": 0.03, "psnr_rgb": 0.03, "ssim_rgb": 0.001, "psnr_b": 0.03}
SUFFIXES = {".png", ".bmp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What papers print for a set."""

    name: str
    rules: Rules
    figures: Mapping[str, float]


def _bicubic(name: str, scale: int, psnr: float) -> Published:
    return Published(name=name, rules=UpscaleRules(scale=scale, damage=Damage()), figures={"psnr": psnr})


def _jpeg(name: str, quality: int, **figures: float) -> Published:
    return Published(name=name, rules=CleanRules(damage=Damage(jpeg=quality), gray=True), figures=figures)


def _noise(name: str, sigma: float) -> Published:
    rules = CleanRules(damage=Damage(noise=sigma, rounded=False))
    return Published(name=name, rules=rules, figures={"psnr_rgb": 20 * math.log10(255 / sigma)})


PUBLISHED = (
    _bicubic("Set5", 2, 33.66),
    _bicubic("Set5", 4, 28.42),
    _bicubic("B100", 2, 29.56),
    _bicubic("B100", 4, 25.96),
    _jpeg("LIVE1", 10, psnr_rgb=27.77, ssim_rgb=0.773, psnr_b=25.33),
    _jpeg("LIVE1", 20, psnr_rgb=30.07, ssim_rgb=0.851),
    _jpeg("LIVE1", 30, psnr_rgb=31.41, ssim_rgb=0.885),
    _jpeg("LIVE1", 40, psnr_rgb=32.35, ssim_rgb=0.904),
    _jpeg("Classic5", 10, psnr_rgb=27.82, ssim_rgb=0.760, psnr_b=25.21),
    _jpeg("Classic5", 20, psnr_rgb=30.12, ssim_rgb=0.834),
    _jpeg("Classic5", 30, psnr_rgb=31.48, ssim_rgb=0.867),
    _jpeg("Classic5", 40, psnr_rgb=32.43, ssim_rgb=0.885),
    _noise("CBSD68", 15),
    _noise("CBSD68", 25),
    _noise("CBSD68", 50),
)


def rows(root: Path, row: Published) -> Iterator[tuple[str, bool]]:
    """Lines of the table, and whether each figure is what it should be; nothing where the set is not there."""
    photos = sorted(path for path in (root / row.name).glob("*") if path.suffix.lower() in SUFFIXES)
    if not photos:
        return
    means = evaluate((), photos, row.rules, lpips=None).means(row.rules.plain)
    made = f"x{row.rules.scale}" if row.rules.scale > 1 else row.rules.words
    for key, published in row.figures.items():
        digits = METRICS[key].digits
        difference = means[key] - published
        figures = f"{published:.{digits}f} | {means[key]:.{digits + 1}f} | {difference:+.{digits + 1}f}"
        line = f"| {row.name}, {len(photos)} | {row.rules.plain}, {made} | {METRICS[key].label} | {figures} |"
        yield line, abs(difference) <= TOLERANCES[key]


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds the sets")
    names = list(dict.fromkeys(row.name for row in PUBLISHED))
    parser.add_argument("--sets", nargs="+", choices=names, default=names, help="which of them; default: all")
    arguments = parser.parse_args()
    print("| set, photos | what | figure | published | here | difference |\n|---|---|---|---|---|---|")
    judged = []
    for row in PUBLISHED:
        if row.name in arguments.sets:
            for line, right in rows(arguments.data, row):
                print(line, flush=True)
                judged.append(right)
    missing = [name for name in arguments.sets if not (arguments.data / name).is_dir()]
    if missing:
        print(f"not there, so not measured: {', '.join(missing)}", file=sys.stderr)
    return 4 if not judged else 0 if all(judged) else 1


if __name__ == "__main__":
    sys.exit(main())
