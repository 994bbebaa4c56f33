"""A sheet of pictures: rows and columns with labels, a small map of where they come from, and lines of text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from restore.io.photo import Photo

PAGE: Final = (246, 246, 244)
INK: Final = (27, 29, 33)
SOFT: Final = (102, 108, 117)
EDGE: Final = (216, 216, 211)
MARK: Final = (37, 99, 201)
"""Colours of the page, of what is written on it, of lines and of the frames on the map; those of our HTML pages."""
MARGIN_PX: Final = 28
GAP_PX: Final = 10
LEAST_WIDTH_PX: Final = 660
"""Narrow pictures still have room for their text beside the map."""
MAP_PX: Final = 132
"""Height of the map, and half of the most that it is wide."""
_TITLE_PX, _TEXT_PX, _LABEL_PX = 22, 15, 17
_LEADING: Final = 1.45
_DASH_GAP_PX: Final = 1
"""Between two hyphens, which this font would draw as one long dash."""
_UNKNOWN: Final = "\uffff"
"""No font has this one: it is drawn as what a font lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Pictures of one size beside each other."""

    label: str
    cells: tuple[Tensor, ...]
    """(3,h,w) in [0,1] each, as many as there are columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What is on a sheet, from top to bottom."""

    title: str
    notes: tuple[str, ...]
    """Below the title, softer."""
    overview: Tensor | None
    """The map: (3,h,w) in [0,1], shrunk to fit; None: there is none."""
    frames: tuple[tuple[float, float, float, float], ...]
    """Top, left, bottom and right of each row's place on the map, as shares of its sides."""
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    foot: tuple[str, ...]


def draw_sheet(sheet: Sheet) -> Photo:
    """The sheet as a picture of 8 bits in which every pixel of its pictures is one pixel.

    Text is drawn with the font that Pillow brings, so that it looks alike everywhere; characters that it lacks become
    question marks. Long lines are broken.
    """
    cell_width = max(cell.shape[-1] for row in sheet.rows for cell in row.cells)
    cell_width = max(cell_width, *(math.ceil(_width(_drawable(label), _LABEL_PX)) for label in sheet.columns))
    count = len(sheet.columns)
    inside = max(count * cell_width + (count - 1) * GAP_PX, LEAST_WIDTH_PX)
    small = None if sheet.overview is None else _small(sheet.overview)
    beside = inside if small is None else inside - small.width - 2 * MARGIN_PX
    title, notes = _broken([sheet.title], beside, _TITLE_PX), _broken(sheet.notes, beside, _TEXT_PX)
    foot = _broken(sheet.foot, inside, _TEXT_PX)
    head = max(0 if small is None else small.height, _tall(title, _TITLE_PX) + _tall(notes, _TEXT_PX))
    label = _line(_TEXT_PX) + GAP_PX // 2
    pictures = sum(row.cells[0].shape[-2] + label + 2 * GAP_PX for row in sheet.rows)
    height = 2 * MARGIN_PX + head + 2 * GAP_PX + _line(_LABEL_PX) + pictures + GAP_PX + _tall(foot, _TEXT_PX)
    page = Image.new("RGB", (inside + 2 * MARGIN_PX, height), PAGE)
    draw = ImageDraw.Draw(page)
    y = _write(draw, title, MARGIN_PX, _TITLE_PX, INK)
    _write(draw, notes, y, _TEXT_PX, SOFT)
    if small is not None:
        _put_map(page, draw, small, sheet.frames, MARGIN_PX + inside - small.width)
    y = MARGIN_PX + head + 2 * GAP_PX
    lefts = [MARGIN_PX + number * (cell_width + GAP_PX) for number in range(count)]
    for left, text in zip(lefts, sheet.columns, strict=True):
        _text(draw, (left, y), _drawable(text), _LABEL_PX, INK)
    y += _line(_LABEL_PX)
    for number, row in enumerate(sheet.rows, start=1):
        numbered = f"{number}   {row.label}" if len(sheet.rows) > 1 else row.label
        _text(draw, (MARGIN_PX, y + GAP_PX // 2), _drawable(numbered), _TEXT_PX, SOFT)
        y += label
        for left, cell in zip(lefts, row.cells, strict=True):
            page.paste(_image(cell), (left, y))
        y += row.cells[0].shape[-2] + 2 * GAP_PX
    draw.line((MARGIN_PX, y - GAP_PX, MARGIN_PX + inside, y - GAP_PX), EDGE)
    _write(draw, foot, y + GAP_PX // 2, _TEXT_PX, INK)
    pixels = torch.from_numpy(np.asarray(page).transpose(2, 0, 1).astype(np.float32) / 255)
    return Photo(pixels=pixels, alpha=None, gray=False, depth=8, format="PNG", mode="RGB", lossless=True)


def _put_map(
    page: Image.Image,
    draw: ImageDraw.ImageDraw,
    small: Image.Image,
    frames: Sequence[tuple[float, float, float, float]],
    left: int,
) -> None:
    """The small picture at the top right, with a numbered frame for each row."""
    page.paste(small, (left, MARGIN_PX))
    for number, (top, start, bottom, stop) in enumerate(frames, start=1):
        box = (
            left + round(start * small.width),
            MARGIN_PX + round(top * small.height),
            left + max(round(stop * small.width), round(start * small.width) + 4) - 1,
            MARGIN_PX + max(round(bottom * small.height), round(top * small.height) + 4) - 1,
        )
        draw.rectangle((box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1), outline=PAGE, width=3)
        draw.rectangle(box, outline=MARK)
        if len(frames) > 1:
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            draw.text(middle, str(number), PAGE, _font(_TEXT_PX), anchor="mm", stroke_width=2, stroke_fill=MARK)


def _small(overview: Tensor) -> Image.Image:
    image = _image(overview)
    factor = min(MAP_PX / image.height, 2 * MAP_PX / image.width, 1.0)
    size = (max(round(image.width * factor), 1), max(round(image.height * factor), 1))
    return image.resize(size, Image.Resampling.LANCZOS)


def _image(pixels: Tensor) -> Image.Image:
    """(3,h,w) in [0,1], rounded."""
    numbers = (pixels.clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(np.ascontiguousarray(numbers.permute(1, 2, 0).numpy()))


def _write(draw: ImageDraw.ImageDraw, lines: Sequence[str], y: int, size: int, colour: tuple[int, int, int]) -> int:
    """Lines below each other from the left margin; gives where the next one would begin."""
    for text in lines:
        _text(draw, (MARGIN_PX, y), text, size, colour)
        y += _line(size)
    return y


def _text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, colour: tuple[int, int, int]
) -> None:
    x, y = place
    for piece in _pieces(text):
        draw.text((x, y), piece, colour, _font(size))
        x += _font(size).getlength(piece) + _DASH_GAP_PX


def _pieces(text: str) -> list[str]:
    """The text, taken apart between hyphens that follow each other."""
    return re.split("(?<=-)(?=-)", text)


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=size)


def _line(size: int) -> int:
    """Pixels from one line of text to the next."""
    return round(size * _LEADING)


def _tall(lines: Sequence[str], size: int) -> int:
    return len(lines) * _line(size)


def _width(text: str, size: int) -> float:
    """Pixels that drawable text takes."""
    pieces = _pieces(text)
    return sum(_font(size).getlength(piece) for piece in pieces) + _DASH_GAP_PX * (len(pieces) - 1)


def _drawable(text: str) -> str:
    """The text with a question mark for each character that the font lacks."""
    lacking = bytes(_font(_TEXT_PX).getmask(_UNKNOWN))
    return "".join(
        mark if mark.isprintable() and bytes(_font(_TEXT_PX).getmask(mark)) != lacking else "?" for mark in text
    )


def _broken(lines: Sequence[str], width: int, size: int) -> list[str]:
    """Lines that can be drawn within so many pixels; broken between words where there are any, else within one."""
    broken: list[str] = []
    for line in lines:
        rest = _drawable(line)
        while _width(rest, size) > width:
            fits = next((end for end in range(len(rest) - 1, 1, -1) if _width(rest[:end], size) <= width), 1)
            space = rest.rfind(" ", 1, fits + 1)
            end = space if space > 0 else fits
            broken.append(rest[:end])
            rest = rest[end:].lstrip()
        broken.append(rest)
    return broken
