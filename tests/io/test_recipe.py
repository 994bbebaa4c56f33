"""A result says how it was made, in XMP that others can read, and nothing that its photo said is lost."""

from __future__ import annotations

import hashlib
import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from restore.errors import ConfigError
from restore.io.encode import MARKER_BYTES
from restore.io.photo import Photo
from restore.io.read import read_photo
from restore.io.recipe import COMPOSITE, ENHANCED, NAMESPACE, SOURCE_TYPE, Recipe, recipe_of, with_recipe
from restore.io.write import WriteOptions, encode_photo, output_notes
from restore.io.xmp import changed_packet

HOLDERS = ["jpeg", "png", "tiff", "webp", "avif"]
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
IPTC = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
OURS = f"{{{NAMESPACE}}}"
RECIPE = Recipe(
    version="0.1.0",
    steps=("denoise:40 noise=18.5 jpeg=42", "upscale:2"),
    weights=("clean sha256:0123456789abcdef", "upscale-x2"),
    input="ab" * 32,
)
HEAD = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
TAIL = b"</rdf:RDF></x:xmpmeta>"
DC = b'xmlns:dc="http://purl.org/dc/elements/1.1/"'
LIST = b"<dc:subject><rdf:Bag><rdf:li>Babcia \xc5\x81ucja</rdf:li><rdf:li>1948</rdf:li></rdf:Bag></dc:subject>"
PACKETS = {
    "element": HEAD + b'<rdf:Description rdf:about="" ' + DC + b">" + LIST + b"</rdf:Description>" + TAIL,
    "attributes": HEAD + b"<rdf:Description rdf:about='' " + DC + b" dc:a='x > y' dc:b=\"it's\"\n/>" + TAIL,
    "padded": b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n' + HEAD
    + b'\n <rdf:Description rdf:about="" ' + DC + b">\r\n" + LIST + b"</rdf:Description>\r\n " + TAIL
    + b"\n" + b" " * 500 + b'\n<?xpacket end="w"?>',
    "two blocks of a named picture": HEAD + b'<rdf:Description rdf:about="uuid:&lt;&quot;1" ' + DC + b' dc:a="1"/>'
    + b'<rdf:Description rdf:about="uuid:&lt;&quot;1" ' + DC + b"><dc:b>2</dc:b></rdf:Description>" + TAIL,
    "false ends": HEAD + b"<!-- </rdf:RDF> --><rdf:Description rdf:about='' " + DC
    + b"><dc:a><![CDATA[</rdf:RDF>]]></dc:a></rdf:Description><!-- </rdf:RDF> -->" + TAIL,
    "no wrapper, other prefix": b'<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description about="" '
    + DC + b"><dc:a>1</dc:a></r:Description></r:RDF>",
    "no prefix": b'<RDF xmlns="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><Description ' + DC
    + b"><dc:a>1</dc:a></Description></RDF >",
    "prefix taken": HEAD + b'<rdf:Description rdf:about="" xmlns:restore="http://example.org/" restore:Steps="mine"/>'
    + TAIL,
    "latin": b"<?xml version='1.0' encoding='iso-8859-1'?>" + HEAD + b'<rdf:Description rdf:about="\xe9" ' + DC
    + b"><dc:a>\xe9t\xe9</dc:a></rdf:Description>" + TAIL,
    "nothing said": HEAD + TAIL,
}  # fmt: skip
UNREADABLE = {
    "cut off": PACKETS["element"][:-9],
    "not closed": HEAD + b"<rdf:Description>" + TAIL,
    "unknown prefix": HEAD + b'<rdf:Description rdf:about="" dc:a="1"/>' + TAIL,
    "behind the end": PACKETS["element"] + b"<more/>",
    "entities": b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + PACKETS["element"],
    "UTF-16": PACKETS["attributes"].decode().encode("utf-16"),
    "unknown encoding": b"<?xml version='1.0' encoding='klingon'?>" + PACKETS["element"],
    "no RDF": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>',
    "empty RDF": b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>',
    "RDF twice": b'<x:xmpmeta xmlns:x="adobe:ns:meta/">' + 2 * PACKETS["no wrapper, other prefix"] + b"</x:xmpmeta>",
    "no XML": b"\xff\xfe\xfd",
    "text": b"taken at the seaside",
    "extended": HEAD + b'<rdf:Description xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="0A"/>' + TAIL,
    "long": HEAD + b'<rdf:Description rdf:about="" ' + DC + b' dc:a="' + b"a" * (MARKER_BYTES - 400) + b'"/>' + TAIL,
}


def photo_with(xmp: bytes | None) -> Photo:
    rng = torch.Generator().manual_seed(1)
    pixels = (torch.rand(3, 24, 40, generator=rng) * 255).round() / 255
    return Photo(pixels=pixels, alpha=None, gray=False, depth=8, format="PNG", mode="RGB", xmp=xmp)


def recorded(xmp: bytes | None, recipe: Recipe = RECIPE) -> bytes:
    photo = with_recipe(photo_with(xmp), recipe)
    assert photo is not None
    assert photo.xmp is not None
    return photo.xmp


def statements(xmp: bytes) -> Iterator[tuple[str, str]]:
    """Every property of the picture and its value, by another parser; of structures the XML."""
    root = ET.fromstring(xmp)
    rdf = root if root.tag == f"{RDF}RDF" else root.find(f"{RDF}RDF")
    assert rdf is not None
    for block in rdf:
        assert block.tag == f"{RDF}Description"
        yield from ((name, text) for name, text in block.attrib.items() if name not in ("about", f"{RDF}about"))
        for each in block:
            yield each.tag, (ET.tostring(each).decode() if len(each) else (each.text or ""))


def subjects(xmp: bytes) -> set[str]:
    """What the blocks are about: XMP wants them all to be about one thing."""
    blocks = ET.fromstring(xmp).iter(f"{RDF}Description")
    return {block.get(f"{RDF}about", block.get("about", "")) for block in blocks}


@pytest.mark.parametrize(("name", "depth"), [*((name, 8) for name in HOLDERS), ("png", 16), ("tiff", 16)])
def test_a_file_of_each_format_carries_the_recipe_and_the_very_same_pixels(name: str, depth: int) -> None:
    bare = photo_with(None)
    told = with_recipe(bare, RECIPE)
    assert told is not None
    without, used = encode_photo(bare, WriteOptions(format=name, depth=depth))
    written = encode_photo(told, WriteOptions(format=name, depth=depth))[0]
    assert 0 < len(written) - len(without) < 2000
    again = read_photo(written)
    assert torch.equal(again.pixels, read_photo(without).pixels)
    assert recipe_of(again) == RECIPE
    assert again.notes == ("restored before (denoise 40, upscale x2, by restore 0.1.0)",)
    assert read_photo(without).notes == ()
    with Image.open(io.BytesIO(written)) as image:
        assert image.format == used
        found = dict(statements(image.info["xmp"]))
    assert found == {
        f"{OURS}Tool": "restore",
        f"{OURS}Version": "0.1.0",
        f"{OURS}Steps": "denoise:40 noise=18.5 jpeg=42, upscale:2",
        f"{OURS}Weights": "clean sha256:0123456789abcdef, upscale-x2",
        f"{OURS}Input": "sha256:" + "ab" * 32,
        IPTC: "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced",
    }


@pytest.mark.parametrize("kind", PACKETS)
def test_all_that_the_photo_said_stays_to_the_byte(kind: str) -> None:
    before = PACKETS[kind]
    after = recorded(before)
    same = next(place for place, (one, other) in enumerate(zip(before, after, strict=False)) if one != other)
    assert any(after.endswith(before[split:]) for split in range(same + 1))  # one insertion, and no other change
    ours = [pair for pair in statements(after) if pair[0].startswith(OURS) or pair[0] == IPTC]
    assert len(ours) == 6
    assert [pair for pair in statements(after) if pair not in ours] == list(statements(before))
    assert subjects(after) == (subjects(before) or {""})
    assert recipe_of(photo_with(after)) == RECIPE


@pytest.mark.parametrize("kind", PACKETS)
def test_a_second_recipe_replaces_the_first_and_leaves_no_trace_of_it(kind: str) -> None:
    other = Recipe(version="9", steps=("grain:3",), earlier=RECIPE.steps)
    once = recorded(PACKETS[kind])
    twice = recorded(once, other)
    assert recipe_of(photo_with(twice)) == other
    assert recorded(twice) == once
    without = changed_packet(once, NAMESPACE, "restore", {}, also={})
    assert [pair for pair in statements(without) if pair[0] != IPTC] == list(statements(PACKETS[kind]))


def test_a_recipe_that_another_program_has_written_anew_is_read_and_replaced() -> None:
    """Programs put all properties into one block, as attributes or elements."""
    own = f'xmlns:r="{NAMESPACE}"'.encode()
    values = b'r:Tool="restore"\nr:Version="0.1.0"\ndc:title="Sea"'
    steps = b"<r:Steps>denoise:40 noise=18.5 jpeg=42, upscale:2</r:Steps> <dc:date>1948</dc:date>"
    packet = (
        HEAD + b"<rdf:Description " + own + b" " + DC + b"\n" + values + b">" + steps + b"</rdf:Description>" + TAIL
    )
    found = recipe_of(photo_with(packet))
    assert found == replace(RECIPE, weights=(), input=None)
    after = recorded(packet)
    assert [name for name, _ in statements(after)].count(f"{OURS}Steps") == 1
    foreign = [pair for pair in statements(after) if not pair[0].startswith(OURS) and pair[0] != IPTC]
    dc = "{http://purl.org/dc/elements/1.1/}"
    assert foreign == [(f"{dc}title", "Sea"), (f"{dc}date", "1948")]
    assert recipe_of(photo_with(after)) == RECIPE


@pytest.mark.parametrize("kind", UNREADABLE)
def test_xmp_that_cannot_be_added_to_is_left_as_it_is(kind: str) -> None:
    photo = photo_with(UNREADABLE[kind])
    assert with_recipe(photo, RECIPE) is None
    assert recipe_of(photo) is None
    claiming = replace(photo, xmp=UNREADABLE[kind].replace(b"<rdf:RDF", f'<rdf:RDF a="{NAMESPACE}"'.encode()))
    assert recipe_of(claiming) is None


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (b'i:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"/>', "digitalCapture"),
        (b"><i:DigitalSourceType>negativeFilm</i:DigitalSourceType></rdf:Description>", "negativeFilm"),
        (b'><i:DigitalSourceType rdf:resource="print"/></rdf:Description>', "print"),
    ],
)
def test_where_the_picture_comes_from_is_not_said_over_the_photo(said: bytes, value: str) -> None:
    space = b' xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    packet = HEAD + b'<rdf:Description rdf:about=""' + space + said + TAIL
    after = recorded(packet)
    assert value in after.decode()
    assert [name for name, _ in statements(after)].count(IPTC) == 1
    assert ENHANCED.encode() not in after


def test_the_kind_of_source_is_the_one_asked_for_or_none() -> None:
    assert SOURCE_TYPE.replace(" ", "") == IPTC.strip("{").replace("}", "")
    for asked in (COMPOSITE, None):
        photo = with_recipe(photo_with(None), RECIPE, source_type=asked)
        assert photo is not None
        assert dict(statements(photo.xmp or b"")).get(IPTC) == asked


@pytest.mark.parametrize("name", HOLDERS)
def test_strip_gps_keeps_the_recipe_and_strip_all_removes_it(name: str) -> None:
    photo = with_recipe(photo_with(PACKETS["element"]), RECIPE)
    assert photo is not None
    no_place = read_photo(encode_photo(photo, WriteOptions(format=name, strip="gps"))[0])
    assert recipe_of(no_place) == RECIPE
    written = encode_photo(photo, WriteOptions(format=name, strip="all"))[0]
    assert written == encode_photo(photo_with(None), WriteOptions(format=name))[0]
    assert recipe_of(read_photo(written)) is None


@pytest.mark.parametrize(
    ("what", "claim"),
    [
        ("Steps", "denoise:40\u202e evil"),
        ("Steps", "rm -rf"),
        ("Steps", "denoise:40,upscale:2"),
        ("Steps", ""),
        ("Version", "0.1.0 \u009b31m"),
        ("Tool", ""),
        ("Weights", "clean sha256:0123"),
        ("Input", "sha256:xyz"),
    ],
)
def test_a_claim_that_is_no_recipe_is_not_repeated(what: str, claim: str) -> None:
    """What stands in a stranger's file ends up on a terminal."""
    values = {"Tool": "restore", "Version": "1", "Steps": "denoise:40", "Weights": "w", "Input": "sha256:" + "0" * 64}
    good = changed_packet(None, NAMESPACE, "restore", values, also={})
    assert recipe_of(photo_with(good)) is not None
    bad = changed_packet(None, NAMESPACE, "restore", values | {what: claim}, also={})
    assert recipe_of(photo_with(bad)) is None


def test_a_recipe_that_could_not_be_read_back_cannot_be_made() -> None:
    for wrong in ({"steps": ()}, {"steps": ("Denoise!",)}, {"weights": ("my weights",)}, {"version": ""}):
        with pytest.raises(ConfigError, match="recipe"):
            replace(RECIPE, **wrong)  # type: ignore[arg-type]


def test_any_amount_that_a_step_can_have_is_read_back() -> None:
    rng = np.random.default_rng(0)
    amounts = [0, 1, 1.5, 1e-5, 1e15, 100, *rng.uniform(0, 100, 50), *10 ** rng.uniform(-20, 20, 50)]
    recipe = replace(RECIPE, steps=tuple(f"dejpeg+denoise:{amount:g} blur={amount:g}" for amount in amounts))
    assert recipe_of(photo_with(recorded(None, recipe))) == recipe


def test_the_hash_of_the_file_is_taken_only_on_request(tmp_path: Path) -> None:
    data = encode_photo(photo_with(None), WriteOptions(format="png"))[0]
    assert read_photo(data).sha256 is None
    assert read_photo(data, hashed=True).sha256 == hashlib.sha256(data).hexdigest()
    path = tmp_path / "photo.png"
    path.write_bytes(data + b"behind the picture")
    assert read_photo(path, hashed=True).sha256 == hashlib.sha256(data + b"behind the picture").hexdigest()


def test_a_format_without_xmp_is_written_all_the_same() -> None:
    photo = with_recipe(photo_with(None), RECIPE)
    assert photo is not None
    assert read_photo(encode_photo(photo, WriteOptions(format="bmp"))[0]).xmp is None
    assert "XMP" in output_notes(photo, WriteOptions(format="bmp"))[0]
