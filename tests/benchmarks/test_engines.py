"""The comparison of engines runs, and says how far an engine is from torch as it is used."""

from __future__ import annotations

import sys

import engines
import pytest


def test_engines_take_turns_and_agree_where_only_the_layout_differs(monkeypatch, capsys) -> None:
    words = ["engines.py", "--weights", "scratch", "--engines", "eager", "eager-contiguous", "--side", "64"]
    monkeypatch.setattr(sys, "argv", [*words, "--rounds", "1"])
    assert engines.main() == 0
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines() if line.startswith("| eager")]
    assert [row[0].strip() for row in rows] == ["eager", "eager-contiguous"]
    assert float(rows[0][3]) == pytest.approx(1)
    assert all(float(row[4]) < 0.1 for row in rows)
