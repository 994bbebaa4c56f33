"""The batch beside a plain loop: each way does the same work, and the account adds up."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pipeline
import pytest
import torch
from PIL import Image


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
def test_every_way_writes_the_same_pictures(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    paths = pipeline.draw(folder, 3, 0.01, "png")
    restorer = pipeline.small_network(8)
    made = {}
    for way in pipeline.WAYS:
        out = tmp_path / way
        out.mkdir()
        turn = pipeline.measured(way, paths, out, restorer)
        made[way] = [np.asarray(Image.open(out / path.name)) for path in paths]
        steps = turn.timed.clock
        assert set(steps) == {"read", "network", "write"}
        assert steps["network"] <= turn.seconds
    assert sum(steps.values()) > 0
    for way in pipeline.WAYS[1:]:
        for ours, theirs in zip(made[way], made["loop"], strict=True):
            assert np.array_equal(ours, theirs)
    before = [np.asarray(Image.open(path)) for path in paths]
    assert not np.array_equal(before[0], made["loop"][0])  # the network changes something


@pytest.mark.usefixtures("threads")
def test_the_tables_have_a_row_for_each_way_and_step(monkeypatch, capsys) -> None:
    words = [
        "pipeline.py",
        "--photos",
        "2",
        "--megapixels",
        "0.01",
        "--rounds",
        "1",
        "--threads",
        "1",
        "--format",
        "jpg",
    ]
    monkeypatch.setattr(sys, "argv", words)
    assert pipeline.main() == 0
    rows = [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert rows == ["way", *pipeline.WAYS, "step, in the loop", "read", "network", "write"]
