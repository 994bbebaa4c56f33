"""Pages of HTML that need no other file and no network: their frame, their look, and how they are written."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Final

from restore.errors import OutputError
from restore.io.whole import write_whole

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""Tells the browser to fetch nothing, whatever the page might hold."""

STYLE: Final = """
:root { color-scheme: light dark; --page: #f6f6f4; --card: #fff; --ink: #1b1d21; --soft: #666c75; --edge: #e3e3df;
  --grid: #ecece8; --c0: #2563c9; }
@media (prefers-color-scheme: dark) { :root { --page: #131417; --card: #1c1e22; --ink: #e9eaec; --soft: #9aa1ab;
  --edge: #2e3137; --grid: #282b30; --c0: #6ea8ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  -webkit-text-size-adjust: 100%; }
main { max-width: 1320px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 17px; margin: 36px 0 12px; }
h3 { font-size: 14px; margin: 0; font-weight: 600; }
p { margin: 0; }
code, pre { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }
.head { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 14px; }
.soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 12px; padding: 14px 16px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(130px, 1fr)); gap: 10px; margin-top: 18px; }
.tiles .card { padding: 10px 14px; }
.tiles b { display: block; font-size: 21px; line-height: 1.3; font-weight: 650; font-variant-numeric: tabular-nums; }
.tiles span, .tiles small { display: block; color: var(--soft); font-size: 13px; }
dl div { border-bottom: 1px solid var(--grid); break-inside: avoid; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
footer { margin-top: 36px; font-size: 13px; color: var(--soft); }
@media (max-width: 600px) { main { padding: 18px 12px 40px; } h1 { font-size: 22px; }
  .tiles { grid-template-columns: 1fr 1fr; } }
@media print { .card { break-inside: avoid; } }
"""
"""What every page of ours looks like, by day and by night."""


def page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """A whole HTML file around ``body``, which is HTML already; ``title`` is plain text.

    ``style`` comes after the look that all pages share; ``script`` runs when the page is there.
    """
    return body.join(frame(title, style=style, script=script))


def frame(title: str, *, style: str = "", script: str = "") -> tuple[str, str]:
    """What stands before and after the body of a :func:`page`, for one that is too long to be held."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n<body>\n<main>\n",
        f"\n</main>\n<script>{script}</script>\n</body>\n</html>\n",
    )


def tile(label: str, value: str, more: str = "") -> str:
    """One figure at the top of a page, all of it plain text."""
    small = f"<small>{escape(more)}</small>" if more else ""
    return f'<div class="card"><span>{escape(label)}</span><b>{escape(value)}</b>{small}</div>'


def section(heading: str, body: str) -> str:
    """A heading (plain text) and what is below it (HTML)."""
    return f"<section><h2>{escape(heading)}</h2>{body}</section>" if body else ""


def data_uri(data: bytes, kind: str) -> str:
    """A file as an address that holds it; ``kind`` is its media type.

    >>> data_uri(b"abc", "image/png")
    'data:image/png;base64,YWJj'
    """
    return f"data:{kind};base64,{b64encode(data).decode('ascii')}"


def write_page(path: Path, text: str | Iterable[str]) -> None:
    """Write a page or another text, whole or not at all, over an older one; OutputError when that cannot be.

    One that is too long to be held comes in parts.
    Characters that UTF-8 does not know (of file names with broken bytes) are written as escapes.
    """
    parts = [text] if isinstance(text, str) else text
    try:
        write_whole(path, (part.encode("utf-8", "backslashreplace") for part in parts))
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); make room or change permissions") from error
