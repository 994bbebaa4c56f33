"""``restore repair`` as a person types it: what is found and marked is filled, and each step says what it did."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import nn

from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, read_card, save_weights

SPOT = (20, 14, 3, 40)
"""Top, left, height and width of a scratch."""
SIZE = (96, 128)


def save(folder: Path, task: str, **shape: object) -> None:
    torch.manual_seed(5)
    network = UNet(config := GeneratorConfig(**shape))  # type: ignore[arg-type]
    if task == "scratch":  # sure of what is nearly white, pixel by pixel
        for parameter in network.parameters():
            nn.init.zeros_(parameter)
        with torch.no_grad():
            for place in range(4):
                network.stem.weight[place, place, 1, 1] = 50.0
                network.head.weight[place, place, 1, 1] = 1.0
            network.head.bias.fill_(-97.0)
    else:
        nn.init.normal_(network.head.weight, std=0.02)
        nn.init.constant_(network.head.bias, 0.05)
    card = Card(name=task, task=task, scale=1, size="fast", generator=config)
    save_weights(folder / f"{task}.safetensors", network.state_dict(), card)


@pytest.fixture
def weights(tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-ins, with networks among them that find, fill and clean."""
    folder = tmp_path / "package"
    folder.mkdir()
    for path in tiny_weights.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    pixelwise = {"encoder": (), "middle": 0, "decoder": (), "residual": False, "out_channels": 1}
    save(folder, "scratch", widths=(4,), stem=2, head=2, condition_channels=0, **pixelwise)
    around = {"widths": (8, 8), "encoder": (1,), "middle": 1, "decoder": (1,)}
    save(folder, "inpaint", stem=2, head=2, condition_channels=1, **around)
    save(folder, "clean", head=1, condition_channels=6, **around)
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: folder)
    return folder


def save_print(name: str = "scan.png", *spots: tuple[int, int, int, int], fade: bool = False) -> None:
    """A photo with nothing white in it but these spots."""
    pixels = data.astronaut()[: SIZE[0], 150 : 150 + SIZE[1]].astype(float) * 0.95
    pixels = (pixels * 0.5 + 70 if fade else pixels).round().astype(np.uint8)
    for spot in spots:
        pixels[area(*spot)] = 255
    Path(name).parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(name)


def area(top: int, left: int, height: int, width: int) -> np.ndarray:
    found = np.zeros(SIZE, bool)
    found[top : top + height, left : left + width] = True
    return found


def save_mask(name: str, where: np.ndarray) -> None:
    Path(name).parent.mkdir(exist_ok=True)
    Image.fromarray(where).save(name)


def pixels_of(name: str | Path) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def changed(before: str, after: str) -> np.ndarray:
    return (pixels_of(before) != pixels_of(after)).any(axis=2)


ONLY_FILL = ("--no-clean", "--tone", "off")


def test_what_is_found_is_filled_and_nothing_else_changes(run, weights) -> None:
    save_print("scan.png", SPOT)
    outcome = run("repair", "scan.png", "--grow", "0", *ONLY_FILL)
    assert outcome.code == 0, outcome.err
    assert "scan.png → scan_repaired.png" in outcome.out
    assert "found 0.98%, filled 0.98% (120 pixels)" in outcome.out  # of 12288
    new = changed("scan.png", "scan_repaired.png")
    assert not new[~area(*SPOT)].any()
    assert new[area(*SPOT)].mean() > 0.9


def test_the_line_and_the_row_tell_of_each_step(run, weights) -> None:
    save_print("scan.png", SPOT, fade=True)
    save_mask("mine.png", own := area(70, 100, 5, 8))
    outcome = run("repair", "scan.png", "--mask", "mine.png", "--grow", "0", "--json")
    (row,) = (json.loads(line) for line in outcome.out.splitlines())
    steps = {step["task"]: step for step in row["steps"]}
    assert list(steps) == ["mask", "own mask", "inpaint", "auto", "tone"]
    assert steps["mask"]["mask"] == pytest.approx(120 / own.size, abs=1e-5)
    assert steps["own mask"]["mask"] == pytest.approx(40 / own.size, abs=1e-5)
    assert steps["inpaint"]["filled_pixels"] == 160
    assert row["mask"] == pytest.approx(160 / own.size, abs=1e-5)
    assert steps["auto"]["found"]
    assert steps["tone"]["strength"] == 75
    assert min(steps["tone"]["black"]) > 0.2
    line = run("repair", "scan.png", "--mask", "mine.png", "--grow", "0", "-o", "b.png").out
    assert "your mask 0.33%, filled 1% (160 pixels)" in line
    assert "tone:75 black" in line


def test_nothing_to_do_copies_the_file(run, weights) -> None:
    Image.fromarray((data.astronaut() * 0.95).round().astype(np.uint8)).save("good.jpg", quality=97, subsampling=0)
    outcome = run("repair", "good.jpg")
    assert outcome.code == 0, outcome.err
    assert Path("good_repaired.jpg").read_bytes() == Path("good.jpg").read_bytes()
    assert "no damage found" in outcome.out
    assert "well exposed" in outcome.out
    assert outcome.out.rstrip().endswith("nothing to do")


def test_only_the_own_mask(run, weights) -> None:
    save_print("scan.png", SPOT)
    save_mask("mine.png", area(70, 100, 5, 8))
    assert run("repair", "scan.png", "--mask", "mine.png", "--no-auto", *ONLY_FILL).code == 0
    assert not changed("scan.png", "scan_repaired.png")[~area(70, 100, 5, 8)].any()


def test_fillings_get_as_much_grain_as_asked(run, make_photo, weights) -> None:
    make_photo("scan.png", width=128, height=96)
    card = read_card(weights / "inpaint.safetensors").card  # untrained, it paints the smooth filling itself
    save_weights(weights / "inpaint.safetensors", UNet(card.generator).state_dict(), card)
    save_mask("mine.png", hole := area(40, 50, 24, 24))
    words = ("repair", "scan.png", "--mask", "mine.png", "--no-auto", *ONLY_FILL)
    for percent in ("0", "100"):
        assert run(*words, "--regrain", percent, "-o", f"{percent}.png").code == 0
    assert run(*words, "-o", "usual.png").code == 0
    for name in ("0.png", "100.png", "usual.png"):
        assert not changed("scan.png", name)[~hole].any()
    bare, grainy, usual = (pixels_of(f"{name}.png")[hole].astype(float) for name in ("0", "100", "usual"))
    assert 2 < (grainy - bare).std() < 10  # the drawn grain is 5 grey levels strong
    assert 0 < (usual - bare).std() < (grainy - bare).std()
    assert run(*words, "--regrain", "101").code == 2


def test_the_mask_that_was_filled_can_be_corrected_and_given_back(run, weights) -> None:
    save_print("scan.png", SPOT)
    run("repair", "scan.png", "--save-mask", "used.png", "-o", "a.png", *ONLY_FILL)
    used = pixels_of("used.png") > 0
    assert used[area(*SPOT)].all()
    assert used.sum() > area(*SPOT).sum()  # grown
    run("repair", "scan.png", "--mask", "used.png", "--no-auto", "--save-mask", "again.png", "-o", "b.png", *ONLY_FILL)
    assert np.array_equal(pixels_of("again.png") > 0, used)
    assert np.array_equal(pixels_of("a.png"), pixels_of("b.png"))


def test_an_edited_mask_of_restore_mask_gives_the_union_with_what_is_found(run, weights) -> None:
    save_print("scan.png", SPOT)
    run("mask", "scan.png", "-o", "edited.png")
    found = pixels_of("edited.png") > 0
    edited = (found & ~area(15, 10, 20, 20)) | area(70, 100, 5, 8)  # some wiped out, some painted in
    save_mask("edited.png", edited)
    run("repair", "scan.png", "--mask", "edited.png", "--save-mask", "used.png")
    assert np.array_equal(pixels_of("used.png") > 0, found | edited)


def test_a_folder_with_a_folder_of_masks_goes_on_past_a_missing_partner(run, weights) -> None:
    save_print("album/one.png", SPOT)
    save_print("album/two.png")
    save_print("album/three.png")
    for name in ("one", "two"):
        save_mask(f"masks/{name}.png", area(70, 100, 5, 8))
    outcome = run("repair", "album", "-o", "out/", "--mask", "masks", "--save-mask", "used/", *ONLY_FILL)
    assert outcome.code == 3
    assert "there is no mask called 'three'" in outcome.err
    assert sorted(path.name for path in Path("out").glob("*.png")) == ["one.png", "two.png"]
    assert sorted(path.name for path in Path("used").glob("*.png")) == ["one.png", "two.png"]
    assert np.array_equal(pixels_of("used/two.png") > 0, area(70, 100, 5, 8))


def test_a_dry_run_names_the_networks_and_writes_nothing(run, weights) -> None:
    save_print("scan.png", SPOT)
    outcome = run("repair", "scan.png", "--dry-run", "--json")
    (row,) = (json.loads(line) for line in outcome.out.splitlines())
    assert (row["status"], row["weights"]) == ("planned", ["scratch", "inpaint", "clean"])
    assert not Path("scan_repaired.png").exists()


@pytest.mark.parametrize(("option", "least"), [(("--sensitivity", "0"), 0), (("--grow", "6"), 500)])
def test_sensitivity_and_growth_reach_the_search(run, weights, option, least) -> None:
    save_print("scan.png", SPOT)
    pixels = pixels_of("scan.png").copy()
    pixels[60:63, 20:60] = 252  # logit of 1.8: sure at 50, not at 0
    Image.fromarray(pixels).save("scan.png")
    counts = []
    for words in ((), option):
        run("repair", "scan.png", *words, *ONLY_FILL, "--save-mask", "m.png", "-o", "r.png", "--overwrite")
        counts.append(int((pixels_of("m.png") > 0).sum()))
    assert (counts[1] < counts[0]) if option[0] == "--sensitivity" else (counts[1] > counts[0] + least)


def test_tone_can_be_asked_for_and_left_out(run, weights) -> None:
    save_print("scan.png", fade=True)
    changes = {}
    for tone in ("off", "20", "auto", "100"):
        run("repair", "scan.png", "--tone", tone, "--no-clean", "-o", f"{tone}.png")
        changes[tone] = np.abs(pixels_of(f"{tone}.png").astype(int) - pixels_of("scan.png")).mean()
    assert changes["off"] == 0 < changes["20"] < changes["auto"] < changes["100"]


def test_an_all_black_mask_is_said_and_changes_nothing(run, weights) -> None:
    save_print("scan.png", SPOT)
    save_mask("black.png", np.zeros(SIZE, bool))
    outcome = run("repair", "scan.png", "--mask", "black.png", "--no-auto", *ONLY_FILL)
    assert outcome.code == 0
    assert "your mask is black, nothing filled" in outcome.out
    assert Path("scan_repaired.png").read_bytes() == Path("scan.png").read_bytes()


def test_a_mask_of_another_size_is_stretched_only_when_asked(run, weights) -> None:
    save_print("scan.png", SPOT)
    Image.fromarray(area(70, 100, 6, 8)[::2, ::2]).save("half.png")
    outcome = run("repair", "scan.png", "--mask", "half.png")
    assert outcome.code == 2
    assert "--fit-mask stretches it" in outcome.err
    words = ("--mask", "half.png", "--fit-mask", "--no-auto", "--save-mask", "used.png")
    assert run("repair", "scan.png", *words).code == 0
    assert np.array_equal(pixels_of("used.png") > 0, area(70, 100, 6, 8))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--no-auto",), "add --mask FILE"),
        (("--no-auto", "--mask", "white.png", "--grow", "3"), "finds nothing"),
        (("--fit-mask",), "--fit-mask is for a mask"),
        (("--tone", "much"), "--tone is auto, off, or a number from 0 to 100"),
        (("--mask", "none.png"), "no such file or folder"),
        (("--mask", "white.png"), "covers all of it"),
        (("--weights", "package/upscale-x2.safetensors"), "for 'upscale'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(run, weights, words, says) -> None:
    save_print("scan.png", SPOT)
    save_mask("white.png", np.ones(SIZE, bool))
    outcome = run("repair", "scan.png", *words)
    assert (outcome.code, says in outcome.err) == (6 if "upscale" in says else 2, True), outcome.err
    assert not Path("scan_repaired.png").exists()


def test_missing_weights_end_it_before_a_photo_is_read(run, weights) -> None:
    Path("broken.png").write_bytes(b"no picture")
    save_mask("mine.png", area(70, 100, 5, 8))
    save_print("scan.png", SPOT)
    (weights / "scratch.safetensors").unlink()
    outcome = run("repair", "broken.png")
    assert outcome.code == 6
    assert "no scratch weights" in outcome.err
    assert "--mask FILE --no-auto" in outcome.err
    assert run("repair", "scan.png", "--mask", "mine.png", "--no-auto").code == 0
    (weights / "clean.safetensors").unlink()
    outcome = run("repair", "scan.png", "--mask", "mine.png", "--no-auto", "-o", "b.png")
    assert outcome.code == 0
    assert "not cleaned: this version of restore brings no clean weights" in outcome.out
    (weights / "inpaint.safetensors").unlink()
    outcome = run("repair", "broken.png", "--mask", "mine.png", "--no-auto")
    assert outcome.code == 6
    assert "no inpaint weights" in outcome.err


def test_profile_and_metadata_and_depth_go_along(run, weights) -> None:
    save_print("scan.png", SPOT)
    with Image.open("scan.png") as image:
        exif = image.getexif()
        exif[0x010E] = "Grandmother, 1931"
        image.save("scan.jpg", exif=exif, dpi=(600, 600), quality=95, subsampling=0)
    run("repair", "scan.jpg", "--tone", "60")
    with Image.open("scan_repaired.jpg") as image:
        assert image.getexif()[0x010E] == "Grandmother, 1931"
        assert image.info["dpi"] == (600, 600)
