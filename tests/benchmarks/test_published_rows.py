"""The check against published rows says so when a figure is off, and when there is nothing to check."""

from __future__ import annotations

import sys
from pathlib import Path

import published_rows
import pytest
from PIL import Image
from skimage import data


def judge(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["published_rows.py", *words])
    return published_rows.main()


def test_noise_is_as_strong_as_it_says_and_other_photos_are_not_those_of_the_papers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("CBSD68", "Classic5"):
        (tmp_path / name).mkdir()
        Image.fromarray(data.coffee()).save(tmp_path / name / "coffee.png")
    assert judge(monkeypatch, "--data", str(tmp_path), "--sets", "CBSD68") == 0
    assert judge(monkeypatch, "--data", str(tmp_path), "--sets", "Classic5") == 1
    lines = capsys.readouterr().out.splitlines()
    assert sum("noise" in line for line in lines) == 3
    assert sum("JPEG" in line for line in lines) == 9  # three figures at quality 10, two at each other


def test_sets_that_are_not_there_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert judge(monkeypatch, "--data", str(tmp_path), "--sets", "Set5", "LIVE1") == 4
    assert "not measured: Set5, LIVE1" in capsys.readouterr().err
