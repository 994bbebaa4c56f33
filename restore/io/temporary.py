"""Hidden files in which results are built, named after the process that builds them, so that others can clear up."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from restore.io.owner import OWNER, is_alive, this_process

PREFIX: Final = ".restore-"
_LEFT: Final = re.compile(rf"{re.escape(PREFIX)}(?P<owner>{OWNER})-\w+(?:\.\w+)+")


def temporary_prefix() -> str:
    """How the names of this process's unfinished files begin."""
    return f"{PREFIX}{this_process()}-"


def remove_leftovers(folders: Iterable[Path]) -> int:
    """Delete the unfinished files of processes that have died; gives how many. Those of living ones are left alone.

    Folders that are not there, or cannot be looked into, are passed over.
    """
    count = 0
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                match = _LEFT.fullmatch(entry.name)
                if match is None:
                    continue
                with suppress(OSError):
                    if not is_alive(match["owner"], age_s=time.time() - entry.stat(follow_symlinks=False).st_mtime):
                        Path(entry.path).unlink()
                        count += 1
    return count
