"""Results on disk, and the table made of them."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from pathlib import Path

from lab.variants import VARIANTS, Variant
from lab.verdict import judge

RESULTS = "results.jsonl"
Results = dict[str, dict[int, dict[str, float]]]
"""Figures by variant and seed; "seconds" among them."""
_HEAD = "| change | paper | against | figure | baseline | changed | difference | spread | verdict | s a run |"
_HIDDEN = ("seconds",)


def read(folder: Path) -> Results:
    """All results so far; a variant that was run twice counts with its last run."""
    path = folder / RESULTS
    results: Results = defaultdict(dict)
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            results[item["name"]][item["seed"]] = item["figures"]
    return results


def add(folder: Path, name: str, seed: int, figures: dict[str, float]) -> None:
    """Write one result down at once."""
    with (folder / RESULTS).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": name, "seed": seed, "figures": figures}) + "\n")


def table(results: Results) -> str:
    """One Markdown row for each variant that was run with its baseline, and all other figures below."""
    rows = [_HEAD, "|---|---|---|---|---|---|---|---|---|---|"]
    rows += [_row(name, variant, results) for name, variant in VARIANTS.items() if _pairs(variant, name, results)]
    details = ["", "| variant | seeds | means of all figures |", "|---|---|---|"]
    for name, seeds in results.items():
        names = [figure for figure in next(iter(seeds.values())) if figure not in _HIDDEN]
        means = ", ".join(
            f"{figure} {statistics.fmean(item[figure] for item in seeds.values()):.4g}" for figure in names
        )
        details.append(f"| {name} | {len(seeds)} | {means} |")
    return "\n".join(rows + details)


def _pairs(variant: Variant, name: str, results: Results) -> list[tuple[float, float]]:
    """(baseline's figure, changed figure) of the seeds that have both."""
    if variant.baseline is None or name not in results:
        return []
    base = results.get(variant.baseline, {})
    figure = variant.figure.name
    return [
        (base[seed][figure], item[figure])
        for seed, item in sorted(results[name].items())
        if figure in item and figure in base.get(seed, {})
    ]


def _row(name: str, variant: Variant, results: Results) -> str:
    pairs = _pairs(variant, name, results)
    figure = variant.figure
    verdict = judge([after - before for before, after in pairs], higher=figure.higher, worth=figure.worth)
    before, after = (statistics.fmean(side) for side in zip(*pairs, strict=True))
    seconds = statistics.fmean(item.get("seconds", 0.0) for item in results[name].values())
    spread = "one seed" if len(pairs) == 1 else f"± {verdict.error:.4f} ({len(pairs)})"
    return (
        f"| {name}: {variant.change} | {variant.paper} | {variant.baseline} | {figure.name} "
        f"| {before:.4g} | {after:.4g} | {verdict.mean:+.4f} | {spread} "
        f"| {verdict.word} | {seconds:.0f} |"
    )
