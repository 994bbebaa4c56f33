"""``restore export``: weights for other programs, in one command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore.models import export as exporting


@pytest.fixture
def packages() -> None:
    for package in exporting.PACKAGES:
        pytest.importorskip(package)


@pytest.mark.usefixtures("packages")
def test_bundled_weights_and_a_file_become_onnx(run, tiny_file, tmp_path) -> None:
    there = tmp_path / "upscale-x2.onnx"
    there.write_bytes(b"an older one")
    outcome = run("export", "--onnx", "upscale-x2")
    assert outcome.code == 2
    assert "add --overwrite" in outcome.err
    assert there.read_bytes() == b"an older one"
    outcome = run("export", "--onnx", "upscale-x2", "--overwrite")
    assert outcome.code == 0, outcome.err
    assert there.stat().st_size > 1000
    assert "ok   upscale-x2 → upscale-x2.onnx" in outcome.out
    tiny_file("mine.safetensors", 4, name="mine")
    outcome = run("export", "--onnx", "mine.safetensors", "-o", "there/other.onnx", "--json")
    assert outcome.code == 0, outcome.err
    row = json.loads(outcome.out)
    assert (row["weights"], row["file"], row["condition_channels"]) == ("mine", str(Path("there/other.onnx")), 4)
    assert row["bytes"] == (tmp_path / "there/other.onnx").stat().st_size
    assert 0 <= row["difference"] <= 1 / 255


def test_what_cannot_be_exported_is_one_line_and_a_code(run, monkeypatch) -> None:
    assert run("export", "--onnx", "nonesuch").code == 6
    assert run("export", "--onnx", "upscale-x2", "-o", "network.pt").code == 2
    monkeypatch.setattr(exporting, "find_spec", lambda _: None)
    outcome = run("export", "--onnx", "upscale-x2")
    assert outcome.code == 2
    assert outcome.err.startswith("error: writing ONNX needs onnx, onnxscript, onnxruntime, which are not installed")
    assert 'pip install "restore-photos[onnx]"' in outcome.err
