"""Training folders: every problem is told at once, by file name, before the first step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.datasets.folders import (
    Example,
    copies_among,
    good_photos,
    hold_out,
    paired_photos,
    validation_photos,
)
from restore.errors import PairingError


def photo(path: Path, width: int = 64, height: int = 64) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(path.name))
    Image.fromarray(rng.integers(0, 255, (height, width, 3), dtype=np.uint8)).save(path)
    return path


def test_photos_below_a_folder_are_found_in_a_fixed_order(tmp_path: Path) -> None:
    for name in ("b.png", "deep/er/a.jpg", "a.webp", ".hidden.png"):
        photo(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a photo")
    found = good_photos(tmp_path, patch_px=32)
    assert [example.hq.relative_to(tmp_path).as_posix() for example in found] == ["a.webp", "b.png", "deep/er/a.jpg"]


def test_a_small_photo_and_a_broken_file_are_named_in_one_error(tmp_path: Path) -> None:
    photo(tmp_path / "fine.png")
    photo(tmp_path / "tiny.png", 40, 20)
    (tmp_path / "broken.jpg").write_text("this is text")
    with pytest.raises(PairingError) as caught:
        good_photos(tmp_path, patch_px=48)
    message = str(caught.value)
    assert "2 problems" in message
    assert "tiny.png: 40x20 is smaller than the training patch of 48 pixels" in message
    assert "broken.jpg" in message
    assert "fine.png" not in message


def test_pairs_are_matched_by_relative_path_whatever_their_suffix(tmp_path: Path) -> None:
    lq = photo(tmp_path / "lq/album/one.jpg", 32, 24)
    hq = photo(tmp_path / "hq/album/one.png", 64, 48)
    assert paired_photos(tmp_path / "lq", tmp_path / "hq", scale=2, patch_px=32) == [Example(hq, lq)]


def test_every_missing_partner_and_every_wrong_size_is_told_at_once(tmp_path: Path) -> None:
    photo(tmp_path / "lq/alone.png", 32, 32)
    photo(tmp_path / "hq/widow.png", 64, 64)
    photo(tmp_path / "lq/odd.png", 30, 32)
    photo(tmp_path / "hq/odd.png", 64, 64)
    photo(tmp_path / "lq/fine.png", 32, 32)
    photo(tmp_path / "hq/fine.png", 64, 64)
    with pytest.raises(PairingError) as caught:
        paired_photos(tmp_path / "lq", tmp_path / "hq", scale=2, patch_px=32)
    message = str(caught.value)
    assert "3 problems" in message
    assert "alone.png: no partner" in message
    assert "widow.png: no partner" in message
    assert "30x32 times 2 is 60x64, but its partner" in message


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("lq/a.png", "lq/a.jpg", "hq/a.png"):
        photo(tmp_path / name)
    with pytest.raises(PairingError, match=r"a.png: has the same name as .*a.jpg"):
        paired_photos(tmp_path / "lq", tmp_path / "hq", scale=1, patch_px=32)


@pytest.mark.parametrize("make", [True, False])
def test_an_empty_or_missing_folder_says_what_to_do(tmp_path: Path, make: bool) -> None:
    folder = tmp_path / "photos"
    if make:
        folder.mkdir()
    with pytest.raises(PairingError, match="no photos in it" if make else "no such folder"):
        good_photos(folder, patch_px=32)


def test_holding_out_never_takes_more_than_a_tenth_and_never_the_same_photo_twice() -> None:
    examples = [Example(Path(f"{number}.png")) for number in range(50)]
    kept, held = hold_out(examples, 8)
    assert len(held) == 5
    assert sorted(e.hq for e in kept + held) == sorted(e.hq for e in examples)
    assert hold_out(examples[:9], 8) == (examples[:9], [])


def pairs(folder: Path, low: tuple[int, int], high: tuple[int, int], names: tuple[str, ...] = ("a", "b")) -> None:
    """Pairs of the given widths and heights."""
    for name in names:
        photo(folder / f"lq/{name}.png", *low)
        photo(folder / f"hq/{name}.png", *high)


def refusal(folder: Path, scale: int, patch_px: int = 16) -> str:
    with pytest.raises(PairingError) as caught:
        paired_photos(folder / "lq", folder / "hq", scale=scale, patch_px=patch_px)
    return str(caught.value)


def test_a_set_of_another_scale_is_told_once_with_the_scale_that_fits(tmp_path: Path) -> None:
    pairs(tmp_path, (40, 30), (80, 60))
    assert "1 problem" in refusal(tmp_path, 4)
    assert "all 2 pairs are x2, but you train x4: use -x 2" in refusal(tmp_path, 4)


def test_one_pair_of_another_scale_among_others_is_named_with_its_scale(tmp_path: Path) -> None:
    pairs(tmp_path, (40, 30), (80, 60))
    pairs(tmp_path, (40, 30), (120, 90), names=("odd",))
    message = refusal(tmp_path, 2)
    assert "1 problem" in message
    assert "odd.png has 120x90; this pair is x3: use -x 3" in message


@pytest.mark.parametrize(
    ("low", "high", "cure"),
    [
        ((40, 30), (40, 30), "use -x 1 with a task that keeps the size"),
        ((80, 60), (40, 30), "are the two folders swapped"),
        ((30, 40), (80, 60), "lies on its side"),
        ((40, 30), (81, 61), "cut the good one to 80x60"),
        ((40, 30), (100, 60), "cut or shrink one of them"),
    ],
)
def test_a_wrong_size_comes_with_its_likely_cure(
    tmp_path: Path, low: tuple[int, int], high: tuple[int, int], cure: str
) -> None:
    pairs(tmp_path, low, high, names=("a",))
    assert cure in refusal(tmp_path, 2)


def test_folders_without_a_common_name_are_told_in_one_sentence(tmp_path: Path) -> None:
    photo(tmp_path / "lq/0001x4.png", 32, 32)
    photo(tmp_path / "hq/0001.png", 64, 64)
    assert "for instance 0001x4.png and 0001.png" in refusal(tmp_path, 2)


def test_a_photo_over_the_limit_of_pixels_is_refused_by_its_header(tmp_path: Path) -> None:
    Image.new("1", (20_000, 10_001)).save(tmp_path / "vast.png")
    with pytest.raises(PairingError, match=r"vast.png: 20000x10001 is over 200 megapixels"):
        good_photos(tmp_path, patch_px=32)


def test_equal_files_are_found_under_any_name(tmp_path: Path) -> None:
    first = photo(tmp_path / "a.png")
    for name in ("b/copy.png", "c.jpeg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(first.read_bytes())
    same_length = bytearray(first.read_bytes())
    same_length[-1] ^= 1
    (tmp_path / "d.png").write_bytes(same_length)
    paths = [tmp_path / name for name in ("d.png", "c.jpeg", "b/copy.png", "a.png")]
    assert copies_among(paths) == [[tmp_path / name for name in ("a.png", "b/copy.png", "c.jpeg")]]


def test_photos_that_are_trained_on_are_refused_for_validation(tmp_path: Path) -> None:
    trained = photo(tmp_path / "train/a.png", 80, 64)
    photo(tmp_path / "train/b.png", 64, 80)
    (tmp_path / "val").mkdir()
    (tmp_path / "val/renamed.png").write_bytes(trained.read_bytes())
    photo(tmp_path / "val/new.png", 72, 72)
    examples = good_photos(tmp_path / "train", patch_px=64)
    with pytest.raises(PairingError) as caught:
        validation_photos(tmp_path / "val", examples, scale=2)
    assert "1 problem" in str(caught.value)
    assert f"renamed.png: is trained on, too ({trained})" in str(caught.value)
    with pytest.raises(PairingError, match="2 problems"):
        validation_photos(tmp_path / "train", examples, scale=2)
    (tmp_path / "val/renamed.png").unlink()
    assert validation_photos(tmp_path / "val", examples, scale=2) == [Example(tmp_path / "val/new.png")]


@pytest.mark.parametrize("make", [True, False])
def test_an_empty_or_missing_validation_folder_is_refused(tmp_path: Path, make: bool) -> None:
    photo(tmp_path / "train/a.png")
    if make:
        (tmp_path / "val").mkdir()
    with pytest.raises(PairingError, match="no photos in it" if make else "no such folder"):
        validation_photos(tmp_path / "val", [Example(tmp_path / "train/a.png")], scale=2)


def test_a_validation_folder_holds_pairs_when_training_is_on_pairs(tmp_path: Path) -> None:
    pairs(tmp_path / "train", (50, 40), (100, 80))
    pairs(tmp_path / "val", (40, 40), (80, 80), names=("new",))
    training = paired_photos(tmp_path / "train/lq", tmp_path / "train/hq", scale=2, patch_px=64)
    pair = Example(tmp_path / "val/hq/new.png", tmp_path / "val/lq/new.png")
    assert validation_photos(tmp_path / "val", training, scale=2) == [pair]
    assert validation_photos(tmp_path / "val/hq", training, scale=2) == [Example(pair.hq)]


def test_tiny_and_broken_photos_to_validate_on_are_refused(tmp_path: Path) -> None:
    photo(tmp_path / "train/a.png")
    photo(tmp_path / "val/tiny.png", 8, 8)
    (tmp_path / "val/empty.jpg").touch()
    with pytest.raises(PairingError, match=r"(?s)2 problems.*empty.jpg.*0 bytes.*tiny.png: 8x8 is smaller"):
        validation_photos(tmp_path / "val", [Example(tmp_path / "train/a.png")], scale=2)
