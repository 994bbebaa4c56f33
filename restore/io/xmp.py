"""XMP packets (ISO 16684-1), edited in place: what is not ours stays as it is, byte for byte.

A packet is read by expat, which also tells where in the bytes everything stands, and changed by cutting and inserting
bytes there. Reading and writing it with an XML library would rename prefixes and lose the packet's wrapper.
Names are written as expat gives them: namespace, space, local name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
EXTENDED: Final = "http://ns.adobe.com/xmp/note/ HasExtendedXMP"
"""Says that a JPEG holds more XMP elsewhere."""
_GRAMMAR: Final = (f"{RDF} ", "http://www.w3.org/XML/1998/namespace ")
"""What begins like this is no property, but how RDF and XML speak of one."""
_ATTRIBUTE: Final = rb"\s+([^\s=/>]+)\s*=\s*(?:\"[^\"]*\"|'[^']*')"
_TAG: Final = re.compile(rb"<[^\s/>]+(?:%s)*\s*/?>" % _ATTRIBUTE.replace(b"(", b"(?:", 1))
_EMPTY: Final = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    f'<rdf:RDF xmlns:rdf="{RDF}">\n'
    "</rdf:RDF>\n"
    "</x:xmpmeta>\n"
    '<?xpacket end="w"?>'
).encode()


class UnreadableXmpError(ValueError):
    """The bytes are no XMP packet, or one that is not understood well enough to be changed."""


@dataclass(frozen=True, slots=True)
class _Property:
    """One property of the picture, and which bytes state it."""

    name: str
    value: str
    """Its text, or the address that it refers to; empty for lists and structures."""
    start: int
    end: int


@dataclass(slots=True)
class _Description:
    """One of the blocks that hold properties."""

    start: int
    end: int = 0
    about: str = ""
    properties: list[_Property] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet that has been understood."""

    data: bytes
    descriptions: tuple[_Description, ...]
    prefix: str
    """What RDF's names begin with at the end of the packet, such as "rdf:"."""
    end: int
    """Where the last block ends, and another can stand."""

    @property
    def properties(self) -> dict[str, str]:
        """Text of every property of the picture by its name; empty for lists and structures."""
        return {each.name: each.value for block in self.descriptions for each in block.properties}


def read_packet(data: bytes) -> Packet:
    """Understand a packet; UnreadableXmpError where it is not well-formed, not XMP, or not in one byte per character.

    Document types are refused: XMP has none, and their entities can be made to unfold without end.
    """
    if b"\0" in data:
        raise UnreadableXmpError("UTF-16 or binary")
    return _Reader(data).packet()


def changed_packet(
    data: bytes | None, namespace: str, prefix: str, values: Mapping[str, str], *, also: Mapping[str, tuple[str, str]]
) -> bytes:
    """The packet with exactly ``values`` as the properties of ``namespace``; a new packet where there is none.

    ``also`` are properties of other namespaces, {name: (prefix, value)}: each is added unless the packet has it, with
    whatever value. All else stays as it is. UnreadableXmpError: the packet is damaged, or continued elsewhere.
    """
    packet = read_packet(data or _EMPTY)
    present = packet.properties
    if EXTENDED in present:
        raise UnreadableXmpError("continued elsewhere in the file")
    blocks = []
    for name, (own, value) in also.items():
        if name not in present:
            space, _, local = name.rpartition(" ")
            blocks.append(_block(packet, own, space, {local: value}))
    if values:
        blocks.append(_block(packet, prefix, namespace, values))
    end = _before_space(packet.data, packet.end)
    pieces, place = [], 0
    for start, stop in [*sorted(_spans_of(packet, namespace)), (end, end)]:
        pieces.append(packet.data[place:start])
        place = stop
    return b"".join([*pieces, *blocks, packet.data[place:]])


def _spans_of(packet: Packet, namespace: str) -> Iterator[tuple[int, int]]:
    """Which bytes state properties of a namespace, with the space before them; a block without others goes whole."""
    for block in packet.descriptions:
        own = [each for each in block.properties if each.name.startswith(f"{namespace} ")]
        whole = [block] if own and len(own) == len(block.properties) else own
        yield from ((_before_space(packet.data, each.start), each.end) for each in whole)


def _before_space(data: bytes, place: int) -> int:
    return len(data[:place].rstrip(b" \t\r\n"))


def _block(packet: Packet, prefix: str, namespace: str, values: Mapping[str, str]) -> bytes:
    """Another block for the same picture, in ASCII, which is right whatever encoding the packet is in."""
    known = packet.prefix.endswith(":") and packet.prefix.isascii()
    rdf, declared = (packet.prefix, "") if known else ("rdf:", f" xmlns:rdf={quoteattr(RDF)}")
    about = packet.descriptions[0].about if packet.descriptions else ""
    body = "".join(f"\n <{prefix}:{name}>{escape(value)}</{prefix}:{name}>" for name, value in values.items())
    text = (
        f"\n<{rdf}Description{declared} {rdf}about={quoteattr(about)} xmlns:{prefix}={quoteattr(namespace)}>"
        f"{body}\n</{rdf}Description>"
    )
    return text.encode("ascii", "xmlcharrefreplace")


class _Reader:
    """Walks once through a packet; depth 1 is the RDF element, 2 a description, 3 a property."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.ordered_attributes = True
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._depth = 0
        self._open = 0
        self._blocks: list[_Description] = []
        self._in_block = False
        self._property: tuple[str, int, str] | None = None
        self._words: list[str] = []
        self._prefix = ""
        self._rdf_end = -1

    def packet(self) -> Packet:
        """What was found; UnreadableXmpError when it is not one whole RDF element."""
        try:
            self._parser.Parse(self._data, True)
        except (expat.ExpatError, ValueError, LookupError) as fault:  # the latter: an encoding that nobody knows
            raise UnreadableXmpError(str(fault)) from fault
        if self._rdf_end < 0:
            raise UnreadableXmpError("it holds no RDF")
        return Packet(self._data, tuple(self._blocks), self._prefix, self._rdf_end)

    def _start(self, name: str, attributes: list[str]) -> None:
        """An element begins; ``_depth`` counts those within RDF, ``_open`` those around it."""
        place = self._parser.CurrentByteIndex
        if self._depth:
            self._depth += 1
            if self._depth == 2 and name == f"{RDF} Description":
                self._begin_block(place, attributes)
            elif self._depth == 3 and self._in_block:
                pairs = dict(zip(attributes[::2], attributes[1::2], strict=True))
                self._property, self._words = (name, place, pairs.get(f"{RDF} resource", "")), []
        elif name == f"{RDF} RDF" and self._rdf_end < 0 and self._open < 2:
            if self._tag(place).endswith(b"/>"):
                raise UnreadableXmpError("it is empty")
            self._depth = 1
            self._prefix = re.split(rb"[\s>]", self._tag(place)[1:], maxsplit=1)[0].removesuffix(b"RDF").decode()
        elif name == f"{RDF} RDF":
            raise UnreadableXmpError("it holds RDF twice")
        else:
            self._open += 1

    def _begin_block(self, place: int, attributes: list[str]) -> None:
        tag = self._tag(place)
        spans = [span for span in re.finditer(_ATTRIBUTE, tag) if not re.match(rb"xmlns(:|$)", span[1])]
        block = _Description(place)
        for span, name, value in zip(spans, attributes[::2], attributes[1::2], strict=True):
            if name in ("about", f"{RDF} about"):
                block.about = value
            elif not name.startswith(_GRAMMAR):
                block.properties.append(_Property(name, value, place + span.start(), place + span.end()))
        self._blocks.append(block)
        self._in_block = True

    def _end(self, name: str) -> None:
        if not self._depth:
            self._open -= 1
            return
        if self._depth == 1:
            self._rdf_end = self._parser.CurrentByteIndex
        elif self._depth == 2 and self._in_block:
            self._blocks[-1].end = self._end_of(self._blocks[-1].start)
            self._in_block = False
        elif self._depth == 3 and self._property is not None:
            name, place, address = self._property
            value = address or "".join(self._words).strip()
            self._blocks[-1].properties.append(_Property(name, value, place, self._end_of(place)))
            self._property = None
        self._depth -= 1

    def _end_of(self, start: int) -> int:
        """Behind the element that began at ``start`` and ends here; one without content ends with its own tag."""
        tag = self._tag(start)
        if tag.endswith(b"/>"):
            return start + len(tag)
        return self._data.index(b">", self._parser.CurrentByteIndex) + 1

    def _text(self, text: str) -> None:
        if self._property is not None and self._depth == 3:
            self._words.append(text)

    def _tag(self, place: int) -> bytes:
        found = _TAG.match(self._data, place)
        if found is None:
            raise UnreadableXmpError("its bytes and its meaning cannot be matched")
        return found[0]

    def _refuse(self, *_: object) -> None:
        raise UnreadableXmpError("it has a document type")
