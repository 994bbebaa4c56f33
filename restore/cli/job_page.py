"""A job as one page: how it went, and each photo before and after, those first that should be looked at."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from restore import __version__
from restore.cli.job_page_look import SCRIPT, STYLE
from restore.cli.risk import doubts, risk
from restore.cli.rows import Row, shown
from restore.errors import OutputError
from restore.inference.pages import data_uri, frame, section, tile
from restore.io.address import is_address
from restore.io.remote import path_of
from restore.training.report_parts import span

if TYPE_CHECKING:
    from restore.cli.album import Album
    from restore.cli.walk import Account

KINDS: Final[Mapping[str, str]] = {
    "failed": "failed",
    "changed": "changed",
    "planned": "planned",
    "unchanged": "unchanged",
    "skipped": "skipped",
    "before": "done before",
}
"""What can have become of a photo, in the order of the page, and in words."""
PICTURE_BYTES: Final = 54_000_000
"""For all pictures of a page, as text; in a job of so many photos that this is not enough, the last ones have none."""
_LONGEST: Final = 600
"""Characters of a text that are shown; the other reports have all of it."""
_WORTH: Final = 1.0
"""A doubt of this weight is shown."""
_STREAM: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is said about a job beside what became of its photos."""

    inputs: tuple[str, ...]
    output: str | None
    settings: Mapping[str, str]
    problem: str
    """Why there are no settings."""
    folder: Path
    """Where the page will lie: its links are relative to that."""


@dataclass(frozen=True, slots=True)
class _Card:
    """A photo on the page."""

    kind: str
    row: Row
    risk: float = 0.0


def job_page(facts: Facts, account: Account, album: Album) -> Iterator[str]:
    """The page in parts, so that its pictures are never in memory together."""
    cards = _cards(account)
    head, foot = frame(_title(facts), style=STYLE, script=SCRIPT)
    yield head
    yield _head(facts, account) + _tiles(account, cards)
    yield _filters(cards)
    yield '<div class="photos">'
    spent, shared = 0, Counter(str(card.row.values["target"]) for card in cards)
    for number, card in enumerate(cards):
        target = path_of(str(card.row.values["target"]))
        another = shared[str(target)] > 1 and card.row.values.get("error") == OutputError.__name__
        pictures = [] if spent > PICTURE_BYTES or another else album.pictures(target)  # they would be the other photo's
        uris = [data_uri(picture, "image/jpeg") for picture in pictures]
        spent += sum(map(len, uris))
        yield _photo(number, card, uris, facts.folder)
    yield "</div>"
    yield _settings(facts, cards)
    yield (
        f"<footer>Written by restore {escape(__version__)} on {_moment(time.time())}. Nothing in this file is fetched "
        "from anywhere; its small pictures are JPEGs of the whole photos and hide what is finer. Links work as long as "
        "the photos, the results and this file lie to each other as they do now.</footer>"
    )
    yield foot


def steps_of(values: Mapping[str, object]) -> list[str]:
    """What was done to a photo, one word for each step, as filters know them.

    >>> steps_of({"task": "auto", "done": ["denoise"], "steps": []}), steps_of({"task": "upscale"})
    (['denoise'], ['upscale'])
    """
    steps, done = values.get("steps"), values.get("done")
    if isinstance(steps, list) and steps:
        words = [word for step in steps for word in steps_of(step)]
    elif isinstance(done, list):
        words = [str(word) for word in done]
    else:
        words = [str(values["task"])] if "task" in values else []
    return list(dict.fromkeys(word.replace(" ", "-") for word in words))


def link(path: str, folder: Path) -> str:
    """A path as the address of a link on a page in ``folder``, whatever characters its name has.

    >>> link("album/100% #1?.jpg", Path("."))
    'album/100%25%20%231%3F.jpg'
    """
    if is_address(path):
        return quote(path, safe=":/")
    try:
        relative = os.path.relpath(path, folder)
    except ValueError:  # on another drive
        return Path(path).absolute().as_uri()
    return quote(os.fsencode(relative.replace(os.sep, "/")), safe="/")


def _cards(account: Account) -> list[_Card]:
    kinds = {"fail": "failed", "plan": "planned", "skip": "skipped"}
    cards = []
    for row in account.rows:
        if row.status == "ok":
            cards.append(_Card("unchanged", row) if row.unchanged else _Card("changed", row, risk(row.values)))
        else:
            cards.append(_Card(kinds[row.status], row))
    for job in account.before:
        paths: dict[str, object] = {"source": str(job.source), "target": str(job.target)}
        cards.append(_Card("before", Row("before", "", paths, "done by an earlier run, and unchanged since")))
    places = list(KINDS)
    return sorted(cards, key=lambda card: (places.index(card.kind), -card.risk))


def _title(facts: Facts) -> str:
    names = ", ".join(shown(name) for name in facts.inputs[:3])
    return _cut(f"{names}{' ...' if len(facts.inputs) > 3 else ''} → {shown(facts.output or 'beside the photos')}")


def _head(facts: Facts, account: Account) -> str:
    state, look = "done", "done"
    if account.broken_by is not None:
        state, look = "ended by an error", "bad"
    elif account.stopped:
        state, look = "stopped", "warn"
    elif account.failed:
        state, look = f"done, {_count(len(account.failed))} failed", "bad"
    elif account.count("plan"):
        state = "only planned"
    words = [f"begun {_moment(account.began)}", *([f"on {account.device}"] if account.device else [])]
    error = "" if account.broken_by is None else f'<p class="error">{escape(_cut(shown(str(account.broken_by))))}</p>'
    return (
        f'<div class="head"><h1>{escape(_title(facts))}</h1><span class="state {look}">{escape(state)}</span>'
        f'<span class="soft">{escape(", ".join(words))}</span></div>{error}'
    )


def _tiles(account: Account, cards: list[_Card]) -> str:
    counts = Counter(card.kind for card in cards)
    made = account.count("ok")
    tiles = [tile("photos", _count(max(account.planned, len(cards))), "found")]
    tiles += [tile(word, _count(counts[kind])) for kind, word in KINDS.items() if counts[kind]]
    tiles += [tile("not come to", _count(account.left), "--resume does them")] if account.left else []
    pace = f"{60 * made / account.seconds:.1f} photos a minute" if made > 1 else ""
    tiles += [tile("time", span(account.seconds), pace), tile("restore", __version__, account.device)]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _filters(cards: list[_Card]) -> str:
    counts = Counter(card.kind for card in cards)
    steps = Counter(word for card in cards for word in steps_of(card.row.values))
    kinds = [("", "all", len(cards)), *((kind, word, counts[kind]) for kind, word in KINDS.items() if counts[kind])]
    buttons = "".join(
        f'<button type="button" data-kind="{kind}" aria-pressed="{"false" if kind else "true"}">{word} '
        f"<small>{_count(count)}</small></button>"
        for kind, word, count in kinds
    )
    options = "".join(
        f'<option value="{escape(word)}">{escape(word)} ({_count(count)})</option>'
        for word, count in sorted(steps.items())
    )
    return (
        '<h2>Photos, those to look at first</h2><div class="filters" hidden>'
        f'<div role="group" aria-label="Which photos">{buttons}</div>'
        f'<select aria-label="Which step"><option value="">every step</option>{options}</select>'
        '<input type="search" aria-label="Part of the name" placeholder="name">'
        '<output class="soft"></output></div>'
    )


def _photo(number: int, card: _Card, uris: list[str], folder: Path) -> str:
    values = card.row.values
    source, target = str(values["source"]), str(values["target"])
    name = _cut(shown(source))
    steps = steps_of(values) if card.kind in ("changed", "unchanged") else []
    linked = card.kind not in ("failed", "planned")
    marks = [f'<span class="mark {card.kind}">{KINDS[card.kind]}</span>']
    marks += [f'<span class="mark">{escape(step)}</span>' for step in steps if card.kind == "changed"]
    worth = [doubt for doubt in doubts(values) if doubt.weight >= _WORTH] if card.kind == "changed" else []
    marks += [f'<span class="mark doubt">{escape(doubt.words)}</span>' for doubt in worth]
    look = "error" if card.kind == "failed" else "soft"
    result = f" → {_anchor(target, _cut(shown(target)), folder)}" if linked else ""
    seconds = f", {values['seconds']:.1f} s" if isinstance(values.get("seconds"), float) else ""
    return (
        f'<article class="card photo" id="photo-{number}" data-kind="{card.kind}" '
        f'data-steps="{escape(" ".join(steps_of(values)))}" data-risk="{card.risk:.4f}">{_pictures(values, uris, name)}'
        f"<h3>{_anchor(source, name, folder)}<span>{result}</span></h3>"
        f'<p class="marks">{"".join(marks)}</p><p class="{look}">{escape(_cut(card.row.words))}{seconds}</p>'
        "</article>\n"
    )


def _pictures(values: Mapping[str, object], uris: list[str], name: str) -> str:
    """Two pictures, which the script lays on each other; or the one that is there."""
    if len(uris) < 2:
        return "".join(f'<img class="alone" src="{uri}" alt="{escape(name)}" decoding="async">' for uri in uris)
    before, after = uris
    ratio = float(str(values["width"])) / float(str(values["height"]))
    return (
        f'<div class="stage" style="--ratio:{ratio:.5f}">'
        f'<img class="before" src="{before}" alt="Before: {escape(name)}" decoding="async">'
        f'<img class="after" src="{after}" alt="After: {escape(name)}" decoding="async">'
        '<input type="range" min="0" max="100" value="50" hidden aria-label="Line between before (left of it) and '
        f'after: {escape(name)}"></div>'
    )


def _anchor(path: str, words: str, folder: Path) -> str:
    """A link to a file; the stream has none."""
    return escape(words) if path == _STREAM else f'<a href="{escape(link(path, folder))}">{escape(words)}</a>'


def _settings(facts: Facts, cards: list[_Card]) -> str:
    used: Counter[str] = Counter()
    for card in cards:
        names = card.row.values.get("weights")
        used.update(map(str, names) if isinstance(names, list) and card.kind == "changed" else [])
    rows = {f"used {shown(name)}": f"for {_count(count)} photos" for name, count in used.items()} | dict(facts.settings)
    told = {escape(shown(name)): escape(_cut(shown(words))) for name, words in rows.items()}
    words = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in told.items())
    problem = f'<p class="error">{escape(_cut(shown(facts.problem)))}</p>' if facts.problem else ""
    return section("Settings and weights", f'<div class="card">{problem}<dl>{words}</dl></div>')


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"


def _count(count: int) -> str:
    return f"{count:,}".replace(",", "\u202f")


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
