"""The data doctor: each thing that is wrong with a set is found, named by file, and comes with its cure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage import data
from torch import Tensor

from restore.datasets.doctor import Diagnosis, examine
from restore.datasets.folders import Example, good_photos, paired_photos
from restore.ops.degrade import add_noise, jpeg, to_8_bits
from restore.ops.resize import resize

Pixels = NDArray[np.uint8]
PATCH = 64
ASTRONAUT, COFFEE, ROCKET = data.astronaut(), data.coffee(), data.rocket()


def as_tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def as_pixels(image: Tensor) -> Pixels:
    return to_8_bits(image)[0].permute(1, 2, 0).mul(255).round().byte().numpy()


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    return as_pixels(resize(as_tensor(pixels), height, width))


def save(path: Path, pixels: Pixels, **how: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **how)
    return path


PARTS = [
    *(ASTRONAUT[top : top + 200, 100:340] for top in (0, 200)),
    *(COFFEE[:200, left : left + 240] for left in (0, 300)),
    ROCKET[150:350, 150:390],
]
"""Small photos that show different things."""
FEW = f"only {len(PARTS) * 9} patches side by side"
"""What is always told of so small a set; and of its pairs, of which one is held out."""
FEW_PAIRS = f"only {len(PARTS) * 9 - 9} patches side by side"


def good_set(folder: Path) -> None:
    for number, part in enumerate(PARTS):
        save(folder / f"{number:02d}.png", part)


def diagnosis(folder: Path, held_out: tuple[Path, ...] = (), limit: int | None = None) -> Diagnosis:
    examples = [e for e in good_photos(folder, patch_px=PATCH) if e.hq not in held_out]
    return examine(examples, [Example(path) for path in held_out], 2, patch_px=PATCH, limit=limit)


def told(found: Diagnosis) -> str:
    return "\n".join(found.lines())


def about(found: Diagnosis, word: str) -> str:
    """The one warning that says ``word``, with its files."""
    (warning,) = (each for each in found.warnings if word in each.what)
    return "\n".join(warning.lines())


def says(found: Diagnosis, word: str) -> bool:
    return any(word in each.what for each in found.warnings)


def heads(found: Diagnosis) -> list[str]:
    """What each warning is about."""
    return [warning.what.split(":")[0] for warning in found.warnings]


def test_a_sound_set_has_its_numbers_told_and_nothing_else(tmp_path: Path) -> None:
    good_set(tmp_path)
    save(tmp_path / "large.png", data.astronaut())
    found = diagnosis(tmp_path, held_out=(tmp_path / "00.png",))
    assert found.problems == ()
    assert heads(found) == ["only 100 patches side by side"]
    assert (found.count, found.held_out_count, found.examined) == (5, 1, 6)
    assert found.patches == 4 * 3 * 3 + 8 * 8
    assert found.megapixels == pytest.approx((4 * 200 * 240 + 512 * 512) / 1e6)
    assert found.decoded_bytes == 3 * (4 * 200 * 240 + 512 * 512)
    assert (found.smallest, found.median) == ((200, 240), (200, 240))
    assert "5 photos to train on (0.5 megapixels), 1 to validate on; the smallest 240x200" in told(found)


def test_a_photo_that_is_cut_off_must_be_mended_though_its_header_is_fine(tmp_path: Path) -> None:
    good_set(tmp_path)
    for name in ("cut.jpg", "cut.png"):
        path = save(tmp_path / name, ASTRONAUT)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = diagnosis(tmp_path)
    (problem,) = found.problems
    assert [path.name for path, _ in problem.files] == ["cut.jpg", "cut.png"]
    assert "2 files cannot be decoded: training would stop there; mend them or take them out" in told(found)
    assert "cut.png: the picture is damaged or cut off" in told(found)


def test_gray_photos_among_coloured_ones_and_the_reverse_are_named(tmp_path: Path) -> None:
    good_set(tmp_path / "colour")
    save(tmp_path / "colour/camera.png", data.camera())
    save(tmp_path / "colour/gray_as_rgb.jpg", np.repeat(data.camera()[::2, ::2, None], 3, axis=2))
    assert f"2 gray photos among {len(PARTS)} in colour" in about(diagnosis(tmp_path / "colour"), "gray")
    for number, part in enumerate(PARTS):
        save(tmp_path / f"gray/{number}.png", part[..., 1])
    save(tmp_path / "gray/coffee.png", COFFEE)
    warning = about(diagnosis(tmp_path / "gray"), "gray")
    assert f"1 photo in colour among {len(PARTS)} gray ones" in warning
    assert "coffee.png" in warning


def test_strongly_compressed_good_photos_are_told_with_their_quality(tmp_path: Path) -> None:
    good_set(tmp_path)
    save(tmp_path / "web.jpg", ASTRONAUT, quality=60)
    save(tmp_path / "fine.jpg", COFFEE, quality=80)
    warning = about(diagnosis(tmp_path), "compressed")
    assert "1 good photo is" in warning
    assert "web.jpg: JPEG quality 60" in warning


def test_enlarged_photos_are_told_from_sharp_ones(tmp_path: Path) -> None:
    good_set(tmp_path)
    half = resized(ASTRONAUT, 256, 256)
    save(tmp_path / "bicubic.png", resized(half, 512, 512))
    save(tmp_path / "lanczos.png", np.asarray(Image.fromarray(half).resize((500, 500), Image.Resampling.LANCZOS)))
    save(tmp_path / "bilinear.png", np.asarray(Image.fromarray(half).resize((480, 480), Image.Resampling.BILINEAR)))
    warning = about(diagnosis(tmp_path), "no fine detail")
    assert "3 good photos have" in warning
    assert all(f"{name}.png" in warning for name in ("bicubic", "lanczos", "bilinear"))


def test_blank_photos_are_told(tmp_path: Path) -> None:
    good_set(tmp_path)
    for name in ("white", "black"):
        save(tmp_path / f"{name}.png", np.full((100, 100, 3), 255 * (name == "white"), dtype=np.uint8))
    found = diagnosis(tmp_path)
    assert "2 photos show next to nothing" in about(found, "next to nothing")
    assert not says(found, "there twice")


def test_copies_are_found_in_equal_files_and_in_files_that_only_look_equal(tmp_path: Path) -> None:
    good_set(tmp_path)
    (tmp_path / "zz.png").write_bytes((tmp_path / "03.png").read_bytes())
    save(tmp_path / "small.jpg", resized(PARTS[2], 100, 120), quality=80)
    warning = about(diagnosis(tmp_path), "there twice")
    assert "2 photos are there twice" in warning
    assert f"zz.png: the same file as {tmp_path}/03.png" in warning
    assert f"small.jpg: looks like {tmp_path}/02.png" in warning


def test_a_copy_of_a_photo_to_validate_on_is_told_apart_from_one_to_train_on(tmp_path: Path) -> None:
    good_set(tmp_path)
    (tmp_path / "zz.png").write_bytes((tmp_path / "03.png").read_bytes())
    save(tmp_path / "small.jpg", resized(PARTS[2], 100, 120), quality=80)
    found = diagnosis(tmp_path, held_out=(tmp_path / "zz.png", tmp_path / "small.jpg"))
    assert not says(found, "there twice")
    warning = about(found, "figures will be too good")
    assert f"zz.png: the same file as {tmp_path}/03.png" in warning
    assert f"small.jpg: looks like {tmp_path}/02.png" in warning


def test_of_a_large_set_some_photos_are_examined_and_this_is_told(tmp_path: Path) -> None:
    good_set(tmp_path)
    done: list[tuple[int, int]] = []
    examples = good_photos(tmp_path, patch_px=PATCH)
    found = examine(examples, [], 2, patch_px=PATCH, limit=4, on_photo=lambda *now: done.append(now))
    assert done == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert "examined 4 of 5, evenly spread" in told(found)
    assert found.count == 5


def test_too_little_to_train_or_validate_on_is_told_with_what_to_do(tmp_path: Path) -> None:
    good_set(tmp_path)
    found = diagnosis(tmp_path)
    assert "give --val FOLDER" in about(found, "nothing to validate on")
    assert "--init" in about(found, FEW)


def test_transparency_and_depth_are_noted(tmp_path: Path) -> None:
    good_set(tmp_path)
    see_through = np.dstack([PARTS[0][::-1], np.full((200, 240), 90, dtype=np.uint8)])
    save(tmp_path / "see_through.png", see_through)
    Image.fromarray(data.camera().astype(np.uint16) * 257).save(tmp_path / "deep.png")
    notes = diagnosis(tmp_path).notes
    assert notes == ("1 photo has transparency, which is left out", "1 photo has 16 bits; training rounds to 8")


def pair(folder: Path, name: str, lq: Pixels, hq: Pixels) -> None:
    save(folder / f"lq/{name}.png", lq)
    save(folder / f"hq/{name}.png", hq)


def pair_set(folder: Path, scale: int = 2) -> None:
    for number, part in enumerate(PARTS):
        pair(folder, f"{number:02d}", resized(part, 200 // scale, 240 // scale), part)


def pair_diagnosis(
    folder: Path, scale: int = 2, *, align: bool = False, faithful: bool = True, patch_px: int = PATCH
) -> Diagnosis:
    examples = paired_photos(folder / "lq", folder / "hq", scale=scale, patch_px=patch_px)
    return examine(examples[1:], examples[:1], scale, patch_px=patch_px, align=align, faithful=faithful)


def test_a_sound_set_of_pairs_is_found_sound(tmp_path: Path) -> None:
    pair_set(tmp_path)
    found = pair_diagnosis(tmp_path)
    assert (found.problems, found.notes) == ((), ())
    assert heads(found) == [FEW_PAIRS]
    assert found.decoded_bytes == 4 * 3 * (200 * 240 + 100 * 120)
    assert "4 pairs to train on" in told(found)


def test_damage_that_is_to_be_mended_is_no_mistake(tmp_path: Path) -> None:
    rng = torch.Generator().manual_seed(0)
    for number, part in enumerate(PARTS):
        small = resize(as_tensor(part), 100, 120)
        noisy = add_noise(small, torch.tensor([10.0]), rng).clamp(0, 1)
        damaged = jpeg(noisy, torch.tensor([40]), subsample=torch.tensor([True]))
        pair(tmp_path, str(number), as_pixels(damaged), part)
    assert heads(pair_diagnosis(tmp_path)) == [FEW_PAIRS]


def shifted_pair(folder: Path, name: str, down: int, right: int) -> None:
    moved = ASTRONAUT[100 - down : 300 - down, 100 - right : 340 - right]
    pair(folder, name, resized(moved, 100, 120), ASTRONAUT[100:300, 100:340])


def test_shifted_pairs_are_measured_and_aligning_is_offered(tmp_path: Path) -> None:
    pair_set(tmp_path)
    shifted_pair(tmp_path, "off", 3, -2)
    warning = about(pair_diagnosis(tmp_path), "exactly")
    assert "1 damaged photo does not lie exactly on the partner" in warning
    assert "--align" in warning
    assert "off.png: 3.0 px too low, 2.0 px too far left (pixels of the good one)" in warning


def test_with_align_shifted_pairs_are_a_note_unless_too_little_of_them_would_be_left(tmp_path: Path) -> None:
    pair_set(tmp_path)
    shifted_pair(tmp_path, "off", 3, -2)
    shifted_pair(tmp_path, "far", 14, 0)
    found = pair_diagnosis(tmp_path, align=True, patch_px=192)
    assert found.notes == ("1 damaged photo will be put in place (--align)",)
    warning = about(found, "shifted too far")
    assert "far.png" in warning
    assert "off.png" not in warning


def test_partners_that_show_different_pictures_are_named(tmp_path: Path) -> None:
    pair_set(tmp_path)
    pair(tmp_path, "wrong", resized(COFFEE[200:400, 100:340], 100, 120), ASTRONAUT[:200, 100:340])
    found = pair_diagnosis(tmp_path)
    warning = about(found, "same picture")
    assert "1 pair does not seem to show the same picture" in warning
    assert "wrong.png" in warning
    assert not says(found, "exactly")
    assert not says(found, "another brightness")


def test_equal_partners_have_nothing_to_teach(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 12, (200, 240, 3))
    for number, part in enumerate(PARTS):
        noisy = (part + noise).clip(0, 255).astype(np.uint8)
        pair(tmp_path, f"{number:02d}", part if number == 3 else noisy, part)
    warning = about(pair_diagnosis(tmp_path, 1), "nearly identical")
    assert "1 pair is nearly identical: there is nothing to learn" in warning
    assert "03.png: equal" in warning


def test_a_good_photo_made_from_the_damaged_one_has_nothing_to_teach(tmp_path: Path) -> None:
    pair_set(tmp_path)
    small = resized(PARTS[2], 100, 120)
    pair(tmp_path, "02", small, resized(small, 200, 240))
    warning = about(pair_diagnosis(tmp_path), "nearly identical")
    assert "the good one is the damaged one enlarged" in warning
    assert "02.png" in warning


def test_partners_of_other_brightness_colour_or_without_any_are_told(tmp_path: Path) -> None:
    pair_set(tmp_path)
    small = resized(PARTS[3], 100, 120)
    reddish = small.clip(20, 235)
    reddish[..., 0] += 20
    pair(tmp_path, "03", reddish, PARTS[3].clip(20, 235))
    gray = resized(PARTS[1], 100, 120).mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)
    pair(tmp_path, "01", gray, PARTS[1])
    found = pair_diagnosis(tmp_path)
    assert "03.png: red +20, green +0, blue +0 of 255" in about(found, "another brightness")
    assert "01.png" not in about(found, "another brightness")
    assert "1 damaged photo is gray and its partner in colour" in about(found, "guess colours")


def test_image_translation_may_have_partners_that_look_different(tmp_path: Path) -> None:
    pair_set(tmp_path, scale=1)
    pair(tmp_path, "01", 255 - PARTS[1], PARTS[1])
    pair(tmp_path, "02", PARTS[4], PARTS[2])
    pair(tmp_path, "03", PARTS[3] // 2, PARTS[3])
    found = pair_diagnosis(tmp_path, 1, faithful=False)
    assert heads(found) == [FEW_PAIRS]


def test_pairs_validated_on_good_photos_alone_are_told_that_this_is_other_damage(tmp_path: Path) -> None:
    pair_set(tmp_path)
    examples = paired_photos(tmp_path / "lq", tmp_path / "hq", scale=2, patch_px=PATCH)
    found = examine(examples[1:], [Example(examples[0].hq)], 2, patch_px=PATCH)
    assert "holds the folders lq and hq" in about(found, "not on your damage")


def test_many_files_are_shown_by_the_first_five_and_counted(tmp_path: Path) -> None:
    for number in range(7):
        save(tmp_path / f"{number}.jpg", ASTRONAUT[number * 40 : number * 40 + 100], quality=50)
    lines = about(diagnosis(tmp_path), "compressed").splitlines()
    assert len(lines) == 1 + 5 + 1
    assert lines[-1] == "  and 2 more"
