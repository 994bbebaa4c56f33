"""A result file is whole or not there at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from restore.errors import ConfigError, ImageError, OutputError
from restore.io import whole, write
from restore.io.convert import photo_from_array
from restore.io.photo import Photo
from restore.io.read import photo_size, read_photo
from restore.io.write import WriteOptions, encode_photo, suffix_for, write_photo

FAULTS = [
    (errno.ENOSPC, "disk is full"),
    (errno.EROFS, "disk is read-only"),
    (errno.EACCES, "not permitted"),
    (errno.EIO, "check the disk"),
]


def gradient() -> Photo:
    return photo_from_array(np.add.outer(np.arange(12), np.arange(20)).astype(np.uint8)[..., None].repeat(3, 2))


def test_a_photo_is_written_into_new_folders_and_nothing_else_is_left(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "out.png"
    write_photo(gradient(), target, WriteOptions())
    assert photo_size(target) == (12, 20)
    assert torch.equal(read_photo(target).pixels, gradient().pixels)
    assert [path.name for path in target.parent.iterdir()] == ["out.png"]


def test_the_file_has_the_usual_permissions(tmp_path: Path) -> None:
    plain, ours = tmp_path / "plain", tmp_path / "ours.png"
    plain.touch()
    write_photo(gradient(), ours, WriteOptions())
    assert ours.stat().st_mode == plain.stat().st_mode
    ours.chmod(0o640)
    write_photo(gradient(), ours, WriteOptions(overwrite=True))
    assert ours.stat().st_mode & 0o777 == 0o640


def test_an_existing_file_stays_unless_overwriting_is_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "out.png"
    target.write_bytes(b"precious")
    with pytest.raises(OutputError, match="--overwrite"):
        write_photo(gradient(), target, WriteOptions())
    assert target.read_bytes() == b"precious"
    write_photo(gradient(), target, WriteOptions(overwrite=True))
    assert photo_size(target) == (12, 20)


@pytest.mark.parametrize(("number", "said"), FAULTS)
@pytest.mark.parametrize("step", ["fsync", "rename", "create"])
def test_a_failing_disk_leaves_no_trace_and_says_why(
    number: int, said: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    target = tmp_path / "out.jpg"
    match step:
        case "fsync":
            monkeypatch.setattr(whole.os, "fsync", fail)
        case "rename":
            monkeypatch.setattr(Path, "replace", fail)
        case _:
            monkeypatch.setattr(whole.tempfile, "mkstemp", fail)
    with pytest.raises(ImageError, match=said) as caught:
        write_photo(gradient(), target, WriteOptions())
    assert str(target) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_survives_a_failing_overwrite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = tmp_path / "out.png"
    target.write_bytes(b"precious")
    monkeypatch.setattr(whole.os, "fsync", full)
    with pytest.raises(ImageError, match="disk is full"):
        write_photo(gradient(), target, WriteOptions(overwrite=True))
    assert target.read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]


def test_ctrl_c_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(whole.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_photo(gradient(), tmp_path / "out.png", WriteOptions())
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_read_back_is_not_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "photo_size", lambda _: (12, 19))
    with pytest.raises(ImageError, match="cannot be read back"):
        write_photo(gradient(), tmp_path / "out.png", WriteOptions())
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_is_needed(tmp_path: Path) -> None:
    (tmp_path / "album").write_text("not a folder")
    with pytest.raises(ImageError, match="is a file"):
        write_photo(gradient(), tmp_path / "album" / "out.png", WriteOptions())


def test_the_name_decides_the_format_and_must_agree_with_the_option(tmp_path: Path) -> None:
    write_photo(gradient(), tmp_path / "out.JPG", WriteOptions())
    assert read_photo(tmp_path / "out.JPG").format == "JPEG"
    with pytest.raises(ConfigError, match=r"name it out\.png"):
        write_photo(gradient(), tmp_path / "out.jpg", WriteOptions(format="png"))
    for name in ("out.xyz", "out", "out.gif"):
        with pytest.raises(ConfigError, match="no picture can be written"):
            write_photo(gradient(), tmp_path / name, WriteOptions())


def test_options_are_checked_at_the_door() -> None:
    for options, said in (
        ({"format": "psd"}, "known: jpg, png, tif"),
        ({"quality": 0}, "1 to 100"),
        ({"quality": 101}, "1 to 100"),
        ({"depth": 12}, "8 or 16"),
        ({"strip": "some"}, "none, gps, all"),
    ):
        with pytest.raises(ConfigError, match=said):
            WriteOptions(**options)
    with pytest.raises(ConfigError, match="png or tiff"):
        encode_photo(gradient(), WriteOptions(format="jpg", depth=16))


def test_a_picture_too_large_for_its_format_names_another() -> None:
    long = photo_from_array(np.zeros((2, 17000, 3), np.uint8))
    with pytest.raises(ImageError, match=r"WEBP \(at most 16383 a side\); choose --format png"):
        encode_photo(long, WriteOptions(format="webp"))


def test_suffixes_follow_the_format_really_written() -> None:
    cases = [
        ("JPEG", "a.jpeg", None, False, ".jpeg"),
        ("JPEG", "a.jpg", None, True, ".png"),
        ("WEBP", "a.webp", None, True, ".webp"),
        ("GIF", "a.gif", None, False, ".png"),
        ("PNG", "a.png", "tiff", False, ".tif"),
        ("PNG", "named-wrongly.jpg", None, False, ".png"),
        ("JPEG", "a.JPG", "jpg", False, ".JPG"),
    ]
    for photo_format, name, asked, alpha, expected in cases:
        assert suffix_for(photo_format, Path(name), WriteOptions(format=asked), alpha) == expected
