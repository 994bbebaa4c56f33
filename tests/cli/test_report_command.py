"""``restore report``: writes the page and says where it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from restore.cli.report import report


@pytest.fixture
def command() -> typer.Typer:
    alone = typer.Typer(pretty_exceptions_enable=False)
    alone.command("report")(report)
    return alone


def test_the_path_of_the_page_is_the_result(command: typer.Typer, tmp_path: Path) -> None:
    line = {"kind": "step", "step": 50, "loss": 0.1, "lr": 1e-3, "steps_per_s": 4.0, "progress": 0.5}
    (tmp_path / "journal.jsonl").write_text(json.dumps(line) + "\n")
    outcome = CliRunner().invoke(command, [str(tmp_path)])
    assert (outcome.exit_code, outcome.stdout) == (0, f"{tmp_path / 'report.html'}\n")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("folder", "message"), [("missing", "missing: no such folder"), (".", "journal.jsonl: there is no journal")]
)
def test_what_is_no_run_is_wrong_use(command: typer.Typer, tmp_path: Path, folder: str, message: str) -> None:
    outcome = CliRunner().invoke(command, [str(tmp_path / folder)])
    assert outcome.exit_code == 2
    assert outcome.stderr.startswith("error: ")
    assert message in outcome.stderr
