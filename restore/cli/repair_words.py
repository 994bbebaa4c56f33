"""What each step of a repair did, in words for the line of a photo and in values for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from restore.inference.upscale import Report


def share(covered: float | None) -> str:
    """In percent; a little is not rounded to nothing.

    >>> share(0.5), share(0.0042), share(0.0)
    ('50%', '0.42%', '0%')
    """
    covered = covered or 0.0
    return f"{covered:.0%}" if covered >= 0.01 else f"{100 * covered:.2g}%"


def filled_pixels(report: Report) -> int:
    """How many pixels were covered."""
    return round((report.covered or 0.0) * report.height * report.width)


def _found(report: Report) -> str:
    return f"found {share(report.covered)}" if report.covered else "no damage found"


def _marked(report: Report) -> str:
    return f"your mask {share(report.covered)}" if report.covered else "your mask is black"


def _filled(report: Report) -> str:
    count = filled_pixels(report)
    return f"filled {share(report.covered)} ({count} pixel{'' if count == 1 else 's'})" if count else "nothing filled"


def _cleaned(report: Report) -> str:
    if not report.done:
        return f"cleaning not needed ({report.found})"
    told = report.condition
    words = [f"noise {told.noise:.0f}"] if told.noise else []
    words += [f"JPEG {told.jpeg:.0f}"] if told.jpeg is not None and told.jpeg < 100 else []
    words += [f"blur {told.blur:.1f}"] if told.blur else []
    return " ".join([" + ".join(report.done), *words])


def _toned(report: Report) -> str:
    from restore.ops.fade import aims

    fade = report.fade
    if fade is None:
        return "tone: too little to tell by, unchanged"
    if not report.strength:
        return "tone: well exposed, unchanged"
    (black, white), (black_to, white_to) = (fade.black, fade.white), aims(fade, report.strength)
    cast = "" if fade.toned or max(white) - min(white) < 0.02 else ", less of a cast"
    tone = ", its own tone kept" if fade.toned else ""
    points = ((_level(point), _level(aim)) for point, aim in ((black, black_to), (white, white_to)))
    (dark, darker), (bright, brighter) = points
    return f"tone:{report.strength:g} black {dark} → {darker}, white {bright} → {brighter}{cast}{tone}"


def _level(colour: tuple[float, float, float]) -> int:
    """Grey level, as luma has it."""
    red, green, blue = colour
    return round(255 * (0.299 * red + 0.587 * green + 0.114 * blue))


STEPS: Final[Mapping[str, Callable[[Report], str]]] = {
    "mask": _found,
    "own mask": _marked,
    "inpaint": _filled,
    "auto": _cleaned,
    "tone": _toned,
}
"""In words, by the step's task."""


def extra_values(report: Report) -> dict[str, object]:
    """What programs are told of such a step beside what they are told of all."""
    values: dict[str, object] = {}
    if report.task == "inpaint":
        values["filled_pixels"] = filled_pixels(report)
    if report.task == "auto":
        values |= {"found": report.found, "done": list(report.done)}
    if report.fade is not None:
        values |= {
            "black": [round(point, 4) for point in report.fade.black],
            "white": [round(point, 4) for point in report.fade.white],
            "toned": report.fade.toned,
        }
    return values
