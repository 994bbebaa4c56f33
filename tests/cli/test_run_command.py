"""``restore run`` as a person types it: any weights, with all that ``restore upscale`` keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from restore.io.journal import NAME
from restore.models.build import Shape, build_generator
from restore.models.pix2pix import Pix2PixConfig
from restore.models.unet import GeneratorConfig
from restore.models.weights import Card, save_weights

WIDE = GeneratorConfig(
    widths=(4, 6), encoder=(1,), middle=1, decoder=(1,), stem=2, head=2, condition_channels=0, residual=False
)
PAPER = Pix2PixConfig(width=4, levels=4)
MakeWeights = Callable[..., Path]


@pytest.fixture
def make_weights(tmp_path: Path) -> MakeWeights:
    """Saves a translating network that paints over what it is given."""

    def make(name: str = "sketch.safetensors", shape: Shape = WIDE, task: str = "translate") -> Path:
        torch.manual_seed(1)
        network = build_generator(shape)
        nn.init.normal_(network.head.weight, std=0.1)
        path = tmp_path / name
        save_weights(
            path,
            network.state_dict(),
            Card(name="translate", task=task, scale=1, size="own", generator=shape),
        )
        return path.relative_to(tmp_path)

    return make


def pixels_of(path: Path | str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def files() -> set[str]:
    return {path.as_posix() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize("shape", [WIDE, PAPER], ids=["unet", "pix2pix"])
def test_a_photo_gets_a_result_named_after_the_weights_beside_it(run, make_photo, make_weights, shape) -> None:
    make_photo("photo.jpg")
    make_weights("sketch.safetensors", shape)
    outcome = run("run", "photo.jpg", "--model", "sketch.safetensors")
    assert outcome.code == 0
    assert files() == {"photo.jpg", "photo_sketch.jpg", "sketch.safetensors"}
    assert re.fullmatch(r"ok   photo\.jpg → photo_sketch\.jpg  \d+\.\d s  translate by sketch, 48x32\n", outcome.out)
    before, after = pixels_of("photo.jpg").astype(float), pixels_of("photo_sketch.jpg").astype(float)
    assert before.shape == after.shape
    assert np.abs(before - after).mean() > 20


def test_weights_as_training_leaves_them_go_by_the_name_of_their_run(run, make_photo, make_weights, tmp_path) -> None:
    make_photo()
    (tmp_path / "run-maps").mkdir()
    make_weights("run-maps/weights.safetensors")
    assert run("run", "photo.png", "--model", "run-maps/weights.safetensors").code == 0
    assert "photo_run-maps.png" in files()


def test_a_folder_goes_into_a_folder_and_one_bad_photo_does_not_stop_it(run, make_photo, make_weights) -> None:
    make_weights()
    make_photo("album/a.png")
    make_photo("album/inner/b.jpg")
    Path("album/broken.png").write_bytes(b"no picture")
    outcome = run("run", "album", "--model", "sketch.safetensors", "-o", "out/")
    assert outcome.code == 3
    assert {name for name in files() if name.startswith("out")} == {"out/a.png", "out/inner/b.jpg", f"out/{NAME}"}
    assert "broken.png" in outcome.err


def test_results_of_an_earlier_run_are_not_translated_again(run, make_photo, make_weights) -> None:
    make_weights()
    make_photo("album/a.png")
    assert run("run", "album", "--model", "sketch.safetensors").code == 0
    again = run("run", "album", "--model", "sketch.safetensors")
    assert again.out.startswith("skip ")
    assert {name for name in files() if name.startswith("album")} == {"album/a.png", "album/a_sketch.png"}


def test_upscaling_weights_enlarge_by_their_own_scale_exactly_as_upscale_does(run, make_photo, tiny_file) -> None:
    make_photo()
    tiny_file("mine.safetensors", 2)
    outcome = run("run", "photo.png", "--model", "mine.safetensors")
    assert outcome.code == 0
    assert "x2 48x32 → 96x64" in outcome.out
    run("upscale", "photo.png", "--weights", "mine.safetensors", "-x", "2")
    assert np.array_equal(pixels_of("photo_mine.png"), pixels_of("photo_x2.png"))


def test_bundled_weights_are_found_by_name(run, make_photo) -> None:
    make_photo()
    assert run("run", "photo.png", "--model", "upscale-x4").code == 0
    assert pixels_of("photo_upscale-x4.png").shape == (128, 192, 3)


def test_what_the_file_held_stays(run, make_photo, make_weights) -> None:
    make_weights()
    exif = Image.Exif()
    exif[0x013B] = "Ada"
    make_photo("photo.jpg", exif=exif.tobytes(), dpi=(300, 300))
    assert run("run", "photo.jpg", "--model", "sketch.safetensors").code == 0
    with Image.open("photo_sketch.jpg") as image:
        assert image.getexif().get(0x013B) == "Ada"
        assert image.info["dpi"] == (300, 300)


def test_depth_and_transparency_stay(run, make_weights) -> None:
    make_weights()
    alpha = np.full((32, 48), 90, np.uint8)
    Image.fromarray(np.dstack([np.full((32, 48, 3), 128, np.uint8), alpha])).save("glass.png")
    Image.fromarray(np.full((32, 48), 40_000, np.uint16)).save("deep.png")
    assert run("run", "glass.png", "deep.png", "--model", "sketch.safetensors").code == 0
    assert (pixels_of("glass_sketch.png")[..., 3] == 90).all()
    header = Path("deep_sketch.png").read_bytes()
    assert (header[24], header[25]) == (16, 2)  # sixteen bits, in colour: PNG's own numbers


def test_a_gray_sketch_with_a_gray_profile_becomes_a_plain_colour_file(run, make_weights) -> None:
    make_weights()
    profile = gray_profile()
    Image.fromarray(np.full((32, 48), 200, np.uint8)).save("sketch.png", icc_profile=profile)
    assert run("run", "sketch.png", "--model", "sketch.safetensors").code == 0
    with Image.open("sketch_sketch.png") as image:
        assert image.mode == "RGB"
        assert "icc_profile" not in image.info


def gray_profile() -> bytes:
    """The least that a reader takes for a profile of one gray channel (ICC.1:2022, 7.2)."""
    head = bytearray(132)
    head[0:4] = (132).to_bytes(4, "big")
    head[12:16], head[16:20], head[20:24], head[36:40] = b"mntr", b"GRAY", b"XYZ ", b"acsp"
    return bytes(head)


def test_format_quality_name_and_overwrite_mean_what_they_mean_for_upscale(run, make_photo, make_weights) -> None:
    make_weights()
    make_photo()
    words = ("run", "photo.png", "--model", "sketch.safetensors")
    assert run(*words, "--format", "webp", "--name", "{what}-{stem}{ext}").code == 0
    assert "sketch-photo.webp" in files()
    assert run(*words, "-o", "out.png").code == 0
    assert run(*words, "-o", "out.png").code == 2
    assert run(*words, "-o", "out.png", "--overwrite").code == 0


def test_a_program_gets_the_task_and_the_weights_and_no_figures_of_faithfulness(run, make_photo, make_weights) -> None:
    make_weights()
    make_photo()
    row = json.loads(run("run", "photo.png", "--model", "sketch.safetensors", "--json").out)
    assert (row["status"], row["task"], row["weights"], row["scale"]) == ("ok", "translate", ["sketch"], 1)
    assert (row["consistency_db"], row["colour_drift"]) == (None, None)


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(run, make_photo, make_weights) -> None:
    make_weights()
    make_photo()
    before = files()
    outcome = run("run", "photo.png", "--model", "sketch.safetensors", "--dry-run")
    assert outcome.out == "plan photo.png → photo_sketch.png  48x32\n"
    assert files() == before


def test_a_picture_through_a_pipe(run, make_photo, make_weights) -> None:
    make_weights()
    path = make_photo()
    outcome = run("run", "-", "--model", "sketch.safetensors", feed=path.read_bytes())
    assert outcome.code == 0
    assert outcome.picture.startswith(b"\x89PNG")
    assert "translate by sketch" in outcome.err


def test_weights_are_needed_and_must_be_ours(run, make_photo, make_weights) -> None:
    make_photo()
    assert run("run", "photo.png").code == 2
    missing = run("run", "photo.png", "--model", "nowhere.safetensors")
    assert missing.code == 6
    assert "nowhere.safetensors: no such weights file" in missing.err
    Path("foreign.safetensors").write_bytes(b"no weights")
    assert run("run", "photo.png", "--model", "foreign.safetensors").code == 6


def test_weights_of_a_task_that_this_version_lacks_are_told_as_such(run, make_photo, make_weights) -> None:
    make_photo()
    make_weights("later.safetensors", task="repaint")
    outcome = run("run", "photo.png", "--model", "later.safetensors")
    assert outcome.code == 6
    assert "'repaint'" in outcome.err
    assert "upscale, translate" in outcome.err


def test_upscale_sends_translating_weights_to_run(run, make_photo, make_weights) -> None:
    make_photo()
    make_weights()
    outcome = run("upscale", "photo.png", "--weights", "sketch.safetensors")
    assert outcome.code == 6
    assert "for 'translate', not for upscale" in outcome.err


def test_a_photo_too_large_to_be_seen_whole_fails_alone_with_the_memory_it_needs(run, make_photo, make_weights) -> None:
    make_weights("paper.safetensors", PAPER)
    make_photo("small.png", 16, 16)
    make_photo("large.png", 400, 300)
    outcome = run("run", "small.png", "large.png", "--model", "paper.safetensors", "--max-memory", "1M")
    assert outcome.code == 3
    assert "small_paper.png" in files()
    assert "large.png: the network looks at the whole picture at once" in outcome.err
    assert "--max-memory 1G" in outcome.err


def test_what_is_to_become_another_picture_has_no_evidence_and_no_mask(run, make_photo, make_weights) -> None:
    make_photo("photo.png")
    make_weights("sketch.safetensors")
    outcome = run("run", "photo.png", "--model", "sketch.safetensors", "--evidence", "why.png")
    assert outcome.code == 2
    assert "translate is to make another picture" in outcome.err
    outcome = run("run", "photo.png", "--model", "sketch.safetensors", "--mask", "photo.png")
    assert outcome.code == 2
    assert "--mask and --protect are for --steps" in outcome.err
