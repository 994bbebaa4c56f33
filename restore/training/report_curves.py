"""The table of curves in a run's report: what each shows, its unit, and what it should look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from restore.losses.table import ROWS
from restore.training.limits import ACCURACY, COLOUR, GRADIENT_RATIO, HIGH_FREQUENCY, LR_PSNR
from restore.training.report_history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One chart."""

    title: str
    lines: Mapping[str, str]
    """Names in the journal, each with its label; the first is the one that the heading quotes."""
    sentence: str
    """What it should look like."""
    unit: str = ""
    healthy: tuple[float, float] | None = None
    """A band in which the values should stay; either end may be infinite."""
    log: bool = False
    """A logarithmic axis, where the values are positive and span more than a decade."""
    percent: bool = False
    """Shares of 1, shown as percentages."""
    planned: bool = False
    """Set and not measured, so there is no noise to be smoothed."""


INFINITE: Final = float("inf")
RESULTS: Final = (
    Curve(
        title="Held-out PSNR",
        lines={"psnr_y": "restored"},
        unit="dB",
        sentence="Rises, ever more slowly, above that of the plain input (dashed). A discriminator costs 1 to 2 dB.",
    ),
    Curve(
        title="Gain",
        lines={"gain_db": "gain"},
        unit="dB",
        sentence="PSNR above the plain input's (enlarged by bicubic). Flat for many validations: you can stop.",
    ),
    Curve(
        title="LPIPS",
        lines={"lpips": "LPIPS"},
        sentence="Distance from the truth as an eye sees it. Falls, and clearly so once the discriminator plays.",
    ),
    Curve(
        title="LR-PSNR",
        lines={"lr_psnr": "LR-PSNR"},
        unit="dB",
        healthy=(LR_PSNR, INFINITE),
        sentence=f"The result, shrunk, against its input. Stays above {LR_PSNR:.0f} dB; below, things are invented.",
    ),
    Curve(
        title="Colour error",
        lines={"colour": "mean error"},
        unit="of 255",
        healthy=(-INFINITE, COLOUR),
        sentence=f"Stays below {COLOUR:g} grey levels. Rising: add low_pass to losses.",
    ),
    Curve(
        title="High-frequency energy",
        lines={"high_frequency": "result / truth"},
        unit="times",
        healthy=HIGH_FREQUENCY,
        sentence="Finest detail, result to truth. Far below 1 with pixel losses alone; near 1 with a discriminator.",
    ),
)
FOUND: Final = (
    Curve(
        title="Damage found",
        lines={"iou": "IoU", "recall": "recall", "precision": "precision"},
        unit="%",
        sentence="On prints whose damage is known: overlap with the truth, how much is found, how much of it is right.",
    ),
    Curve(
        title="Found in vain",
        lines={"false_positives": "found"},
        unit="%",
        sentence="Pixels of undamaged prints that are taken for damage. Falls below a third of a percent.",
    ),
)
LOSS: Final = Curve(
    title="Loss",
    lines={"loss": "loss"},
    log=True,
    sentence="Falls steeply, then slowly, with even noise; a discriminator may lift it. A jump means trouble.",
)
GAME: Final = (
    Curve(
        title="Discriminator is right",
        lines={"adversarial/accuracy": "right"},
        healthy=ACCURACY,
        percent=True,
        sentence="An even match stays between 60 and 90 %. Near 100 %: it has won. 50 %: it guesses.",
    ),
    Curve(
        title="Real-fake gap",
        lines={"adversarial/gap": "gap"},
        sentence="Small and steady, above zero. Growing without end: the discriminator wins.",
    ),
    Curve(
        title="Verdicts",
        lines={"adversarial/real": "on real", "adversarial/fake": "on restored"},
        sentence="Mean verdicts on real and on restored patches. Two lines that stay near each other.",
    ),
    Curve(
        title="Gradient ratio",
        lines={"adversarial/gradient_ratio": "adversarial / other"},
        unit="times",
        healthy=GRADIENT_RATIO,
        log=True,
        sentence="How hard the discriminator pulls, against the other losses. Between 0.1 and 0.5.",
    ),
    Curve(
        title="Both losses",
        lines={"adversarial/generator": "generator", "adversarial/discriminator": "discriminator"},
        sentence="They swing and come to no rest. Neither should run away; a fall is no sign of quality.",
    ),
    Curve(
        title="Feature matching",
        lines={"adversarial/matching": "matching"},
        log=True,
        sentence="Distance in the discriminator's own features. It changes with the discriminator: look for calm.",
    ),
    Curve(
        title="Adversarial weight",
        lines={"adversarial/weight": "weight"},
        planned=True,
        sentence="Zero in the warm-up, then a ramp up to its full value.",
    ),
)
MACHINE: Final = (
    Curve(
        title="Learning rate",
        lines={"lr": "lr"},
        planned=True,
        sentence="Rises in the warm-up, then falls along a cosine. Most of the last gains come at its end.",
    ),
    Curve(
        title="Speed",
        lines={"steps_per_s": "speed"},
        unit="steps/s",
        sentence="Level. A drop means that something else uses the machine, or that photos are read too slowly.",
    ),
)
HIDDEN: Final = frozenset({"progress"})
"""Numbers that are no news as a curve."""


def curves(history: History) -> Iterator[tuple[str, list[Curve]]]:
    """Headings with the curves below them, of what this run has told; numbers unknown to the table come last."""
    rows = tuple(_row(name) for name in history.series if name.startswith("loss/"))
    groups = {
        "How good the results are": (*RESULTS, *FOUND),
        "What is minimised": (LOSS, *rows),
        "Generator against discriminator": GAME,
        "The machine": MACHINE,
    }
    told = {name for name, series in history.series.items() if series.values}
    known = {name for group in groups.values() for curve in group for name in curve.lines} | HIDDEN
    groups["Other numbers"] = tuple(
        Curve(title=name, lines={name: name}, sentence="") for name in history.series if name not in known
    )
    for heading, group in groups.items():
        if shown := [curve for curve in group if told & curve.lines.keys()]:
            yield heading, shown


def _row(name: str) -> Curve:
    row = name.removeprefix("loss/")
    meaning = f"{ROWS[row].summary[:1].upper()}{ROWS[row].summary[1:]}. " if row in ROWS else ""
    return Curve(
        title=f"Loss: {row}",
        lines={name: row},
        log=True,
        sentence=f"{meaning}Before its weight. Falls, then levels off.",
    )
