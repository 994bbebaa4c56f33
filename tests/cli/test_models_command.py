"""``restore models``: which weights there are, and whether they are whole."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from restore.models.weights import load_tensors_of, read_card, save_weights


@pytest.fixture
def damaged(tmp_path, tiny_file, monkeypatch) -> Path:
    """A package whose second file of weights has one wrong bit."""
    folder = tmp_path / "package"
    folder.mkdir()
    for scale in (2, 4):
        tiny_file(f"package/upscale-x{scale}.safetensors", scale, name=f"upscale-x{scale}")
    path = folder / "upscale-x4.safetensors"
    data = bytearray(path.read_bytes())
    data[-8] ^= 1
    path.write_bytes(data)
    return folder


def test_list_shows_every_file_with_its_figures_licence_and_state(run) -> None:
    outcome = run("models", "list")
    assert outcome.code == 0
    head, *rows = outcome.out.splitlines()
    assert head.split() == ["name", "task", "scale", "size", "detail", "MB", "figures", "licence", "hash"]
    assert sorted(row.split()[0] for row in rows) == ["upscale-x2", "upscale-x2-base", "upscale-x4"]
    (row,) = (row for row in rows if row.startswith("upscale-x4"))
    assert row.split() == ["upscale-x4", "upscale", "x4", "fast", "no", "0.0", "Set5", "PSNR", "30.00", "MIT", "ok"]


def test_of_many_figures_the_list_has_two_and_info_has_all(run, tiny_weights, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    found = read_card(tiny_weights / "upscale-x4.safetensors")
    card = replace(found.card, figures={f"Set{number} PSNR": 30.0 + number for number in range(5)})
    save_weights(folder / "upscale-x4.safetensors", load_tensors_of(found), card)
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: folder)
    listed = " ".join(run("models", "list").out.split())
    assert "Set0 PSNR 30.00, Set1 PSNR 31.00, 3 more" in listed
    assert all(f"Set{number} PSNR {30 + number}.00" in run("models", "info", "upscale-x4").out for number in range(5))


def test_list_as_json_is_one_object_a_file(run) -> None:
    rows = [json.loads(line) for line in run("models", "list", "--json").out.splitlines()]
    assert {row["name"]: row["scale"] for row in rows} == {"upscale-x2": 2, "upscale-x2-base": 2, "upscale-x4": 4}
    assert all(row["ok"] and Path(row["file"]).stat().st_size == row["bytes"] for row in rows)


def test_detail_weights_say_what_they_belong_to_and_the_others_whether_they_have_any(run, detail_weights) -> None:
    lines = [line.split() for line in run("models", "list").out.splitlines()[1:]]
    assert {words[0]: words[4] for words in lines} == {
        "upscale-x2": "yes",
        "upscale-x2-base": "no",
        "upscale-x2-detail": "for",
        "upscale-x4": "no",
    }
    rows = {row["name"]: row for row in map(json.loads, run("models", "list", "--json").out.splitlines())}
    assert (rows["upscale-x2"]["detail"], rows["upscale-x2"]["detail_of"]) == ("upscale-x2-detail", None)
    assert (rows["upscale-x2-detail"]["detail"], rows["upscale-x2-detail"]["detail_of"]) == (None, "upscale-x2")
    told = run("models", "info", "upscale-x2-detail").out
    assert re.search(r"^detail_of +upscale-x2$", told, re.MULTILINE)
    assert run("models", "verify").code == 0


def test_info_shows_the_card_by_name_and_by_file(run, tiny_file) -> None:
    tiny_file("mine.safetensors", 2, name="mine")
    for word, name in (("upscale-x4", "upscale-x4"), ("mine.safetensors", "mine")):
        outcome = run("models", "info", word)
        assert outcome.code == 0
        lines = dict(line.split(maxsplit=1) for line in outcome.out.splitlines())
        assert lines["name"] == name
        assert lines["figures"] == "Set5 PSNR 30.00"
        assert len(lines["sha256"]) == 64
    assert json.loads(run("models", "info", "mine.safetensors", "--json").out)["name"] == "mine"


def test_unknown_weights_list_the_known_ones(run) -> None:
    outcome = run("models", "info", "upscale-x7")
    assert outcome.code == 6
    assert all(name in outcome.err for name in ("upscale-x2", "upscale-x2-base", "upscale-x4"))


def test_verify_passes_whole_weights(run) -> None:
    outcome = run("models", "verify")
    assert outcome.code == 0
    assert [line[:5] for line in outcome.out.splitlines()] == ["ok   "] * 3


def test_one_wrong_bit_is_found_by_verify_list_and_info(run, damaged, monkeypatch) -> None:
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: damaged)
    outcome = run("models", "verify")
    assert outcome.code == 6
    whole, broken = outcome.out.splitlines()
    assert whole.startswith("ok   upscale-x2")
    assert broken.startswith("fail upscale-x4")
    assert "hash" in broken
    assert run("models", "verify", "upscale-x2").code == 0
    assert run("models", "info", "upscale-x4").code == 6
    listed = run("models", "list")
    assert listed.code == 6
    assert listed.out.splitlines()[2].endswith("damaged")


def test_a_copy_without_weights_says_so(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path / "nowhere")
    outcome = run("models", "list")
    assert outcome.code == 6
    assert "no weights" in outcome.err
