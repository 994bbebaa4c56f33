"""``restore inpaint`` as a person types it: what is covered is new, all else is the photo to the byte."""

from __future__ import annotations

import io
import json
import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms
from torch import nn
from typer.main import get_command

from restore.cli.app import app
from restore.cli.common import Asked
from restore.io.journal import NAME
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, read_card, save_weights

ADOBE = {
    b"rXYZ": (0.60974, 0.31111, 0.01947),
    b"gXYZ": (0.20528, 0.62567, 0.06087),
    b"bXYZ": (0.14919, 0.06322, 0.74457),
}
"""The primaries of Adobe RGB (1998), adapted to D50, as its specification has them."""


@pytest.fixture
def weights(tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-ins, with a small network that fills holes among them."""
    folder = tmp_path / "package"
    folder.mkdir()
    for path in tiny_weights.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    torch.manual_seed(5)
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), stem=2, head=2, condition_channels=1)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    nn.init.constant_(network.head.bias, 0.05)
    card = Card(name="inpaint", task="inpaint", scale=1, size="fast", generator=shape)
    save_weights(folder / "inpaint.safetensors", network.state_dict(), card)
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: folder)
    return folder


def pixels_of(path: Path | str) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def files(folder: str = ".") -> set[str]:
    return {path.as_posix() for path in Path(folder).glob("*") if path.is_file()}


def spot(top: int, left: int, height: int, width: int, size: tuple[int, int] = (32, 48)) -> NDArray[np.bool_]:
    area = np.zeros(size, bool)
    area[top : top + height, left : left + width] = True
    return area


def save_mask(name: str, area: NDArray[np.bool_]) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Image.fromarray(area).save(name)


HOLE = spot(8, 12, 6, 10)


def only_changed(before: str, after: str, hole: NDArray[np.bool_]) -> None:
    """The two files differ within the hole, nearly everywhere there, and nowhere else."""
    changed = (pixels_of(before).reshape(*hole.shape, -1) != pixels_of(after).reshape(*hole.shape, -1)).any(axis=2)
    assert not changed[~hole].any()
    assert changed[hole].mean() > 0.9


def test_a_photo_gets_a_result_beside_it_and_a_line(run, make_photo, weights) -> None:
    make_photo("photo.jpg")
    save_mask("hole.png", HOLE)
    outcome = run("inpaint", "photo.jpg", "--mask", "hole.png")
    assert outcome.code == 0
    assert files() == {"photo.jpg", "hole.png", "photo_inpainted.jpg"}
    assert re.fullmatch(
        r"ok   photo\.jpg → photo_inpainted\.jpg  \d+\.\d s  inpaint by inpaint, 48x32, mask 4%\n", outcome.out
    )
    assert outcome.err == ""


@pytest.mark.parametrize(
    ("words", "hole"),
    [
        (["--mask", "hole.png"], HOLE),
        (["--mask", "hole.png", "--invert"], ~HOLE),
        (["--mask", "hole.png", "--feather", "2"], HOLE),
        (["--box", "12,8,10,6"], HOLE),
        (["--box", "12,8,10,6", "--box", "40,20,99,99"], HOLE | spot(20, 40, 99, 99)),
        (["--mask", "hole.png", "--box", "-3,-3,5,5"], HOLE | spot(0, 0, 2, 2)),
        (["--mask", "small.png", "--fit-mask"], spot(8, 12, 6, 10)),
    ],
)
def test_each_way_to_say_it_fills_that_and_nothing_else(run, make_photo, weights, words, hole) -> None:
    make_photo()
    save_mask("hole.png", HOLE)
    save_mask("small.png", spot(4, 6, 3, 5, (16, 24)))
    assert run("inpaint", "photo.png", *words).code == 0
    only_changed("photo.png", "photo_inpainted.png", hole)


def test_growing_and_the_saved_mask_agree_and_the_saved_mask_does_the_same_again(run, make_photo, weights) -> None:
    make_photo("album/a.png")
    make_photo("album/b.png")
    outcome = run("inpaint", "album", "--box", "20,15,1,1", "--grow", "3", "--save-mask", "used/", "-o", "out/")
    assert outcome.code == 0
    rows, columns = np.mgrid[:32, :48]
    disc = (rows - 15) ** 2 + (columns - 20) ** 2 <= 9
    assert files("used") == {"used/a.png", "used/b.png"}
    assert np.array_equal(pixels_of("used/a.png"), disc * np.uint8(255))
    only_changed("album/a.png", "out/a.png", disc)
    assert run("inpaint", "album", "--mask", "used", "-o", "again/").code == 0
    assert np.array_equal(pixels_of("out/b.png"), pixels_of("again/b.png"))


def test_a_saved_mask_is_never_written_over_and_is_a_png(run, make_photo, weights) -> None:
    make_photo()
    words = ("inpaint", "photo.png", "--box", "1,1,5,5", "--save-mask")
    assert run(*words, "m.png").code == 0
    Path("photo_inpainted.png").unlink()
    again = run(*words, "m.png")
    assert again.code == 2
    assert "m.png: this file exists already" in again.err
    wrong = run(*words, "m.jpg")
    assert wrong.code == 2
    assert "--save-mask m.jpg: it is written as PNG" in wrong.err
    own = run(*words, "photo.png", "--overwrite")
    assert own.code == 2
    assert "the mask would replace a photo or a result; choose another --save-mask" in own.err


def test_what_was_painted_over_in_a_colour_is_filled(run, make_photo, weights) -> None:
    path = make_photo()
    painted = pixels_of(path).copy()
    painted[HOLE] = (250, 3, 1)
    Image.fromarray(painted).save(path)
    assert run("inpaint", "photo.png", "--color", "#ff0000", "--grow", "0").code == 0
    only_changed("photo.png", "photo_inpainted.png", HOLE)
    strict = run("inpaint", "photo.png", "--color", "#f00", "--tolerance", "4", "-o", "strict.png", "--json")
    assert json.loads(strict.out)["mask"] == 0
    usual = run("inpaint", "photo.png", "--color", "f00", "-o", "usual.png", "--save-mask", "m.png")
    assert usual.code == 0
    assert pixels_of("m.png").astype(bool).sum() == 6 * 10 + 2 * 2 * (6 + 10) + 4


def test_transparency_is_filled_and_gone(run, make_photo, weights) -> None:
    path = make_photo()
    alpha = np.where(HOLE, 0, 255).astype(np.uint8)
    alpha[0, :5] = 200  # hardly transparent: kept, and opaque in the result
    before = pixels_of(path)
    Image.fromarray(np.dstack([before, alpha])).save(path)
    assert run("inpaint", "photo.png", "--mask", "alpha").code == 0
    after = pixels_of("photo_inpainted.png")
    assert after.shape == (32, 48, 3)
    assert np.array_equal(after[~HOLE], before[~HOLE])


def test_transparency_stays_where_a_mask_says_what_to_fill(run, make_photo, weights) -> None:
    path = make_photo()
    alpha = np.tile(np.linspace(1, 255, 48).round().astype(np.uint8), (32, 1))
    Image.fromarray(np.dstack([pixels_of(path), alpha])).save(path)
    assert run("inpaint", "photo.png", "--box", "12,8,10,6").code == 0
    only_changed("photo.png", "photo_inpainted.png", HOLE)
    assert np.array_equal(pixels_of("photo_inpainted.png")[..., 3], alpha)


def test_16_bits_and_gray_stay_to_the_last_bit(run, make_photo, weights) -> None:
    rng = np.random.default_rng(1)
    deep = rng.integers(0, 65536, (32, 48, 3), dtype=np.uint16)
    cv2.imwrite("deep.png", deep)
    gray = rng.integers(0, 65536, (32, 48), dtype=np.uint16)
    cv2.imwrite("gray.png", gray)
    Image.fromarray((gray >> 8).astype(np.uint8)).save("gray8.png")
    for name, before in (("deep", deep), ("gray", gray), ("gray8", (gray >> 8).astype(np.uint8))):
        assert run("inpaint", f"{name}.png", "--box", "12,8,10,6").code == 0
        after = cv2.imread(f"{name}_inpainted.png", cv2.IMREAD_UNCHANGED)
        assert (after.dtype, after.shape) == (before.dtype, before.shape)
        assert np.array_equal(after[~HOLE], before[~HOLE])
        assert not np.array_equal(after[HOLE], before[HOLE])


def adobe_profile() -> bytes:
    """LittleCMS's sRGB profile with other primaries."""
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for entry in range(132, 132 + 12 * struct.unpack_from(">I", icc, 128)[0], 12):
        name, place, _ = struct.unpack_from(">4sII", icc, entry)
        if name in ADOBE:
            struct.pack_into(">3i", icc, place + 8, *(round(value * 65536) for value in ADOBE[name]))
    return bytes(icc)


def test_a_photo_with_a_wide_profile_keeps_its_numbers_and_its_profile(run, make_photo, weights) -> None:
    path, icc = make_photo(), adobe_profile()
    vivid = np.random.default_rng(2).integers(0, 256, (32, 48, 3), dtype=np.uint8)
    Image.fromarray(vivid).save(path, icc_profile=icc)
    assert run("inpaint", "photo.png", "--box", "12,8,10,6").code == 0
    only_changed("photo.png", "photo_inpainted.png", HOLE)
    with Image.open("photo_inpainted.png") as image:
        assert image.info["icc_profile"] == icc


def test_a_folder_of_masks_goes_by_name_and_a_missing_one_fails_its_photo_alone(run, make_photo, weights) -> None:
    for name in ("a.png", "b.jpg", "c.png", "d.png"):
        make_photo(f"album/{name}")
    save_mask("masks/a.png", HOLE)
    save_mask("masks/b.png", spot(0, 0, 32, 12))
    save_mask("masks/d.png", np.ones((32, 48), bool))
    outcome = run("inpaint", "album", "--mask", "masks", "-o", "out/")
    assert outcome.code == 3
    assert "mask 4%" in outcome.out
    assert "mask 25%" in outcome.out
    assert "album/c.png: --mask masks: there is no mask called 'c'" in outcome.err
    assert "album/d.png: the mask covers all of it" in outcome.err
    assert files("out") == {"out/a.png", "out/b.jpg", f"out/{NAME}"}


def test_an_empty_mask_leaves_the_photo_and_says_so(run, make_photo, weights) -> None:
    make_photo("photo.jpg", quality=70)
    save_mask("hole.png", np.zeros((32, 48), bool))
    outcome = run("inpaint", "photo.jpg", "--mask", "hole.png")
    assert outcome.code == 0
    assert "mask 0%" in outcome.out
    assert "the mask covers 0 %, so nothing is changed" in outcome.out
    assert np.array_equal(pixels_of("photo.jpg"), pixels_of("photo_inpainted.jpg"))


def test_a_mask_over_most_is_done_with_a_warning(run, make_photo, weights) -> None:
    make_photo()
    save_mask("hole.png", ~HOLE)
    outcome = run("inpaint", "photo.png", "--mask", "hole.png")
    assert outcome.code == 0
    assert "the mask covers 96% of the photo; if black was meant, --invert" in outcome.out
    turned = run("inpaint", "photo.png", "--mask", "hole.png", "--invert", "-o", "turned.png")
    assert "--invert" not in turned.out
    doubted = run("inpaint", "photo.png", "--box", "0,0,48,30", "-o", "box.png")
    assert "the mask covers 94% of the photo" in doubted.out
    assert "--invert" not in doubted.out


def test_a_little_is_not_told_as_nothing_and_json_has_the_share(run, make_photo, weights) -> None:
    make_photo()
    assert "mask 0.065%" in run("inpaint", "photo.png", "--box", "3,3,1,1").out
    outcome = run("inpaint", "photo.png", "--box", "12,8,10,6", "--json", "--report", "r.json", "--overwrite")
    row = json.loads(outcome.out)
    assert (row["task"], row["weights"], row["mask"]) == ("inpaint", ["inpaint"], 0.039062)
    assert (row["consistency_db"], row["strength"], row["width"], row["height"]) == (None, None, 48, 32)
    assert json.loads(Path("r.json").read_text())["photos"] == [row]


def test_a_dry_run_writes_nothing_and_checks_what_it_can(run, make_photo, weights) -> None:
    make_photo()
    save_mask("small.png", spot(1, 1, 2, 2, (10, 20)))
    before = files()
    words = ("inpaint", "photo.png", "--dry-run")
    assert run(*words, "--box", "1,1,3,3").out == "plan photo.png → photo_inpainted.png  48x32\n"
    for extra, message in ((("--box", "48,0,3,3"), "outside the photo"), (("--mask", "small.png"), "--fit-mask")):
        wrong = run(*words, *extra)
        assert wrong.code == 2
        assert message in wrong.err
    assert files() == before


def test_a_pipe_works_as_for_upscale(run, make_photo, weights) -> None:
    path = make_photo()
    piped = run("inpaint", "-", "--box", "12,8,10,6", feed=path.read_bytes())
    with Image.open(io.BytesIO(piped.picture)) as image:
        assert np.array_equal(np.asarray(image)[~HOLE], pixels_of(path)[~HOLE])


def test_results_are_no_photos_for_the_next_run(run, make_photo, weights) -> None:
    make_photo("album/a.png")
    assert run("inpaint", "album", "--box", "1,1,5,5").code == 0
    assert run("inpaint", "album", "--box", "1,1,5,5").out.count("skip ") == 1


def test_own_weights_are_taken_by_path(run, make_photo, weights) -> None:
    make_photo()
    Path("mine.safetensors").write_bytes((weights / "inpaint.safetensors").read_bytes())
    (weights / "inpaint.safetensors").unlink()
    row = run("inpaint", "photo.png", "--box", "1,1,5,5", "--weights", "mine.safetensors", "--json").out
    assert json.loads(row)["weights"] == ["mine"]


# wrong use


def test_without_bundled_weights_the_way_on_is_told(run, make_photo) -> None:
    make_photo()
    outcome = run("inpaint", "photo.png", "--box", "1,1,5,5")
    assert outcome.code == 6
    assert "brings no inpaint weights of size 'fast'" in outcome.err
    assert "--weights FILE" in outcome.err
    assert files() == {"photo.png"}


def test_weights_of_the_task_are_sent_to_their_verb(run, make_photo, weights) -> None:
    make_photo()
    outcome = run("run", "photo.png", "--model", "inpaint")
    assert outcome.code == 2
    assert "restore inpaint PHOTO --mask FILE --weights inpaint" in outcome.err
    other = run("inpaint", "photo.png", "--box", "1,1,5,5", "--weights", "upscale-x2")
    assert other.code == 6
    assert "for 'upscale', not for inpaint" in other.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], 'say what to fill: --mask FILE, --mask alpha, --box X,Y,W,H or --color "#ff0000"'),
        (["--box", "1,2,3"], "--box is x,y,width,height in whole pixels"),
        (["--box", "48,0,5,5"], "--box 48,0,5,5 lies outside the photo, which has 48x32 pixels"),
        (["--box", "0,0,48,32"], "the mask covers all of it"),
        (["--color", "red"], 'like "#ff0000"'),
        (["--box", "1,1,2,2", "--tolerance", "30"], "--tolerance is for a colour"),
        (["--box", "1,1,2,2", "--invert"], "--invert is for a mask"),
        (["--box", "1,1,2,2", "--grow", "101"], "--grow"),
        (["--box", "1,1,2,2", "--feather", "-1"], "--feather"),
        (["--mask", "alpha"], "photo.png: it holds no transparency"),
        (["--mask", "nowhere.png"], "--mask nowhere.png: there is no such file"),
        (["--mask", "small.png"], "the mask has 20x10 pixels and the photo 48x32"),
        (["--mask", "text.png"], "text.png"),
    ],
)
def test_wrong_use_is_explained_and_nothing_is_written(run, make_photo, weights, words, message) -> None:
    make_photo()
    save_mask("small.png", spot(1, 1, 2, 2, (10, 20)))
    Path("text.png").write_text("no picture")
    before = files()
    outcome = run("inpaint", "photo.png", *words)
    assert outcome.code == (3 if "text.png" in words else 2)
    assert message in re.sub(r"\s*│\n│\s*", " ", outcome.err).replace("photo.png: photo.png", "photo.png")
    assert files() == before


def test_the_verb_has_the_shared_options_in_their_order() -> None:
    shared = list(Asked.__dataclass_fields__)
    names = [option.name for option in get_command(app).commands["inpaint"].params]  # type: ignore[attr-defined]
    assert [name for name in names if name in shared] == shared


def test_grain_is_given_to_the_filling_as_asked_and_written_down(run, make_photo, weights) -> None:
    make_photo(width=128, height=128)
    card = read_card(weights / "inpaint.safetensors").card  # untrained, it paints the smooth filling itself
    save_weights(weights / "inpaint.safetensors", UNet(card.generator).state_dict(), card)
    box, hole = ("--box", "50,50,24,24"), spot(50, 50, 24, 24, (128, 128))
    for percent in ("0", "100"):
        assert run("inpaint", "photo.png", *box, "--regrain", percent, "-o", f"{percent}.png").code == 0
    only_changed("photo.png", "100.png", hole)
    change = pixels_of("100.png")[hole].astype(float) - pixels_of("0.png")[hole]
    assert 2 < change.std() < 10  # the drawn grain is 5 grey levels strong
    assert b"regrain=100" in Path("100.png").read_bytes()
    assert b"regrain" not in Path("0.png").read_bytes()
    assert run("inpaint", "photo.png", *box, "--regrain", "101").code == 2
