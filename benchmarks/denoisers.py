"""What other people's filters make of the same damage, beside our network, by the rules of ``restore eval``.

    python benchmarks/denoisers.py denoise --data CBSD68/ --noise 15,25,50 --beside nlm,tv
    python benchmarks/denoisers.py dejpeg --data LIVE1/ --jpeg 10,20,40 --gray --beside nlm,tv --weights clean
    python benchmarks/denoisers.py deblur --data CBSD68/ --blur 1.6 --noise 2 --beside rl

``nlm`` is OpenCV's fastNlMeansDenoisingColored (it takes whole grey levels only, so noise is clipped and rounded for
it), ``tv`` scikit-image's denoise_tv_chambolle, ``rl`` its richardson_lucy with the kernel known. Each has one
strength, and gets the one that serves it best for that damage on other photos: three that ship with scikit-image.
Prints a Markdown table. Seconds are those that one thread had the processor, so others on the machine count little.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from skimage import data
from skimage.restoration import denoise_tv_chambolle, richardson_lucy
from torch import Tensor

from restore.cli.evaluate_damage import DamageWords, check_words, plan_damages, plan_rules
from restore.cli.evaluate_files import find_photos
from restore.cli.evaluate_methods import load_subject
from restore.errors import RestoreError
from restore.inference.device import choose_device
from restore.inference.evaluate import Evaluation, Method, evaluate
from restore.inference.protocol import Damage, pick_evenly
from restore.inference.rules import INPUT, Rules
from restore.io.convert import photo_from_array
from restore.io.write import WriteOptions, write_photo
from restore.metrics.lpips import Lpips, load_lpips
from restore.metrics.table import METRICS

Pixels = NDArray[np.float32]
SHOWN = ("psnr_rgb", "ssim_rgb", "psnr_b", "lpips", "high_frequency")
FIT_PX = 160
SEARCH_PX, PATCH_PX = 21, 7
"""The windows that OpenCV's documentation recommends."""
BORDER_PX = 20
"""Richardson-Lucy takes what lies outside for black, so the picture is mirrored that far first."""


def nlm(picture: Pixels, strength: float) -> Pixels:
    """OpenCV's non-local means of (H,W,3) RGB."""
    levels = (picture * 255 + 0.5).clip(0, 255).astype(np.uint8)
    if (levels == levels[..., :1]).all():
        gray = cv2.fastNlMeansDenoising(np.ascontiguousarray(levels[..., 0]), None, strength, PATCH_PX, SEARCH_PX)
        return np.repeat(gray[..., None], 3, axis=2).astype(np.float32) / 255
    bgr = np.ascontiguousarray(levels[..., ::-1])
    found = cv2.fastNlMeansDenoisingColored(bgr, None, strength, strength, PATCH_PX, SEARCH_PX)
    return found[..., ::-1].astype(np.float32) / 255


def tv(picture: Pixels, strength: float) -> Pixels:
    """Total variation of (H,W,3) RGB, the channels together."""
    return denoise_tv_chambolle(picture, weight=strength, channel_axis=-1).astype(np.float32)


def rl(picture: Pixels, strength: float, damage: Damage) -> Pixels:
    """Richardson-Lucy of (H,W,3) RGB, channel by channel, ``strength`` steps."""
    kernel = damage.kernel()[0].numpy()
    sides = ((BORDER_PX, BORDER_PX), (BORDER_PX, BORDER_PX))
    inside = (slice(BORDER_PX, -BORDER_PX), slice(BORDER_PX, -BORDER_PX))
    planes = [np.pad(plane.clip(0, 1), sides, mode="symmetric") for plane in np.moveaxis(picture, 2, 0)]
    sharp = [richardson_lucy(plane, kernel, num_iter=int(strength), filter_epsilon=1e-6)[inside] for plane in planes]
    return np.stack(sharp, axis=2).astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Classic:
    """A filter that has learnt nothing."""

    label: str
    apply: Callable[[Pixels, float, Damage], Pixels]
    unit: str
    strengths: Sequence[float]
    tasks: Sequence[str]


CLASSICS = {
    "nlm": Classic(
        label="OpenCV NLM",
        apply=lambda picture, strength, _: nlm(picture, strength),
        unit="h",
        strengths=(2, 3, 5, 7, 10, 14, 20, 28, 40, 56),
        tasks=("denoise", "dejpeg"),
    ),
    "tv": Classic(
        label="scikit-image TV",
        apply=lambda picture, strength, _: tv(picture, strength),
        unit="weight",
        strengths=(0.005, 0.01, 0.02, 0.03, 0.045, 0.065, 0.09, 0.13, 0.18, 0.25),
        tasks=("denoise", "dejpeg"),
    ),
    "rl": Classic(
        label="Richardson-Lucy",
        apply=rl,
        unit="steps",
        strengths=(3, 6, 12, 25, 50, 100),
        tasks=("deblur",),
    ),
}


def as_method(classic: Classic, strength: float, damage: Damage) -> Method:
    """A filter of that strength as ``evaluate`` wants it."""

    def restore(image: Tensor) -> Tensor:
        found = classic.apply(image[0].permute(1, 2, 0).contiguous().numpy(), strength, damage)
        return torch.from_numpy(np.ascontiguousarray(found)).permute(2, 0, 1)[None]

    return Method(name=f"{classic.label}, {classic.unit} {strength:g}", restore=restore)


def timed(method: Method, spent: dict[str, float]) -> Method:
    """The same method, which adds the processor's seconds that it takes to ``spent`` under its name."""

    def restore(image: Tensor) -> Tensor:
        started = time.process_time()
        result = method.restore(image)
        spent[method.name] = spent.get(method.name, 0.0) + time.process_time() - started
        return result

    return replace(method, restore=restore)


def fitted(classic: Classic, rules: Rules, photos: Sequence[Path]) -> Method:
    """The filter with the strength of highest mean PSNR on ``photos``; says so when that is the last one tried."""
    methods = [as_method(classic, strength, rules.damage) for strength in classic.strengths]
    found = evaluate(methods, photos, rules, lpips=None)
    best = max(methods, key=lambda method: found.means(method.name)["psnr_rgb"])
    if best in (methods[0], methods[-1]):
        print(f"{best.name} for {rules.words}: the best may lie beyond the strengths tried", file=sys.stderr)
    return best


def fit_photos(folder: Path) -> list[Path]:
    """Crops of photos that ship with scikit-image, written into ``folder``."""
    places = []
    for name, (top, left) in {"astronaut": (0, 100), "coffee": (80, 150), "chelsea": (20, 90)}.items():
        crop = getattr(data, name)()[top : top + FIT_PX, left : left + FIT_PX]
        write_photo(photo_from_array(np.ascontiguousarray(crop)), folder / f"{name}.png", WriteOptions())
        places.append(folder / f"{name}.png")
    return places


def measured(arguments: argparse.Namespace, lpips: Lpips | None) -> Iterator[tuple[str, Evaluation, dict[str, float]]]:
    """Every set by every damage, as soon as it is measured, and each method's seconds in all."""
    words = DamageWords(
        **{name: getattr(arguments, name) for name in ("noise", "jpeg", "first_jpeg", "blur", "motion")},
        gray=arguments.gray,
        as_file=arguments.as_file,
    )
    check_words(arguments.task, words, {})
    cpu = choose_device("cpu")
    subject = load_subject(arguments.task, arguments.weights, None, None, device=cpu, told=arguments.condition)
    chosen = [CLASSICS[name] for name in arguments.beside.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        photos = fit_photos(Path(folder))
        for rules in plan_rules(arguments.task, 1, plan_damages(arguments.task, words), gray=arguments.gray):
            beside = list(map(partial(fitted, rules=rules, photos=photos), chosen))
            for place in arguments.data:
                one = find_photos(place)
                spent: dict[str, float] = {}
                methods = [timed(method, spent) for method in (*beside, *subject.methods(rules.damage))]
                found = evaluate(methods, pick_evenly(one.photos, arguments.max), rules, lpips=lpips)
                yield one.name, found, spent


def print_rows(name: str, found: Evaluation, spent: dict[str, float]) -> None:
    """Markdown: a row for each method."""
    megapixels = sum(row.height * row.width for row in found.rows if row.method == INPUT) / 1e6
    for method in found.methods:
        means = found.means(method)
        cells = [f"{means[key]:.{METRICS[key].digits}f}" if key in means else "-" for key in SHOWN]
        count = len(found.rows) // len(found.methods)
        pace = f"{spent[method] / megapixels:.2f}" if method in spent else ""
        print(f"| {name}, {count} | {found.rules.words} | {method} | {' | '.join(cells)} | {pace} |", flush=True)


def main() -> int:
    """Fit, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("denoise", "dejpeg", "deblur"))
    parser.add_argument("--data", type=Path, action="append", required=True, help="folder of good photos")
    for option in ("--noise", "--jpeg", "--first-jpeg", "--blur", "--motion"):
        parser.add_argument(option, help="as of restore eval: one value, or several with commas")
    parser.add_argument("--gray", action="store_true")
    parser.add_argument("--as-file", action="store_true")
    parser.add_argument("--beside", required=True, help=f"with commas: {', '.join(CLASSICS)}")
    parser.add_argument("--weights", default=INPUT, help="our network, by name or file; default: none")
    parser.add_argument("--condition", default="told", choices=("told", "clean", "blind", "measured"))
    parser.add_argument("--max", type=int, help="at most so many photos of each set, evenly spread")
    parser.add_argument("--lpips-backbone", type=Path)
    arguments = parser.parse_args()
    for name in arguments.beside.split(","):
        if name not in CLASSICS or arguments.task not in CLASSICS[name].tasks:
            fitting = [known for known, classic in CLASSICS.items() if arguments.task in classic.tasks]
            parser.error(f"--beside {name}: for {arguments.task} there are {', '.join(fitting)}")
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    lpips, note = load_lpips(arguments.lpips_backbone)
    labels = " | ".join(f"{METRICS[key].label} {METRICS[key].unit}".strip() for key in SHOWN)
    print(f"{note}\n\n| set, photos | input | method | {labels} | s per MP |\n|{'---|' * (4 + len(SHOWN))}")
    try:
        for name, found, spent in measured(arguments, lpips):
            print_rows(name, found, spent)
    except RestoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
