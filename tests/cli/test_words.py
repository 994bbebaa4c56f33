"""What people write after an option, and how a photo's fate is said."""

from __future__ import annotations

import io
import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from restore.cli.rows import done_row, failed_row, shown
from restore.cli.talk import Talk
from restore.cli.words import parse_duration, parse_level, parse_memory, parse_size
from restore.errors import ConfigError, ImageError
from restore.inference.batch import Done, Failed
from restore.inference.upscale import Report
from restore.io.folder import Job

JOB = Job(Path("album/a.png"), Path("album/a_x2.png"))
REPORT = Report(
    factor=2.0,
    weights=("upscale-x2",),
    source_height=32,
    source_width=48,
    height=64,
    width=96,
    consistency_db=41.4,
    drift=0.12,
    seconds=1.0,
    notes=("animated: first frame only",),
)


@pytest.mark.parametrize(
    ("text", "count"),
    [("500", 500), ("500b", 500), ("2k", 2048), ("3M", 3 << 20), ("1.5GiB", 3 << 29), ("1 TB", 1 << 40)],
)
def test_memory_is_counted_in_powers_of_1024(text, count) -> None:
    assert parse_memory(text) == count


@pytest.mark.parametrize("text", ["", "G", "-1G", "1X", "1G1", "0.0001"])
def test_memory_that_is_no_amount_is_refused(text) -> None:
    with pytest.raises(ConfigError, match="2G or 500M"):
        parse_memory(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45m", 2700), ("45min", 2700), ("2h", 7200), ("1h30m", 5400), ("1.5 h", 5400), ("1d", 86400)],
)
def test_a_time_is_the_sum_of_its_parts(text, seconds) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2h 5", "0s", "-1h", "2 weeks", "infs"])
def test_a_time_without_its_unit_is_refused(text) -> None:
    with pytest.raises(ConfigError, match="1h30m"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["1920x1080", "1920X1080", "1920 x 1080", "1920\u00d71080"])
def test_a_size_is_width_times_height(text) -> None:
    assert parse_size(text) == (1920, 1080)


@pytest.mark.parametrize("text", ["nan", "inf", "-0.1", "50.1", "some", ""])
def test_a_level_out_of_range_is_refused(text) -> None:
    with pytest.raises(ConfigError, match=r"--noise is auto or a number from 0 to 50"):
        parse_level("--noise", text, 0, 50)


def test_a_line_says_from_where_to_where_and_how_faithful() -> None:
    assert done_row(Done(JOB, REPORT, 2.06)).line == (
        "album/a.png → a_x2.png  2.1 s  x2 48x32 → 96x64, faithful 41 dB, colour drift 0.1, animated: first frame only"
    )


def test_equal_pixels_are_faithful_exactly_and_null_in_json() -> None:
    row = done_row(Done(JOB, replace(REPORT, consistency_db=math.inf), 2.0))
    assert "faithful exactly" in row.line
    assert json.loads(json.dumps(row.values, allow_nan=False))["consistency_db"] is None


@pytest.mark.parametrize("prefix", ["album/a.png: ", "a.png: ", ""])
def test_a_failure_names_its_photo_once(prefix) -> None:
    row = failed_row(Failed(JOB, ImageError(f"{prefix}it is damaged; copy it again"), "read"))
    assert row.line == "album/a.png: it is damaged; copy it again"


def test_a_name_cannot_send_commands_to_the_terminal() -> None:
    assert "\x1b" not in shown("\x1b]0;owned\x07.jpg")
    assert "\n" not in shown("two\nlines.jpg")
    assert shown("bro\udcffken.jpg") == "bro\\udcffken.jpg"
    assert shown("naïve 写真.jpg") == "naïve 写真.jpg"


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def bar_of(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, **settings: bool) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    talk = Talk(**settings)
    with talk.progress(2) as show:
        show(1)
        talk.row(done_row(Done(JOB, REPORT, 2.0)))
        show(2)
        show(1.5)
    return stream.getvalue()


def test_a_terminal_gets_a_bar_with_a_count(monkeypatch, capsys) -> None:
    drawn = bar_of(Terminal(), monkeypatch)
    assert "2/2" in drawn
    assert "a_x2.png" not in drawn  # a result goes to stdout, which is no terminal here
    assert "a_x2.png" in capsys.readouterr().out


@pytest.mark.parametrize("settings", [{"quiet": True}, {"as_json": True}])
def test_no_bar_when_quiet_or_for_programs(monkeypatch, capsys, settings) -> None:
    assert bar_of(Terminal(), monkeypatch, **settings) == ""


def test_no_bar_without_a_terminal(monkeypatch, capsys) -> None:
    assert bar_of(io.StringIO(), monkeypatch) == ""


@pytest.mark.parametrize(("no_colour", "coloured"), [("", True), ("1", False)])
def test_no_color_is_honoured(monkeypatch, no_colour, coloured) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    Talk().row(done_row(Done(JOB, REPORT, 2.0)))
    assert ("\x1b[32m" in stream.getvalue()) == coloured
