"""``restore auto``: the photo itself decides, and a good one comes out to the byte."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.models.weights import Card, save_weights


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """Own weights for cleaning that change whatever they get."""
    import torch
    from torch import nn

    from restore.models.unet import GeneratorConfig, UNet

    torch.manual_seed(5)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    path = tmp_path / "weights" / "mine.safetensors"
    path.parent.mkdir()
    save_weights(path, network.state_dict(), Card(name="mine", task="clean", scale=1, size="fast", generator=shape))
    return path


@pytest.fixture
def album(run, tmp_path: Path) -> Path:
    """A folder with a good photo in two formats, a noisy one and a bad JPEG."""
    folder = tmp_path / "album"
    folder.mkdir()
    good = data.coffee()[:240, :320]
    grain = np.random.default_rng(0).normal(0, 25, good.shape)
    Image.fromarray(good).save(folder / "good.png", dpi=(300, 300))
    Image.fromarray(good).save(folder / "good.jpg", quality=95)
    Image.fromarray(good).save(folder / "blocks.jpg", quality=20)
    Image.fromarray((good + grain).clip(0, 255).round().astype(np.uint8)).save(folder / "noisy.png")
    return folder


def test_a_mixed_folder_is_mended_where_it_is_damaged_and_copied_to_the_byte_where_not(run, album, mine) -> None:
    outcome = run("auto", "album/", "-o", "out/", "--weights", mine)
    assert outcome.code == 0
    lines = {line.split(" ")[3].removeprefix("album/"): line for line in outcome.out.splitlines()}
    assert set(lines) == {"good.png", "good.jpg", "blocks.jpg", "noisy.png"}
    for name in ("good.png", "good.jpg"):
        assert Path("out", name).read_bytes() == (album / name).read_bytes()
        assert "nothing needed: no noise" in lines[name]
    assert "dejpeg by mine" in lines["blocks.jpg"]
    assert "JPEG 20" in lines["blocks.jpg"]
    assert "denoise by mine" in lines["noisy.png"]
    for name in ("blocks.jpg", "noisy.png"):
        assert Path("out", name).read_bytes() != (album / name).read_bytes()


def test_programs_are_told_what_was_found_and_done(run, album, mine) -> None:
    rows = [
        json.loads(line) for line in run("auto", "album", "-o", "out/", "--json", "--weights", mine).out.splitlines()
    ]
    by_name = {Path(row["source"]).name: row for row in rows}
    assert {name: row["done"] for name, row in by_name.items()} == {
        "good.png": [],
        "good.jpg": [],
        "blocks.jpg": ["dejpeg"],
        "noisy.png": ["denoise"],
    }
    assert by_name["noisy.png"]["noise"] == pytest.approx(25, abs=3)
    assert by_name["good.png"]["consistency_db"] is None
    assert "no noise" in by_name["good.jpg"]["found"]


@pytest.mark.parametrize("verb", [("auto",), ("denoise",)])
def test_a_photo_with_nothing_to_do_is_not_compressed_again(run, album, mine, verb) -> None:
    good = (album / "good.jpg").read_bytes()
    assert run(*verb, album / "good.jpg", "-o", "same.jpg", "--weights", mine).code == 0
    assert Path("same.jpg").read_bytes() == good
    assert run(*verb, "-", "--weights", mine, feed=good).picture == good
    run(*verb, "-", "-o", "piped.jpg", "--weights", mine, feed=good)
    assert Path("piped.jpg").read_bytes() == good


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("--format", "png"), "a.png"),
        (("--quality", "60"), "a.jpg"),
        (("--strip", "all"), "a.jpg"),
        ((), "a.tif"),
    ],
)
def test_what_is_asked_of_the_file_is_done_all_the_same(run, album, mine, words, name) -> None:
    good = (album / "good.jpg").read_bytes()
    assert run("auto", album / "good.jpg", "-o", name, *words, "--weights", mine).code == 0
    assert Path(name).read_bytes() != good
    with Image.open(name) as written, Image.open(BytesIO(good)) as source:
        assert written.size == source.size


def test_a_copy_does_not_replace_a_file_unasked(run, album, mine) -> None:
    Path("there.jpg").write_bytes(b"mine")
    assert run("auto", album / "good.jpg", "-o", "there.jpg", "--weights", mine).code == 2
    assert Path("there.jpg").read_bytes() == b"mine"
    assert run("auto", album / "good.jpg", "-o", "there.jpg", "--overwrite", "--weights", mine).code == 0
    assert Path("there.jpg").read_bytes() == (album / "good.jpg").read_bytes()


def test_strength_and_mask_work_as_in_the_other_verbs(run, album, mine) -> None:
    noisy = (album / "noisy.png").read_bytes()
    run("auto", album / "noisy.png", "-o", "zero.png", "--strength", "0", "--weights", mine)
    assert Path("zero.png").read_bytes() == noisy
    area = np.zeros((240, 320), np.uint8)
    area[:, 160:] = 255
    Image.fromarray(area).save("mask.png")
    run("auto", album / "noisy.png", "-o", "half.png", "--mask", "mask.png", "--weights", mine)
    with Image.open("half.png") as half, Image.open(album / "noisy.png") as source:
        changed = (np.asarray(half) != np.asarray(source)).any(axis=(0, 2))
    assert not changed[:160].any()
    assert changed[160:].any()


def test_a_dry_run_promises_to_look_first(run, album, mine) -> None:
    outcome = run("auto", "album", "-o", "out/", "--dry-run", "--weights", mine)
    assert outcome.out.count("is looked at first, then decided") == 4
    assert not Path("out").exists()


def test_a_photo_without_a_verb_means_auto(album, mine, tmp_path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "restore", "album/good.png", "--weights", str(mine)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert (album / "good_restored.png").read_bytes() == (album / "good.png").read_bytes()
