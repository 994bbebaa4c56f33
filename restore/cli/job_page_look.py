"""The style and the script of a job's page, on top of what all pages share."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { --bad: #b4232a; --bad-soft: #fdecec; --warn: #93490a; --warn-soft: #fff1d6; --good: #1f7a45; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a8a; --bad-soft: #3a1a1c; --warn: #f3b34c;
  --warn-soft: #33270f; --good: #4cc38a; } }
main { max-width: 1600px; }
h1 { overflow-wrap: anywhere; }
a { color: var(--c0); }
[hidden] { display: none !important; }
.state { padding: 2px 11px; border-radius: 99px; border: 1.5px solid; font-size: 13px; font-weight: 600; }
.state.done { color: var(--good); } .state.warn { color: var(--warn); } .state.bad { color: var(--bad); }
.error { color: var(--bad); overflow-wrap: anywhere; }
.head + .error { margin-top: 12px; }
.filters { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin-bottom: 14px; }
.filters > div { display: flex; flex-wrap: wrap; gap: 6px; }
button, select, input[type=search] { font: inherit; font-size: 14px; color: var(--ink); background: var(--card);
  border: 1px solid var(--edge); border-radius: 8px; padding: 5px 12px; min-height: 34px; }
button { cursor: pointer; } button small { opacity: .7; font-variant-numeric: tabular-nums; }
button[aria-pressed=true] { background: var(--c0); border-color: var(--c0); color: var(--page); }
button:focus-visible, select:focus-visible, input:focus-visible, a:focus-visible { outline: 3px solid var(--c0);
  outline-offset: 2px; }
.photos { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); gap: 14px;
  align-items: start; }
.photo { display: flex; flex-direction: column; gap: 6px; min-width: 0; content-visibility: auto;
  contain-intrinsic-size: auto 380px; }
.photo[data-kind=failed] { border-color: var(--bad); }
.photo[data-kind=skipped], .photo[data-kind=before], .photo[data-kind=planned] { contain-intrinsic-size: auto 110px; }
.photo h3, .photo p { overflow-wrap: anywhere; }
.photo h3 span { font-weight: 400; }
.photo p { font-size: 13px; }
.marks { display: flex; flex-wrap: wrap; gap: 5px; }
.mark { padding: 0 8px; border-radius: 99px; border: 1px solid var(--edge); color: var(--soft); font-size: 12px; }
.mark.failed { color: var(--bad); background: var(--bad-soft); border-color: var(--bad); }
.mark.doubt { color: var(--warn); background: var(--warn-soft); border-color: var(--warn); }
.photo img { display: block; max-width: 100%; height: auto; border-radius: 6px; }
.photo .alone { max-height: 360px; margin: 0 auto; }
.stage { display: flex; flex-wrap: wrap; gap: 6px; }
@media screen {
  .js .stage { display: block; position: relative; width: min(100%, calc(360px * var(--ratio))); margin: 0 auto;
    aspect-ratio: var(--ratio); min-height: 24px; border-radius: 6px; overflow: hidden; }
  .js .stage:focus-within { outline: 3px solid var(--c0); outline-offset: 2px; }
  .js .stage img { position: absolute; inset: 0; width: 100%; height: 100%; border-radius: 0; }
  .js .before { clip-path: inset(0 calc(100% - var(--at, 50%)) 0 0); }
  .js .after { clip-path: inset(0 0 0 var(--at, 50%)); }
  .js .stage::after { content: ""; position: absolute; top: 0; bottom: 0; left: var(--at, 50%); width: 2px;
    margin-left: -1px; background: #fff; box-shadow: 0 0 3px #000c; pointer-events: none; }
  .js .stage::before { content: "\\2039\\2002\\203a"; position: absolute; z-index: 1; top: calc(50% - 17px);
    left: calc(var(--at, 50%) - 17px); width: 34px; height: 34px; border-radius: 50%; background: #fff; color: #111;
    font: 600 19px/30px system-ui; text-align: center; box-shadow: 0 1px 5px #0009; pointer-events: none; }
  .stage input { position: absolute; inset: 0; width: 100%; height: 100%; margin: 0; opacity: 0; cursor: ew-resize;
    touch-action: pan-y; }
}
@media print { .filters, .stage input { display: none; } .photo { break-inside: avoid; content-visibility: visible; } }
"""

SCRIPT: Final = """
document.documentElement.classList.add("js");
const photos = [...document.querySelectorAll(".photo")], bar = document.querySelector(".filters");
const buttons = [...bar.querySelectorAll("button")], step = bar.querySelector("select");
const name = bar.querySelector("input"), count = bar.querySelector("output");
let kind = "";
const show = () => {
  const part = name.value.toLowerCase();
  let found = 0;
  for (const photo of photos) {
    const fits = (!kind || photo.dataset.kind == kind)
      && (!step.value || photo.dataset.steps.split(" ").includes(step.value))
      && photo.querySelector("h3").textContent.toLowerCase().includes(part);
    photo.hidden = !fits;
    found += fits;
  }
  for (const one of buttons) one.setAttribute("aria-pressed", one.dataset.kind == kind);
  count.textContent = `${found} of ${photos.length} shown`;
};
const slide = range => {
  range.parentElement.style.setProperty("--at", `${range.value}%`);
  range.setAttribute("aria-valuetext", `${range.value} % before, ${100 - range.value} % after`);
};
for (const one of buttons) one.addEventListener("click", () => { kind = one.dataset.kind; show(); });
step.addEventListener("change", show);
name.addEventListener("input", show);
for (const range of document.querySelectorAll(".stage input")) {
  range.hidden = false;
  range.addEventListener("input", () => slide(range));
  slide(range);
}
bar.hidden = false;
show();
"""
