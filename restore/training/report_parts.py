"""The style and the script of a run's report, on top of what all pages share, and times in words."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { --c1: #c2570c; --band: #1f8a4c14; --limit: #1f8a4c; --warn: #b45309; --warn-soft: #fff4dc; --bad: #c0262d;
  --good: #1f7a45; }
@media (prefers-color-scheme: dark) { :root { --c1: #f0975a; --band: #4cc38a1a; --limit: #4cc38a; --warn: #f3b34c;
  --warn-soft: #33270f; --bad: #ff7b7b; --good: #4cc38a; } }
pre { margin: 6px 0 14px; padding: 10px 12px; background: var(--card); border: 1px solid var(--edge);
  border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; }
.state { padding: 2px 11px; border-radius: 99px; border: 1.5px solid; font-size: 13px; font-weight: 600; }
.running { color: var(--c0); } .done { color: var(--good); } .stopped { color: var(--warn); }
.bar { height: 4px; margin-top: 16px; border-radius: 9px; background: var(--edge); overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--c0); }
.notes { margin: 0; padding: 0; list-style: none; }
.notes li { padding: 7px 12px; margin-bottom: 6px; border-radius: 8px; background: var(--warn-soft);
  border-left: 3px solid var(--warn); overflow-wrap: anywhere; }
.notes li.back { border-color: var(--bad); }
.notes b { font-variant-numeric: tabular-nums; margin-right: 6px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); gap: 14px; }
.chart { display: flex; flex-direction: column; padding: 12px 14px; }
.top { display: flex; justify-content: space-between; gap: 10px; align-items: baseline; min-height: 22px; }
.value { font-size: 13px; font-variant-numeric: tabular-nums; color: var(--soft); text-align: right; }
.chart p { font-size: 13px; color: var(--soft); }
.key { display: inline-block; width: 14px; height: 3px; border-radius: 2px; vertical-align: middle;
  margin-right: 4px; }
.key.c0 { background: var(--c0); } .key.c1 { background: var(--c1); }
svg { width: 100%; height: auto; display: block; margin: 4px 0 6px; overflow: visible; touch-action: pan-y; }
svg text { font: 11px system-ui, "Segoe UI", sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .y { text-anchor: end; } svg .x { text-anchor: middle; }
svg path { fill: none; vector-effect: non-scaling-stroke; }
.grid { stroke: var(--grid); }
.band { fill: var(--band); } svg .limit { stroke: var(--limit); stroke-opacity: .45; }
svg .level { stroke: var(--soft); stroke-dasharray: 4 4; }
svg .line { stroke-width: 2; stroke-linejoin: round; }
svg .line.c0 { stroke: var(--c0); } svg .line.c1 { stroke: var(--c1); }
svg .reach { stroke-opacity: .3; fill-opacity: .2; stroke-width: 1; }
svg .reach.c0 { stroke: var(--c0); fill: var(--c0); } svg .reach.c1 { stroke: var(--c1); fill: var(--c1); }
.dot.c0 { fill: var(--c0); } .dot.c1 { fill: var(--c1); }
svg .warning { fill: var(--warn); } svg .back { stroke: var(--bad); stroke-width: 1.5; }
svg .cross { stroke: var(--soft); stroke-opacity: .6; }
.strip { display: flex; gap: 12px; overflow-x: auto; }
.strip figure { margin: 0; flex: none; }
.strip img { display: block; max-width: 100%; height: auto; border-radius: 6px; }
figcaption { font-size: 13px; color: var(--soft); padding-bottom: 6px; font-variant-numeric: tabular-nums; }
.columns { display: flex; max-width: 576px; font-size: 13px; color: var(--soft); margin-top: 6px; }
.columns span { flex: 1; text-align: center; }
.slider { display: none; width: 100%; max-width: 576px; margin: 4px 0 10px; accent-color: var(--c0); }
.js .slider { display: block; }
.js .strip figure { display: none; max-width: 100%; } .js .strip figure.now { display: block; }
.split { display: grid; grid-template-columns: minmax(0, 610px) minmax(300px, 1fr); gap: 0 20px; }
.split > div:only-child { grid-column: 1 / -1; }
dl { columns: 3 260px; column-gap: 36px; margin: 0 0 10px; font-size: 13px; }
dl div { display: flex; justify-content: space-between; gap: 14px; padding: 4px 0; }
dd { text-align: right; }
.own dt, .own dd { font-weight: 650; color: var(--ink); }
@media (max-width: 900px) { .split { display: block; } }
@media print { .slider { display: none; } }
"""

SCRIPT: Final = """
document.documentElement.classList.add("js");
for (const svg of document.querySelectorAll("svg[data-lines]")) {
  const lines = JSON.parse(svg.dataset.lines).filter(line => line.steps.length);
  const value = svg.closest(".chart").querySelector(".value"), last = value.innerHTML;
  const make = name => svg.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
  const hide = () => { value.innerHTML = last; svg.querySelectorAll(".cross, .hover").forEach(one => one.remove()); };
  const show = event => {
    hide();
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
    const near = line => line.x.reduce((best, at, i) => Math.abs(at - x) < Math.abs(line.x[best] - x) ? i : best, 0);
    const at = near(lines[0]), cross = make("path");
    cross.setAttribute("class", "cross");
    cross.setAttribute("d", `M${lines[0].x[at]} 16V164`);
    const words = lines.map((line, number) => {
      const i = near(line), dot = make("circle");
      dot.setAttribute("class", `hover dot c${number}`);
      dot.setAttribute("cx", line.x[i]); dot.setAttribute("cy", line.y[i]); dot.setAttribute("r", 4);
      return (lines.length > 1 ? line.label + " " : "") + line.shown.split(" ")[i];
    });
    value.textContent = `step ${lines[0].steps[at]}: ${words.join(", ")} ${lines[0].unit}`;
  };
  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", hide);
}
const slider = document.querySelector(".slider");
if (slider) {
  const sheets = [...document.querySelectorAll(".strip figure")];
  const turn = () => sheets.forEach((sheet, i) => sheet.classList.toggle("now", i == slider.value));
  slider.addEventListener("input", turn);
  turn();
}
"""


def span(seconds: float) -> str:
    """A time in words.

    >>> span(45), span(600), span(4830), span(200000)
    ('45 s', '10 min', '1 h 20 min', '2 d 8 h')
    """
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"
