"""What stands on the sheet of a preview."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from torch import Tensor

from restore.inference.crops import WHOLE, Crop
from restore.inference.preview import Cells
from restore.io.photo import Photo
from restore.io.sheet import Row, Sheet
from restore.ops.color import on_white
from restore.tasks import CLEAN, Condition

AS_IT_IS: Final = "as it is"
_MAP_PX: Final = 528
"""About so many pixels of the photo's longer side, evenly spread, are enough for the small map."""


def preview_sheet(
    photo: Photo,
    condition: Condition,
    crops: Sequence[Crop],
    cells: Sequence[Cells],
    *,
    columns: tuple[str, ...],
    note: str,
    foot: tuple[str, ...],
) -> Sheet:
    """The sheet of a photo: a row for each of its ``crops`` with its ``cells``: as it is, and then the ``columns``.

    ``note`` says what is done to it, ``foot`` how to have it done.
    """
    return Sheet(
        title=photo.name,
        notes=(f"{photo.width}x{photo.height}, {in_words(condition)}", note),
        overview=None if crops[0].why == WHOLE else _overview(photo),
        frames=tuple(_share(crop, photo) for crop in crops),
        columns=(AS_IT_IS, *columns),
        rows=tuple(Row(label=_label(crop), cells=row) for crop, row in zip(crops, cells, strict=True)),
        foot=foot,
    )


def _overview(photo: Photo) -> Tensor:
    """Every n-th pixel, on white."""
    step = max(1, max(photo.height, photo.width) // _MAP_PX)
    return on_white(photo.pixels[:, ::step, ::step], None if photo.alpha is None else photo.alpha[::step, ::step])


def in_words(condition: Condition) -> str:
    """What is told to be wrong with a photo.

    >>> in_words(Condition(noise=12, jpeg=None, blur=0)), in_words(CLEAN)
    ('noise 12, JPEG for the network to judge', 'nothing wrong')
    """
    known = [
        *([f"noise {condition.noise:.0f}"] if condition.noise else []),
        *([f"JPEG {condition.jpeg:.0f}"] if condition.jpeg is not None and condition.jpeg != CLEAN.jpeg else []),
        *([f"blur {condition.blur:.1f} px"] if condition.blur else []),
    ]
    parts = {"noise": condition.noise, "JPEG": condition.jpeg, "blur": condition.blur}
    blind = [f"{name} for the network to judge" for name, value in parts.items() if value is None]
    return ", ".join([*known, *blind]) or "nothing wrong"


def _label(crop: Crop) -> str:
    size = f"{crop.width}x{crop.height}"
    return f"{crop.why} · {size}" + ("" if crop.why == WHOLE else f" at x {crop.left}, y {crop.top}")


def _share(crop: Crop, photo: Photo) -> tuple[float, float, float, float]:
    """Top, left, bottom and right as shares of the photo's sides."""
    return (
        crop.top / photo.height,
        crop.left / photo.width,
        (crop.top + crop.height) / photo.height,
        (crop.left + crop.width) / photo.width,
    )
