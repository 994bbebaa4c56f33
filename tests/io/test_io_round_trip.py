"""Every format, kind of channel and depth: what went in comes out."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from skimage import data

from restore.io.convert import photo_from_array
from restore.io.photo import Photo
from restore.io.read import photo_size, read_photo
from restore.io.write import WriteOptions, encode_photo, output_notes, write_photo

LOSSLESS = (
    [("PNG", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")]
    + [("TIFF", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")]
    + [("BMP", mode) for mode in ("1", "L", "P", "RGB")]
)


def drawn(mode: str = "RGB", height: int = 21, width: int = 34) -> Image.Image:
    """Smooth colours with an edge and, where the mode has it, soft transparency."""
    y, x = np.mgrid[0:height, 0:width]
    colour = np.stack([x * 7 % 256, y * 11 % 256, 255 * (x > y)], axis=2).astype(np.uint8)
    image = Image.fromarray(colour).convert("L" if mode in ("L", "LA") else "RGB")
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.fromarray((x * 255 // (width - 1)).astype(np.uint8)))
    return image.convert(mode)


def file_of(image: Image.Image, format_name: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_name, **options)
    return file.getvalue()


def shown(photo: Photo) -> NDArray[np.float32]:
    """Colour times alpha, and alpha: what differs here can be seen."""
    alpha = torch.ones(photo.height, photo.width) if photo.alpha is None else photo.alpha
    return torch.cat([photo.pixels * alpha, alpha[None]]).numpy()


@pytest.mark.parametrize(("format_name", "mode"), LOSSLESS)
def test_lossless_formats_give_back_every_value(format_name: str, mode: str) -> None:
    image = drawn(mode)
    photo = read_photo(file_of(image, format_name))
    expected = np.asarray(image.convert("RGBA"), dtype=np.float32) / 255
    np.testing.assert_allclose(shown(photo)[3], expected[..., 3], atol=1e-6)
    np.testing.assert_allclose(shown(photo)[:3], (expected[..., :3] * expected[..., 3:]).transpose(2, 0, 1), atol=1e-6)
    assert (photo.format, photo.mode, photo.depth, photo.lossless) == (format_name, mode, 8, True)
    assert photo.gray == (mode in ("1", "L", "LA"))
    written, used = encode_photo(photo, WriteOptions())
    again = Image.open(io.BytesIO(written))
    assert used == format_name == again.format
    assert again.mode == {"1": "L", "P": "RGB"}.get(mode, mode)
    np.testing.assert_array_equal(shown(read_photo(written)), shown(photo))


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(("format_name", "close"), [("JPEG", 36), ("WEBP", 28), ("AVIF", 34)])
def test_lossy_formats_stay_themselves_and_come_close(format_name: str, close: float, mode: str) -> None:
    image = Image.fromarray(data.astronaut()[100:196, 180:300]).convert(mode)
    photo = read_photo(file_of(image, format_name, quality=92))
    assert not photo.lossless
    written, used = encode_photo(photo, WriteOptions())
    again = Image.open(io.BytesIO(written))
    assert used == format_name
    assert again.mode == ("RGB" if format_name == "WEBP" else mode)  # WebP knows no gray
    before, after = (
        np.asarray(Image.open(io.BytesIO(b)).convert("RGB"), float) for b in (file_of(image, "PNG"), written)
    )
    assert 10 * np.log10(255**2 / ((before - after) ** 2).mean()) > close


def test_an_alpha_bmp_keeps_its_transparency() -> None:
    photo = read_photo(file_of(drawn("RGBA"), "PNG"))
    written, used = encode_photo(photo, WriteOptions(format="bmp"))
    again = Image.open(io.BytesIO(written))
    assert (used, again.mode) == ("BMP", "RGBA")
    np.testing.assert_array_equal(shown(read_photo(written)), shown(photo))


def deep(channels: int) -> NDArray[np.uint16]:
    array = np.random.default_rng(3).integers(1, 65536, (9, 13, channels), dtype=np.uint16)
    return array[..., 0] if channels == 1 else array


def png_of(array: NDArray[np.uint16]) -> bytes:
    """The plainest 16-bit PNG, written from the standard."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    colour_type = {2: 0, 3: {2: 4, 3: 2, 4: 6}.get(array.shape[-1], 0)}[array.ndim]
    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, colour_type, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def tiff_of(array: NDArray[np.uint16], **options: object) -> bytes:
    file = io.BytesIO()
    colours = array.ndim == 3 and array.shape[2] >= 3
    alpha = ["unassalpha"] if array.ndim == 3 and array.shape[2] in (2, 4) else None
    photometric = "rgb" if colours else "minisblack"
    plan = "contig" if array.ndim == 3 else None
    tifffile.imwrite(file, array, **{"photometric": photometric, "extrasamples": alpha, "planarconfig": plan} | options)
    return file.getvalue()


@pytest.mark.parametrize("make", [png_of, tiff_of])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bits_stay_16_bits_to_the_last_one(make: object, channels: int) -> None:
    array = deep(channels)
    photo = read_photo(make(array))  # type: ignore[operator]
    assert (photo.depth, photo.gray, photo.alpha is not None) == (16, channels < 3, channels in (2, 4))
    written, _ = encode_photo(photo, WriteOptions())
    stored = read_photo(written)
    colours = np.atleast_3d(array)[..., : 1 if channels < 3 else 3]
    found = np.round(photo.pixels.numpy().astype(float) * 65535).transpose(1, 2, 0)
    np.testing.assert_array_equal(found[..., : colours.shape[2]], colours)
    assert torch.equal(stored.pixels, photo.pixels)
    if photo.alpha is not None:
        np.testing.assert_array_equal(np.round(photo.alpha.numpy().astype(float) * 65535), array[..., -1])
        assert stored.alpha is not None
        assert torch.equal(stored.alpha, photo.alpha)


def test_other_programs_read_our_16_bit_files() -> None:
    array = deep(4)
    for name in ("png", "tiff"):
        written, _ = encode_photo(photo_from_array(array), WriteOptions(format=name))
        seen = cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED)
        assert seen is not None
        np.testing.assert_array_equal(seen[..., [2, 1, 0, 3]], array)
    with Image.open(io.BytesIO(encode_photo(photo_from_array(deep(1)), WriteOptions())[0])) as gray:
        assert gray.mode == "I;16"
        np.testing.assert_array_equal(np.asarray(gray), deep(1))


def test_16_bit_tiffs_in_other_arrangements_read_the_same() -> None:
    array = deep(3)
    planes = tiff_of(array.transpose(2, 0, 1).copy(), planarconfig="separate", photometric="rgb")
    _, lzw = cv2.imencode(".tiff", array[..., ::-1], [cv2.IMWRITE_TIFF_COMPRESSION, 5])
    big_endian = tiff_of(array, byteorder=">")
    big_tiff = tiff_of(array, bigtiff=True)
    expected = read_photo(tiff_of(array)).pixels
    for other in (planes, lzw.tobytes(), big_endian, big_tiff):
        assert torch.equal(read_photo(other).pixels, expected)
    white_is_zero = tiff_of(65535 - deep(1), photometric="miniswhite")
    assert torch.equal(read_photo(white_is_zero).pixels, read_photo(tiff_of(deep(1))).pixels)


def test_colour_multiplied_into_alpha_is_divided_out_again() -> None:
    colour = np.full((4, 4, 4), 40000, dtype=np.uint16)
    colour[..., 3] = 32768
    multiplied = colour.copy()
    multiplied[..., :3] = np.round(40000 * 32768 / 65535)
    photo = read_photo(tiff_of(multiplied, extrasamples=["assocalpha"]))
    np.testing.assert_allclose(photo.pixels.numpy() * 65535, 40000, atol=2)


def test_depth_can_be_raised_and_lowered_by_request() -> None:
    photo = read_photo(file_of(drawn("RGB"), "PNG"))
    raised = read_photo(encode_photo(photo, WriteOptions(depth=16))[0])
    assert raised.depth == 16
    assert torch.equal(raised.pixels, photo.pixels)  # k/255 is 257k/65535
    lowered = read_photo(encode_photo(raised, WriteOptions(depth=8))[0])
    assert lowered.depth == 8
    assert torch.equal(lowered.pixels, photo.pixels)


def test_values_are_rounded_to_the_nearest_level_and_clipped() -> None:
    levels = torch.tensor([-0.2, 0.49 / 255, 0.51 / 255, 99.4 / 255, 99.6 / 255, 1.3])
    photo = photo_from_array(np.zeros((1, 6, 3), np.uint8)).with_pixels(levels.expand(3, 1, 6))
    with Image.open(io.BytesIO(encode_photo(photo, WriteOptions(format="png"))[0])) as image:
        assert np.asarray(image)[0, :, 0].tolist() == [0, 0, 1, 99, 100, 255]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_each_orientation_is_applied_once_and_reset(orientation: int, format_name: str, tmp_path: Path) -> None:
    image = drawn("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Maker"
    options = (
        {"lossless": True} if format_name == "WEBP" else {"quality": 100} if format_name in ("JPEG", "AVIF") else {}
    )
    path = tmp_path / "turned"
    path.write_bytes(file_of(image, format_name, exif=exif, **options))
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    photo = read_photo(path)
    np.testing.assert_array_equal(np.round(photo.pixels.numpy() * 255).transpose(1, 2, 0), expected)
    assert photo_size(path) == (photo.height, photo.width) == expected.shape[:2]
    with Image.open(io.BytesIO(encode_photo(photo, WriteOptions())[0])) as again:
        assert again.getexif().get(0x0112, 1) == 1
        assert again.getexif()[0x010F] == "Maker"
        assert again.size == (photo.width, photo.height)


def test_the_first_frame_of_an_animation_becomes_a_png_with_a_note() -> None:
    frames = [drawn("P"), drawn("P").transpose(Image.Transpose.ROTATE_180)]
    photo = read_photo(file_of(frames[0], "GIF", save_all=True, append_images=frames[1:]))
    assert "first of 2 frames" in photo.notes[0]
    np.testing.assert_array_equal(
        np.round(photo.pixels.numpy() * 255).transpose(1, 2, 0), np.asarray(drawn("P").convert("RGB"))
    )
    assert encode_photo(photo, WriteOptions())[1] == "PNG"


def test_the_first_page_of_a_tiff_is_used_with_a_note() -> None:
    photo = read_photo(file_of(drawn("RGB"), "TIFF", save_all=True, append_images=[drawn("L", 5, 5)]))
    assert (photo.height, photo.width) == (21, 34)
    assert "holds 2 pictures" in photo.notes[0]


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_one_transparent_colour_becomes_alpha(mode: str) -> None:
    image = drawn(mode)
    value = image.getpixel((5, 5))
    photo = read_photo(file_of(image, "PNG", transparency=value))
    assert photo.alpha is not None
    assert photo.alpha[5, 5] == 0
    assert 0 < float(photo.alpha.mean()) < 1


def test_heic_reads_and_writes_when_its_package_is_there() -> None:
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    image = Image.fromarray(data.astronaut()[100:164, 180:260])
    heif.from_pillow(image).save(file, quality=95)
    photo = read_photo(file.getvalue())
    assert (photo.format, photo.height, photo.width) == ("HEIF", 64, 80)
    written, used = encode_photo(photo, WriteOptions())
    assert used == "HEIF"
    assert float((read_photo(written).pixels - photo.pixels).abs().mean()) < 3 / 255


def test_transparency_into_a_jpeg_is_laid_on_white_and_said() -> None:
    image = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    photo, options = read_photo(file_of(image, "PNG")), WriteOptions(format="jpg")
    written, used = encode_photo(photo, options)
    assert used == "JPEG"
    assert np.asarray(Image.open(io.BytesIO(written))).min() >= 254
    assert any("laid on white" in note for note in output_notes(photo, options))


def test_a_jpeg_that_got_transparency_is_written_as_png() -> None:
    photo = read_photo(file_of(drawn("RGB"), "JPEG"))
    assert encode_photo(photo.with_pixels(photo.pixels, torch.zeros(21, 34)), WriteOptions())[1] == "PNG"


def test_the_quality_of_a_jpeg_is_kept_within_bounds(tmp_path: Path) -> None:
    picture = Image.fromarray(data.astronaut()[100:164, 180:260])
    for quality, sampling, expected in ((30, "4:2:0", 85), (90, "4:4:4", 90), (88, "4:2:2", 88), (100, "4:4:4", 95)):
        photo = read_photo(file_of(picture, "JPEG", quality=quality, subsampling=sampling))
        assert (photo.quality, photo.subsampling) == (quality, sampling)
        again = read_photo(encode_photo(photo, WriteOptions())[0])
        assert (again.quality, again.subsampling) == (expected, sampling)
    assert read_photo(encode_photo(photo, WriteOptions(quality=40))[0]).quality == 40


def test_a_lossless_webp_stays_lossless() -> None:
    photo = read_photo(file_of(drawn("RGBA"), "WEBP", lossless=True))
    assert photo.lossless
    again = read_photo(encode_photo(photo, WriteOptions())[0])
    assert again.lossless
    np.testing.assert_array_equal(shown(again), shown(photo))


def test_a_name_in_any_script_works(tmp_path: Path) -> None:
    folder = tmp_path / "zdjęcia Größe 写真"
    for name in ("łódź.jpg", "写真.png", "été 🌻.tif"):
        write_photo(read_photo(file_of(drawn("RGB"), "PNG")), folder / name, WriteOptions())
        assert photo_size(folder / name) == (21, 34)
        assert read_photo(str(folder / name)).name == name
    write_photo(photo_from_array(deep(3)), folder / "ö16.png", WriteOptions())
    assert read_photo(folder / "ö16.png").depth == 16


def enlarged(photo: NDArray[np.uint8], side: int, noise: float) -> NDArray[np.uint8]:
    """A photo of that side, with grain of so many grey levels."""
    large = cv2.resize(photo, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grain = np.random.default_rng(0).normal(0, noise, large.shape)
    return (large + grain).clip(0, 255).round().astype(np.uint8)


def screenshot(side: int) -> NDArray[np.uint8]:
    """Figures that come again and again."""
    letters = np.random.default_rng(0).integers(0, 2, (24, 160, 1))
    page = np.tile(letters, (side // 24 + 1, side // 160 + 1, 3))[:side, :side]
    return (255 - 235 * page).astype(np.uint8)


PACKED = {
    "a smooth photo": (enlarged(data.astronaut(), 900, 0), True),
    "a grainy photo": (enlarged(data.astronaut(), 900, 3), True),
    "a gray photo": (enlarged(data.astronaut(), 900, 1)[..., 1], True),
    "a screenshot": (screenshot(900), False),
    "a small photo": (data.astronaut()[:128, :128], False),
}


@pytest.mark.parametrize("kind", PACKED)
def test_a_large_photo_is_packed_by_runs_at_no_cost_and_what_repeats_in_full(kind, monkeypatch) -> None:
    array, by_runs = PACKED[kind]
    asked = []
    save = Image.Image.save

    def noted(self, file, format_name=None, **options):
        asked.append(options.get("compress_type"))
        return save(self, file, format_name, **options)

    monkeypatch.setattr(Image.Image, "save", noted)
    written, _ = encode_photo(photo_from_array(array), WriteOptions(format="png"))
    monkeypatch.undo()
    assert asked == [zlib.Z_RLE if by_runs else None]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(written))), array)
    assert len(written) <= 1.06 * len(file_of(Image.fromarray(array), "PNG"))


def test_a_deep_png_is_packed_by_runs_only_where_that_is_small() -> None:
    smooth = cv2.resize(data.astronaut().astype(np.float32), (900, 900), interpolation=cv2.INTER_CUBIC)
    for array in ((smooth.clip(0, 255) * 257).round().astype(np.uint16), screenshot(900).astype(np.uint16) * 257):
        written, _ = encode_photo(photo_from_array(array), WriteOptions(format="png"))
        assert np.array_equal(cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED)[..., ::-1], array)
        rows = array.astype(">u2").reshape(900, -1).view(np.uint8)
        packer = zlib.compressobj(6, strategy=zlib.Z_DEFAULT_STRATEGY)
        in_full = packer.compress(np.diff(rows, axis=0).tobytes()) + packer.flush()
        assert len(written) <= 1.06 * len(in_full)
