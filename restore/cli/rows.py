"""One photo's fate as a line for people and as a row for programs."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from restore.cli.repair_words import STEPS, extra_values, share

if TYPE_CHECKING:
    from restore.inference.batch import Done, Failed, Skipped
    from restore.inference.upscale import Enlargement, Report
    from restore.io.folder import Job


@dataclass(frozen=True, slots=True)
class Row:
    """What is said about one photo."""

    status: str
    """ok, fail, skip or plan."""
    line: str
    """For people, without the status."""
    values: dict[str, object]
    """For programs; every value can be written as JSON."""
    words: str = ""
    """What was done, what went wrong, or why nothing was done; the line without names."""
    unchanged: bool = False
    """Whether the photo itself came out, to the bit."""


def done_row(done: Done) -> Row:
    """A result that is in its place."""
    report = done.report
    source, target = (report.source_height, report.source_width), (report.height, report.width)
    parts = [
        *_by(report),
        _sizes(report.factor, source, target),
        *(_step(step) for step in report.steps),
        *_invented(report.detail),
        *_damage(report),
        *([] if report.task == "repair" else _how(report)),  # its steps have said what is covered
        *figures(report),
        *report.notes,
    ]
    words = ", ".join(parts)
    line = f"{route(done.job)}  {done.seconds:.1f} s  {words}"
    values = {
        **_paths("ok", done.job),
        **_size_values(report.factor, source, target),
        "task": report.task,
        "weights": list(report.weights),
        **_told_values(report),
        "seconds": round(done.seconds, 3),
        **_spent_values(done),
        **_figure_values(report),
        "notes": list(report.notes),
        "steps": [_step_values(step) for step in report.steps],
        **({} if report.found is None else {"found": report.found, "done": list(report.done)}),
    }
    return Row("ok", line, values, words, unchanged(report))


def failed_row(failed: Failed) -> Row:
    """A photo without a result: what, why, and the next thing to try are in the error's message."""
    values = {
        **_paths("failed", failed.job),
        "stage": failed.stage,
        "error": type(failed.error).__name__,
        "message": str(failed.error),
    }
    words = _without_name(failed)
    return Row("fail", f"{shown(failed.job.source)}: {words}", values, words)


def skipped_row(skipped: Skipped) -> Row:
    """A photo left alone."""
    values = {**_paths("skipped", skipped.job), "reason": skipped.reason}
    return Row("skip", f"{route(skipped.job)}  {skipped.reason}", values, skipped.reason)


def planned_row(job: Job, source: tuple[int, int], plan: Enlargement) -> Row:
    """What would be done to a photo of ``source`` = (height, width)."""
    target = (plan.height, plan.width)
    values = {
        **_paths("planned", job),
        **_size_values(plan.factor, source, target),
        "weights": list(plan.weights),
        "detail": plan.detail,
        "notes": list(plan.notes),
    }
    words = ", ".join([_sizes(plan.factor, source, target), *_invented(plan.detail), *plan.notes])
    return Row("plan", f"{route(job)}  {words}", values, words)


def unchanged(report: Report) -> bool:
    """Whether the photo itself came out, to the bit."""
    return report.factor == 1 and report.consistency_db is not None and math.isinf(report.consistency_db)


def figures(report: Report) -> list[str]:
    """How faithful the result is, in words; nothing where it was to become another picture.

    Faithful: shrunk to the input's size again, the result agrees with the input to so many dB. Where the size stayed
    and damage was taken out, it is the change itself that is told, and how much of it the damage explains.
    """
    if report.consistency_db is None or report.drift is None:
        return []
    exact = math.isinf(report.consistency_db)
    if report.strength is not None:
        changed = 255 * 10 ** (-report.consistency_db / 20)
        explained = "" if report.explained is None else f", {report.explained:.0%} of it explained"
        change = "unchanged" if exact else f"changed by {changed:.1f} levels{explained}"
        return [change, f"colour drift {report.drift:.1f}"]
    return [
        "faithful exactly" if exact else f"faithful {report.consistency_db:.0f} dB",
        *(["projected"] if report.projected else []),
        f"colour drift {report.drift:.1f}",
    ]


def _by(report: Report) -> list[str]:
    """The task and whose weights did it; for upscaling, the scale says enough, and so do steps."""
    if report.task == "upscale" or report.steps:
        return []
    task = " + ".join(report.done) or report.task
    return [f"{task} by {', '.join(map(shown, report.weights))}" if report.weights else task]


def _step(report: Report) -> str:
    """One step of several in words.

    A report of its own says more, but in a line there is room for what was told and how much of it was done.
    """
    if report.task in STEPS:
        return STEPS[report.task](report)
    if report.strength is not None and not report.weights:
        return f"{report.task} had nothing to do"
    name = {"upscale": [f"upscale x{report.factor:.3g}"], "grain": []}.get(report.task, [report.task])
    return " ".join([*name, *_damage(report), *_how(report)])


def _how(report: Report) -> list[str]:
    """What a person chose at the same size: strength, grain, and the part of the photo."""
    return [
        *([f"strength {report.strength:g}"] if report.strength is not None else []),
        *([f"grain {report.grain:g}"] if report.grain else []),
        *([f"mask {share(report.covered)}"] if report.covered is not None else []),
    ]


def _invented(detail: float) -> list[str]:
    """How much detail the networks may invent, in words; nothing where they invent none."""
    return [f"detail {detail:g}"] if detail else []


def _damage(report: Report) -> list[str]:
    """What was found wrong and undone, in words; nothing for what is flawless, or was left alone.

    What a verb left to the network to judge is told as blind; for upscaling, nothing is said.
    """
    condition = report.condition
    words = [f"noise {condition.noise:.0f}"] if condition.noise else []
    words += [f"JPEG {condition.jpeg:.0f}"] if condition.jpeg is not None and condition.jpeg < 100 else []
    if report.strength is None:
        return words
    moved = "" if condition.angle is None else f" at {condition.angle:.0f}°"
    words += [f"blur {condition.blur:.1f}{moved}"] if condition.blur else []
    parts = {"noise": condition.noise, "JPEG": condition.jpeg, "blur": condition.blur}
    return words + [f"{name} blind" for name, value in parts.items() if value is None]


def _told_values(report: Report) -> dict[str, object]:
    """What was asked for and what the network was told."""
    return {
        "detail": report.detail,
        "projected": report.projected,
        "strength": report.strength,
        "grain": report.grain,
        "noise": report.condition.noise,
        "jpeg": report.condition.jpeg,
        "blur": report.condition.blur,
        "angle": report.condition.angle,
        "mask": _finite(report.covered, 6),
    }


def _spent_values(done: Done) -> dict[str, object]:
    return (
        {} if done.spent is None else {f"{name}_seconds": round(took, 3) for name, took in asdict(done.spent).items()}
    )


def _figure_values(report: Report) -> dict[str, object]:
    return {
        "consistency_db": _finite(report.consistency_db),
        "explained": _finite(report.explained),
        "unsupported_share": _finite(report.unsupported_share, 4),
        "colour_drift": _finite(report.drift),
    }


def _step_values(report: Report) -> dict[str, object]:
    """One step of several for programs."""
    return {
        "task": report.task,
        "scale": report.factor,
        "weights": list(report.weights),
        **_told_values(report),
        **_figure_values(report),
        "seconds": round(report.seconds, 3),
        "notes": list(report.notes),
        **extra_values(report),
    }


def route(job: Job) -> str:
    """From where to where; the folder is not repeated."""
    beside = job.target.parent == job.source.parent
    return f"{shown(job.source)} → {shown(job.target.name if beside else job.target)}"


def shown(path: Path | str) -> str:
    """A path that cannot disturb a terminal or fail to print: control characters and broken bytes are escaped.

    >>> shown("Großer \\x1b[31m.jpg")
    'Großer \\\\x1b[31m.jpg'
    """
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in str(path))


def _without_name(failed: Failed) -> str:
    """The message, not beginning with the file's name a second time."""
    message = str(failed.error)
    for name in (str(failed.job.source), failed.job.source.name):
        message = message.removeprefix(f"{name}: ")
    return shown(message)


def _sizes(scale: float, source: tuple[int, int], target: tuple[int, int]) -> str:
    if scale == 1:
        return f"{source[1]}x{source[0]}"
    return f"x{scale:.3g} {source[1]}x{source[0]} → {target[1]}x{target[0]}"


def _paths(status: str, job: Job) -> dict[str, object]:
    return {"status": status, "source": str(job.source), "target": str(job.target)}


def _size_values(scale: float, source: tuple[int, int], target: tuple[int, int]) -> dict[str, object]:
    return {
        "scale": scale,
        "source_width": source[1],
        "source_height": source[0],
        "width": target[1],
        "height": target[0],
    }


def _finite(value: float | None, digits: int = 3) -> float | None:
    """JSON knows no infinity; None stands for "exactly equal", and for what was not measured."""
    return round(value, digits) if value is not None and math.isfinite(value) else None
