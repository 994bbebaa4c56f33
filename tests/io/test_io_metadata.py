"""EXIF, XMP and DPI: kept where they can be, upright, and stripped by request without a trace."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import tifffile
import torch
from PIL import ExifTags, Image

from restore.io.convert import photo_from_array
from restore.io.photo import Photo
from restore.io.read import read_photo
from restore.io.write import WriteOptions, encode_photo, output_notes

PLACE = {1: "N", 2: (52.0, 13.0, 47.0), 3: "E", 4: (21.0, 0.0, 42.0)}
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"'
    b' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:drone="http://dji/" tiff:Orientation="6"'
    b' exif:GPSLatitude="52,13.78N" drone:GpsLongitude="+21.0" exif:FNumber="28/10">'
    b"<exif:GPSLongitude>21,0.7E</exif:GPSLongitude><dc:title>Babcia \xc5\x81ucja</dc:title>"
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)
HOLDERS = ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"]


def camera_file(format_name: str = "JPEG", *, orientation: int = 1) -> bytes:
    """A file as a camera leaves it: EXIF with sub-directories, place and a maker's note, XMP, 300 DPI."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.ImageDescription] = "Grandmother"
    exif[ExifTags.Base.Orientation] = orientation
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.DateTimeOriginal] = "1998:07:12 21:00:00"
    inner[ExifTags.Base.ExifImageWidth] = 40
    inner[ExifTags.Base.ExifImageHeight] = 24
    inner[ExifTags.Base.MakerNote] = bytes(range(200))
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(PLACE)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8))
    file = io.BytesIO()
    options = {"dpi": (300, 300)} if format_name in ("JPEG", "TIFF", "PNG") else {}
    image.save(file, format_name, exif=exif, xmp=XMP, **options)
    return file.getvalue()


def enlarged(photo: Photo) -> Photo:
    return photo.with_pixels(photo.pixels.repeat_interleave(2, 1).repeat_interleave(2, 2))


def read_by_pillow(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("format_name", HOLDERS)
def test_date_place_maker_and_captions_reach_every_format(format_name: str) -> None:
    photo = enlarged(read_photo(camera_file()))
    written, used = encode_photo(photo, WriteOptions(format=format_name.lower()))
    image = read_by_pillow(written)
    exif = image.getexif()
    inner, place = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    assert used == format_name
    assert exif[ExifTags.Base.Make] == "Maker"
    assert exif[ExifTags.Base.ImageDescription] == "Grandmother"
    assert inner[ExifTags.Base.DateTimeOriginal] == "1998:07:12 21:00:00"
    assert bytes(inner[ExifTags.Base.MakerNote]) == bytes(range(200))
    assert [float(x) for x in place[2]] == [52.0, 13.0, 47.0]
    assert (inner[ExifTags.Base.ExifImageWidth], inner[ExifTags.Base.ExifImageHeight]) == (80, 48)
    assert "Łucja".encode() in image.info["xmp"]
    if format_name in ("JPEG", "PNG", "TIFF"):
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)


@pytest.mark.parametrize("format_name", HOLDERS)
def test_a_second_pass_changes_nothing_more(format_name: str) -> None:
    once = read_photo(encode_photo(read_photo(camera_file()), WriteOptions(format=format_name.lower()))[0])
    twice = read_photo(encode_photo(once, WriteOptions())[0])
    assert (twice.xmp, twice.exif) == (once.xmp, once.exif)
    assert twice.exif is not None


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_16_bit_tiff_and_png_carry_metadata_in_either_byte_order(byte_order: str) -> None:
    exif = Image.Exif()
    exif.endian = byte_order
    exif[ExifTags.Base.Artist] = "Ansel"
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(PLACE)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", exif=exif, dpi=(240, 240))
    source = read_photo(file.getvalue())
    for name in ("tiff", "png"):
        photo = read_photo(encode_photo(source, WriteOptions(format=name, depth=16))[0])
        assert photo.depth == 16
        assert photo.dpi == pytest.approx((240, 240), abs=0.02)
        again = read_by_pillow(encode_photo(photo, WriteOptions(format="jpg"))[0]).getexif()
        assert again[ExifTags.Base.Artist] == "Ansel"
        assert again.get_ifd(ExifTags.IFD.GPSInfo)[3] == "E"


def test_our_tiff_is_well_formed_for_another_reader() -> None:
    photo = read_photo(camera_file())
    with tifffile.TiffFile(io.BytesIO(encode_photo(photo, WriteOptions(format="tif"))[0])) as file:
        page = file.pages.first
        assert page.tags["Make"].value == "Maker"
        assert page.tags["ExifTag"].value["DateTimeOriginal"] == "1998:07:12 21:00:00"
        assert page.tags["GPSTag"].value["GPSLongitudeRef"] == "E"
        assert page.tags["XMP"].value == photo.xmp
        np.testing.assert_array_equal(page.asarray(), np.round(photo.pixels.numpy() * 255).transpose(1, 2, 0))


@pytest.mark.parametrize("format_name", HOLDERS)
def test_strip_gps_removes_the_place_and_nothing_else(format_name: str) -> None:
    photo = read_photo(camera_file())
    written, _ = encode_photo(photo, WriteOptions(format=format_name.lower(), strip="gps"))
    image = read_by_pillow(written)
    assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert image.getexif()[ExifTags.Base.Make] == "Maker"
    assert image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] == "1998:07:12 21:00:00"
    xmp = image.info["xmp"]
    assert b"gps" not in xmp.lower()
    assert b"FNumber" in xmp
    assert "Łucja".encode() in xmp
    numbers = b"".join(n.to_bytes(4, "little") + (1).to_bytes(4, "little") for n in (52, 13, 47))
    swapped = b"".join(n.to_bytes(4, "big") + (1).to_bytes(4, "big") for n in (52, 13, 47))
    assert photo.exif is not None
    assert numbers in photo.exif or swapped in photo.exif  # the coordinates were there
    assert numbers not in written  # and no byte of them is left
    assert swapped not in written


@pytest.mark.parametrize("format_name", HOLDERS)
def test_strip_all_leaves_only_dpi_and_colour(format_name: str) -> None:
    photo = read_photo(camera_file())
    image = read_by_pillow(encode_photo(photo, WriteOptions(format=format_name.lower(), strip="all"))[0])
    assert ExifTags.Base.Make not in image.getexif()
    assert not image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    assert "xmp" not in image.info
    if format_name in ("JPEG", "PNG", "TIFF"):
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.02)


def test_orientation_is_reset_in_xmp_too() -> None:
    photo = read_photo(camera_file(orientation=6))
    assert (photo.height, photo.width) == (40, 24)
    assert photo.xmp is not None
    assert b'tiff:Orientation="1"' in photo.xmp


def exif_with_thumbnail(order: str) -> bytes:
    """Directory with orientation 8, then a second one that holds a thumbnail: byte by byte from the standard."""
    thumbnail = b"\xff\xd8 old small picture \xff\xd9"
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    first = struct.pack(order + "HHHIHHI", 1, 0x0112, 3, 1, 8, 0, 26)
    second = struct.pack(order + "HHHIIHHIII", 2, 0x0201, 4, 1, 26 + 30, 0x0202, 4, 1, len(thumbnail), 0)
    return b"Exif\0\0" + head + first + second + thumbnail


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_old_thumbnail_is_dropped(order: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (6, 4)).save(file, "JPEG", exif=exif_with_thumbnail(order))
    photo = read_photo(file.getvalue())
    assert (photo.height, photo.width) == (6, 4)
    assert photo.exif is not None
    assert b"old small picture" not in photo.exif
    written = encode_photo(photo, WriteOptions())[0]
    assert b"old small picture" not in written
    assert read_by_pillow(written).getexif()[0x0112] == 1


@pytest.mark.parametrize(
    "junk", [b"Exif\0\0garbage!", b"Exif\0\0II*\0\xff\xff\xff\x7f", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_damaged_exif_is_dropped_with_a_note(junk: bytes) -> None:
    file = io.BytesIO()
    Image.new("RGB", (6, 4)).save(file, "JPEG", exif=junk)
    photo = read_photo(file.getvalue())
    assert photo.exif is None
    assert "EXIF is damaged" in photo.notes[0]


def test_what_a_format_cannot_hold_is_said() -> None:
    photo = read_photo(camera_file())
    bmp = " ".join(output_notes(photo, WriteOptions(format="bmp")))
    assert "EXIF" in bmp
    assert "XMP" in bmp
    assert output_notes(photo, WriteOptions(format="png")) == ()
    assert output_notes(photo, WriteOptions(format="bmp", strip="all")) == ()
    deep = photo_from_array(np.zeros((4, 4, 3), np.uint16))
    assert "8 instead of 16" in output_notes(deep, WriteOptions(format="jpg"))[0]
    long = Photo(
        pixels=torch.zeros(3, 4, 4), alpha=None, gray=False, depth=8, format="PNG", mode="RGB", xmp=b"x" * 70000
    )
    assert "too long" in output_notes(long, WriteOptions(format="jpg"))[0]
    assert b"x" * 70000 not in encode_photo(long, WriteOptions(format="jpg"))[0]
    assert read_photo(encode_photo(long, WriteOptions())[0]).xmp == b"x" * 70000


def test_a_picture_without_metadata_gets_none() -> None:
    for name in ("jpg", "png", "tif", "webp"):
        photo = read_photo(encode_photo(photo_from_array(np.zeros((4, 4), np.uint8)), WriteOptions(format=name))[0])
        assert (photo.exif, photo.xmp, photo.icc, photo.dpi) == (None, None, None, None)


def test_old_style_captions_that_are_lost_are_named() -> None:
    caption = b"\x1c\x02\x78\x00\x05Babka"
    block = b"Photoshop 3.0\x008BIM\x04\x04\0\0" + len(caption).to_bytes(4, "big") + caption
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", extra=b"\xff\xed" + (len(block) + 2).to_bytes(2, "big") + block)
    assert any("IPTC" in note for note in read_photo(file.getvalue()).notes)
