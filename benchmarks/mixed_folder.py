"""Does a folder of photos of every kind, a fifth of them broken, come to its end: twice, after kills, and told?

    python benchmarks/mixed_folder.py                                  # 300 files, parts of scikit-image's photos
    python benchmarks/mixed_folder.py --photos data/val --threads 1    # parts of your own photos
    python benchmarks/mixed_folder.py --count 60 --kills 3 -o kept/    # what was made stays there

The folder is a function of --seed, --count and --photos: JPEG, PNG, WebP, TIFF, BMP, GIF and AVIF of many kinds, whole
or damaged as photos are; files that are cut off, empty, no pictures, far too large, links to nowhere; with names that
hold anything; and files that are no photos (benchmarks/mixed_files.py). ``restore auto`` goes through it as a process
of its own: once; again; again with --resume; and into another folder, killed (SIGKILL) at random moments and gone on
with. Then `restore verify`, and the report in Chromium, where there is one. The table says what held and where the time
went; the exit code is 1 when anything did not hold. Networks are the bundled ones, or those of --weights.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chromium import BROWSER, Browser
from mixed_files import Item, build
from PIL import Image

from restore.cli.exit_codes import SOME_FAILED
from restore.cli.rows import shown
from restore.io.formats import PHOTO_SUFFIXES, format_of
from restore.io.journal import NAME

RUN = "import sys; from restore.__main__ import main; sys.argv[0] = 'restore'; main()"
ALBUM, OUT, KILLED = "album", "out", "killed"
WAIT_S = 3600.0
"""A command that has not ended by then hangs."""
NOT_SAID = ("Traceback", "unexpected fault", "Error:", "Warning")
"""What no line to a person holds."""


@dataclass(slots=True)
class Ran:
    """One run of the command."""

    code: int
    seconds: float
    said: list[tuple[float, str]] = field(default_factory=list)
    """Lines of both streams, and when they came, in seconds from the start."""

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Of --json."""
        return [json.loads(line) for _, line in self.said if line.startswith("{")]

    def lines(self, status: str) -> list[str]:
        """Those that begin with a status."""
        return [line for _, line in self.said if line.startswith(f"{status:5}")]

    def moment(self, beginning: str, *, last: bool = False) -> float:
        """When the first (or last) line came that begins so; the end of the run where there is none."""
        moments = [moment for moment, line in self.said if line.startswith(beginning)]
        return self.seconds if not moments else moments[-1 if last else 0]


@dataclass(slots=True)
class Verdicts:
    """What was looked at: a row each, and the faults."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @contextmanager
    def row(self, name: str) -> Iterator[list[str]]:
        """A row of the table: the block puts what it found into the list it gets; without new faults it held."""
        before, words = len(self.faults), list[str]()
        yield words
        found = self.faults[before:]
        self.rows.append((name, f"FAILED, {len(found)} faults" if found else ", ".join(words)))

    def check(self, holds: bool, fault: str) -> None:
        """Note a fault unless it holds."""
        if not holds:
            self.faults.append(fault)


@dataclass(frozen=True, slots=True)
class Try:
    """What is tried: a folder, and how the command is called."""

    folder: Path
    items: Sequence[Item]
    words: tuple[str, ...] = ()
    """More for the command."""

    def places(self, *fates: str) -> set[str]:
        """Of the files with one of these fates."""
        return {item.place for item in self.items if item.fate in fates}

    def run(self, *words: str, kill_after_s: float | None = None) -> Ran:
        """Run ``restore`` in the folder; it is killed after that time, where one is given."""
        began, said = time.perf_counter(), []
        environment = os.environ | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-c", RUN, *words]
        out = subprocess.PIPE if kill_after_s is None else subprocess.DEVNULL
        pipes: dict[str, Any] = {"stdout": out, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL}
        with subprocess.Popen(command, cwd=self.folder, env=environment, encoding="utf-8", **pipes) as process:
            if kill_after_s is None:
                assert process.stdout is not None
                for line in process.stdout:
                    said.append((time.perf_counter() - began, line.rstrip("\n")))
            try:
                process.wait(WAIT_S if kill_after_s is None else kill_after_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
        return Ran(process.returncode, time.perf_counter() - began, said)

    def restore(self, out: str, *more: str, kill_after_s: float | None = None) -> Ran:
        """``restore auto`` over the folder."""
        return self.run("auto", ALBUM, "-o", out, *self.words, *more, kill_after_s=kill_after_s)


def files_of(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of every file below a folder, hidden ones too; links and pipes with what they are."""
    found = {}
    for parent, _, names in os.walk(folder):
        for path in (Path(parent, name) for name in names):
            facts = path.lstat()
            if path.is_symlink():
                told = f"-> {path.readlink()}"
            elif not path.is_file():
                told = "no file"
            else:
                told = hashlib.sha256(path.read_bytes()).hexdigest() if os.access(path, os.R_OK) else "not permitted"
            found[path.relative_to(folder).as_posix()] = (told, facts.st_mtime_ns)
    return found


def results_of(folder: Path) -> dict[str, tuple[str, int]]:
    """The same of what is not hidden."""
    return {place: facts for place, facts in files_of(folder).items() if not Path(place).name.startswith(".")}


def place_of(path: str) -> str:
    """Of a photo, by its path in a row."""
    return Path(path).relative_to(ALBUM).as_posix()


def check_first(trial: Try, ran: Ran, verdicts: Verdicts) -> dict[str, str]:
    """Every photo has one row that is right; gives the results by the photos' places."""
    rows = ran.rows
    fates = Counter(place_of(row["source"]) for row in rows)
    verdicts.check(ran.code == SOME_FAILED, f"the exit code is {ran.code}, not {SOME_FAILED}: {ran.said[-3:]}")
    due = trial.places("result", "refused", "either")
    verdicts.faults += [f"{place!r}: has no row" for place in sorted(due - fates.keys())]
    verdicts.faults += [f"{place!r}: is no photo and has a row" for place in sorted(fates.keys() - due)]
    verdicts.faults += [f"{place!r}: has {count} rows" for place, count in fates.items() if count > 1]
    made = {place_of(row["source"]): row["target"] for row in rows if row["status"] == "ok"}
    kinds = {item.place: item for item in trial.items}
    for row in rows:
        place = place_of(row["source"])
        item, right = kinds[place], {"result": ("ok",), "refused": ("failed",), "either": ("ok", "failed")}
        if row["status"] not in right.get(item.fate, ()):
            verdicts.faults.append(f"{place!r} ({item.kind}): {row['status']}, {row.get('message', '')}")
    there = {Path(OUT, place).as_posix() for place in results_of(trial.folder / OUT)}
    verdicts.faults += [f"{target!r}: is not there" for target in sorted(set(made.values()) - there)]
    verdicts.faults += [f"{place!r}: is there and nobody's" for place in sorted(there - set(made.values()))]
    for target in (target for target in made.values() if target in there):
        with Image.open(trial.folder / target) as image:
            image.load()
            verdicts.check(
                image.format == format_of(Path(target)),
                f"{target!r}: holds {image.format}",
            )
    return made


def check_lines(ran: Ran, broken: set[str], verdicts: Verdicts) -> None:
    """Each photo without a result has one line that names it, what is wrong, and what to do."""
    failed = ran.lines("fail")
    names = {place: f"{'fail':5}{shown(f'{ALBUM}/{place}')}: " for place in sorted(broken)}
    verdicts.check(len(failed) == len(broken), f"{len(failed)} lines for {len(broken)} photos without a result")
    for place, name in names.items():
        lines = [line for line in failed if line.startswith(name)]
        verdicts.check(len(lines) == 1, f"{place!r}: {len(lines)} lines")
        for line in lines:
            words = line.removeprefix(name)
            verdicts.check("; " in words, f"{place!r}: not said what to do: {words}")
            verdicts.check("<bytes>" not in words, f"{place!r}: the file is not named: {words}")
    talk = [line for _, line in ran.said if any(word in line for word in NOT_SAID)]
    verdicts.check(not talk, f"it says {talk}")


def check_kills(trial: Try, took: float, kills: int, seed: int, verdicts: Verdicts) -> str:
    """Kill the same job at random moments and go on; gives how it went."""
    rng, expected = random.Random(seed), results_of(trial.folder / OUT)
    out, done, kept = trial.folder / KILLED, 0, 0
    for number in range(kills):
        ran = trial.restore(KILLED, "--resume", kill_after_s=rng.uniform(0, 2 * took / (kills + 1)))
        found = results_of(out)
        kept += len(found)
        verdicts.faults += [
            f"{place!r}: not the undisturbed result after kill {number + 1}"
            for place, (told, _) in found.items()
            if place not in expected or told != expected[place][0]
        ]
        if ran.code != -signal.SIGKILL:
            break
        done += 1
    last = trial.restore(KILLED, "--resume")
    verdicts.check(last.code == SOME_FAILED, f"the last run ended with {last.code}: {last.said[-3:]}")
    found = files_of(out)
    left = {place for place in found if Path(place).name.startswith(".")} - {NAME}
    verdicts.faults += [f"{place!r}: left over" for place in sorted(left)]
    verdicts.faults += [f"{place!r}: missing after kills" for place in sorted(expected.keys() - found.keys())]
    wrong = [place for place in expected if found.get(place, expected[place])[0] != expected[place][0]]
    verdicts.faults += [f"{place!r}: not equal after kills" for place in wrong]
    verdicts.check(done > 0, "no run lived long enough to be killed")
    return f"{done} kills, {kept / max(done, 1):.0f} results there at a kill, all equal at the end"


def check_verify(trial: Try, made: dict[str, str], verdicts: Verdicts) -> str:
    """What `restore verify` says of the results."""
    ran = trial.run("verify", ALBUM, OUT, "--json")
    rows = {place_of(row["source"]): row for row in ran.rows}
    verdicts.check(ran.code == SOME_FAILED, f"verify ended with {ran.code}: {ran.said[-3:]}")
    for place in made:
        row = rows.get(place, {"status": "not there"})
        if row["status"] != "ok":
            verdicts.faults.append(f"verify of {place!r}: {row['status']}, {row.get('lost', row.get('message'))}")
    missing = {place for place, row in rows.items() if row["status"] == "missing"}
    broken = trial.places("refused", "either") - made.keys()
    wrong = (broken - missing) | (missing - broken - trial.places("same", "ignored"))
    verdicts.faults += [f"{place!r}: verify does not tell rightly that it has no result" for place in sorted(wrong)]
    return f"{len(made)} kept everything, {len(missing)} without a result are named, {ran.seconds:.0f} s"


def check_page(page: Path, expected: Counter[str], profile: Path, verdicts: Verdicts) -> str:
    """The report in a browser: whole, working, and without a look elsewhere."""
    browser = Browser(profile)
    try:
        began = time.perf_counter()
        browser.open(page)
        seconds = time.perf_counter() - began
        kinds = browser.see("JSON.stringify([...document.querySelectorAll('.photo')].map(one => one.dataset.kind))")
        found = Counter(json.loads(str(kinds)))
        verdicts.check(found == expected, f"the page has {found}, not {expected}")
        empty = browser.see(
            "[...document.images].forEach(one => one.loading = 'eager'), "
            "Promise.all([...document.images].map(one => one.decode().then(() => 0, () => 1)))"
            ".then(all => all.reduce((sum, one) => sum + one, 0))"
        )
        verdicts.check(empty == 0, f"{empty} pictures of the page cannot be shown")
        hidden = browser.see("document.querySelector('.filters')?.hidden")
        verdicts.check(hidden is False, "the page's script did not run")
        verdicts.check(len(browser.fetched()) == 1, f"the page fetches {browser.fetched()}")
        verdicts.check(not browser.complaints(), f"the page complains: {browser.complaints()[:3]}")
    finally:
        browser.close()
    return f"{sum(found.values())} photos, opens in {seconds:.1f} s, fetches nothing"


def tried(trial: Try, *, kills: int, seed: int) -> tuple[Verdicts, list[tuple[str, float]]]:
    """Do it all; gives what held, and where the time of the first run went."""
    verdicts, page = Verdicts(), trial.folder / "job.html"
    sources = files_of(trial.folder / ALBUM)
    with verdicts.row("first run") as words:
        first = trial.restore(OUT, "--json", "--report", page.name)
        made = check_first(trial, first, verdicts)
        broken = trial.places("result", "refused", "either") - made.keys()
        words.append(f"{len(made)} results, {len(broken)} refused, {first.seconds:.0f} s, exit code {first.code}")
    results = files_of(trial.folder / OUT)
    results.pop(NAME, None)
    with verdicts.row("once more") as words:
        again = trial.restore(OUT)
        check_lines(again, broken, verdicts)
        skipped = len(again.lines("skip"))
        verdicts.check(skipped == len(made), f"{skipped} skipped, not {len(made)}")
        words.append(f"{skipped} skipped, {len(broken)} refused again, a clear line each, {again.seconds:.0f} s")
    with verdicts.row("once more, --resume") as words:
        resumed = trial.restore(OUT, "--resume")
        check_lines(resumed, broken, verdicts)
        said = any(f"{len(made)} done before" in line for _, line in resumed.said)
        verdicts.check(said, f"it does not say what was done before: {resumed.said[-2:]}")
        verdicts.check(not resumed.lines("ok"), f"it does again: {resumed.lines('ok')[:3]}")
        words.append(f"{len(made)} done before, {resumed.seconds:.0f} s")
    with verdicts.row("results since the first run") as words:
        now = files_of(trial.folder / OUT)
        now.pop(NAME, None)
        changed = [place for place in results.keys() | now.keys() if results.get(place) != now.get(place)]
        verdicts.faults += [f"{place!r}: was touched" for place in changed]
        words.append("bytes and times as they were")
    with verdicts.row("killed and resumed") as words:
        words.append(check_kills(trial, first.seconds, kills, seed, verdicts))
    with verdicts.row("restore verify") as words:
        words.append(check_verify(trial, made, verdicts))
    with verdicts.row("report") as words:
        kinds = Counter("unchanged" if unchanged(row) else "changed" for row in first.rows if row["status"] == "ok")
        kinds["failed"] += len(broken)
        if BROWSER is None:
            words.append(f"{page.stat().st_size / 1e6:.1f} MB; there is no Chromium to open it in")
        else:
            with tempfile.TemporaryDirectory() as profile:
                words.append(check_page(page, kinds, Path(profile), verdicts))
    with verdicts.row("sources") as words:
        now = files_of(trial.folder / ALBUM)
        touched = [place for place in sources.keys() | now.keys() if sources.get(place) != now.get(place)]
        verdicts.faults += [f"{place!r}: the photo was touched" for place in touched]
        words.append(f"{len(sources)} files as they were")
    return verdicts, where_the_time_went(first)


def unchanged(row: dict[str, Any]) -> bool:
    """Whether the photo itself came out, by its row: it agrees with itself exactly, which JSON tells as null."""
    return row["consistency_db"] is None


def where_the_time_went(ran: Ran) -> list[tuple[str, float]]:
    """Seconds of a run with --json by what they were spent on; the last ones went on beside the work."""
    done = [row for row in ran.rows if row["status"] == "ok"]
    spent = {stage: sum(row[f"{stage}_seconds"] for row in done) for stage in ("read", "restore", "write")}
    begun, ended = ran.moment("plan: "), ran.moment("{", last=True)
    return [
        ("start and plan", begun),
        ("looking at photos, and the network", spent["restore"]),
        ("waiting for files to be read and written", ended - begun - spent["restore"]),
        ("the report, and the end", ran.seconds - ended),
        ("beside that: reading", spent["read"]),
        ("beside that: writing", spent["write"]),
    ]


def photos_below(folder: Path | None) -> list[Path]:
    """Every picture below a folder, in order."""
    found = [] if folder is None else [path for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES]
    return sorted(found)


def main() -> int:
    """Build, run, and print the tables; 1 when anything did not hold."""
    parser = argparse.ArgumentParser(description="A folder of photos of every kind, a fifth of them broken.")
    parser.add_argument("--count", type=int, default=300, help="files (default 300)")
    parser.add_argument("--photos", type=Path, help="folder of photos to draw from (default: scikit-image's)")
    parser.add_argument("--seed", type=int, default=0, help="of the folder and of the kills (default 0)")
    parser.add_argument("--kills", type=int, default=6, help="at most so many (default 6)")
    parser.add_argument("--weights", help="a network for cleaning, by name or file (default: bundled)")
    parser.add_argument("--threads", type=int, help="of the network")
    parser.add_argument("-o", "--output", type=Path, help="new folder that all of it is kept in")
    choices = parser.parse_args()
    words = ["--device", "cpu"]
    words += ["--threads", str(choices.threads)] if choices.threads else []
    words += ["--weights", str(choices.weights)] if choices.weights else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = choices.output or Path(temporary, "mixed")
        items = build(folder / ALBUM, choices.count, choices.seed, photos_below(choices.photos))
        counts = Counter(item.fate for item in items)
        print(f"{len(items)} files: {', '.join(f'{count} {fate}' for fate, count in counts.most_common())}\n")
        verdicts, times = tried(Try(folder, items, tuple(words)), kills=choices.kills, seed=choices.seed)
    show(verdicts, times)
    return 1 if verdicts.faults else 0


def show(verdicts: Verdicts, times: list[tuple[str, float]]) -> None:
    """The tables."""
    print("| what | how it went |\n|---|---|")
    for name, words in verdicts.rows:
        print(f"| {name} | {words} |")
    print("\n| first run | s |\n|---|---|")
    for name, seconds in times:
        print(f"| {name} | {seconds:.1f} |")
    for fault in verdicts.faults:
        print(f"FAULT: {fault}")


if __name__ == "__main__":
    sys.exit(main())
