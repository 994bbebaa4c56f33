"""A run told in one HTML file that needs no network: curves, samples over time, settings, and the command."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from html import escape
from pathlib import Path
from typing import Any, Final

from restore.config.adversarial import AdversarialConfig
from restore.config.toml import load_toml
from restore.config.train import TrainConfig
from restore.errors import ConfigError
from restore.inference.pages import page, section, tile, write_page
from restore.training.report_chart import draw, exact, short
from restore.training.report_curves import Curve, curves
from restore.training.report_history import History, Series, read_history
from restore.training.report_parts import SCRIPT, STYLE, span
from restore.training.report_sheets import SHEETS, load_sheets, sheets_html

REPORT: Final = "report.html"
SETTINGS: Final = "config.toml"
WEIGHTS: Final = "weights.safetensors"
MOST_NOTES: Final = 50
Settings = Mapping[str, object]


def write_report(run_folder: Path) -> Path:
    """Write ``report.html`` into the folder of a run, also while it goes on; gives its path.

    ConfigError: no such folder, or no journal with an event in it. OutputError: the file cannot be written.
    """
    history = read_history(run_folder, time.time())
    settings, problem = _settings(run_folder)
    scale = f" x{settings['scale']}" if settings.get("scale", 1) != 1 else ""
    title = f"{settings.get('task', 'Training run')}{scale}"
    body = [
        _head(title, run_folder, history),
        _tiles(history),
        f'<div class="split">{section("Samples of held-out photos", _samples(run_folder, settings, history))}'
        f"<div>{section('Warnings', _notes(history))}{_commands(run_folder, settings, history)}</div></div>",
        *(section(heading, _charts(group, history)) for heading, group in curves(history)),
        section("Settings", _table(settings, problem)),
        f"<footer>Written by restore on {time.strftime('%Y-%m-%d %H:%M')}. What each curve means and when to stop: "
        "docs/reading-a-run.md in the project.</footer>",
    ]
    path = run_folder / REPORT
    write_page(path, page(f"{title}: {history.state}", "\n".join(body), style=STYLE, script=SCRIPT))
    return path


def _settings(folder: Path) -> tuple[Settings, str]:
    """The run's settings with their tables spread out, or the reason why there are none."""
    try:
        found = load_toml(folder / SETTINGS)
    except ConfigError as error:
        return {}, str(error)
    flat: dict[str, object] = {}
    for name, value in found.items():
        flat |= {f"{name}.{inner}": one for inner, one in value.items()} if isinstance(value, dict) else {name: value}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in flat.items()}, ""


def _head(title: str, folder: Path, history: History) -> str:
    progress = min(max(history.last("progress") or 0.0, 0.0), 1.0)
    facts = [folder.resolve().name, f"step {history.step}"]
    facts += [f"{history.photos} photos"] if history.photos else []
    facts += [f"{short(history.parameters)} parameters"] if history.parameters else []
    facts += [f"last line {span(history.age_s)} ago"] if history.state == "running" else []
    word = history.state.capitalize()
    return (
        f'<div class="head"><h1>{escape(title)}</h1><span class="state {history.state}">{word}</span>'
        f'<span class="soft">{escape(", ".join(facts))}</span></div>'
        f'<div class="bar" role="img" aria-label="{progress:.0%} done"><i style="width:{progress:.1%}"></i></div>'
    )


def _tiles(history: History) -> str:
    progress, last = history.last("progress"), history.last
    left = f"{span(history.seconds * (1 / progress - 1))} left" if progress and history.state == "running" else ""
    share = f"{progress:.0%} of the run" if progress is not None else ""
    tiles = [tile("step", str(history.step), share), tile("time", span(history.seconds), left)]
    for label, name, digits, unit, more in (
        ("held-out PSNR", "psnr_y", 2, " dB", _gain(last("gain_db"))),
        ("held-out IoU", "iou", 1, " %", "of true and found damage"),
        ("LPIPS", "lpips", 3, "", "lower is better"),
        ("LR-PSNR", "lr_psnr", 1, " dB", "result shrunk / input"),
        ("loss", "loss", 4, "", ""),
        ("speed", "steps_per_s", 1, "", "steps a second"),
    ):
        if (value := last(name)) is not None:
            tiles.append(tile(label, f"{value:.{digits}f}{unit}", more))
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _gain(gain: float | None) -> str:
    return "" if gain is None else f"gain {gain:+.2f} dB"


def _notes(history: History) -> str:
    if not history.marks:
        return '<p class="soft">None.</p>'
    latest = history.marks[: -MOST_NOTES - 1 : -1]
    items = "".join(
        f'<li class="{"back" if mark.kind != "warning" else "warning"}"><b>step {mark.step}</b>'
        f"{'' if mark.kind == 'warning' else 'rolled back: '}{escape(mark.text)}</li>"
        for mark in latest
    )
    older = len(history.marks) - len(latest)
    more = f"And {older} before these. " if older else ""
    key = "In the curves: a triangle for a warning, a red line for a roll back."
    return f'<ul class="notes">{items}</ul><p class="soft">{more}{key}</p>'


def _samples(folder: Path, settings: Settings, history: History) -> str:
    captions: dict[int, str] = {}
    for name, label, digits, unit in (("psnr_y", "PSNR", 2, " dB"), ("iou", "IoU", 1, " %"), ("lpips", "LPIPS", 3, "")):
        series = history.series.get(name, Series())
        for step, value in zip(series.steps, series.values, strict=True):
            captions[step] = f"{captions.get(step, '')}, {label} {value:.{digits}f}{unit}"
    before = "input" if settings.get("scale") == 1 else "bicubic"
    result = "probability" if settings.get("task") == "scratch" else "restored"
    return sheets_html(load_sheets(folder / SHEETS, history.step), captions, (before, result, "truth"))


def _charts(group: list[Curve], history: History) -> str:
    return f'<div class="charts">{"".join(_chart(curve, history) for curve in group)}</div>'


def _chart(curve: Curve, history: History) -> str:
    told = {label: history.series.get(name, Series()) for name, label in curve.lines.items()}
    found = {label: series for label, series in told.items() if series.values}
    last = {label: exact(series.values[-1], curve) for label, series in found.items()}
    if len(found) > 1:
        values = [f'<i class="key c{at}"></i>{escape(label)} {last[label]}' for at, label in enumerate(found)]
    else:
        values = [f"{value} {escape(curve.unit)}" for value in last.values()]
    picture = draw(curve, found, history.marks, history.step, _plain_input(curve, history))
    return (
        f'<div class="card chart"><div class="top"><h3>{escape(curve.title)}</h3>'
        f'<span class="value">{" &ensp; ".join(values)}</span></div>{picture}<p>{escape(curve.sentence)}</p></div>'
    )


def _plain_input(curve: Curve, history: History) -> float | None:
    """What the plain input scores, where the curve is one of PSNR."""
    score, gain = history.last("psnr_y"), history.last("gain_db")
    return score - gain if "psnr_y" in curve.lines and score is not None and gain is not None else None


def _commands(folder: Path, settings: Settings, history: History) -> str:
    if not settings:
        return ""
    config = str(folder / SETTINGS)
    task = "unpaired" if "damaged" in settings else str(settings.get("task", "upscale"))
    verb = ("train-unpaired",) if task == "unpaired" else ("train", task)
    command = shlex.join(["restore", *verb, "--config", config, "-o", str(folder)])
    told = {"This run": command}
    if history.state != "done":
        told["Go on with it"] = f"{command} --resume"
    if task == "upscale":
        told["Use its weights"] = shlex.join([*("restore", task, "photo.jpg", "--weights"), str(folder / WEIGHTS)])
    return section("Commands", "".join(f"<h3>{label}</h3><pre>{escape(words)}</pre>" for label, words in told.items()))


def _table(settings: Settings, problem: str) -> str:
    if problem:
        return f'<p class="soft">{escape(problem)}</p>'
    usual = dict(_defaults())
    rows = "".join(
        f"<div{' class=own' if value != usual.get(name, value) else ''}>"
        f"<dt>{escape(name)}</dt><dd>{escape(_shown(value))}</dd></div>"
        for name, value in settings.items()
    )
    return f'<div class="card"><dl>{rows}</dl><p class="soft">Bold: other than the default.</p></div>'


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_shown, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _defaults() -> Iterator[tuple[str, Any]]:
    for prefix, kind in (("", TrainConfig), ("adversarial.", AdversarialConfig)):
        for field in fields(kind):
            yield prefix + field.name, None if field.default is MISSING else field.default
