"""How soon the command answers: `restore --help` and `--version` beside an empty Python and one that loads typer.

    python benchmarks/start_up.py                       # 15 rounds of all four, one after the other

Medians of interleaved runs, so that what else the machine does falls on all alike. The aim is 0.3 s for the help; that
neither torch nor an image library is loaded for it is a test, tests/cli/test_start_up.py.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python, nothing": ("-c", "pass"),
    "python, typer": ("-c", "import typer"),
    "restore --version": ("-m", "restore", "--version"),
    "restore --help": ("-m", "restore", "--help"),
}
YARDSTICK = "python, typer"


def main() -> int:
    """Time every command in turn, round after round, and print a table of medians."""
    parser = argparse.ArgumentParser(description="Seconds until the command answers.")
    parser.add_argument("--rounds", type=int, default=15, help="how often each is timed (default 15)")
    choices = parser.parse_args()
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(max(1, choices.rounds)):
        for name, words in COMMANDS.items():
            seconds[name].append(timed(words))
    yardstick = statistics.median(seconds[YARDSTICK])
    print(f"| command | median s | quickest s | time / {YARDSTICK} |")
    print("|---|---|---|---|")
    for name, runs in seconds.items():
        median = statistics.median(runs)
        print(f"| {name} | {median:.3f} | {min(runs):.3f} | {median / yardstick:.2f} |")
    return 0


def timed(words: tuple[str, ...]) -> float:
    """Seconds that Python takes with these words, from start to end."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
