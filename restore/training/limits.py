"""The table of what is watched in a run: each number, its limit, and what to tell a person beyond it.

docs/reading-a-run.md explains the numbers and their healthy ranges at length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

Numbers = Mapping[str, float]
Game = Literal["on", "off", "starting"]
"""Whether a discriminator pulls at the generator: with its full weight, not at all, or not yet with all of it."""

SETTLED_LINES: Final = 10
"""Step lines (500 steps) that are averaged before the game is judged: a single line of it says little."""
ACCURACY: Final = (0.6, 0.9)
"""Share of right verdicts of a discriminator that is a match for its generator; guessing gives 0.5."""
WON: Final = 0.97
"""Right this often, it tells the generator that all is wrong and no longer what (Arjovsky & Bottou, ICLR 2017)."""
FOOLED: Final = 0.52
"""Right this seldom, it guesses, and what it tells the generator is noise."""
GRADIENT_RATIO: Final = (0.1, 0.5)
"""Adversarial / other gradient at the restored patch where texture comes and colour stays."""
GRADIENT_RULES: Final = 2.0
"""Four times the healthy upper end: the other losses no longer hold the picture."""
GRADIENT_IDLE: Final = 0.02
"""A fifth of the healthy lower end: the discriminator could as well be switched off."""
COLOUR: Final = 0.5
"""Mean colour error, of 255, that finished weights keep below."""
COLOUR_DRIFTS: Final = 1.0
"""A whole grey level, which a flat sky shows."""
HIGH_FREQUENCY: Final = (0.4, 1.15)
"""Energy of the finest detail, result / truth, of finished weights that look natural; measured x4 weights without a
discriminator have 0.15 to 0.2, with one 0.4 to 0.6."""
GRAIN: Final = (0.25, 1.25)
"""Outside of this, smoothness or grain is plain to see."""
LR_PSNR: Final = 40.0
"""dB of a result that is shrunk again, against its input; published GANs keep 39 to 42 (Park et al., CVPR 2023)."""
EXPLOSION: Final = 4.0
"""A loss this many times its running median is no noise."""
FALLING_DB: Final = 0.2
"""Held-out PSNR so far below its best is more than the wobble from one validation to the next."""
FLAT_VALIDATIONS: Final = 8
"""Validations without progress after which waiting seldom pays."""
HALF_WAY: Final = 0.5
"""Share of the run up to which the step size is so high that lowering it may yet bring something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One number that should stay on its side of a limit.

    The alarm is raised when the mean of the last ``lines`` values reaches ``beyond``, and can be raised again once the
    mean has been back at ``back``. With beyond > back the limit is an upper one, else a lower one.
    """

    value: str
    beyond: float
    back: float
    lines: int = 2
    games: tuple[Game, ...] = ("on",)
    """In which states of the game the number means anything."""
    text: Callable[[float, float, Numbers], str]
    """Words for the mean, the steps that it covers, and the latest numbers."""

    def reached(self, mean: float) -> bool:
        """Whether ``mean`` is beyond the limit."""
        return mean >= self.beyond if self.beyond > self.back else mean <= self.beyond

    def left(self, mean: float) -> bool:
        """Whether ``mean`` is well on the right side again."""
        return mean <= self.back if self.beyond > self.back else mean >= self.back


def _won(mean: float, span: float, seen: Numbers) -> str:
    gap = f", real-fake gap {seen['adversarial/gap']:.1f}" if "adversarial/gap" in seen else ""
    return (
        f"the discriminator has won ({mean:.0%} right for {span:.0f} steps{gap}): "
        "lower adversarial.lr, or switch on adversarial.r1 (raise it if it is on)"
    )


def _exploded(mean: float, _span: float, seen: Numbers) -> str:
    row = max((name for name in seen if name.startswith("jump/")), key=lambda name: seen[name]).removeprefix("jump/")
    return f"{row} has jumped to {mean:.1f} times its running median: lower lr or clip, and look for damaged photos"


def _flat(count: float, _span: float, seen: Numbers) -> str:
    best = f"LPIPS {-seen['best']:.3f}" if seen["best"] <= 0 else f"PSNR {seen['best']:.2f} dB"
    early = ", or go on with a lower lr" if seen.get("progress", 1.0) < HALF_WAY else ""
    return f"learning has stopped: held-out score flat for {count:.0f} validations (best {best}): you can stop{early}"


def _add(row: str, seen: Numbers) -> str:
    return f"raise {row} in losses" if f"loss/{row}" in seen else f"add {row} to losses"


LIMITS: Final[Mapping[str, Limit]] = {
    "discriminator won": Limit(value="adversarial/accuracy", beyond=WON, back=0.93, lines=SETTLED_LINES, text=_won),
    "discriminator fooled": Limit(
        value="adversarial/accuracy",
        beyond=FOOLED,
        back=0.57,
        lines=SETTLED_LINES,
        text=lambda mean, span, _: (
            f"the generator fools it all the time (discriminator {mean:.0%} right for {span:.0f} steps; 50% is "
            "guessing): raise adversarial.lr, or lower adversarial.r1 or adversarial.augment"
        ),
    ),
    "adversarial rules": Limit(
        value="adversarial/gradient_ratio",
        beyond=GRADIENT_RULES,
        back=1.0,
        lines=SETTLED_LINES,
        text=lambda mean, *_: (
            f"adversarial gradient is {mean:.1f} times the others: lower adversarial.weight, "
            "or switch on adversarial.adaptive"
        ),
    ),
    "adversarial idle": Limit(
        value="adversarial/gradient_ratio",
        beyond=GRADIENT_IDLE,
        back=0.05,
        lines=SETTLED_LINES,
        text=lambda mean, *_: (
            f"adversarial gradient is only {mean:.1%} of the others, too little to matter: raise adversarial.weight"
        ),
    ),
    "explosion": Limit(value="jump", beyond=EXPLOSION, back=2.0, lines=1, games=("on", "off"), text=_exploded),
    "colour": Limit(
        value="colour",
        beyond=COLOUR_DRIFTS,
        back=0.7,
        games=("on", "off", "starting"),
        text=lambda mean, _, seen: f"colours drift: mean error {mean:.1f} of 255: {_add('low_pass', seen)}",
    ),
    "too much grain": Limit(
        value="high_frequency",
        beyond=GRAIN[1],
        back=HIGH_FREQUENCY[1],
        text=lambda mean, *_: (
            f"too much fine grain: high-frequency energy {mean:.2f} times the truth: "
            "lower adversarial.weight or adversarial.flat_share"
        ),
    ),
    "too little grain": Limit(
        value="high_frequency",
        beyond=GRAIN[0],
        back=HIGH_FREQUENCY[0],
        lines=4,
        text=lambda mean, *_: (
            f"too little fine grain: high-frequency energy {mean:.2f} times the truth: "
            "raise adversarial.weight, or give it more steps"
        ),
    ),
    "inconsistent": Limit(
        value="lr_psnr",
        beyond=LR_PSNR,
        back=LR_PSNR + 1,
        text=lambda mean, _, seen: (
            f"results no longer shrink back to their input: LR-PSNR {mean:.0f} dB, below {LR_PSNR:.0f}: "
            f"lower adversarial.weight or {_add('consistency', seen)}"
        ),
    ),
    "no gain": Limit(
        value="gain_db",
        beyond=0.0,
        back=0.05,
        lines=3,
        games=("off",),
        text=lambda mean, *_: (
            f"no better than the plain input after three validations ({mean:+.2f} dB): "
            "check the pairs (shifted? another scale?), or lower lr"
        ),
    ),
    "falling": Limit(
        value="below_best_db",
        beyond=FALLING_DB,
        back=FALLING_DB / 2,
        lines=3,
        games=("off",),
        text=lambda mean, *_: (
            f"held-out PSNR stays {mean:.2f} dB below its best over three validations: the photos are being memorised: "
            "add photos, lower lr, or stop"
        ),
    ),
    "flat": Limit(value="flat", beyond=FLAT_VALIDATIONS, back=0, lines=1, games=("on", "off"), text=_flat),
}
