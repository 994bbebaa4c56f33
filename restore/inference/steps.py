"""Several steps in a row: ``dejpeg,denoise:40,upscale:2`` understood, and refused where it makes no sense.

Steps that repeat or undo each other are refused with the reason, before anything is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from restore.errors import ConfigError
from restore.inference.upscale import LARGEST_SCALE
from restore.inference.verbs import Verb
from restore.ops.grain import MOST_GRAIN
from restore.ops.strength import FULL

Name = Literal["dejpeg", "denoise", "deblur", "upscale", "grain"]

EXAMPLE: Final = "dejpeg,denoise:40,upscale:2"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What may stand after the colon of a step."""

    amount: str
    low: float
    high: float
    usual: float | None
    """What it is when nothing stands there; None: chosen for each photo."""
    needed: bool = False
    above_low: bool = False


_STRENGTH: Final = _Kind("a strength", 0, FULL, FULL)
STEPS: Final[Mapping[Name, _Kind]] = {
    "dejpeg": _STRENGTH,
    "denoise": _STRENGTH,
    "deblur": _STRENGTH,
    "upscale": _Kind("a scale", 1, LARGEST_SCALE, None, above_low=True),
    "grain": _Kind("grey levels", 0, MOST_GRAIN, None, needed=True, above_low=True),
}
VERBS: Final[tuple[Verb, ...]] = ("dejpeg", "denoise", "deblur")
_GRAIN_LAST: Final[Mapping[str, str]] = {
    "dejpeg": "would take it for damage",
    "denoise": "would take it out again",
    "deblur": "would sharpen it",
    "upscale": "would take it for noise",
}
_BEFORE_UPSCALE: Final[Mapping[str, str]] = {
    "dejpeg": "the blocks of a JPEG are no longer 8 pixels wide",
    "denoise": "the noise is no longer that of pixels, and upscale has been told of it",
    "deblur": "the blur is as much wider, more than the network knows",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step and how much of it."""

    name: Name
    amount: float | None = None
    """A strength, a scale or grey levels, by the name; None: the scale is chosen for each photo."""

    @property
    def words(self) -> str:
        """The step for people.

        >>> Step("denoise", 40).words, Step("dejpeg", 100).words, Step("upscale", 2).words
        ('denoise 40', 'dejpeg', 'upscale x2')
        """
        if self.amount is None or (self.name in VERBS and self.amount == FULL):
            return self.name
        return f"{self.name} {'x' if self.name == 'upscale' else ''}{self.amount:g}"


def parse_steps(text: str) -> tuple[Step, ...]:
    """The steps in a text such as "dejpeg,denoise:40,upscale:2"; ConfigError says what is wrong, and what is known.

    >>> [step.amount for step in parse_steps("dejpeg, denoise:40, upscale")]
    [100.0, 40.0, None]
    """
    words = [word.strip() for word in text.split(",")]
    if not all(words):
        raise ConfigError(f"--steps is a list with commas, like {EXAMPLE}; got {text!r}")
    steps = tuple(_parse_step(word) for word in words)
    check_steps(steps)
    return steps


def _parse_step(word: str) -> Step:
    head, colon, tail = word.partition(":")
    name = next((known for known in STEPS if known == head.strip().lower()), None)
    if name is None:
        raise ConfigError(f"unknown step {head.strip()!r}; known: {', '.join(STEPS)}, as in --steps {EXAMPLE}")
    kind = STEPS[name]
    if not colon:
        if kind.needed:
            raise ConfigError(f"{name} needs {kind.amount} up to {kind.high:g}, like {name}:3")
        return Step(name, kind.usual)
    try:
        amount = float(tail)
    except ValueError:
        amount = float("nan")
    if not kind.low <= amount <= kind.high or (kind.above_low and amount == kind.low):
        span = "over {:g} and at most {:g}" if kind.above_low else "from {:g} to {:g}"
        raise ConfigError(
            f"after {name}: stands {kind.amount} {span.format(kind.low, kind.high)}; got {tail.strip()!r}"
        )
    return Step(name, amount)


def check_steps(steps: Sequence[Step]) -> None:
    """ConfigError when there are none, or when some repeat or undo each other."""
    if not steps:
        raise ConfigError(f"no step was given; write them like {EXAMPLE}")
    before: list[str] = []
    for step in steps:
        if step.name in before:
            cure = "ask for the whole enlargement at once" if step.name == "upscale" else "say once how much of it"
            raise ConfigError(f"{step.name} stands there twice; {cure}")
        if "grain" in before:
            raise ConfigError(f"{step.name} after grain {_GRAIN_LAST[step.name]}; put grain last")
        if "upscale" in before and step.name in _BEFORE_UPSCALE:
            reason = _BEFORE_UPSCALE[step.name]
            raise ConfigError(f"{step.name} after upscale is too late: {reason}; put {step.name} before upscale")
        before.append(step.name)
