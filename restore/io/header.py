"""What the header of a picture file says, with no pixel decoded; like decoding, it never loads torch."""

from __future__ import annotations

import io
from pathlib import Path

from restore.io.decode import open_header
from restore.io.decoded import unreadable
from restore.io.metadata import header_orientation


def photo_size(source: Path | bytes) -> tuple[int, int]:
    """(height, width) of the upright picture, from the header only; ImageError when there is none."""
    path = Path("<bytes>") if isinstance(source, bytes) else source
    try:
        opened = io.BytesIO(source) if isinstance(source, bytes) else path.open("rb")
        with opened as stream, open_header(stream, str(path)) as image:
            width, height = image.size
            turned = header_orientation(image) >= 5
    except OSError as fault:
        raise unreadable(path, fault) from fault
    return (width, height) if turned else (height, width)
