"""Sheets of repaired prints to look at: the print, what was found on it, and what `restore repair` makes of it.

    python benchmarks/print_sheets.py PHOTO... -o DIR --seed 3        # a good photo made an old print, by this seed
    python benchmarks/print_sheets.py SCAN... -o DIR --real           # as it is

At 100 %, side by side: print | found, in red | repaired. Photos over ``--side`` pixels are cut to their middle first.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from sheets import GAP_PX

from restore.datasets.old_print import PrintDamage, spoil_as_old_print
from restore.inference.repair import Mend, Mender
from restore.io.convert import photo_from_array
from restore.io.photo import Photo
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo

RED = (0.9, 0.1, 0.1)


def to_photo(pixels: torch.Tensor) -> Photo:
    """(3,H,W) in [0,1] as a photo of 8 bits."""
    return photo_from_array(pixels.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy())


def main() -> None:
    """Make one sheet for each photo, and say how much was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0, help="of the damage")
    parser.add_argument("--real", action="store_true", help="damage nothing")
    parser.add_argument("--side", type=int, default=400, help="longest side in pixels")
    parser.add_argument("--weights", nargs="*", default=(), help="other networks, by name or file")
    choices = parser.parse_args()
    mender = Mender(Mend(), device="cpu", weights=choices.weights)
    for path in choices.photos:
        pixels = read_photo(path).pixels
        top, left = (max(side - choices.side, 0) // 2 for side in pixels.shape[-2:])
        pixels = pixels[:, top : top + choices.side, left : left + choices.side]
        if not choices.real:
            damage = PrintDamage(clean_chance=0.0, noise_max=4.0, jpeg_min=90)
            pixels = spoil_as_old_print(pixels[None], damage, torch.Generator().manual_seed(choices.seed))[0][0]
        result, report, mask = mender(to_photo(pixels))
        marked = torch.where(mask[0] != 0, torch.tensor(RED).view(3, 1, 1), pixels)
        gap = torch.ones(3, pixels.shape[1], GAP_PX)
        target = choices.output / f"{path.stem}_repair.png"
        sheet = torch.cat([pixels, gap, marked, gap, result.pixels], dim=2)
        write_photo(to_photo(sheet), target, WriteOptions(overwrite=True))
        print(f"{target}: {float(mask.mean()):.1%} found, {report.seconds:.1f} s")


if __name__ == "__main__":
    main()
