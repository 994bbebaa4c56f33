"""Whether a run goes wrong, told from the numbers of its journal alone."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final

from restore.training.journal import Event
from restore.training.limits import LIMITS, SETTLED_LINES, Game, Limit, Numbers

MEDIAN_LINES: Final = 40
"""Step lines (2000 steps) of a loss's running median."""
GAIN_DB: Final = 0.02
"""Less is no progress: held-out PSNR of the averaged weights wobbles by about a hundredth."""
GAIN_LPIPS: Final = 0.001
"""Less is no progress: half of a percent of what a good GAN reaches."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person should know, told once."""

    kind: str
    text: str


class Watch:
    """Looks at the events of a run as they come, and speaks once per episode. After a roll back, start a new one.

    ``game_from`` is the step from which the game can be judged: the discriminator's warm-up and the ramp of its weight
    are then over.
    """

    def __init__(self, game_from: int = 0) -> None:
        self._game_from = game_from
        self._game: Game = "off"
        self._losses: dict[str, deque[float]] = {}
        self._best: dict[str, float] = {}
        self._flat: dict[str, int] = {}
        self._recent = {kind: deque[tuple[int, float]](maxlen=limit.lines) for kind, limit in LIMITS.items()}
        self._raised: set[str] = set()
        self._step_line: Numbers = {}

    def look(self, event: Event) -> list[Alarm]:
        """What this event newly gives reason to say; only ``step`` and ``validated`` ones can."""
        if event.kind == "step":
            self._game = self._state_of_game(event)
            self._step_line = event.values
            told = {**event.values, **self._jumps(event.values)}
        elif event.kind == "validated":
            told = {**event.values, **self._progress(event.values)}
        else:
            return []
        touched = {kind: limit for kind, limit in LIMITS.items() if limit.value in told}
        return [alarm for kind, limit in touched.items() if (alarm := self._judge(kind, limit, event.step, told))]

    def _state_of_game(self, event: Event) -> Game:
        if not any(name.startswith("adversarial/") for name in event.values):
            return "off"
        pulls = event.values.get("adversarial/weight", 0.0) > 0
        return "on" if pulls and event.step >= self._game_from else "starting"

    def _judge(self, kind: str, limit: Limit, step: int, told: Numbers) -> Alarm | None:
        recent = self._recent[kind]
        if self._game not in limit.games:
            recent.clear()
            return None
        recent.append((step, told[limit.value]))
        if len(recent) < limit.lines:
            return None
        mean = fmean(value for _, value in recent)
        if limit.left(mean):
            self._raised.discard(kind)
        if kind in self._raised or not limit.reached(mean):
            return None
        self._raised.add(kind)
        span = (recent[-1][0] - recent[0][0]) * len(recent) / max(len(recent) - 1, 1)
        return Alarm(kind, limit.text(mean, span, {**self._step_line, **told}))

    def _jumps(self, told: Numbers) -> dict[str, float]:
        """Each loss over its running median, where enough of it has been seen, and the largest."""
        rows = {name: value for name, value in told.items() if name.startswith("loss/")}
        losses = rows or {name: value for name, value in told.items() if name == "loss"}
        jumps: dict[str, float] = {}
        for name, loss in losses.items():
            past = self._losses.setdefault(name, deque(maxlen=MEDIAN_LINES))
            if len(past) >= SETTLED_LINES and (usual := median(past)) > 0:
                jumps[f"jump/{name}"] = loss / usual
            past.append(loss)
        return {**jumps, "jump": max(jumps.values())} if jumps else {}

    def _progress(self, figures: Numbers) -> dict[str, float]:
        """How far held-out PSNR is below its best, and for how many validations the score has not risen.

        The score is PSNR; where a game is on, which costs PSNR, it is -LPIPS, if that is measured.
        """
        name, least = ("lpips", GAIN_LPIPS) if self._game == "on" else ("psnr_y", GAIN_DB)
        if name not in figures:
            return {}
        score = -figures[name] if name == "lpips" else figures[name]
        best = self._best.get(name, -math.inf)
        self._flat[name] = 0 if score >= best + least else self._flat.get(name, 0) + 1
        self._best[name] = best if self._flat[name] else score
        below = {"below_best_db": max(best - score, 0.0)} if name == "psnr_y" and math.isfinite(best) else {}
        return {"flat": float(self._flat[name]), "best": self._best[name], **below}


def must_roll_back(best_db: float, now_db: float, max_drop_db: float) -> bool:
    """Whether held-out PSNR, in dB, is no number or more than ``max_drop_db`` below its best.

    >>> must_roll_back(30.0, 29.5, 1.0), must_roll_back(30.0, 28.9, 1.0), must_roll_back(30.0, float("nan"), 1.0)
    (False, True, True)
    """
    return not now_db >= best_db - max_drop_db


def not_numbers(values: Numbers) -> list[str]:
    """The names whose values are infinite or not a number.

    >>> not_numbers({"loss": float("nan"), "lr": 1e-3, "loss/l1": float("inf")})
    ['loss', 'loss/l1']
    """
    return [name for name, value in values.items() if not math.isfinite(value)]
