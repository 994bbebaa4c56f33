"""The benchmarks are programs, not a package: their folder is put where imports are looked for."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
