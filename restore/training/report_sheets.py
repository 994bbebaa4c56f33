"""The sample sheets of a run, over time, as pictures inside its report."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final

from restore.errors import ImageError
from restore.inference.pages import data_uri
from restore.io.photo import Photo
from restore.io.read import read_photo
from restore.io.write import WriteOptions, encode_photo

SHEETS: Final = "samples"
MOST_SHEETS: Final = 48
"""As many positions as a slider can be moved to by hand."""
BUDGET_BYTES: Final = 15_000_000
"""Of all sheets together, as they stand in the file: what a mail or a phone still takes."""
QUALITY: Final = 90
"""JPEG quality at which colour keeps its full size, so that fringes are the network's and not the report's."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One validation's samples."""

    step: int
    photo: Photo
    data: str
    """A data URI."""


def evenly(count: int, kept: int) -> list[int]:
    """Which ``kept`` of ``count`` things to keep, evenly spread, the first and the last always among them.

    >>> evenly(10, 4), evenly(3, 9)
    ([0, 3, 6, 9], [0, 1, 2])
    """
    kept = max(min(count, kept), min(count, 2))
    return [round(place * (count - 1) / max(kept - 1, 1)) for place in range(kept)]


def load_sheets(folder: Path, last_step: int, budget_bytes: int = BUDGET_BYTES) -> list[Sheet]:
    """Sheets in ``folder`` up to ``last_step``, thinned out until they fit; damaged ones are passed over."""
    paths = {int(path.stem): path for path in folder.glob("*.png") if path.stem.isascii() and path.stem.isdigit()}
    steps = sorted(step for step in paths if step <= last_step)
    chosen = [steps[place] for place in evenly(len(steps), MOST_SHEETS)]
    sheets = [sheet for step in chosen if (sheet := _load(paths[step], step)) is not None]
    while len(sheets) > 2 and (size := sum(len(sheet.data) for sheet in sheets)) > budget_bytes:
        fitting = min(len(sheets) * budget_bytes // size, len(sheets) - 1)
        sheets = [sheets[place] for place in evenly(len(sheets), fitting)]
    return sheets


def _load(path: Path, step: int) -> Sheet | None:
    try:
        photo = read_photo(path)
        data, _ = encode_photo(photo, WriteOptions(format="jpg", quality=QUALITY, strip="all"))
    except ImageError:  # a sheet that cannot be shown is no reason to show nothing
        return None
    return Sheet(step, photo, data_uri(data, "image/jpeg"))


def sheets_html(sheets: list[Sheet], captions: dict[int, str], columns: tuple[str, ...]) -> str:
    """The sheets beside each other, which the page's script turns into one with a slider above.

    ``captions`` are by step; ``columns`` say what stands in each column of every sheet.
    """
    if not sheets:
        return ""
    figures = "".join(
        f"<figure><figcaption>step {sheet.step}{escape(captions.get(sheet.step, ''))}</figcaption>"
        f'<img src="{sheet.data}" width="{sheet.photo.width}" height="{sheet.photo.height}" '
        f'alt="samples at step {sheet.step}" loading="lazy"></figure>'
        for sheet in sheets
    )
    last = len(sheets) - 1
    slider = (
        f'<input class="slider" type="range" min="0" max="{last}" value="{last}" aria-label="sample sheet over time">'
    )
    words = "".join(f"<span>{escape(word)}</span>" for word in columns)
    return f'<div class="card">{slider}<div class="strip">{figures}</div><div class="columns">{words}</div></div>'
