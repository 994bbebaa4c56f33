"""How much there is to do: photos, bytes and pixels before the first one, time and room on the disk after it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from restore.cli.rows import shown
from restore.cli.talk import Talk
from restore.errors import RestoreError
from restore.inference.batch import Done
from restore.inference.upscale import Enlargement
from restore.io.folder import Job
from restore.io.header import photo_size
from restore.io.remote import Remote
from restore.io.steady import state_of

LOOKED_AT: Final = 200
"""Headers that are opened for the count of pixels; of more photos, evenly spaced ones stand for all."""
LOOKED_AT_FAR: Final = 20
"""The same of photos in a bucket, where each costs a request or two."""
WORTH_SAYING_S: Final = 60.0
"""Less than this to wait for is no news."""
AGAIN_AFTER: Final = 10
"""Photos after which the forecast is said once more, if it was off."""
_OFF: Final = 1.5
"""By so much."""
Sizer = Callable[[Path], tuple[int, int]]


@dataclass(slots=True)
class Forecast:
    """What is to be done, and how long that will take; the latter is known once something was done."""

    count: int
    bytes: int
    megapixels_in: float
    megapixels: float
    """Of all results together."""
    device: str
    folder: Path
    """Where results go."""
    speeds: list[tuple[float, float, int]] = field(default_factory=list)
    """Of photos done before: megapixels of the result, seconds, bytes."""
    hands: int = 1
    """Photos that are done at the same time."""
    _done: int = 0
    _megapixels: float = 0.0
    _bytes: int = 0
    _started: float = 0.0
    _said_s: float | None = None

    @property
    def words(self) -> str:
        """The plan in one line.

        >>> Forecast(1240, 9_800_000_000, 15_000, 60_000, "cpu", Path()).words
        'plan: 1 240 photos, 9.8 GB, 15 000 megapixels → 60 000'
        """
        pixels = f"{_number(self.megapixels_in)} megapixels"
        if abs(self.megapixels - self.megapixels_in) > 0.005 * self.megapixels_in:
            pixels += f" → {_number(self.megapixels)}"
        known = f"; {self._needed(*self._before())}" if self.speeds else ""
        return f"plan: {_number(self.count)} photos, {size_words(self.bytes)}, {pixels}{known}"

    def start(self) -> None:
        """The first photo is about to be done."""
        self._started = time.perf_counter()

    def tell(self, done: Done, talk: Talk) -> None:
        """A photo is done: say what is to be expected of the rest, after the first one and perhaps once more."""
        written = state_of(done.job.target)
        self._done += 1
        self._megapixels += done.report.height * done.report.width / 1e6
        self._bytes += written.size if written is not None else 0
        if self._done not in (1, AGAIN_AFTER) or self._done >= self.count:
            return
        rest = max(0.0, self.megapixels * (1 - self._done / self.count))
        together = self.hands if self._done == 1 else 1  # the others are nearly as far as the first one was
        seconds = (time.perf_counter() - self._started) / self._megapixels * rest / together
        room = int(self._bytes / self._megapixels * rest)
        free = _free(self.folder)
        if free is not None and free < room and self._done == 1:
            talk.warn(f"{shown(self.folder)}: {size_words(free)} are free, and about {size_words(room)} are needed")
        told = self._said_s is not None and 1 / _OFF < seconds / self._said_s < _OFF
        if max(seconds, self._said_s or 0) >= WORTH_SAYING_S and not told:
            self._said_s = seconds
            judged = "the first photo" if self._done == 1 else f"the first {self._done}"
            talk.note(f"{_number(self.count - self._done)} left: {self._needed(seconds, room)}, judging by {judged}")

    def _before(self) -> tuple[float, int]:
        """Seconds and bytes for everything, by photos done before."""
        megapixels = sum(one[0] for one in self.speeds)
        share = self.megapixels / megapixels if megapixels else 0.0
        return share * sum(one[1] for one in self.speeds), int(share * sum(one[2] for one in self.speeds))

    def _needed(self, seconds: float, room: int) -> str:
        return f"about {duration_words(seconds)} on {self.device}, {size_words(room)} to write"


def forecast(
    jobs: Sequence[Job],
    plan: Callable[[int, int], Enlargement],
    *,
    device: str,
    folder: Path,
    speeds: Sequence[tuple[float, float, int]] = (),
    size: Sizer = photo_size,
) -> Forecast:
    """Count what there is to do, from sizes and headers; photos that cannot be read count by their bytes alone.

    ``size`` looks at a header, as :func:`restore.io.header.photo_size` does.
    """
    states = [state_of(job.source) for job in jobs]
    most = LOOKED_AT_FAR if jobs and isinstance(jobs[0].source, Remote) else LOOKED_AT
    looked = jobs[:: -(-len(jobs) // most)] if jobs else []
    pixels = [both for job in looked if (both := _megapixels(job, plan, size))]
    scale = len(jobs) / len(looked) if looked else 0.0
    return Forecast(
        count=len(jobs),
        bytes=sum(state.size for state in states if state is not None),
        megapixels_in=scale * sum(one for one, _ in pixels),
        megapixels=scale * sum(other for _, other in pixels),
        device=device,
        folder=folder,
        speeds=list(speeds),
    )


def _megapixels(job: Job, plan: Callable[[int, int], Enlargement], size: Sizer) -> tuple[float, float] | None:
    """Of a photo and of its result."""
    try:
        height, width = size(job.source)
        planned = plan(height, width)
    except RestoreError:  # it will be said when its turn comes
        return None
    return height * width / 1e6, planned.height * planned.width / 1e6


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _number(value: float) -> str:
    """With spaces between thousands, and no more digits than tell something.

    >>> _number(1240), _number(0.0123), _number(3.14159)
    ('1 240', '0.012', '3.1')
    """
    return f"{value:,.0f}".replace(",", " ") if value >= 10 or value == int(value) else f"{value:.2g}"


def size_words(count: float) -> str:
    """Bytes for people, in powers of 1000 as disks are sold.

    >>> size_words(512), size_words(9_800_000_000), size_words(31e9)
    ('512 bytes', '9.8 GB', '31 GB')
    """
    units = ["bytes", "kB", "MB", "GB", "TB"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        del units[0]
    return f"{_number(count)} {units[0]}"


def duration_words(seconds: float) -> str:
    """Time for people, to two places.

    >>> duration_words(42), duration_words(130), duration_words(7800), duration_words(200_000)
    ('42 s', '2 min', '2 h 10 min', '2 d 8 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if hours < 1:
        return f"{minutes} min"
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
