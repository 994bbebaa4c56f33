"""What a run says on the terminal: a view on a real one, plain lines elsewhere, nothing when quiet."""

from __future__ import annotations

import io
import pickle
import re
from collections.abc import Iterator
from contextlib import redirect_stderr

import pytest
from rich.console import Console

from restore.cli import live
from restore.cli.live import Lines, LiveTalk, event_line
from restore.cli.live_view import Course, LiveView, sparkline
from restore.training.journal import Event

STEP = {
    "loss": 0.0312,
    "lr": 1e-4,
    "steps_per_s": 10.0,
    "progress": 0.25,
    "loss/l1": 0.0271,
    "adversarial/accuracy": 0.78,
    "adversarial/gap": 1.9,
    "adversarial/gradient_ratio": 0.31,
    "adversarial/weight": 0.1,
}
FIGURES = {"psnr_y": 31.42, "gain_db": 0.82, "lr_psnr": 44.7, "colour": 0.2, "high_frequency": 1.03, "lpips": 0.193}
WARNING = "colours drift: mean error 1.2 of 255: add low_pass to losses"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "110")
    return Terminal()


@pytest.fixture
def view() -> Iterator[LiveView]:
    console = Console(file=io.StringIO(), force_terminal=True, width=110, record=True, highlight=False)
    shown = LiveView(console, "upscale x4")
    yield shown
    shown.close()


def seen(view: LiveView, width: int = 110) -> str:
    """The view as it stands, as text."""
    console = Console(file=io.StringIO(), record=True, width=width, highlight=False)
    console.print(view.render())
    return console.export_text()


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_the_view_shows_all_that_matters(view: LiveView) -> None:
    for number in range(1, 21):
        view.show(Event("step", 50 * number, {**STEP, "loss": 1 / number}))
    view.show(Event("validated", 500, {**FIGURES, "psnr_y": 31.0}))
    view.show(Event("validated", 1000, FIGURES))
    view.show(Event("saved", 950, {"seconds": 100.0}))
    view.show(Event("warning", 1000, {}, WARNING))
    text = seen(view)
    for words in ("upscale x4", "25%", "step 1000", "10 steps/s", "0.0500", "l1 0.0271", "step 950"):
        assert words in text, words
    for words in ("31.42 dB", "gain +0.82", "best 31.42 at 1000", "LPIPS 0.193", "LR-PSNR 44.7", "colour 0.20"):
        assert words in text, words
    for words in ("discriminator", "even", "78% right", "gap 1.9", "gradient ratio 0.31", "weight 0.1"):
        assert words in text, words
    assert f"step 1000: {WARNING}" in text
    assert "█" in text
    assert "▁" in text


def test_the_time_left_is_the_rest_of_the_steps_at_this_speed(view: LiveView) -> None:
    view.show(Event("step", 9000, {**STEP, "progress": 0.25}))  # 27 000 more at 10 a second
    assert "45 min left" in seen(view)


@pytest.mark.parametrize(
    ("right", "word"), [(0.75, "even"), (0.99, "winning"), (0.5, "guessing"), (0.94, "uneven"), (0.56, "uneven")]
)
def test_the_discriminators_state_is_one_word(view: LiveView, right: float, word: str) -> None:
    view.show(Event("step", 50, {**STEP, "adversarial/accuracy": right}))
    assert f" {word} " in seen(view)


def test_a_run_without_a_discriminator_has_no_line_for_one(view: LiveView) -> None:
    view.show(Event("step", 50, {name: value for name, value in STEP.items() if "/" not in name}))
    assert "discriminator" not in seen(view)


def test_while_the_discriminator_warms_up_there_is_no_loss(view: LiveView) -> None:
    event = Event("step", 50, {"lr": 1e-4, "steps_per_s": 9.0, "progress": 0.1, "adversarial/accuracy": 0.6})
    view.show(event)
    assert "the discriminator warms up" in seen(view)
    assert event_line(event) == "step 50  the discriminator warms up  accuracy 60%  lr 1.0e-04  9.0 steps/s  10%"


def test_the_latest_of_warnings_and_roll_backs_is_shown(view: LiveView) -> None:
    view.show(Event("warning", 900, {}, "first"))
    view.show(Event("rolled back", 700, {}, "second"))
    assert "rolled back, step 700: second" in seen(view)
    view.show(Event("warning", 800, {}, "third"))
    assert "step 800: third" in seen(view)
    assert "second" not in seen(view)


@pytest.mark.parametrize("width", [30, 50, 80, 200])
def test_the_view_fits_into_any_width(width: int) -> None:
    view = LiveView(Console(file=io.StringIO(), force_terminal=True, width=width), "upscale x4")
    view.show(Event("step", 50, STEP))
    view.show(Event("validated", 50, FIGURES))
    view.show(Event("warning", 50, {}, WARNING))
    view.close()
    assert max(map(len, seen(view, width).splitlines())) <= width


def test_before_the_first_step_it_says_that_it_starts(view: LiveView) -> None:
    view.show(Event("start", 0, {"photos": 3.0}))
    assert "starting" in seen(view)


def test_on_a_terminal_the_view_is_drawn_and_left_whole(terminal: Terminal) -> None:
    with redirect_stderr(terminal), LiveTalk(title="upscale x4") as talk:
        talk(Event("start", 0, {"photos": 3.0}))
        talk(Event("step", 50, STEP))
    text = terminal.getvalue()
    assert "78% right" in plain(text)
    assert "\x1b[34m" in text  # the loss in colour
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")  # the cursor is there again
    assert talk.view is None


def test_no_color_leaves_the_colours_out(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with redirect_stderr(terminal), LiveTalk() as talk:
        talk(Event("step", 50, STEP))
    assert "78% right" in plain(terminal.getvalue())
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.getvalue()) is None


def test_a_run_that_is_done_closes_the_view_by_itself(terminal: Terminal) -> None:
    talk = LiveTalk()
    with redirect_stderr(terminal):
        talk(Event("step", 50, STEP))
        assert talk.view is not None
        talk(Event("done", 50, FIGURES, "run/weights.safetensors"))
    assert talk.view is None
    assert "done" in plain(terminal.getvalue())


@pytest.mark.parametrize(("name", "value"), [("TERM", "dumb"), ("PYTHONIOENCODING", "ascii")])
def test_a_terminal_that_cannot_draw_gets_lines(terminal: Terminal, monkeypatch, name, value) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(Terminal, "encoding", "ascii" if value == "ascii" else "utf-8")
    talk = LiveTalk()
    with redirect_stderr(terminal):
        talk(Event("saved", 50, {"seconds": 1.5}))
    assert isinstance(talk.view, Lines)
    assert terminal.getvalue() == "saved at step 50  seconds 1.5\n"


def test_without_a_terminal_there_is_a_line_per_event(capsys, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # asks for colours, and makes no terminal
    with LiveTalk() as talk:
        talk(Event("start", 0, {"photos": 3.0}))
        talk(Event("warning", 0, {}, WARNING))
    assert capsys.readouterr().err == f"start at step 0  photos 3\nwarning at step 0  {WARNING}\n"


def test_steps_are_said_at_most_every_ten_seconds(monkeypatch, capsys) -> None:
    now = 100.0
    monkeypatch.setattr(live.time, "monotonic", lambda: now)
    talk = LiveTalk()
    for step in range(1, 4):
        talk(Event("step", step, {"loss": 0.02134, "lr": 1e-3, "steps_per_s": 12.34, "progress": 0.25}))
    now += 10
    talk(Event("step", 4, STEP))
    assert capsys.readouterr().err.splitlines() == [
        "step 1  loss 0.0213  lr 1.0e-03  12.3 steps/s  25%",
        "step 4  loss 0.0312  accuracy 78%  lr 1.0e-04  10.0 steps/s  25%",
    ]


def test_quiet_says_nothing_anywhere(terminal: Terminal) -> None:
    with redirect_stderr(terminal), LiveTalk(quiet=True) as talk:
        talk(Event("step", 50, STEP))
        talk(Event("warning", 50, {}, WARNING))
    assert terminal.getvalue() == ""


def test_what_says_the_events_can_be_sent_to_another_process() -> None:
    talk = LiveTalk(quiet=True, title="upscale x4")
    assert pickle.loads(pickle.dumps(talk)) == talk


def test_other_events_are_said_with_their_numbers_and_words() -> None:
    event = Event("validated", 500, {"psnr": 31.25}, "samples/500.png")
    assert event_line(event) == "validated at step 500  psnr 31.25  samples/500.png"


def test_a_sparkline_rises_with_its_values_and_keeps_to_its_width() -> None:
    assert sparkline([float(value) for value in range(80)], 8) == "▁▂▃▄▅▆▇█"
    assert sparkline([3.0, 1.0, 2.0], 20) == "█▁▅"
    for count in range(1, 50):
        assert len(sparkline([0.5] * count, 10)) == min(count, 10)


def test_a_course_holds_the_whole_run_in_few_values() -> None:
    course = Course(most=16)
    for value in range(1024):
        course.add(float(value))
    assert 8 <= len(course.values) <= 16
    steps = [after - before for before, after in zip(course.values, course.values[1:], strict=False)]
    assert len(set(steps)) == 1  # a straight line stays one
