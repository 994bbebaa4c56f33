"""One HTML page on which pictures can be compared by a slider; what it looks like and says."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from html import escape
from typing import Final

from restore.inference.compare import QUALITY, Pair, Side
from restore.inference.pages import page, section, tile

STYLE: Final = """
main { max-width: 1600px; }
.pair { margin-top: 34px; } .pair:first-of-type { margin-top: 0; }
.viewer { margin-top: 18px; }
.viewer figure { margin: 0 0 18px; }
.viewer img { display: block; max-width: 100%; height: auto; }
.clear img { background: repeating-conic-gradient(#bbb 0 25%, #eee 0 50%) 0 0 / 24px 24px; }
figcaption { font-size: 14px; color: var(--soft); padding-bottom: 6px; overflow-wrap: anywhere; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin-bottom: 10px; font-size: 14px; }
.tools[hidden], .where[hidden], .line[hidden] { display: none; }
.zoom { display: flex; }
button { font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--edge); padding: 5px 14px;
  margin-left: -1px; cursor: pointer; min-height: 34px; }
button:first-child { border-radius: 8px 0 0 8px; } button:last-child { border-radius: 0 8px 8px 0; }
button[aria-pressed=true] { background: var(--c0); border-color: var(--c0); color: var(--page); }
button:focus-visible, .stage:focus-visible, input:focus-visible { outline: 3px solid var(--c0); outline-offset: 2px; }
.where { display: block; margin: 12px auto 0; max-width: 560px; font-size: 13px; color: var(--soft); }
.where span { display: flex; justify-content: space-between; }
.where input { display: block; width: 100%; height: 28px; margin: 0; accent-color: var(--c0); cursor: ew-resize; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 10px; border-bottom: 1px solid var(--grid); }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
a { color: var(--c0); }
.scroll { overflow-x: auto; }
.words { columns: 2 420px; column-gap: 36px; margin: 0; font-size: 14px; }
.words div { padding: 6px 0; } .words dt { color: var(--ink); font-weight: 600; }
@media screen {
  .js .stage { position: relative; margin: 0 auto; width: min(100%, calc(82vh * var(--ratio))); cursor: ew-resize;
    touch-action: pan-y pinch-zoom; user-select: none; -webkit-user-select: none; overflow: hidden; }
  .js .stage.near { width: min(100%, var(--width)); max-height: 82vh; overflow: auto; cursor: grab; touch-action: auto;
    overscroll-behavior: contain; }
  .js .frame { position: relative; width: 100%; aspect-ratio: var(--ratio); overflow: hidden; }
  .js .near .frame { width: var(--width); }
  .js .frame figure { position: absolute; inset: 0; margin: 0; }
  .js .frame img { width: 100%; height: 100%; max-width: none; pointer-events: none; }
  .js .equal .pixels img { image-rendering: pixelated; }
  .js .before { clip-path: inset(0 calc(100% - var(--at)) 0 0); }
  .js .after { clip-path: inset(0 0 0 var(--at)); }
  .js figcaption { position: absolute; top: 10px; left: 10px; max-width: 45%; padding: 2px 10px; border-radius: 99px;
    background: #000a; color: #fff; font-size: 13px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
  .js .after figcaption { left: auto; right: 10px; }
  .js figcaption .more { display: none; }
  .js .line { position: absolute; top: 0; bottom: 0; left: var(--at); width: 44px; margin-left: -22px;
    cursor: ew-resize; touch-action: none; }
  .js .line::before { content: ""; position: absolute; top: 0; bottom: 0; left: 21px; width: 2px; background: #fff;
    box-shadow: 0 0 3px #000c; }
  .js .line::after { content: "\\2039\\2002\\203a"; position: absolute; top: var(--middle); left: 2px; width: 40px;
    height: 40px; margin-top: -20px; border-radius: 50%; background: #fff; color: #111; font: 600 22px/36px system-ui;
    text-align: center; box-shadow: 0 1px 5px #0009; }
}
"""

SCRIPT: Final = """
document.documentElement.classList.add("js");
for (const viewer of document.querySelectorAll(".viewer")) {
  const stage = viewer.querySelector(".stage"), frame = viewer.querySelector(".frame");
  const range = viewer.querySelector("input"), buttons = [...viewer.querySelectorAll("button")];
  let part = .5, held = null, zoom = 0;
  for (const one of viewer.querySelectorAll("[hidden]")) one.hidden = false;
  const within = share => Math.min(1, Math.max(0, share));
  const draw = () => {
    const at = within((stage.scrollLeft + part * stage.clientWidth) / (frame.offsetWidth || 1));
    frame.style.setProperty("--at", `${100 * at}%`);
    frame.style.setProperty("--middle", `${stage.scrollTop + stage.clientHeight / 2}px`);
    const percent = Math.round(100 * part);
    range.value = percent;
    range.setAttribute("aria-valuetext", `${percent} % before, ${100 - percent} % after`);
  };
  const slide = x => {
    part = within((x - stage.getBoundingClientRect().left) / stage.clientWidth);
    draw();
  };
  const enlarge = to => {
    const x = (stage.scrollLeft + stage.clientWidth / 2) / frame.offsetWidth;
    const y = (stage.scrollTop + stage.clientHeight / 2) / frame.offsetHeight;
    zoom = to;
    stage.style.setProperty("--width", `${frame.dataset.width * to / devicePixelRatio}px`);
    stage.classList.toggle("near", to > 0);
    stage.classList.toggle("pixels", to > 1);
    stage.tabIndex = to > 0 ? 0 : -1;
    for (const one of buttons) one.setAttribute("aria-pressed", one.dataset.zoom == to);
    stage.scrollLeft = x * frame.offsetWidth - stage.clientWidth / 2;
    stage.scrollTop = y * frame.offsetHeight - stage.clientHeight / 2;
    draw();
  };
  for (const one of buttons) one.addEventListener("click", () => enlarge(Number(one.dataset.zoom)));
  range.addEventListener("input", () => { part = range.value / 100; draw(); });
  stage.addEventListener("pointerdown", event => {
    const line = event.target.closest(".line");
    if (event.button || (zoom && !line && event.pointerType != "mouse")) return;
    held = zoom && !line ? [event.clientX + stage.scrollLeft, event.clientY + stage.scrollTop] : "line";
    stage.setPointerCapture(event.pointerId);
    event.preventDefault();
    range.focus({ preventScroll: true });
    if (held == "line") slide(event.clientX);
  });
  stage.addEventListener("pointermove", event => {
    if (held == "line") slide(event.clientX);
    else if (held) stage.scrollTo(held[0] - event.clientX, held[1] - event.clientY);
  });
  stage.addEventListener("pointerup", event => { if (held == "line") slide(event.clientX); });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
    stage.addEventListener(end, () => { held = null; });
  stage.addEventListener("scroll", draw);
  addEventListener("resize", draw);
  enlarge(0);
}
"""

MEANINGS: Final = {
    "PSNR": "How near the second picture is to the first, pixel by pixel, over red, green and blue. Above 40 dB hardly "
    "anybody sees a difference; below 30 dB it is plain. Every 6 dB less is twice the error.",
    "SSIM": "How alike light, contrast and structure are in small windows: 1 is equal. Below about 0.9 the difference "
    "shows, but noise taken away lowers it as much as detail taken away.",
    "LR-PSNR": "The larger picture, shrunk to the size of the smaller one, agrees with it to so many dB. It says "
    "whether the large picture still shows what the small one shows: 45 dB and more is the same picture; under 30 dB "
    "something else was put in, or noise and JPEG damage were rightly left out.",
    "Colour drift": "Largest change of the mean of red, green or blue, in grey levels of 255. Below 1 nobody sees it.",
    "Not from the first": "How much of the second's local contrast the first does not support, on average over the "
    "area: detail that was invented, or structure that was taken away. Noise taken away does not count.",
}
"""What each figure says, in plain words."""


def compare_page(title: str, pairs: Sequence[Pair]) -> str:
    """The whole page: a slider for each pair, the figures and what they mean, and a list where there are several."""
    several = len(pairs) > 1
    body = [f'<div class="head"><h1>{escape(title)}</h1></div>']
    body += [_table(pairs)] if several else []
    body += [_pair(pair, number, heading=several) for number, pair in enumerate(pairs)]
    named = {name for pair in pairs for name in _named(pair)}
    words = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in MEANINGS.items() if name in named
    )
    body.append(section("What the figures say", f'<div class="card"><dl class="words">{words}</dl></div>'))
    body.append(
        f"<footer>Written by restore on {time.strftime('%Y-%m-%d %H:%M')}. Nothing in this file is fetched from "
        f"anywhere. Large pictures are in it as JPEG of quality {QUALITY}, small ones as they are, all in sRGB; the "
        "figures are of the files.</footer>"
    )
    return page(title, "\n".join(body), style=STYLE, script=SCRIPT)


def figures_in_words(pair: Pair) -> list[str]:
    """The figures of a pair for a line of text."""
    return [f"{name if name.isupper() else name.lower()} {value}" for name, value in _named(pair).items()]


def _named(pair: Pair) -> dict[str, str]:
    """The figures that a pair has, each under its name."""
    figures = pair.figures
    named = {"PSNR" if pair.same_size else "LR-PSNR": decibels(figures.agreement_db)}
    if figures.ssim is not None:
        named["SSIM"] = f"{figures.ssim:.4f}"
    named["Colour drift"] = f"{figures.drift:.1f}"
    if figures.unsupported is not None:
        named["Not from the first"] = f"{figures.unsupported:.1%}"
    return named


def decibels(value: float) -> str:
    """A figure in dB; equal pictures have none.

    >>> decibels(38.123), decibels(math.inf)
    ('38.1 dB', 'equal')
    """
    return "equal" if math.isinf(value) else f"{value:.1f} dB"


def _table(pairs: Sequence[Pair]) -> str:
    names = list(dict.fromkeys(name for pair in pairs for name in _named(pair)))
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in ("Picture", "Before", "After", *names))
    rows = []
    for number, pair in enumerate(pairs):
        figures = _named(pair)
        cells = [_pixels(pair.before), _pixels(pair.after), *(figures.get(name, "") for name in names)]
        first = f'<td><a href="#pair-{number}">{escape(pair.before.name)}</a></td>'
        rows.append(f"<tr>{first}{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>")
    return (
        f'<div class="card scroll" style="margin-top:18px"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _pair(pair: Pair, number: int, *, heading: bool) -> str:
    before, after = pair.before, pair.after
    tiles = [tile("Before", _pixels(before), _shrinking(before)), tile("After", _pixels(after), _shrinking(after))]
    tiles += [tile(name, value, _aside(name, pair)) for name, value in _named(pair).items()]
    title = f"<h2>{escape(before.name)} → {escape(after.name)}</h2>" if heading else ""
    return (
        f'<section class="pair" id="pair-{number}">{title}<div class="tiles">{"".join(tiles)}</div>'
        f"{_viewer(pair)}</section>"
    )


def _viewer(pair: Pair) -> str:
    """The two pictures below each other, which the script lays on each other."""
    wide = max((pair.before, pair.after), key=lambda side: side.page_width)
    kinds = [*(["clear"] if pair.before.clear or pair.after.clear else []), *(["equal"] if _equal(pair) else [])]
    buttons = "".join(
        f'<button type="button" data-zoom="{zoom}" aria-pressed="{"false" if zoom else "true"}">{word}</button>'
        for zoom, word in enumerate(("Fit", "100 %", "200 %"))
    )
    return (
        f'<div class="{" ".join(["viewer", *kinds])}" style="--ratio:{wide.page_width / wide.page_height:.6f}">'
        f'<div class="tools" hidden><div class="zoom" role="group" aria-label="Zoom">{buttons}</div>'
        f'<span class="soft">{escape(_hint(pair, wide))}</span></div>'
        f'<div class="stage"><div class="frame" data-width="{wide.page_width}">'
        f"{_figure('before', pair.before)}{_figure('after', pair.after)}"
        '<span class="line" aria-hidden="true" hidden></span></div></div>'
        '<label class="where" hidden><span><small>all after</small><small>all before</small></span>'
        '<input type="range" min="0" max="100" value="50" '
        'aria-label="Line between before (left of it) and after (right of it)"></label></div>'
    )


def _figure(which: str, side: Side) -> str:
    word = which.capitalize()
    return (
        f'<figure class="{which}"><figcaption>{word}<span class="more">: {escape(side.name)}, {_pixels(side)} pixels'
        f'</span></figcaption><img src="{side.uri}" width="{side.page_width}" height="{side.page_height}" '
        f'alt="{word}: {escape(side.name)}, {side.width} by {side.height} pixels" decoding="async" draggable="false">'
        "</figure>"
    )


def _hint(pair: Pair, wide: Side) -> str:
    words = "Drag the line; the arrow keys move it too."
    if not _equal(pair):
        words += " The smaller picture is enlarged by the browser."
    if wide.share < 1:
        words += f" 100 % is of the page's picture, which is {wide.share:.0%} of the file's size."
    return words


def _equal(pair: Pair) -> bool:
    """Whether a pixel of one lies on a pixel of the other on the page; only then may one see them as squares."""
    return pair.before.page_width == pair.after.page_width


def _shrinking(side: Side) -> str:
    return f"on this page {side.page_width}x{side.page_height}" if side.share < 1 else "pixels"


def _aside(name: str, pair: Pair) -> str:
    """The few words below a figure."""
    shrunk = "after shrunk / before" if pair.grown else "before shrunk / after"
    return {
        "PSNR": "pixel by pixel",
        "SSIM": "1 is equal",
        "LR-PSNR": shrunk,
        "Colour drift": "of 255",
        "Not from the first": "invented or lost",
    }[name]


def _pixels(side: Side) -> str:
    return f"{side.width}x{side.height}"
