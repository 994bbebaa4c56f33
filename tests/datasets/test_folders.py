"""Training folders: every problem is told at once, by file name, before the first step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from restore.datasets.folders import Example, good_photos, hold_out, paired_photos
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
