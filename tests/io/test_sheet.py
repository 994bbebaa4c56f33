"""A sheet keeps every pixel of its pictures, and all of its text within its borders."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import ImageFont

from restore.io.sheet import LEAST_WIDTH_PX, MARGIN_PX, MARK, PAGE, Row, Sheet, draw_sheet

FULL = (0.0, 0.0, 1.0, 1.0)


def sheet_of(cells: tuple[torch.Tensor, ...], **changes: object) -> Sheet:
    values: dict[str, object] = {
        "title": "photo.jpg",
        "notes": ("a note",),
        "overview": torch.full((3, 60, 90), 0.5),
        "frames": ((0.1, 0.2, 0.4, 0.6),),
        "columns": tuple(f"column {number}" for number in range(len(cells))),
        "rows": (Row(label="a row", cells=cells),),
        "foot": ("a line",),
    }
    return Sheet(**(values | changes))


def drawn(sheet: Sheet) -> NDArray[np.uint8]:
    """(H,W,3), whole grey levels."""
    levels = draw_sheet(sheet).pixels.permute(1, 2, 0).numpy() * 255
    assert np.abs(levels - levels.round()).max() < 1e-3
    return levels.round().astype(np.uint8)


def noise(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, (3, height, width), generator=torch.Generator().manual_seed(seed)) / 255


@pytest.mark.parametrize(("height", "width"), [(1, 1), (40, 300), (256, 256)])
def test_every_pixel_of_a_picture_is_on_the_sheet(height, width) -> None:
    cells = tuple(noise(height, width, seed) for seed in range(3))
    page = drawn(sheet_of(cells))
    lefts = []
    for cell in cells:
        part = (cell.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        window = np.lib.stride_tricks.sliding_window_view(page, part.shape)[:, :, 0]
        hits = [spot for spot in np.argwhere((page == part[0, 0]).all(axis=2)) if held(window, spot, part)]
        assert len(hits) == 1
        lefts.append(int(hits[0][1]))
    assert lefts == sorted(lefts)


def held(window: NDArray[np.uint8], spot: NDArray[np.intp], part: NDArray[np.uint8]) -> bool:
    """Whether the part lies there."""
    y, x = spot
    return y < window.shape[0] and x < window.shape[1] and np.array_equal(window[y, x], part)


def test_nothing_is_drawn_on_the_margins_however_long_the_lines_are() -> None:
    words = "restore denoise /a/rather/long/folder/" + "name" * 60 + ".jpg --strength 33 " + "and more words " * 20
    for title in ("photo.jpg", "p" * 300, ""):
        page = drawn(sheet_of((noise(30, 30),), title=title, notes=(words, words), foot=(words,) * 4))
        edge = MARGIN_PX - 2  # letters like j hang over a little
        for border in (page[:edge], page[-MARGIN_PX // 2 :], page[:, :edge], page[:, -edge:]):
            assert (border == PAGE).all()
    short = drawn(sheet_of((noise(30, 30),)))
    assert page.shape[1] == short.shape[1] == LEAST_WIDTH_PX + 2 * MARGIN_PX
    assert page.shape[0] > short.shape[0]


def test_what_the_font_lacks_becomes_a_question_mark_and_disturbs_nothing() -> None:
    known = drawn(sheet_of((noise(30, 30),), title="a?b?c"))
    assert np.array_equal(drawn(sheet_of((noise(30, 30),), title="a写b\x1bc")), known)
    assert not np.array_equal(drawn(sheet_of((noise(30, 30),), title="axbxc")), known)


def test_the_map_shows_where_rows_come_from() -> None:
    rows = tuple(Row(label="a row", cells=(noise(30, 30),)) for _ in range(2))
    frames = ((0.0, 0.0, 0.5, 0.5), (0.5, 0.5, 1.0, 1.0))
    page = drawn(sheet_of((noise(30, 30),), rows=rows, frames=frames))
    left, top = page.shape[1] - MARGIN_PX - 90, MARGIN_PX  # the map has 90x60 pixels, at the top right
    for y, x in [(0, 20), (29, 20), (10, 0), (10, 44), (30, 60), (59, 60), (50, 45), (50, 89)]:
        assert tuple(page[top + y, left + x]) == MARK
    assert tuple(page[top + 50, left + 20]) == (128, 128, 128)
    assert (drawn(sheet_of((noise(30, 30),), rows=rows, overview=None)) != MARK).any(axis=2).all()


def test_labels_wider_than_their_pictures_do_not_run_into_each_other() -> None:
    cells = tuple(noise(20, 4, seed) for seed in range(7))
    page = drawn(sheet_of(cells, columns=("strength 33.333",) * 7))
    wide = ImageFont.load_default(size=17).getlength("strength 33.333")
    assert page.shape[1] >= 7 * wide + 2 * MARGIN_PX
