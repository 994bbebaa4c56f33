"""A dry run: what would become of each photo, from its header alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from restore.cli.rows import planned_row
from restore.cli.walk import fail, say
from restore.errors import ImageError, RestoreError
from restore.inference.batch import Failed
from restore.io.folder import Job

if TYPE_CHECKING:
    from restore.cli.forecast import Sizer
    from restore.cli.order import Order
    from restore.cli.talk import Talk
    from restore.cli.walk import Account
    from restore.cli.work import Work


def foretell(jobs: Sequence[Job], work: Work, order: Order, account: Account, talk: Talk, *, size: Sizer) -> None:
    """Say what would be done, from the headers alone, which ``size`` looks at."""
    for job in jobs:
        try:
            height, width = size(job.source)
            _refuse_too_large(job.source, height * width / 1e6, order.machine.max_megapixels)
            say(planned_row(job, (height, width), work.plan(height, width)), account, talk)
        except RestoreError as error:
            fail(Failed(job, error, "read"), account, talk)


def _refuse_too_large(path: Path, megapixels: float, limit: float) -> None:
    """What reading would do, said without reading."""
    if megapixels > limit:
        raise ImageError(
            f"{path}: the picture has {megapixels:.0f} megapixels, more than the limit of {limit:g}; "
            f"if you trust the file, raise it with --max-megapixels {int(megapixels) + 1}"
        )
