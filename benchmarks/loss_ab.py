"""Which loss gives the best LPIPS at equal consistency? Short fine-tunes of one network, one change each.

Every variant starts from the same fidelity weights and plays the same game; its extra loss is weighted so that at the
start its gradient is ``--push`` times L1's. Afterwards the network is blended with the one it started from in steps,
and LPIPS is read off where shrinking the result gives the input back with a given PSNR.

    python benchmarks/loss_ab.py --hq data/train --val data/val/photos -o ab --steps 600 [ROW ...]
    python benchmarks/loss_ab.py --val data/val/photos -o ab --report --sheet losses.jpg
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from restore.config.adversarial import AdversarialConfig
from restore.config.train import TrainConfig
from restore.datasets.folders import Example, good_photos, photos_in
from restore.datasets.loader import PatchLoader
from restore.inference.device import Device, choose_device
from restore.inference.restorer import Restorer
from restore.io.convert import photo_from_array
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.losses.table import Pictures, Setting, build_terms
from restore.models.blend import blend
from restore.models.weights import find_weights, load_network
from restore.ops.resize import resize
from restore.tasks import CLEAN, condition_maps
from restore.training.journal import Event
from restore.training.run import train
from restore.training.validate import load_held_out, validate

EQUAL_DB = 31.66
"""PSNR-Y that nearly every row comes down to: 0.07 dB below the start."""
EQUAL_LR_DB = 54.8
SHEET_PX = 128
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
NONE = "none"
MATCHING = "feature_matching"
GAME = AdversarialConfig(weight=0.004, width=32, norm="none", warmup_steps=100, ramp_steps=50, lr=2e-4)


def balance(row: str, args: argparse.Namespace) -> float:
    """The weight at which a row's gradient on real patches is as long as L1's."""
    network = load_network(find_weights(args.start))
    loader = PatchLoader(
        good_photos(args.hq, patch_px=128), scale=args.scale, patch_px=128, batch=8, seed=1, cache_bytes=1e9
    )
    lengths = {"l1": 0.0, row: 0.0}
    for step in range(4):
        hq = loader.batch(step).hq.float() / 255
        lq = resize(hq, 128 // args.scale, 128 // args.scale).clamp(0, 1)
        restored = network(lq, CLEAN.maps()).detach().requires_grad_(True)
        for name in lengths:
            terms = build_terms({name: 1.0}, Setting(device=torch.device("cpu")))
            seen = Pictures(restored=restored, target=hq, lq=lq, average=restored.detach(), step=step)
            (gradient,) = torch.autograd.grad(terms(seen)[0], restored)
            lengths[name] += float(gradient.norm())
    return lengths["l1"] / lengths[row]


def settings(row: str, run: Path, args: argparse.Namespace) -> TrainConfig:
    """One variant: L1 and the game, and one row more."""
    losses: Mapping[str, float] = {"l1": 1.0}
    game = GAME
    if row == MATCHING:
        game = AdversarialConfig(
            **{name: getattr(GAME, name) for name in GAME.__slots__} | {"feature_matching": 0.1 * args.push}
        )
    elif row not in (NONE, "no game"):
        losses = {"l1": 1.0, row: args.push * balance(row, args)}
    if row == "no game":
        game = AdversarialConfig()
    return TrainConfig(
        scale=args.scale,
        hq=str(args.hq),
        val=str(args.val),
        run=str(run),
        init=args.start,
        steps=args.steps,
        batch=8,
        patch_px=128,
        lr=2e-4,
        ema=0.99,
        warmup_steps=50,
        clean_chance=1.0,
        losses=losses,
        adversarial=game,
        threads=1,
        seed=args.seed,
        max_drop_db=5.0,
        validate_every_s=1e6,
        checkpoint_every_s=1e6,
    )


def sweep(weights: Path, args: argparse.Namespace) -> list[dict[str, float]]:
    """Held-out figures of the blend at each share."""
    examples = [Example(path) for path in photos_in(args.val)]
    held = load_held_out(examples, args.scale)
    device = Device(torch.device("cpu"), "", "benchmark", None)
    start, end = find_weights(args.start), find_weights(weights)
    return [
        validate(Restorer.of_network(blend(start, end, share), end.card, device), held, None) | {"share": share}
        for share in SHARES
    ]


def at(figures: list[dict[str, float]], name: str, value: float) -> float:
    """LPIPS where the blend's figure ``name`` is ``value``, beyond its best; nan when no blend goes down to it."""
    best = max(range(len(figures)), key=lambda number: figures[number][name])
    line = sorted((item[name], item["lpips"]) for item in figures[best:])
    if value < line[0][0]:
        return float("nan")
    return float(np.interp(value, [x for x, _ in line], [y for _, y in line]))


def ranked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By LPIPS at equal PSNR-Y, those that never come down to it last."""
    return sorted(rows, key=lambda row: (np.nan_to_num(at(row["figures"], "psnr_y", EQUAL_DB), nan=1.0), row["row"]))


def report(results: Path) -> str:
    """A table in Markdown: each row at its end, and blended with the start until PSNR-Y or LR-PSNR is EQUAL_*."""
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    lines = [
        f"| added to L1 and the game | weight | LPIPS at {EQUAL_DB:g} dB | at LR-PSNR {EQUAL_LR_DB:g} dB | "
        "LPIPS at the end | PSNR-Y | LR-PSNR | finest detail |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in ranked(rows):
        name, figures, end = row["row"], row["figures"], row["figures"][-1]
        weight = f"{row['losses'][name]:.3g}" if name in row["losses"] else "-"
        equal = [at(figures, key, value) for key, value in (("psnr_y", EQUAL_DB), ("lr_psnr", EQUAL_LR_DB))]
        shown = " | ".join("not reached" if np.isnan(value) else f"{value:.4f}" for value in equal)
        lines.append(
            f"| `{name}` | {weight} | {shown} | {end['lpips']:.4f} | {end['psnr_y']:.2f} | {end['lr_psnr']:.1f} | "
            f"{end['high_frequency']:.2f} |"
        )
    return "\n".join(lines)


def sheet(results: Path, photos: Sequence[Path], path: Path, args: argparse.Namespace) -> None:
    """Crops of the middle: a line for each photo, the truth, the start, and the end of every row."""
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]
    rows = ranked(rows)
    runs = [results.parent / f"{row['row'].replace(' ', '-')}-{row['seed']}" / "weights.safetensors" for row in rows]
    networks = [load_network(find_weights(name)) for name in (args.start, *runs)]
    lines = []
    for photo in photos:
        hq = read_photo(photo).pixels[None]
        top, left = ((side // 2 - SHEET_PX // 2) // args.scale * args.scale for side in hq.shape[-2:])
        hq = hq[..., top : top + SHEET_PX, left : left + SHEET_PX]
        lq = resize(hq, SHEET_PX // args.scale, SHEET_PX // args.scale, quantise=True)
        with torch.no_grad():
            shown = [hq, *(network(lq, condition_maps(CLEAN, 4)).clamp(0, 1) for network in networks)]
        lines.append(torch.cat(shown, dim=-1))
    array = torch.cat(lines, dim=-2)[0].mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    write_photo(photo_from_array(array), path, WriteOptions(overwrite=True, quality=88))
    print("from the left: the truth, the start,", ", ".join(row["row"] for row in rows))


def _silent(event: Event) -> None:
    """Nobody listens."""
    del event


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", default=[NONE, MATCHING, "random_features", "squeeze_features"])
    parser.add_argument("--hq", type=Path, help="needed unless --report is given")
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--start", default="upscale-x4")
    parser.add_argument("--scale", type=int, default=4)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--push", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", action="store_true", help="print the table of what has been measured, and stop")
    parser.add_argument("--sheet", type=Path, help="with --report: a picture of crops")
    parser.add_argument("--shown", type=int, nargs="+", default=[0, 3, 9], help="numbers of photos on the sheet")
    args = parser.parse_args()
    choose_device("cpu", threads=1)
    if args.report:
        print(report(args.output / "results.jsonl"))
        if args.sheet:
            photos = photos_in(args.val)
            sheet(args.output / "results.jsonl", [photos[number] for number in args.shown], args.sheet, args)
        return
    if args.hq is None:
        parser.error("--hq is needed to train")
    for row in args.rows:
        name = row.replace(" ", "-")
        config = settings(row, args.output / f"{name}-{args.seed}", args)
        figures = sweep(train(config, _silent), args)
        line = {"row": row, "seed": args.seed, "losses": dict(config.losses), "figures": figures}
        with (args.output / "results.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        last = figures[-1]
        print(
            f"{row:20} psnr {last['psnr_y']:.2f} lpips {last['lpips']:.4f} lr_psnr {last['lr_psnr']:.1f} "
            f"hf {last['high_frequency']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
