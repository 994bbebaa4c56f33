"""Which ideas of the GAN family earn their place? One change at a time, same budget, paired by seed, on a CPU.

    python benchmarks/gan_lab.py --hq data/train --val data/val/photos -o lab                  # everything
    python benchmarks/gan_lab.py --hq data/train --val data/val/photos -o lab --only attention "coarse to fine"
    python benchmarks/gan_lab.py -o lab --report                                               # the table so far

Every result is written to results.jsonl at once and not computed again; delete the file to start anew. LPIPS needs
the file that RESTORE_LPIPS_BACKBONE names; without it, the rows that it decides show their other figures alone.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from lab import report
from lab.bench import set_up
from lab.variants import VARIANTS, with_baselines


def main() -> None:
    args = _arguments()
    args.output.mkdir(parents=True, exist_ok=True)
    if not args.report:
        run(args)
    print(report.table(report.read(args.output)))


def run(args: argparse.Namespace) -> None:
    """All chosen variants with the first seed, then with the second, until done or out of time."""
    torch.set_num_threads(args.threads)
    started = time.perf_counter()
    bench = set_up(args.hq, args.val, photos=args.photos, crops=args.crops, share=args.steps_share)
    done = report.read(args.output)
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        for name in with_baselines(args.only):
            if seed in done.get(name, {}):
                continue
            if time.perf_counter() - started > 60 * args.minutes:
                return
            before = time.perf_counter()
            figures = VARIANTS[name].run(bench, seed)
            seconds = time.perf_counter() - before
            report.add(args.output, name, seed, figures | {"seconds": round(seconds, 2)})
            shown = "  ".join(f"{key} {value:.4g}" for key, value in figures.items())
            print(f"seed {seed}  {name:24} {seconds:5.1f} s  {shown}", flush=True)
        bench.forget()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hq", type=Path, help="folder of good photos to learn from")
    parser.add_argument("--val", type=Path, help="folder of photos to measure on, each at least 160 px a side")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for results.jsonl")
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="start no run after this long")
    parser.add_argument("--steps-share", type=float, default=1.0, help="of the usual number of steps")
    parser.add_argument("--photos", type=int, default=150, help="photos to cut the pool of crops from")
    parser.add_argument("--crops", type=int, default=1200, help="crops in the pool")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="print the table of what is there, and run nothing")
    args = parser.parse_args()
    if not args.report and (args.hq is None or args.val is None):
        parser.error("give --hq and --val, or --report")
    return args


if __name__ == "__main__":
    main()
