"""Before-and-after sheets of cleaning to look at: metrics lie, eyes less so.

    python benchmarks/clean_sheets.py PHOTO... -o DIR --noise 25        # damaged on purpose | restore auto | the truth
    python benchmarks/clean_sheets.py PHOTO... -o DIR --jpeg 15 --crop 240
    python benchmarks/clean_sheets.py PHOTO... -o DIR --real            # as it is | restore auto, for real damage
    python benchmarks/clean_sheets.py PHOTO... -o DIR --motion 9 --noise 2 --detail 0,50,100      # a deblur for each

Crops at 100 %. The whole photo is damaged (as a file holds it: 8 bits) and restored, told nothing: `restore auto`
measures. With ``--detail`` it is deblurred instead, once for each number, told the truth. The crop is the one with the
most detail unless ``--at`` says where its upper left corner is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from sheets import GAP_PX, busiest

from restore.inference.auto import auto_restore
from restore.inference.clean import Cleaner
from restore.inference.protocol import Damage
from restore.inference.verbs import Fix
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.ops.degrade import to_8_bits


def main() -> None:
    """Make one sheet for each photo, and say what was decided."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--noise", type=float, default=0.0, help="grey levels")
    parser.add_argument("--jpeg", type=int, help="quality")
    parser.add_argument("--first-jpeg", type=int, help="quality of a JPEG before, its blocks four pixels off")
    parser.add_argument("--blur", type=float, default=0.0, help="standard deviation in pixels")
    parser.add_argument("--motion", type=float, default=0.0, help="pixels that the camera moved, instead of a blur")
    parser.add_argument("--detail", default="", help="like 0,50,100")
    parser.add_argument("--real", action="store_true", help="damage nothing")
    parser.add_argument("--crop", type=int, default=220, help="side of the crop in pixels")
    parser.add_argument("--at", help="X,Y of the crop's upper left corner")
    parser.add_argument("--weights", help="another network, by name or file")
    choices = parser.parse_args()
    cleaner = Cleaner(device="cpu", weights=choices.weights)
    damage = Damage(
        noise=choices.noise,
        rounded=True,
        jpeg=choices.jpeg,
        first_jpeg=choices.first_jpeg,
        blur=choices.blur,
        motion=choices.motion,
    )
    details = [float(word) for word in choices.detail.split(",") if word]
    for path in choices.photos:
        photo = read_photo(path)
        truth = photo.pixels
        if not choices.real:
            spoilt = to_8_bits(damage.spoil(to_8_bits(truth[None])))[0]
            photo = photo_from_array(spoilt.mul(255).round().byte().permute(1, 2, 0).numpy())
        if details:
            fixes = [Fix(verb="deblur", detail=detail) for detail in details]
            done = [cleaner(photo, fix, damage.condition) for fix in fixes]
        else:
            done = [auto_restore(cleaner, photo)]
        if choices.at:
            left, top = map(int, choices.at.split(","))
        else:
            top, left = busiest(truth, choices.crop)
        shown = [photo.pixels, *(result.pixels for result, _ in done), *([] if choices.real else [truth])]
        crops = [pixels[:, top : top + choices.crop, left : left + choices.crop] for pixels in shown]
        gap = torch.ones(3, crops[0].shape[1], GAP_PX)
        row = torch.cat([part for crop in crops for part in (crop, gap)][:-1], dim=2)
        target = choices.output / f"{path.stem}_clean.png"
        array = row.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
        write_photo(photo_from_array(array), target, WriteOptions(overwrite=True))
        report = done[0][1]
        words = f"deblur with detail {choices.detail}" if details else f"{' + '.join(report.done) or 'nothing'}"
        print(f"{target}: {words}; {report.found or report.condition}")


if __name__ == "__main__":
    main()
