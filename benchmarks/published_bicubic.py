"""Do our figures mean what the papers' figures mean? Bicubic on the real test sets, beside the published rows.

    python benchmarks/published_bicubic.py --data ROOT      # ROOT/Set5 and ROOT/B100 hold the original photos

Prints a Markdown table and ends with 1 if a PSNR is more than 0.03 dB off. Sets that are not there are skipped and
named; with none at all it ends with 4. The published values are the bicubic rows that every paper since SRCNN repeats.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from restore.inference.evaluate import BICUBIC, evaluate_upscale

PUBLISHED = {("Set5", 2): 33.66, ("Set5", 4): 28.42, ("B100", 2): 29.56, ("B100", 4): 25.96}
TOLERANCE_DB = 0.03
SUFFIXES = {".png", ".bmp"}


def main() -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(description="Bicubic on the standard sets, beside the published rows.")
    parser.add_argument("--data", type=Path, required=True, help="folder that holds Set5 and B100")
    root: Path = parser.parse_args().data
    wrong, measured = 0, 0
    print("| set | scale | photos | PSNR-Y published | PSNR-Y here | difference | SSIM-Y here |")
    print("|---|---|---|---|---|---|---|")
    for (name, scale), published in PUBLISHED.items():
        photos = sorted(path for path in (root / name).glob("*") if path.suffix.lower() in SUFFIXES)
        if not photos:
            print(f"| {name} | x{scale} | 0 | {published:.2f} | not there | | |")
            continue
        means = evaluate_upscale((), photos, scale, lpips=None).means(BICUBIC)
        difference = means["psnr"] - published
        measured += 1
        wrong += abs(difference) > TOLERANCE_DB
        cells = f"{published:.2f} | {means['psnr']:.3f} | {difference:+.3f} | {means['ssim']:.4f}"
        print(f"| {name} | x{scale} | {len(photos)} | {cells} |")
    if not measured:
        print(f"no photos of Set5 or B100 under {root}", file=sys.stderr)
        return 4
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
