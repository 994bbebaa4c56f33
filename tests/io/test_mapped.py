"""Room for large pictures in files: the same numbers, and only where memory is told to be short."""

from __future__ import annotations

import hashlib
import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from restore.io import decode, engine, raster
from restore.io.mapped import OWN_PAGES_BYTES, in_memory, planes_for
from restore.io.read import read_photo
from restore.io.write import WriteOptions, write_photo
from restore.room import in_file, let_go, letting_go, trim

SHAPE = (3, 40, 60)


@pytest.mark.skipif(os.name != "posix", reason="files without a name")
def test_only_what_takes_more_than_an_eighth_of_the_memory_is_in_a_file() -> None:
    size = 4 * 3 * 40 * 60
    assert isinstance(planes_for(8 * size - 8)(SHAPE), np.memmap)
    for max_memory in (8 * size, None):
        assert not isinstance(planes_for(max_memory)(SHAPE), np.memmap)


def test_room_is_writable_and_of_its_own() -> None:
    first, second = (planes_for(100)(SHAPE) for _ in range(2))
    first[:], second[:] = 1, 2
    assert (first == 1).all()
    assert first.dtype == np.float32
    assert first.shape == SHAPE


def test_a_disk_without_room_is_none_to_fail_by(monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    assert not isinstance(planes_for(100)(SHAPE), np.memmap)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_a_photo_is_the_same_wherever_its_pixels_are(mode, tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 4), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    here, there = (read_photo(tmp_path / "a.png", planes=planes) for planes in (in_memory, planes_for(100)))
    assert torch.equal(here.pixels, there.pixels)
    assert (here.alpha is None) == ("A" not in mode)
    if here.alpha is not None and there.alpha is not None:
        assert torch.equal(here.alpha, there.alpha)


def resident(kind: str = "RssFile") -> int:
    """Bytes of this process that are pages of files."""
    return int(Path("/proc/self/status").read_text().partition(f"{kind}:")[2].split()[0]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells what is resident")
def test_pages_that_are_let_go_are_resident_no_more_and_keep_their_numbers() -> None:
    count = 1 << 24
    room = planes_for(100)((1, count, 1))
    room[:] = 7
    before = resident()
    for go in (let_go, trim):
        go()
        assert before - resident() > 0.9 * 4 * count
        assert (room == 7).all()
    with letting_go():
        room[:] = 8
    assert before - resident() > 0.9 * 4 * count
    assert (room == 8).all()


@pytest.mark.skipif(os.name != "posix", reason="files without a name")
def test_whether_a_picture_lies_in_a_file_is_known_until_it_is_gone() -> None:
    room = torch.from_numpy(planes_for(100)(SHAPE))
    place = room.data_ptr()
    assert in_file(place)
    assert in_file(room[2, 39, 59].data_ptr())
    assert not in_file(torch.zeros(3).data_ptr())
    del room
    assert not in_file(place)


def test_large_room_in_memory_is_writable_and_of_any_kind() -> None:
    room = in_memory((OWN_PAGES_BYTES, 2), np.uint8)
    room[:] = 3
    assert room.dtype == np.uint8
    assert room.flags.writeable
    assert not in_file(room.ctypes.data)
    assert int(room.sum(dtype=np.int64)) == 3 * 2 * OWN_PAGES_BYTES


@pytest.mark.skipif(os.name != "posix", reason="files without a name")
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "CMYK", "turned", "deep", "deep alpha", "deep gray"])
def test_a_picture_read_in_bands_is_the_same(mode, tmp_path, monkeypatch) -> None:
    pixels = np.random.default_rng(0).integers(1, 256, (40, 60, 4), dtype=np.uint8)
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "turned") else "a.tif" if mode.startswith("deep") else "a.png")
    if mode.startswith("deep"):
        deep = pixels.astype(np.uint16) * 251
        tifffile.imwrite(path, {"deep": deep[..., :3], "deep alpha": deep, "deep gray": deep[..., 0]}[mode])
    elif mode == "turned":
        exif = Image.Exif()
        exif[274] = 6
        Image.fromarray(pixels[..., :3]).save(path, exif=exif)
    else:
        Image.fromarray(pixels).convert(mode).save(path)
    whole = read_photo(path)
    for module, name in ((decode, "_BAND_PX"), (raster, "STRIP_PX"), (engine, "_BAND_PX")):
        monkeypatch.setattr(module, name, 7 * 60)
    found = read_photo(path, planes=planes_for(100))
    assert in_file(found.pixels.data_ptr())
    assert torch.equal(found.pixels, whole.pixels)
    assert (found.alpha is None) == (whole.alpha is None)
    if found.alpha is not None and whole.alpha is not None:
        assert torch.equal(found.alpha, whole.alpha)


@pytest.mark.skipif(os.name != "posix", reason="files without a name")
@pytest.mark.parametrize(
    "name", ["a.png", "deep.png", "a.tif", "deep.tif", "a.jpg", "a.webp", "a.bmp", "clear.bmp", "clear.jpg"]
)
def test_a_picture_kept_in_a_file_is_written_as_one_in_memory(name, tmp_path, monkeypatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 4), dtype=np.uint8)
    exif = Image.Exif()
    exif[315] = "me"
    Image.fromarray(pixels[..., : 4 if "clear" in name else 3]).save(tmp_path / "source.png", exif=exif)
    monkeypatch.setattr(raster, "STRIP_PX", 7 * 60)
    options, written, sealed = WriteOptions(depth=16 if "deep" in name else None), [], []
    for number, planes in enumerate((in_memory, planes_for(100))):
        path = tmp_path / str(number) / name
        photo = read_photo(tmp_path / "source.png", planes=planes)
        write_photo(photo, path, options, sealed=lambda *seal: sealed.append(seal))
        written.append(path.read_bytes())
        assert sealed[-1] == (len(written[-1]), hashlib.sha256(written[-1]).hexdigest())
    if name.endswith(".jpg"):  # written as it is made, so that its codes are not the shortest
        here, there = (np.asarray(Image.open(io.BytesIO(data))) for data in written)
        assert (here == there).all()
        assert len(written[0]) <= len(written[1]) < 1.4 * len(written[0])
    else:
        assert written[0] == written[1]
