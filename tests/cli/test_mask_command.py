"""``restore mask`` as a person types it: a gray PNG beside the photo, white where the network is sure of damage."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from restore.io.journal import NAME
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights

SPOT = (10, 14, 3, 20)
"""Top, left, height and width of what the photos have in white."""


@pytest.fixture
def weights(tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-ins, with a network among them that finds what is white, pixel by pixel."""
    folder = tmp_path / "package"
    folder.mkdir()
    for path in tiny_weights.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    shape = GeneratorConfig(
        widths=(4,),
        encoder=(),
        middle=0,
        decoder=(),
        stem=2,
        head=2,
        condition_channels=0,
        residual=False,
        out_channels=1,
    )
    network = UNet(shape)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        for place in range(4):
            network.stem.weight[place, place, 1, 1] = 20.0
            network.head.weight[place, place, 1, 1] = 1.0
        network.head.bias.fill_(-32.0)  # twice 20 times red: sure from 0.8 on
    card = Card(name="scratch", task="scratch", scale=1, size="fast", generator=shape)
    save_weights(folder / "scratch.safetensors", network.state_dict(), card)
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: folder)
    return folder


def save_print(name: str = "scan.jpg", *spots: tuple[int, int, int, int]) -> None:
    pixels = np.full((32, 48, 3), 60, np.uint8)
    for top, left, height, width in spots:
        pixels[top : top + height, left : left + width] = 255
    Path(name).parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(name, **({"quality": 100, "subsampling": 0} if name.endswith("jpg") else {}))


def white(name: str | Path) -> np.ndarray:
    with Image.open(name) as image:
        assert (image.mode, image.format) == ("L", "PNG")
        pixels = np.asarray(image)
    assert set(np.unique(pixels)) <= {0, 255}
    return pixels > 0


def area(top: int, left: int, height: int, width: int) -> np.ndarray:
    found = np.zeros((32, 48), bool)
    found[top : top + height, left : left + width] = True
    return found


def test_the_mask_lies_beside_the_photo_and_is_white_where_the_damage_is(run, weights) -> None:
    save_print("scan.jpg", SPOT)
    outcome = run("mask", "scan.jpg", "--grow", "0")
    assert outcome.code == 0, outcome.err
    assert np.array_equal(white("scan_mask.png"), area(*SPOT))
    assert "scan.jpg → scan_mask.png" in outcome.out
    assert "mask by scratch, 48x32, mask 4%" in outcome.out  # 60 of 1536 pixels


def test_an_output_name_and_json_with_the_share(run, weights) -> None:
    save_print("scan.png", SPOT)
    outcome = run("mask", "scan.png", "-o", "mine.png", "--grow", "0", "--json")
    (row,) = (json.loads(line) for line in outcome.out.splitlines())
    assert (row["status"], row["task"], row["target"]) == ("ok", "mask", "mine.png")
    assert row["mask"] == pytest.approx(60 / 1536, abs=1e-5)
    assert np.array_equal(white("mine.png"), area(*SPOT))


def test_the_mask_reaches_two_pixels_farther_unless_told_otherwise(run, weights) -> None:
    save_print("scan.png", (10, 14, 1, 20))
    run("mask", "scan.png", "-o", "two.png")
    assert np.array_equal(white("two.png")[:, 20], area(8, 20, 5, 1)[:, 20])


def test_sensitivity_decides_what_counts(run, weights) -> None:
    pixels = np.full((32, 48, 3), 60, np.uint8)
    pixels[5:8, 5:20], pixels[20:23, 5:20] = 220, 250  # logits of 2.5 and 7.2
    Image.fromarray(pixels).save("scan.png")
    rows = []
    for value in ("0", "50"):
        assert run("mask", "scan.png", "-o", f"{value}.png", "--grow", "0", "--sensitivity", value).code == 0
        rows.append(white(f"{value}.png")[:, 10].sum())
    assert rows == [3, 6]


def test_nothing_found_is_a_good_answer(run, weights) -> None:
    save_print("scan.png")
    outcome = run("mask", "scan.png")
    assert outcome.code == 0
    assert "nothing found" in outcome.out
    assert not white("scan_mask.png").any()


def test_a_mask_of_ones_own_is_added(run, weights) -> None:
    save_print("scan.png", SPOT)
    Image.fromarray(area(25, 2, 4, 4)).save("own.png")
    assert run("mask", "scan.png", "--mask", "own.png", "--grow", "0").code == 0
    assert np.array_equal(white("scan_mask.png"), area(*SPOT) | area(25, 2, 4, 4))


def test_a_folder_gets_a_mask_for_each_photo_under_its_name_and_masks_are_no_photos(run, weights) -> None:
    save_print("prints/a.jpg", SPOT)
    save_print("prints/b.png")
    outcome = run("mask", "prints", "-o", "masks/")
    assert outcome.code == 0
    assert sorted(path.name for path in Path("masks").iterdir()) == [NAME, "a.png", "b.png"]
    assert run("mask", "prints").code == 0
    assert run("mask", "prints", "--dry-run").out.count("_mask_mask") == 0
    assert sorted(path.name for path in Path("prints").iterdir()) == ["a.jpg", "a_mask.png", "b.png", "b_mask.png"]


def test_what_is_there_stays_until_overwrite_is_said(run, weights) -> None:
    save_print("scan.png", SPOT)
    Path("scan_mask.png").write_bytes(b"mine")
    outcome = run("mask", "scan.png")
    assert outcome.code == 2
    assert "--overwrite" in outcome.err
    assert Path("scan_mask.png").read_bytes() == b"mine"
    assert run("mask", "scan.png", "--overwrite").code == 0
    assert white("scan_mask.png").any()


def test_through_a_pipe(run, weights) -> None:
    save_print("scan.jpg", SPOT)
    outcome = run("mask", "-", "--grow", "0", feed=Path("scan.jpg").read_bytes())
    assert outcome.code == 0, outcome.err
    with Image.open(io.BytesIO(outcome.picture)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "L", (48, 32))


def test_the_mask_fits_inpaint(run, weights) -> None:
    from restore.inference.fill_mask import FillMask
    from restore.io.read import read_photo

    save_print("scan.png", SPOT)
    run("mask", "scan.png", "--grow", "1")
    hole = FillMask(mask=Path("scan_mask.png")).of(read_photo(Path("scan.png")))
    assert np.array_equal(hole[0, 0].numpy() > 0, white("scan_mask.png"))


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("-o", "mask.jpg"), 2, "not written as JPEG; name it mask.png"),
        (("--format", "jpg"), 2, "a mask is written as PNG"),
        (("--mask", "none.png"), 2, "no such file or folder"),
        (("--mask", "small.png"), 2, "a mask must have the photo's size"),
        (("--weights", "package/upscale-x2.safetensors"), 6, "for 'upscale', and find no damage"),
        (("--model-size", "base"), 6, "brings no scratch weights of size 'base'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(run, weights, words, code, says) -> None:
    save_print("scan.png", SPOT)
    Image.new("L", (7, 5)).save("small.png")
    outcome = run("mask", "scan.png", *words)
    assert (outcome.code, says in outcome.err) == (code, True), outcome.err
    assert not Path("scan_mask.png").exists()


def test_such_weights_are_not_for_run(run, weights) -> None:
    save_print("scan.png")
    outcome = run("run", "scan.png", "--model", "package/scratch.safetensors")
    assert outcome.code == 2
    assert "restore mask PHOTO --weights" in outcome.err
