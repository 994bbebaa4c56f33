"""Colour profiles: into sRGB, back without loss, and always embedded again. The profiles are made here, by the book."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms

from restore.io.convert import photo_from_array, photo_from_pil, photo_to_pil
from restore.io.curves import SRGB, Curve, TableCurve, gamma_curve
from restore.io.profile import rendering_of
from restore.io.read import read_photo
from restore.io.write import WriteOptions, encode_photo, output_notes

D50 = (0.9642, 1.0, 0.8249)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
PRIMARIES = {
    "srgb": ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    "p3": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "adobe": ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)),
    "prophoto": ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)),
}
SRGB_PARA = struct.pack(
    ">4sIHH5i", b"para", 0, 3, 0, *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
)


def fixed(value: float) -> int:
    return round(value * 65536)


def curv(gamma: float) -> bytes:
    return struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256)) + b"\0\0"


def sampled(count: int) -> bytes:
    x = np.linspace(0, 1, count)
    y = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return struct.pack(f">4sII{count}H", b"curv", 0, count, *np.round(y * 65535).astype(int))


def profile(space: bytes, tags: dict[bytes, bytes], pcs: bytes = b"XYZ ", kind: bytes = b"mntr") -> bytes:
    """The bytes of an ICC profile of version 2.4 with these tags."""
    text = b"made for a test\0"
    tags = {
        b"desc": struct.pack(">4sII", b"desc", 0, len(text)) + text + bytes(79),
        b"cprt": b"text\0\0\0\0" + text,
        b"wtpt": struct.pack(">4sI3i", b"XYZ ", 0, *map(fixed, D50)),
    } | tags
    place, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += struct.pack(">4sII", name, place + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = (
        struct.pack(">I4sI4s4s4s", place + len(body), b"\0\0\0\0", 0x02400000, kind, space, pcs)
        + bytes(12)
        + b"acsp"
        + bytes(28)
    )
    head += struct.pack(">3i", *map(fixed, D50)) + bytes(48)
    return head + struct.pack(">I", len(tags)) + table + body


def matrix_profile(name: str, curve: bytes) -> bytes:
    """From primaries, D65 (D50 for ProPhoto) and a curve, adapted to D50 by Bradford's method."""

    def xyz(x: float, y: float) -> NDArray[np.float64]:
        return np.array([x / y, 1, (1 - x - y) / y])

    white = np.array(D50) if name == "prophoto" else xyz(0.3127, 0.3290)
    colours = np.stack([xyz(*point) for point in PRIMARIES[name]], axis=1)
    colours = colours * np.linalg.solve(colours, white)
    cone = np.diag((BRADFORD @ np.array(D50)) / (BRADFORD @ white))
    adapted = np.linalg.inv(BRADFORD) @ cone @ BRADFORD @ colours
    tags = {
        key: struct.pack(">4sI3i", b"XYZ ", 0, *map(fixed, adapted[:, i]))
        for i, key in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
    }
    return profile(b"RGB ", tags | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve})


def lut8(inputs: int, table: NDArray[np.float64]) -> bytes:
    """A table of 8-bit values (grid..., outputs) in [0,1], without curves."""
    outputs, grid = table.shape[-1], table.shape[0]
    identity = bytes(range(256))
    head = struct.pack(">4sIBBBB9i", b"mft1", 0, inputs, outputs, grid, 0, *map(fixed, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    return head + identity * inputs + np.round(table * 255).clip(0, 255).astype(np.uint8).tobytes() + identity * outputs


def lab_of(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """CIE Lab (D50) of sRGB, encoded to [0,1]."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array(
        [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
    )
    t = linear @ to_xyz.T / np.array(D50)
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    lab = np.stack([116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1)
    return np.stack([lab[..., 0] / 100, (lab[..., 1] + 128) / 255, (lab[..., 2] + 128) / 255], axis=-1)


def rgb_of(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """The way back, clipped to sRGB."""
    fy = (code[..., 0] * 100 + 16) / 116
    f = np.stack([fy + (code[..., 1] * 255 - 128) / 500, fy, fy - (code[..., 2] * 255 - 128) / 200], axis=-1)
    xyz = np.where(f**3 > 216 / 24389, f**3, (116 * f - 16) * 27 / 24389) * np.array(D50)
    to_xyz = np.array(
        [[0.4360747, 0.3850649, 0.1430804], [0.2225045, 0.7168786, 0.0606169], [0.0139322, 0.0971045, 0.7141733]]
    )
    linear = (xyz @ np.linalg.inv(to_xyz).T).clip(0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def grid(axes: int, count: int) -> NDArray[np.float64]:
    return np.stack(np.meshgrid(*[np.linspace(0, 1, count)] * axes, indexing="ij"), axis=-1)


def cmyk_profile() -> bytes:
    inks = grid(4, 9)
    rgb = (1 - inks[..., :3]) * (1 - inks[..., 3:])
    back = np.concatenate([1 - rgb_of(grid(3, 17)), np.zeros((17, 17, 17, 1))], axis=-1)
    return profile(b"CMYK", {b"A2B0": lut8(4, lab_of(rgb)), b"B2A0": lut8(3, back)}, pcs=b"Lab ", kind=b"prtr")


def rgb_table_profile(*, both_ways: bool = True) -> bytes:
    """The colours of sRGB with red and blue exchanged, so that converting or not shows at once."""
    tags = {b"A2B0": lut8(3, lab_of(grid(3, 17)[..., ::-1]))}
    if both_ways:
        tags[b"B2A0"] = lut8(3, rgb_of(grid(3, 17))[..., ::-1])
    return profile(b"RGB ", tags, pcs=b"Lab ", kind=b"prtr" if both_ways else b"scnr")


def gray_profile() -> bytes:
    return profile(b"GRAY", {b"kTRC": curv(2.2)})


def with_profile(array: NDArray[np.uint8], icc: bytes, mode: str = "RGB", format_name: str = "PNG") -> bytes:
    file = io.BytesIO()
    image = Image.frombytes(mode, array.shape[1::-1], array.tobytes())
    options = {"quality": 98} if format_name == "JPEG" else {}
    image.save(file, format_name, icc_profile=icc, **options)
    return file.getvalue()


def some_colours(seed: int = 1) -> NDArray[np.uint8]:
    colours = np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    colours[0, :8] = [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [255, 255, 255],
        [0, 0, 0],
        [1, 0, 0],
        [255, 255, 0],
        [0, 1, 255],
    ]
    return colours


CURVES = {
    "gamma 2.2": curv(2.19921875),
    "sRGB's formula": SRGB_PARA,
    "table of 1024": sampled(1024),
    "gamma 1.8": curv(1.8),
}
WIDE = [(name, curve) for name in ("p3", "adobe", "prophoto") for curve in CURVES]


@pytest.mark.parametrize(("name", "curve"), WIDE)
def test_every_8_bit_value_survives_a_wide_profile(name: str, curve: str) -> None:
    icc, colours = matrix_profile(name, CURVES[curve]), some_colours()
    photo = read_photo(with_profile(colours, icc))
    with Image.open(io.BytesIO(encode_photo(photo, WriteOptions())[0])) as again:
        np.testing.assert_array_equal(np.asarray(again), colours)
        assert again.info["icc_profile"] == icc


@pytest.mark.parametrize(("name", "curve"), WIDE)
def test_16_bit_values_survive_a_wide_profile_within_two_levels(name: str, curve: str) -> None:
    icc = matrix_profile(name, CURVES[curve])
    array = np.random.default_rng(5).integers(0, 65536, (48, 48, 3), dtype=np.uint16)
    array[0, :, 1:] = 0  # pure reds: the other channels sit at the flat foot of the curve
    array[1] = np.arange(48)[:, None]
    photo = read_photo(deep_png_with(array, icc))
    assert photo.icc == icc
    stored = raw_values(encode_photo(photo, WriteOptions())[0])
    assert stored.dtype == np.uint16
    assert np.abs(stored.astype(int) - array).max() <= 2


def deep_png_with(array: NDArray[np.uint16], icc: bytes) -> bytes:
    """A 16-bit PNG with these raw values and this profile."""
    plain, _ = encode_photo(photo_from_array(array), WriteOptions())
    body = b"iCCP" + b"x\0\0" + zlib.compress(icc)
    return plain[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + plain[33:]


def raw_values(png: bytes) -> NDArray[np.uint16]:
    array = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
    assert array is not None
    return np.asarray(array[..., ::-1])


@pytest.mark.parametrize(("name", "curve"), WIDE)
def test_colours_inside_srgb_agree_with_the_colour_engine(name: str, curve: str) -> None:
    icc, srgb = matrix_profile(name, CURVES[curve]), ImageCms.createProfile("sRGB")
    wide = ImageCms.ImageCmsProfile(io.BytesIO(icc))
    intent = ImageCms.Intent.RELATIVE_COLORIMETRIC
    stored = ImageCms.profileToProfile(Image.fromarray(some_colours()), srgb, wide, intent)
    assert stored is not None
    expected = ImageCms.profileToProfile(stored, wide, srgb, intent)
    assert expected is not None
    photo = read_photo(with_profile(np.asarray(stored), icc))
    inside = ((photo.pixels > 0.004) & (photo.pixels < 0.996)).all(dim=0).numpy()
    apart = np.abs(photo.pixels.numpy().transpose(1, 2, 0) * 255 - np.asarray(expected))[inside]
    assert inside.mean() > 0.9
    assert apart.max() < 1.5


def test_a_colour_outside_srgb_is_kept_outside_the_unit_range() -> None:
    red = np.zeros((2, 2, 3), np.uint8)
    red[..., 0] = 255
    pixel = read_photo(with_profile(red, matrix_profile("p3", SRGB_PARA))).pixels[:, 0, 0].numpy()
    np.testing.assert_allclose(pixel, [1.0930, -0.2267, -0.1501], atol=2e-3)  # Display P3 red, as CSS Color 4 has it


@pytest.mark.parametrize("curve", [SRGB_PARA, sampled(1024), sampled(4096)])
def test_an_srgb_profile_of_any_make_changes_nothing_and_stays(curve: bytes) -> None:
    icc, colours = matrix_profile("srgb", curve), some_colours()
    photo = read_photo(with_profile(colours, icc))
    assert torch.equal(photo.pixels, photo_from_array(colours).pixels)
    assert photo.icc == icc
    assert rendering_of(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), "rgb", 8).kind == "same"


def test_white_and_grays_stay_neutral() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    for name in ("p3", "adobe", "prophoto"):
        pixels = read_photo(with_profile(ramp, matrix_profile(name, curv(2.2)))).pixels
        assert float((pixels - pixels.mean(dim=0)).abs().max()) < 1e-5
        np.testing.assert_allclose(pixels[:, 0, -1].numpy(), 1, atol=1e-5)


@pytest.mark.parametrize(
    "curve", [SRGB, gamma_curve(2.2), gamma_curve(1.0), TableCurve.rising(torch.linspace(0, 1, 1024) ** 2.2)]
)
def test_curves_are_odd_rising_and_invertible_far_outside(curve: Curve) -> None:
    x = torch.linspace(-1.5, 1.5, 3001, dtype=torch.float64)
    y = curve.decode(x)
    assert bool((y.diff() > 0).all())
    torch.testing.assert_close(y, -y.flip(0))
    torch.testing.assert_close(curve.encode(y), x, atol=1e-9, rtol=0)


def test_a_cmyk_photo_goes_back_as_cmyk_with_its_profile() -> None:
    icc = cmyk_profile()
    y, x = np.mgrid[0:32, 0:32]
    inks = np.stack([x * 8, y * 8, 128 + 0 * x, 0 * x], axis=2).astype(np.uint8)
    for format_name in ("TIFF", "JPEG"):
        photo = read_photo(with_profile(inks, icc, "CMYK", format_name))
        expected = (1 - inks[..., :3] / 255.0).transpose(2, 0, 1)  # the profile's own rule
        assert np.abs(photo.pixels.numpy() - expected).mean() < 0.03
        assert not photo.gray
        with Image.open(io.BytesIO(encode_photo(photo, WriteOptions())[0])) as again:
            assert (again.format, again.mode, again.info["icc_profile"]) == (format_name, "CMYK", icc)
            assert np.abs(np.asarray(again).astype(int) - inks).mean() < 8


def test_cmyk_into_a_format_without_it_becomes_srgb_and_says_so() -> None:
    photo = read_photo(with_profile(np.full((8, 8, 4), 60, np.uint8), cmyk_profile(), "CMYK", "TIFF"))
    options = WriteOptions(format="png")
    with Image.open(io.BytesIO(encode_photo(photo, options)[0])) as again:
        assert again.mode == "RGB"
        assert "icc_profile" not in again.info
    assert any("sRGB" in note for note in output_notes(photo, options))


def test_cmyk_without_profile_is_converted_and_said() -> None:
    file = io.BytesIO()
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    image.save(file, "TIFF")
    photo = read_photo(file.getvalue())
    assert "CMYK without" in photo.notes[0]
    np.testing.assert_allclose(photo.pixels[:, 0, 0].numpy(), [1, 0, 0], atol=0.01)
    with Image.open(io.BytesIO(encode_photo(photo, WriteOptions())[0])) as again:
        assert again.mode == "RGB"


def test_a_profile_of_tables_is_converted_both_ways() -> None:
    icc = rgb_table_profile()
    y, x = np.mgrid[0:32, 0:32]
    colours = np.stack([x * 8, y * 8, 40 + 0 * x], axis=2).astype(np.uint8)
    photo = read_photo(with_profile(colours, icc))
    assert np.abs(photo.pixels.numpy().transpose(1, 2, 0)[..., ::-1] * 255 - colours).mean() < 6
    with Image.open(io.BytesIO(encode_photo(photo, WriteOptions())[0])) as again:
        assert again.info["icc_profile"] == icc
        assert np.abs(np.asarray(again).astype(int) - colours).mean() < 8
    with_alpha = photo.with_pixels(photo.pixels, torch.full((32, 32), 0.5))
    with Image.open(io.BytesIO(encode_photo(with_alpha, WriteOptions())[0])) as again:
        assert again.mode == "RGBA"
        assert np.abs(np.asarray(again)[..., :3].astype(int) - colours).mean() < 8


def test_a_profile_of_one_direction_or_for_16_bits_keeps_the_values() -> None:
    colours = some_colours()
    scanner = read_photo(with_profile(colours, rgb_table_profile(both_ways=False)))
    assert "one direction" in scanner.notes[0]
    assert torch.equal(scanner.pixels, photo_from_array(colours).pixels)
    deep = colours.astype(np.uint16) * 257
    photo = read_photo(deep_png_with(deep, rgb_table_profile()))
    assert "16-bit" in photo.notes[0]
    np.testing.assert_array_equal(raw_values(encode_photo(photo, WriteOptions())[0]), deep)


def test_gray_profiles_are_embedded_again_and_change_nothing() -> None:
    icc, ramp = gray_profile(), np.arange(256, dtype=np.uint8).reshape(16, 16)
    photo = read_photo(with_profile(ramp, icc, "L"))
    assert torch.equal(photo.pixels, photo_from_array(ramp).pixels)
    with Image.open(io.BytesIO(encode_photo(photo, WriteOptions())[0])) as again:
        assert (again.mode, again.info["icc_profile"]) == ("L", icc)
        np.testing.assert_array_equal(np.asarray(again), ramp)


@pytest.mark.parametrize(
    ("icc", "said"),
    [
        (b"no profile at all", "damaged"),
        (matrix_profile("p3", SRGB_PARA)[:300], "damaged"),
        (matrix_profile("p3", b"junk" + bytes(12)), "damaged"),
        (matrix_profile("p3", curv(0.0)), "damaged"),
        (gray_profile(), "for GRAY"),
    ],
)
def test_a_profile_that_is_damaged_or_does_not_fit_is_dropped_with_a_note(icc: bytes, said: str) -> None:
    colours = some_colours()
    photo = read_photo(with_profile(colours, icc, format_name="TIFF"))
    assert said in photo.notes[0]
    assert photo.icc is None
    assert torch.equal(photo.pixels, photo_from_array(colours).pixels)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_every_format_that_can_carries_the_profile(format_name: str) -> None:
    icc = matrix_profile("adobe", curv(2.2))
    photo = read_photo(with_profile(some_colours(), icc))
    written, _ = encode_photo(photo, WriteOptions(format=format_name.lower()))
    assert read_photo(written).icc == icc


def test_a_pillow_image_keeps_its_profile_and_values() -> None:
    icc, colours = matrix_profile("p3", SRGB_PARA), some_colours()
    image = Image.open(io.BytesIO(with_profile(colours, icc)))
    again = photo_to_pil(photo_from_pil(image))
    assert again.info["icc_profile"] == icc
    np.testing.assert_array_equal(np.asarray(again), colours)
