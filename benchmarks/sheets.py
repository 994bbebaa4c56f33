"""Before-and-after sheets to look at: metrics lie, eyes less so.

    python benchmarks/sheets.py PHOTO... -o DIR [-x 4] [--crop 120] [--at X,Y]

For each photo: a crop enlarged by bicubic | by the bundled network | told that the photo is clean, side by side at
100 % of the result. The crop is the one with the most detail unless ``--at`` says where its upper left corner is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from restore.inference.inspect import condition_of
from restore.inference.upscale import Target, Upscaler
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.ops.resize import resize
from restore.tasks import CLEAN

GAP_PX = 6


def busiest(pixels: Tensor, side: int) -> tuple[int, int]:
    """Upper left corner (y, x) of the crop of (3,H,W) with the strongest differences between neighbours."""
    gray = pixels.mean(0)
    detail = (gray[1:, 1:] - gray[:-1, 1:]).abs() + (gray[1:, 1:] - gray[1:, :-1]).abs()
    size = (min(side, detail.shape[0]), min(side, detail.shape[1]))
    mean = torch.nn.functional.avg_pool2d(detail[None], size, stride=max(side // 8, 1))[0]
    row, column = divmod(int(mean.argmax()), mean.shape[1])
    return row * max(side // 8, 1), column * max(side // 8, 1)


def sheet(path: Path, upscaler: Upscaler, scale: int, side: int, at: tuple[int, int] | None) -> Tensor:
    """(3,H,W) sheet of one photo."""
    photo = read_photo(path)
    top, left = at or busiest(photo.pixels, side)
    crop = photo.pixels[:, top : top + side, left : left + side]
    small = photo.with_pixels(crop)
    bicubic = resize(crop[None], crop.shape[1] * scale, crop.shape[2] * scale)[0].clamp(0, 1)
    ours = upscaler(small, Target(scale=scale), condition_of(photo))[0].pixels
    clean = upscaler(small, Target(scale=scale), CLEAN)[0].pixels
    gap = torch.ones(3, bicubic.shape[1], GAP_PX)
    return torch.cat([bicubic, gap, ours, gap, clean], dim=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("-x", "--scale", type=int, default=4)
    parser.add_argument("--crop", type=int, default=120, help="side of the crop in pixels of the photo")
    parser.add_argument("--at", help="X,Y of the crop's upper left corner")
    parser.add_argument("--weights", help="another network, by name or file")
    arguments = parser.parse_args()
    at = None
    if arguments.at:
        left, top = map(int, arguments.at.split(","))
        at = (top, left)
    upscaler = Upscaler(device="cpu", weights=arguments.weights)
    for path in arguments.photos:
        picture = sheet(path, upscaler, arguments.scale, arguments.crop, at)
        array = picture.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
        target = arguments.output / f"{path.stem}_x{arguments.scale}.png"
        write_photo(photo_from_array(array), target, WriteOptions(overwrite=True))
        print(target)


if __name__ == "__main__":
    main()
