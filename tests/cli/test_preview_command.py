"""``restore preview``: a sheet and commands out, that keep their word; nothing is lost, and the codes hold."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from torch import nn

from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights

MINE = ("--weights", "mine.safetensors")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A tiny network for the verbs, which is not bundled."""
    torch.manual_seed(5)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=1, condition_channels=6)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    path = tmp_path / "mine.safetensors"
    save_weights(path, network.state_dict(), Card(name="mine", task="clean", scale=1, size="fast", generator=shape))
    return path


@pytest.fixture
def noisy(tmp_path: Path, mine: Path) -> Path:
    """A photo of 360x300 pixels with noise that is found."""
    return save(data.astronaut()[:300, 60:420], tmp_path / "photo.png", sigma=15).relative_to(tmp_path)


def save(array: NDArray[np.uint8], path: Path, *, sigma: float = 0) -> Path:
    noise = np.random.default_rng(0).normal(0, sigma, array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((array + noise).clip(0, 255).round().astype(np.uint8)).save(path)
    return path


def pixels_of(path: Path | str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def files(folder: str = ".") -> set[str]:
    return {path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file()}


def places(sheet: NDArray[np.uint8], cell: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Where the cell stands on the sheet, to one grey level, which rounding may give: left and top."""
    height, width = cell.shape[:2]
    page, part = sheet.astype(np.int16), cell.astype(np.int16)
    corners = page[: page.shape[0] - height + 1, : page.shape[1] - width + 1]
    first = (np.abs(corners - part[0, 0]) <= 1).all(axis=2)
    return [
        (int(x), int(y)) for y, x in np.argwhere(first) if np.abs(page[y : y + height, x : x + width] - part).max() <= 1
    ]


def test_a_photo_gets_a_sheet_beside_it_and_a_command_for_each_strength(run, noisy) -> None:
    outcome = run("preview", noisy, *MINE)
    assert outcome.code == 0
    assert outcome.out.splitlines() == [
        f"restore auto photo.png --strength {strength} --weights mine.safetensors" for strength in (33, 66, 100)
    ]
    assert "photo.png → photo_preview.jpg" in outcome.err
    assert "denoise" in outcome.err
    assert files() == {"photo.png", "mine.safetensors", "photo_preview.jpg"}
    with Image.open("photo_preview.jpg") as sheet:
        assert sheet.format == "JPEG"
        assert sheet.width >= 4 * 128


@pytest.mark.parametrize("verb", ["auto", "denoise", "deblur"])
def test_each_printed_command_gives_what_its_column_shows(run, noisy, verb) -> None:
    outcome = run("preview", noisy, *MINE, "--verb", verb, "--strengths", "25,100,0", "-o", "sheet.png", "--json")
    rows = [json.loads(line) for line in outcome.out.splitlines()]
    assert [row["strength"] for row in rows] == [25, 100, 0]
    sheet, photo = pixels_of("sheet.png"), pixels_of(noisy)
    columns: list[set[int]] = []
    for number, row in enumerate(rows):
        words = shlex.split(row["command"])
        assert words[:2] == ["restore", verb]
        assert run(*words[1:], "-o", f"{number}.png").code == 0
        result = pixels_of(f"{number}.png")
        found = set()
        for crop in row["crops"]:
            part = (slice(crop["top"], crop["top"] + crop["height"]), slice(crop["left"], crop["left"] + crop["width"]))
            assert np.array_equal(result[part], photo[part]) == (row["strength"] == 0)
            here = places(sheet, result[part])
            assert here
            found |= {left for left, _ in here}
        columns.append(found)
    assert [len(found) for found in columns] == [1, 1, 2]  # strength 0 stands as the photo in the first column too
    (quarter,), (full,), both = columns
    assert min(both) < quarter < full < max(both)


def test_programs_get_a_row_for_each_strength(run, noisy) -> None:
    outcome = run("preview", noisy, *MINE, "--strengths", "40", "--json")
    row = json.loads(outcome.out)
    assert (row["status"], row["source"], row["target"]) == ("ok", "photo.png", "photo_preview.jpg")
    assert (row["verb"], row["steps"], row["strength"]) == ("auto", ["denoise"], 40)
    assert row["noise"] == pytest.approx(15, abs=3)
    assert (row["jpeg"], row["blur"], row["notes"]) == (100, 0, [])
    assert len(row["crops"]) >= 2
    assert {*row["crops"][0]} == {"why", "top", "left", "height", "width"}


def test_a_name_that_a_shell_would_take_apart_is_quoted(run, mine, tmp_path) -> None:
    for name in ("my photo; rm $HOME.png", "it's.png", "-odd.png", "Größe 写真.png"):
        save(data.astronaut()[:200, :220], tmp_path / name, sigma=15)
        outcome = run("preview", *MINE, "--strengths", "50", "--", name)
        assert outcome.code == 0
        words = shlex.split(outcome.out)
        assert Path(words[2]) == Path(name)
        assert not words[2].startswith("-")
        assert run(*words[1:], "--dry-run").code == 0


def test_limits_and_sizes_that_the_command_needs_are_in_it(run, noisy, mine, monkeypatch, tmp_path) -> None:
    folder = tmp_path / "package"
    folder.mkdir()
    mine.rename(folder / "clean-base.safetensors")
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: folder)
    card_of_base(folder / "clean-base.safetensors")
    outcome = run("preview", noisy, "--model-size", "base", "--max-megapixels", "300", "--strengths", "50")
    assert outcome.out == "restore auto photo.png --strength 50 --model-size base --max-megapixels 300\n"


def card_of_base(path: Path) -> None:
    from dataclasses import replace

    from restore.models.weights import load_tensors_of, read_card

    found = read_card(path)
    tensors = load_tensors_of(found)
    save_weights(path, tensors, replace(found.card, name="clean-base", size="base"))


def test_where_nothing_is_wrong_that_is_said_and_no_sheet_is_written(run, mine, tmp_path) -> None:
    smooth = np.asarray(Image.fromarray(data.astronaut()).resize((300, 300), Image.Resampling.BICUBIC))
    save(smooth, tmp_path / "fine.png")
    outcome = run("preview", "fine.png")  # and no weights are needed to find out
    assert outcome.code == 0
    assert outcome.out.startswith("skip fine.png  no noise, no JPEG")
    assert "nothing to do" in outcome.out
    row = json.loads(run("preview", "fine.png", "--json").out)
    assert (row["status"], row["source"]) == ("skipped", "fine.png")
    assert files() == {"fine.png", "mine.safetensors"}
    named = run("preview", "fine.png", "--verb", "denoise", *MINE)
    assert named.code == 0
    assert "no noise was found" in named.err
    assert len(named.out.splitlines()) == 3
    assert "fine_preview.jpg" in files()


@pytest.mark.parametrize(
    ("name", "kind"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.webp", "WEBP"), ("x/a.JPG", "JPEG")]
)
def test_the_suffix_says_what_is_written(run, noisy, name, kind) -> None:
    assert run("preview", noisy, *MINE, "-o", name).code == 0
    with Image.open(name) as sheet:
        assert sheet.format == kind


def test_overwrite_replaces_a_sheet_and_never_the_photo(run, noisy) -> None:
    before = Path(noisy).read_bytes()
    Path("old.png").write_bytes(b"old")
    Path("link.png").symlink_to("photo.png")
    refused = run("preview", noisy, *MINE, "-o", "old.png")
    assert refused.code == 2
    assert "exists already; add --overwrite" in refused.err
    assert Path("old.png").read_bytes() == b"old"
    assert run("preview", noisy, *MINE, "-o", "old.png", "--overwrite").code == 0
    assert Path("old.png").read_bytes().startswith(b"\x89PNG")
    for target in ("photo.png", "./photo.png", "link.png"):
        outcome = run("preview", noisy, *MINE, "-o", target, "--overwrite")
        assert outcome.code == 2
        assert "would replace the photo" in outcome.err
    assert Path(noisy).read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["missing.png"], "missing.png: there is no such file"),
        (["folder"], "this is a folder; preview takes one photo"),
        (["."], "this is a folder; preview takes one photo"),
        (["notes.png"], "notes.png"),
        (["photo.png", "--strengths", "101"], "different numbers from 0 to 100"),
        (["photo.png", "--strengths", "-1,50"], "different numbers from 0 to 100"),
        (["photo.png", "--strengths", "nan"], "different numbers from 0 to 100"),
        (["photo.png", "--strengths", "33;66"], "different numbers from 0 to 100"),
        (["photo.png", "--strengths", ""], "different numbers from 0 to 100"),
        (["photo.png", "--strengths", "50,50"], "different numbers from 0 to 100"),
        (["photo.png", "--strengths", "1,2,3,4,5,6,7"], "1 to 6 different numbers"),
        (["photo.png", "--verb", "polish"], "polish"),
        (["photo.png", "-o", "folder"], "this is a folder; name a file for the sheet"),
        (["photo.png", "-o", "sheet.tif"], "written as .jpg, .png or .webp"),
        (["photo.png", "-o", "sheet"], "written as .jpg, .png or .webp"),
        (["photo.png", "-o", "notes.png/sheet.png"], "cannot be written"),
        (["photo.png", "--max-megapixels", "0.01"], "--max-megapixels"),
        (["photo.png", "--max-memory", "lots"], "--max-memory is an amount"),
    ],
)
def test_wrong_use_is_told_and_leaves_everything_as_it_was(run, noisy, words, message) -> None:
    Path("folder").mkdir()
    Path("folder/a.txt").write_text("a")
    Path("notes.png").write_bytes(b"no picture")
    before = files()
    outcome = run("preview", *words, *MINE)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.replace("│", " ").split())
    assert outcome.out == ""
    assert files() == before


def test_without_weights_and_with_wrong_ones_the_way_on_is_told(run, noisy, tiny_folder) -> None:
    outcome = run("preview", noisy)
    assert outcome.code == 6
    assert "--weights FILE" in outcome.err
    assert run("preview", noisy, "--weights", tiny_folder / "upscale-x2.safetensors").code == 6
    assert run("preview", noisy, *MINE, "--device", "cuda:9").code == 5
    assert files() == {"photo.png", "mine.safetensors"}


def test_quiet_says_only_the_commands(run, noisy) -> None:
    outcome = run("preview", noisy, *MINE, "-q")
    assert outcome.err == ""
    assert outcome.out.count("restore auto photo.png") == 3


def test_a_sheet_is_no_photo_of_the_folder_it_lies_in(run, noisy) -> None:
    assert run("preview", noisy, *MINE).code == 0
    outcome = run("denoise", ".", *MINE, "--dry-run")
    assert [line.split()[1] for line in outcome.out.splitlines()] == ["photo.png"]


def test_help_loads_neither_torch_nor_an_image_library() -> None:
    code = (
        "import sys\nfrom restore.cli.app import app\n"
        "try:\n    app(['preview', '--help'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "assert not {'torch', 'cv2', 'PIL', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "--strengths" in done.stdout
