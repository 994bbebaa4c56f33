"""Put the weights of a finished run into the package, with everything that a model card must say.

    python benchmarks/publish.py RUN --data "what it was trained on" --note "what it is bad at" MEASURED.jsonl...
    python benchmarks/publish.py RUN --name upscale-x4-detail ...      # detail weights beside the fidelity ones
    python benchmarks/publish.py RUN ... "thin.jsonl@thin scratches"   # words after @ go to the input of its lines

Each MEASURED file holds lines of ``restore eval --json`` taken with RUN/weights.safetensors: a line whose hash is not
that of the weights is refused, so no figure can come from another file. Writes restore/weights/NAME.safetensors
(figures and recipe in its header), models/NAME.toml (the settings of the run) and models/NAME.md (the card).
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from restore.models.blend import is_detail
from restore.models.unet import GeneratorConfig
from restore.models.weights import Card, find_weights, load_tensors_of, save_weights

HOUSE = Path(__file__).parent.parent
UNITS = {"psnr": "PSNR-Y dB", "ssim": "SSIM-Y", "lpips": "LPIPS squeeze v0.1", "consistency": "LR-PSNR dB"}
DETAIL_UNITS = UNITS | {"drift": "drift /255", "high_frequency": "finest detail", "grid": "grid"}
CLEAN_UNITS = {"psnr_rgb": "PSNR-RGB dB", "ssim_rgb": "SSIM-RGB", "psnr_b": "PSNR-B dB", "lpips": "LPIPS squeeze v0.1"}
CLEAN_UNITS |= {"drift": "drift /255", "high_frequency": "finest detail"}
DEBLUR_UNITS = {name: unit for name, unit in CLEAN_UNITS.items() if name != "psnr_b"} | {"grid": "grid"}
HOLE_UNITS = {"psnr_hole": "PSNR in holes dB", "psnr_rgb": "PSNR-RGB dB", "lpips": "LPIPS squeeze v0.1"}
FOUND_UNITS = {"iou": "IoU %", "recall": "recall %", "precision": "precision %", "false_positives": "found in vain %"}
TASK_UNITS = {"clean": CLEAN_UNITS, "inpaint": HOLE_UNITS, "scratch": FOUND_UNITS}
IN_HEADER = {
    "upscale": {"psnr": "PSNR-Y", "lpips": "LPIPS squeeze"},
    "inpaint": {"psnr_hole": "PSNR in holes", "lpips": "LPIPS squeeze"},
    "scratch": {"iou": "IoU", "false_positives": "found in vain"},
}
FOUR_DIGITS = ("ssim", "ssim_rgb", "lpips")
NO_METHOD = ("bicubic", "input")
PIXELS = """Pixel loss only: no adversarial and no perceptual term, so nothing is invented, and LPIPS is an independent
measure."""
GAME = """Adversarial: texture is invented where the photo holds none. {judge}
It ships to be blended with the fidelity weights: `--detail 0..100`."""
JUDGES = {
    True: "A loss looked at SqueezeNet's features,\nas LPIPS does, so LPIPS is no independent measure here.",
    False: "No pretrained network was looked at in\ntraining, so LPIPS is an independent measure.",
}


def measured(files: Sequence[str], sha256: str) -> list[dict[str, Any]]:
    """All lines of the files; SystemExit when one was taken with other weights. Classical methods have none."""
    lines = []
    for file, _, label in (name.partition("@") for name in files):
        found = [json.loads(line) for line in Path(file).read_text().splitlines() if line.strip()]
        lines += [line | {"input": f"{label}, {line['input']}" if label else line["input"]} for line in found]
    for line in lines:
        if line["sha256"] is not None and sha256 not in (line["sha256"], line.get("detail_sha256")):
            raise SystemExit(
                f"{line['set']}: measured with other weights ({(line['sha256'] or 'none')[:12]}), not these"
            )
    return lines


def condition_of(line: dict[str, Any]) -> str:
    """What was done to the (small) photos and what the network was told, in a few words."""
    return f"{line['input']}, {line['condition']}" if line["condition"] else str(line["input"])


def cell(name: str, value: float | None) -> str:
    """A figure with the digits that mean something; a dash where it was not measured."""
    return "-" if value is None else f"{value:.4f}" if name in FOUR_DIGITS else f"{value:.2f}"


def photo_count(line: dict[str, Any]) -> int:
    """How many photos a line is the mean of."""
    return len({row["photo"] for row in line["photos"]})


def table(lines: Sequence[dict[str, Any]], units: Mapping[str, str]) -> str:
    """Markdown: a row per set and method."""
    rows = ["| set, photos | input | method | " + " | ".join(units.values()) + " |", "|---" * (3 + len(units)) + "|"]
    for line in lines:
        for method, mean in line["means"].items():
            cells = [cell(name, mean.get(name)) for name in units]
            rows.append(
                f"| {line['set']}, {photo_count(line)} | {condition_of(line)} | {method} | {' | '.join(cells)} |"
            )
    return "\n".join(dict.fromkeys(rows))  # what was measured beside each of several methods stands there once


def figures(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The means for the header: ``Set5 PSNR-Y`` of clean input; ``CBSD68 noise 25 PSNR-RGB`` where damage is undone."""
    found = {}
    for line in lines:
        enlarged = line["task"] == "upscale"
        if line["condition"] not in {"told", None} or (enlarged and line["input"] != "clean"):
            continue
        place = line["set"] if enlarged else f"{line['set']} {line['input']}"
        names = IN_HEADER.get(line["task"], {"psnr_rgb": "PSNR-RGB"})
        for method, mean in line["means"].items():
            if (
                method in NO_METHOD
                or line["sha256"] is None
                or ("detail" in method and not method.endswith("detail 100"))
            ):
                continue
            for name, unit in names.items():
                if mean.get(name) is not None:
                    found[f"{place} {unit}"] = round(mean[name], 4)
    return found


def protocol(card: Card) -> str:
    """By which commands and rules the figures were taken."""
    if card.task == "clean":
        verbs = "deblur --detail 0,25,50,75,100" if is_detail(card) else f"denoise|dejpeg|deblur --weights {card.name}"
        return f"""`restore eval {verbs} --data SET`, the protocol of the papers:
noise of numpy's RandomState(0), drawn anew for each photo, neither clipped nor rounded unless "as a file"; JPEG by
libjpeg with 4:2:0 colour; PSNR and SSIM on RGB without cutting a border, on the one channel of gray photos ("gray":
BT.601 luma of colour photos). "input" is the damaged photo itself; "told", "measured" and "blind" say what the network
knew of the damage."""
    if card.task == "inpaint":
        return f"""`restore eval inpaint --weights {card.name} --data SET --masks MASKS`: holes cut into whole
photos, PSNR over RGB in the holes alone and over the whole picture, LPIPS over the whole. "input" is the smooth
filling that the network begins with; telea and ns are OpenCV's, radius 3; biharmonic is scikit-image's."""
    if card.task == "scratch":
        return f"""`restore eval scratch --weights {card.name} --data SET`: damage drawn over each photo by a seed
that its name gives, pixel against pixel without tolerance; then the photos as they are. "top-hat" is the classical way
beside it."""
    measured_as = "--detail 0,25,50,75,100 --project both" if is_detail(card) else f"--weights {card.name}"
    return f"""`restore eval upscale -x {card.scale} {measured_as} --data SET`, the protocol of the papers:
MATLAB-exact shrinking rounded to 8 bits, PSNR and SSIM on luma without {card.scale} pixels of border, LPIPS on RGB.
"told" and "blind" say whether the network was told the damage."""


def card_text(
    card: Card,
    lines: Sequence[dict[str, Any]],
    parameters: int,
    size_kb: float,
    machine: str,
    *,
    knows_squeezenet: bool,
) -> str:
    """The card as a page."""
    shape = card.generator
    assert isinstance(shape, GeneratorConfig)
    detail_units = DEBLUR_UNITS if card.task == "clean" else DETAIL_UNITS
    units = detail_units if is_detail(card) else TASK_UNITS.get(card.task, UNITS)
    size = card.size if card.scale == 1 else f"{card.size}, x{card.scale}"
    return f"""# {card.name}

{size}; {parameters / 1e3:.0f} thousand parameters, {size_kb:.0f} kB. Licence: {card.licence}.

**Shape**: widths {shape.widths}; residual blocks {shape.encoder} down, {shape.middle} in the middle, {shape.decoder}
up; stem {shape.stem}, head {shape.head}, {shape.condition_channels} condition maps{dilations(shape)}.

**Data**: {card.data}

**Recipe**: `restore train {card.task} --config models/{card.name}.toml`, {card.steps} steps,
{card.seconds / 60:.0f} minutes on {machine}.
{how_learnt(card, knows_squeezenet=knows_squeezenet)}

**Measured** by {protocol(card)}

{table(lines, units)}

**Bad at**: {card.note}

SHA-256 of the tensors: `{card.sha256}`
"""


def dilations(shape: GeneratorConfig) -> str:
    """How far apart the taps in the middle lie, where that is more than one pixel."""
    return f"; taps in the middle {', '.join(map(str, shape.dilations))} apart" if shape.dilations else ""


def how_learnt(card: Card, *, knows_squeezenet: bool) -> str:
    """What the losses mean for the result and for the figures."""
    if is_detail(card):
        return GAME.format(judge=JUDGES[knows_squeezenet])
    if card.task == "scratch":
        return "Cross entropy and Dice; nothing is invented, since nothing is painted."
    if "[adversarial]" in card.recipe:
        return f"Pixel loss, then an adversarial one on top. {JUDGES[knows_squeezenet]}"
    return PIXELS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("measured", nargs="+", help="FILE, or FILE@words")
    parser.add_argument("--name", help="name on the card; default: the run's own")
    parser.add_argument("--data", required=True)
    parser.add_argument("--note", required=True)
    parser.add_argument("--machine", required=True, help="what it was trained on, for the card")
    arguments = parser.parse_args()
    found = find_weights(arguments.run / "weights.safetensors")
    lines = measured(arguments.measured, found.card.sha256)
    card = replace(found.card, name=arguments.name or found.card.name)
    card = replace(card, licence="MIT", data=arguments.data, note=arguments.note, figures=figures(lines))
    tensors = load_tensors_of(found)
    target = HOUSE / "restore" / "weights" / f"{card.name}.safetensors"
    card = save_weights(target, tensors, card)
    if card.sha256 != found.card.sha256:
        raise SystemExit("the tensors changed on the way")
    recipe = (arguments.run / "config.toml").read_text()
    (HOUSE / "models" / f"{card.name}.toml").write_text(recipe)
    parameters = sum(tensor.numel() for tensor in tensors.values())
    knows = any(row.startswith(("lpips", "squeeze")) for row in tomllib.loads(recipe).get("losses", {}))
    size_kb = target.stat().st_size / 1e3
    page = card_text(card, lines, parameters, size_kb, arguments.machine, knows_squeezenet=knows)
    (HOUSE / "models" / f"{card.name}.md").write_text(page)
    print(target)


if __name__ == "__main__":
    main()
