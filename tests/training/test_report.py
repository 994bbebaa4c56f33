"""The report of a run: one HTML file that needs nothing else, whatever the journal looks like."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.config.adversarial import AdversarialConfig
from restore.config.toml import to_toml
from restore.config.train import TrainConfig
from restore.errors import ConfigError, OutputError
from restore.training.report import write_report
from restore.training.report_chart import Axis, exact, labels, smoothed, thinned
from restore.training.report_curves import FOUND, GAME, LOSS, MACHINE, RESULTS, curves
from restore.training.report_history import History, Series, read_history
from restore.training.report_sheets import evenly, load_sheets

STEP = {"loss": 0.05, "lr": 1e-4, "steps_per_s": 5.0, "progress": 0.5, "loss/l1": 0.02}
GAME_STEP = {"adversarial/accuracy": 0.75, "adversarial/gap": 1.5, "adversarial/real": 0.8, "adversarial/fake": -0.7}
FIGURES = {"psnr_y": 27.5, "gain_db": 1.25, "lr_psnr": 45.0, "colour": 0.2, "high_frequency": 0.9, "lpips": 0.21}
Line = dict[str, object]
MakeRun = Callable[..., Path]


def step(number: int, **changed: float) -> Line:
    return {"kind": "step", "step": number, **STEP, **changed}


def validated(number: int, **changed: float) -> Line:
    return {"kind": "validated", "step": number, **FIGURES, **changed}


START: Line = {"kind": "start", "step": 0, "photos": 120.0, "parameters": 4.1e6}
USUAL = [START, step(50), step(100, **GAME_STEP), validated(100), {"kind": "saved", "step": 100, "seconds": 4000.0}]


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run folder with these lines in its journal, and a sheet for each of these steps."""

    def make(
        lines: list[Line], *, tail: str = "", sheets: tuple[int, ...] = (), settings: TrainConfig | None = None
    ) -> Path:
        run = tmp_path / "my run"
        (run / "samples").mkdir(parents=True)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (run / "journal.jsonl").write_text(text + tail, encoding="utf-8")
        for number in sheets:
            Image.fromarray(data.astronaut()[:64, : 3 * 64]).save(run / "samples" / f"{number:07d}.png")
        chosen = settings or TrainConfig(hq="photos", run="my run", losses={"l1": 1.0, "low_pass": 2.0})
        (run / "config.toml").write_text(to_toml(chosen), encoding="utf-8")
        return run

    return make


class Page(HTMLParser):
    """What a browser would find: tags with their attributes, the text, and whether all tags are closed."""

    VOID = frozenset({"meta", "input", "img", "br"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def titles(self) -> list[str]:
        return [
            attrs["aria-label"].removesuffix(" over the steps") for tag, attrs in self.tags if "data-lines" in attrs
        ]

    def lines_of(self, title: str) -> list[dict[str, object]]:
        (found,) = [
            attrs["data-lines"]
            for _, attrs in self.tags
            if "data-lines" in attrs and attrs["aria-label"] == f"{title} over the steps"
        ]
        lines: list[dict[str, object]] = json.loads(found)
        return lines


def test_the_report_tells_the_run_in_one_file(make_run: MakeRun) -> None:
    game = AdversarialConfig(weight=0.1, r1=2.0)
    settings = TrainConfig(hq="photos", lr=2e-4, losses={"l1": 1.0, "low_pass": 0.5}, adversarial=game)
    run = make_run(USUAL, sheets=(50, 100), settings=settings)
    path = write_report(run)
    assert path == run / "report.html"
    assert [file.name for file in run.iterdir() if file.name.startswith(".")] == []
    page = Page(path)
    for words in (
        "upscale x4",
        "Running",
        "120 photos",
        "4.1M parameters",
        "27.50 dB",
        "gain +1.25 dB",
        "1 h 7 min",
    ):
        assert words in page.text, words
    for words in ("adversarial.weight 0.1", "adversarial.r1 2.0", "losses.low_pass 0.5", "lr 0.0002"):
        assert words in page.text, words
    assert "restore train upscale --config " in page.text
    assert page.titles() == [
        *("Held-out PSNR", "Gain", "LPIPS", "LR-PSNR", "Colour error", "High-frequency energy"),
        *("Loss", "Loss: l1", "Discriminator is right", "Real-fake gap", "Verdicts", "Learning rate", "Speed"),
    ]


def test_nothing_is_fetched_from_anywhere(make_run: MakeRun) -> None:
    page = Page(write_report(make_run(USUAL, sheets=(50, 100))))
    for tag, attrs in page.tags:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        for name in ("src", "href", "srcset", "poster", "action", "data"):
            assert attrs.get(name, "data:").startswith("data:"), (tag, attrs)
    assert "url(" not in page.source
    assert "@import" not in page.source
    assert set(re.findall(r"https?://[^\"' ]+", page.source)) == {"http://www.w3.org/2000/svg"}  # a name, never fetched
    (policy,) = [attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_the_command_can_be_pasted_into_a_shell(make_run: MakeRun) -> None:
    run = make_run(USUAL)
    words = f"restore train upscale --config '{run}/config.toml' -o '{run}'"
    page = Page(write_report(run))
    assert words in page.text
    assert f"{words} --resume" in page.text


def test_every_text_is_escaped(make_run: MakeRun) -> None:
    evil = '<script>alert("x")</script>'
    lines = [*USUAL, {"kind": "warning", "step": 100, "message": evil}, step(150, **{f"loss/{evil}": 1.0, evil: 2.0})]
    run = make_run(lines, sheets=(100,), settings=TrainConfig(hq=evil))
    page = Page(write_report(run))
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert page.text.count(evil) >= 4


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every file name is Unicode")
def test_a_folder_whose_name_is_no_text_has_a_report_too(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(USUAL).rename(tmp_path / "b\udce4r")
    assert "b\\udce4r" in Page(write_report(run)).text


def test_half_a_last_line_and_other_rubbish_are_passed_over(make_run: MakeRun) -> None:
    rubbish: list[Line] = [
        {"kind": "step"},
        {"step": 3},
        {"kind": "step", "step": "x"},
        {"kind": "step", "step": 10**400, "loss": 1},
        {"kind": "news", "step": 120, "loss": 7},
        step(150, loss=float("nan"), lr=float("inf")),
    ]
    run = make_run([*USUAL, *rubbish], tail='[1]\n\n\xff\n{"kind": "step", "st')
    history = read_history(run, time.time())
    assert list(history.series["loss"].steps) == [50, 100]
    assert list(history.series["steps_per_s"].steps) == [50, 100, 150]
    assert history.step == 150
    Page(write_report(run))


def test_a_run_that_has_only_begun_has_a_report_too(make_run: MakeRun) -> None:
    page = Page(write_report(make_run([START])))
    assert page.titles() == []
    assert "Warnings None." in page.text


def test_without_validations_there_are_no_curves_of_results(make_run: MakeRun) -> None:
    page = Page(write_report(make_run([START, step(50), step(100)])))
    assert page.titles() == ["Loss", "Loss: l1", "Learning rate", "Speed"]
    assert "How good the results are" not in page.text


def test_without_readable_settings_the_rest_is_told(make_run: MakeRun) -> None:
    run = make_run(USUAL)
    (run / "config.toml").write_text("task = \n")
    page = Page(write_report(run))
    assert "Training run" in page.text
    assert "config.toml: not valid TOML" in page.text


def test_steps_told_twice_are_drawn_as_they_went_the_last_time(make_run: MakeRun) -> None:
    first = [step(number, loss=9.0) for number in range(50, 501, 50)]
    again = [step(number, loss=1.0) for number in range(250, 401, 50)]
    back: Line = {"kind": "rolled back", "step": 500, "message": "held-out PSNR fell 1.3 dB below its best"}
    lines = [*first, validated(480, psnr_y=20.0), back, *again]
    run = make_run(lines, sheets=(200, 480))
    history = read_history(run, time.time())
    assert list(history.series["loss"].steps) == list(range(50, 401, 50))
    assert list(history.series["loss"].values) == [9.0] * 4 + [1.0] * 4
    assert list(history.series["psnr_y"].steps) == []
    assert [(mark.kind, mark.step) for mark in history.marks] == [("rolled back", 500)]
    page = Page(write_report(run))
    assert "rolled back: held-out PSNR fell 1.3 dB" in page.text
    assert [attrs["alt"] for tag, attrs in page.tags if tag == "img"] == ["samples at step 200"]


def test_a_resumed_run_begins_again_at_its_checkpoint(make_run: MakeRun) -> None:
    lines = [START, *(step(number, loss=5.0) for number in (50, 100, 150)), {**START, "step": 100}]
    assert list(read_history(make_run(lines), time.time()).series["loss"].steps) == [50, 100]


def test_marks_stand_in_every_chart_with_their_words(make_run: MakeRun) -> None:
    warning: Line = {"kind": "warning", "step": 100, "message": "colours drift"}
    page = Page(write_report(make_run([*USUAL, warning])))
    assert sum(attrs.get("class") == "warning" and tag == "path" for tag, attrs in page.tags) == len(page.titles())
    assert "step 100: colours drift" in page.text


@pytest.mark.parametrize(
    ("lines", "age_s", "state"),
    [
        (USUAL, 5, "running"),
        (USUAL, 3600, "stopped"),
        ([*USUAL, step(150, steps_per_s=0.02)], 3600, "running"),
        ([*USUAL, {"kind": "done", "step": 100}], 5, "done"),
        ([*USUAL, {"kind": "rolled back", "step": 50}], 5, "stopped"),
        ([*USUAL, {"kind": "done", "step": 100}, step(150)], 5, "running"),
    ],
)
def test_the_state_is_read_from_the_last_line_and_its_age(make_run: MakeRun, lines, age_s, state) -> None:
    run = make_run(lines)
    os.utime(run / "journal.jsonl", (time.time() - age_s,) * 2)
    assert read_history(run, time.time()).state == state


def test_time_is_the_clocks_where_told_and_estimated_from_there_on(make_run: MakeRun) -> None:
    history = read_history(make_run([*USUAL, step(150, steps_per_s=2.0)]), time.time())
    assert history.seconds == 4000 + 25


def test_a_very_long_journal_makes_at_most_a_thousand_points_a_curve(make_run: MakeRun) -> None:
    line = json.dumps(step(7)).replace('"step": 7', '"step": {}')
    run = make_run([START])
    with (run / "journal.jsonl").open("a") as journal:
        journal.writelines(line.replace("{}", str(50 * number)) + "\n" for number in range(1, 20_001))
    (drawn,) = Page(write_report(run)).lines_of("Loss")
    assert isinstance(drawn["steps"], list)
    assert 100 <= len(drawn["steps"]) <= 1000
    assert drawn["steps"][-1] == 1_000_000
    assert (run / "report.html").stat().st_size < 1_000_000


def test_curves_carry_their_values_for_the_script(make_run: MakeRun) -> None:
    lines = [START, *(step(50 * number, loss=0.1 / number) for number in range(1, 21))]
    (drawn,) = Page(write_report(make_run(lines))).lines_of("Loss")
    assert drawn["steps"] == list(range(50, 1001, 50))
    assert str(drawn["shown"]).split()[:2] == ["0.100", "0.0500"]
    heights = drawn["y"]
    assert isinstance(heights, list)
    assert heights == sorted(heights)  # falling values go down the page


def test_sheets_are_jpegs_of_the_samples(make_run: MakeRun) -> None:
    page = Page(write_report(make_run(USUAL, sheets=(50, 100))))
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == ["samples at step 50", "samples at step 100"]
    kind, _, packed = images[0]["src"].partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(packed))) as picture:
        assert picture.format == "JPEG"
        difference = np.asarray(picture, float) - data.astronaut()[:64, : 3 * 64]
    assert np.abs(difference).mean() < 3
    assert "step 100, PSNR 27.50 dB, LPIPS 0.210" in page.text
    assert "bicubic restored truth" in page.text


def test_sheets_are_thinned_out_evenly_to_their_budget(make_run: MakeRun) -> None:
    run = make_run([START, step(2000)], sheets=tuple(range(0, 2000, 100)))
    every = load_sheets(run / "samples", 2000)
    assert [sheet.step for sheet in every] == list(range(0, 2000, 100))
    each = len(every[0].data)
    some = load_sheets(run / "samples", 2000, budget_bytes=5 * each)
    assert [some[0].step, some[-1].step] == [0, 1900]
    assert 3 <= len(some) <= 5
    gaps = np.diff([sheet.step for sheet in some])
    assert gaps.max() - gaps.min() <= 100
    assert [sheet.step for sheet in load_sheets(run / "samples", 2000, budget_bytes=1)] == [0, 1900]


def test_a_damaged_sheet_and_a_foreign_picture_are_passed_over(make_run: MakeRun) -> None:
    run = make_run(USUAL, sheets=(50,))
    (run / "samples" / "0000100.png").write_bytes(b"\x89PNG\r\n\x1a\n half")
    Image.new("RGB", (8, 8)).save(run / "samples" / "mine.png")
    assert [sheet.step for sheet in load_sheets(run / "samples", 100)] == [50]


def test_evenly_keeps_both_ends_and_nothing_twice() -> None:
    for count in range(60):
        for kept in range(60):
            chosen = evenly(count, kept)
            assert chosen == sorted(set(chosen))
            assert len(chosen) == max(min(count, kept), min(count, 2))
            assert chosen[:1] + chosen[-1:] == ([0, count - 1] if count else [])


def test_refusals_name_the_folder_and_what_to_do(make_run: MakeRun, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere: no such folder; name the folder of a run"):
        write_report(tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"journal.jsonl: there is no journal"):
        write_report(tmp_path)
    with pytest.raises(ConfigError, match=r"journal.jsonl: holds no event yet"):
        write_report(make_run([], tail='{"kind": "st'))


def test_a_report_that_cannot_be_written_leaves_no_part_behind(make_run: MakeRun) -> None:
    run = make_run(USUAL)
    (run / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report.html: cannot be written"):
        write_report(run)
    assert not (run / ".report.html.part").exists()


def test_thinning_keeps_the_mean_the_reach_and_the_last_step() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=10_000)
    series = Series()
    for number, value in enumerate(values):
        series.add(50 * number, float(value))
    points = thinned(series, 400)
    assert len(points) == 400
    assert np.isclose(np.mean([point.mean for point in points]), values.mean())
    assert max(point.high for point in points) == values.max()
    assert min(point.low for point in points) == values.min()
    assert points[-1].step == 50 * 9999


def test_a_straight_line_stays_straight_when_smoothed() -> None:
    series = Series()
    for number in range(300):
        series.add(number, 2.0 * number)
    assert np.allclose(smoothed(thinned(series)), 2.0 * np.arange(300))


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (26.4, 27.6), (-3.0, 5.0), (0.0, 1e-5), (0.0, 12_000_000.0), (0.0, 50.0), (7.9, 7.95)]
)
def test_ticks_are_round_even_and_within_the_axis(low: float, high: float) -> None:
    ticks = Axis(low, high, 0, 100).ticks()
    assert 3 <= len(ticks) <= 7
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in ticks)
    assert np.allclose(np.diff(ticks), np.diff(ticks)[0])
    words = labels(ticks)
    assert len(set(words)) == len(words)


@pytest.mark.parametrize(("low", "high"), [(0.01, 1.0), (0.003, 0.05), (1e-6, 1e6), (0.9, 9.5)])
def test_ticks_of_a_logarithmic_axis_are_within_it(low: float, high: float) -> None:
    ticks = Axis(low, high, 0, 100, log=True).ticks()
    assert 2 <= len(ticks) <= 9
    assert all(low <= tick <= high for tick in ticks)


def test_axes_map_their_ends_to_the_frame() -> None:
    assert [Axis(2, 4, 100, 0)(value) for value in (2, 3, 4, 9)] == [100, 50, 0, 0]
    assert np.isclose(Axis(0.01, 1, 0, 100, log=True)(0.1), 50)


def test_quoted_numbers_have_the_digits_of_their_kind() -> None:
    psnr, right = RESULTS[0], GAME[0]
    assert (exact(26.8, psnr), exact(0.874, right), exact(0.03126, LOSS), exact(4.0, LOSS)) == (
        *("26.80", "87%", "0.0313", "4.00"),
    )


def test_numbers_that_the_table_does_not_know_are_drawn_last() -> None:
    history = History()
    for name in ("surprise", "loss", "progress"):
        history.series.setdefault(name, Series()).add(50, 1.0)
    groups = dict(curves(history))
    assert [curve.title for curve in groups["Other numbers"]] == ["surprise"]
    assert list(groups)[-1] == "Other numbers"


def test_the_manual_explains_every_curve() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "reading-a-run.md").read_text(encoding="utf-8")
    assert [
        curve.title for curve in (*RESULTS, *FOUND, LOSS, *GAME, *MACHINE) if f"| {curve.title} |" not in manual
    ] == []


def test_a_run_that_finds_damage_shows_what_it_found_in_place_of_psnr(make_run: MakeRun) -> None:
    figures = {"iou": 31.5, "recall": 42.0, "precision": 53.0, "false_positives": 0.25}
    settings = TrainConfig(task="scratch", scale=1, hq="photos", run="my run", losses={"bce": 1.0})
    page = Page(write_report(make_run([START, {"kind": "validated", "step": 100, **figures}], settings=settings)))
    for curve in FOUND:
        assert curve.sentence in page.text
    assert "held-out IoU" in page.text
    assert "held-out PSNR" not in page.text


def test_every_curve_says_what_it_should_look_like(make_run: MakeRun) -> None:
    page = Page(write_report(make_run(USUAL)))
    for curve in (*RESULTS, LOSS):
        assert curve.sentence in page.text
