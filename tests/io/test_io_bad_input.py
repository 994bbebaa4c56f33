"""Files that are no photo, or no longer: what a person is told."""

from __future__ import annotations

import io
import random
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from restore.errors import ConfigError, ImageError
from restore.io.read import photo_size, read_photo

ALL_FORMATS = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "BMP", "GIF"]


def picture(format_name: str, size: tuple[int, int] = (48, 40)) -> bytes:
    file = io.BytesIO()
    values = np.random.default_rng(2).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    options = {"compression": "tiff_lzw"} if format_name == "TIFF" else {}
    Image.fromarray(values).save(file, format_name, **options)
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header promises many pixels, with next to nothing behind it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def refusal(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_photo(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "gone.jpg")
    with pytest.raises(ImageError, match="no such file"):
        photo_size(tmp_path / "gone.jpg")


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(ImageError, match="no file can have this name"):
        read_photo("a\0b.jpg")


def test_a_folder(tmp_path: Path) -> None:
    assert "this is a folder" in refusal(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.jpg"
    path.write_bytes(b"")
    assert "empty (0 bytes)" in refusal(path)


def test_text_named_jpg(tmp_path: Path) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("Dear grandmother,\nI could not find the photo.\n")
    assert "no picture that can be read" in refusal(path)
    assert "Dear grandm" in refusal(path)


@pytest.mark.parametrize("format_name", ALL_FORMATS)
def test_a_file_cut_in_half(format_name: str, tmp_path: Path) -> None:
    path = tmp_path / "half.bin"
    whole = picture(format_name)
    path.write_bytes(whole[: len(whole) // 2])
    message = refusal(path)
    assert "damaged" in message
    assert "copy it again" in message


def test_a_16_bit_png_cut_in_half(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 65536, (40, 40), dtype=np.uint16)).save(file, "PNG")
    path = tmp_path / "half.png"
    path.write_bytes(file.getvalue()[:1500])
    assert "cut off" in refusal(path)


def test_a_decompression_bomb_and_how_to_let_it_pass(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(20000, 20000))
    message = refusal(path)
    assert "400 megapixels" in message
    assert "--max-megapixels 401" in message
    with pytest.raises(ImageError, match="damaged or cut off"):  # let pass, it turns out to be empty
        read_photo(bomb(200, 100))


def test_the_limit_can_be_set_and_must_be_positive() -> None:
    data = picture("PNG")
    with pytest.raises(ImageError, match=r"more than the limit of 0\.001"):
        read_photo(data, max_megapixels=0.001)
    assert read_photo(data, max_megapixels=0.00192).width == 48
    for limit in (0.0, -1.0, float("nan")):
        with pytest.raises(ConfigError, match="--max-megapixels"):
            read_photo(data, max_megapixels=limit)


def test_our_limit_replaces_the_one_of_the_library_below() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    beyond = bomb(15000, 12500)  # 187.5 megapixels: Pillow's own limit raises from 179 on
    assert 2 * Image.MAX_IMAGE_PIXELS < 15000 * 12500
    with pytest.raises(ImageError, match="damaged or cut off"):
        read_photo(beyond)


def test_reading_not_permitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.jpg"
    path.write_bytes(picture("JPEG"))

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "reading is not permitted" in refusal(path)


@pytest.mark.parametrize(
    "values", [np.zeros((4, 4, 3), np.float32), np.zeros((4, 4), np.int32), np.zeros((4, 4), np.float64)]
)
def test_tiffs_of_other_numbers_are_refused_with_a_cure(values: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "hdr.tif"
    tifffile.imwrite(path, values, photometric="rgb" if values.ndim == 3 else "minisblack")
    assert "save it with 8 or 16 bits" in refusal(path)


def test_heic_without_its_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(ImageError, match=r'pip install "restore-photos\[heif\]"'):
        read_photo(b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(40))


@pytest.mark.parametrize("format_name", ALL_FORMATS)
def test_no_damage_raises_anything_but_an_image_error(format_name: str) -> None:
    whole, dice = picture(format_name), random.Random(7)
    read = 0
    for _ in range(80):
        broken = bytearray(whole)
        for _ in range(dice.randint(1, 6)):
            broken[dice.randrange(len(broken) if dice.random() < 0.5 else min(200, len(broken)))] = dice.randrange(256)
        try:
            photo = read_photo(bytes(broken[: dice.randint(len(broken) // 2, len(broken))]), max_megapixels=2)
        except ImageError:
            continue
        read += 1
        assert photo.pixels.shape[0] == 3
    assert read < 80


def test_a_damaged_second_page_takes_nothing_from_the_first_one() -> None:
    values = np.random.default_rng(3).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    options = {"dpi": (300, 300), "tiffinfo": {274: 6}, "big_tiff": False}  # lies on its side
    whole, both = io.BytesIO(), io.BytesIO()
    Image.fromarray(values).save(whole, "TIFF", **options)
    Image.fromarray(values).save(both, "TIFF", save_all=True, append_images=[Image.fromarray(values)], **options)
    data = bytearray(both.getvalue())
    first = struct.unpack_from("<I", data, 4)[0]
    pointer = first + 2 + 12 * struct.unpack_from("<H", data, first)[0]
    data[pointer : pointer + 4] = struct.pack("<I", len(data) - 3)  # a directory of which three bytes are there
    expected, found = read_photo(whole.getvalue()), read_photo(bytes(data))
    assert (found.height, found.width) == (30, 20)
    assert found.pixels.equal(expected.pixels)
    assert found.dpi == expected.dpi == (300, 300)
    assert read_photo(both.getvalue()).notes == ("the file holds 2 pictures: only the first is used",)
