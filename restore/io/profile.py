"""ICC profiles: what kind one is, and the matrix and curves of the simple kind (ICC.1:2022)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import torch
from torch import Tensor

from restore.io.curves import SRGB, Curve, PowerCurve, TableCurve, gamma_curve
from restore.io.icc import MATRIX_TAGS, PROFILE_FAULTS, SPACES, tags_of
from restore.io.stored import Family

SRGB_TO_PCS: Final = torch.tensor(
    [
        [0.436065674, 0.385147095, 0.143066406],
        [0.222488403, 0.716873169, 0.060607910],
        [0.013916016, 0.097076416, 0.714096069],
    ],
    dtype=torch.float64,
)
"""Columns are the red, green and blue of sRGB in XYZ adapted to D50, as in the profile of the ICC."""

SAME_PRIMARY: Final = 2e-3
"""Primaries closer than this are the same: profiles of sRGB differ by so much among themselves."""
SAME_CODE: Final = 1 / 255
"""Curves closer than one 8-bit level are the same."""
NEUTRAL: Final = 0.01
"""A profile whose white is this close to the reference white is made exactly neutral."""


@dataclass(frozen=True, slots=True, eq=False)
class Rendering:
    """How stored values become sRGB and back.

    ``same``: they are used as they are. ``matrix``: by ``curves`` and ``to_srgb`` (3x3, linear light), exactly.
    ``lut``: by the colour engine in 8 bits, RGB to RGB. ``cmyk``: the same, four channels to three.
    """

    kind: Literal["same", "matrix", "lut", "cmyk"]
    icc: bytes | None = None
    curves: tuple[Curve, Curve, Curve] | None = None
    to_srgb: Tensor | None = None
    note: str | None = None


@lru_cache(maxsize=16)
def rendering_of(icc: bytes | None, family: Family, depth: int) -> Rendering:
    """The rendering for pixels of ``family`` with this profile; what does not fit or parse is dropped with a note."""
    if not icc:
        note = "CMYK without a colour profile: colours are approximate, written as RGB" if family == "cmyk" else None
        return Rendering("same", note=note)
    try:
        return _parsed(icc, family, depth)
    except PROFILE_FAULTS as fault:
        return Rendering("same", note=f"the colour profile is damaged ({fault}) and was dropped")


def _parsed(icc: bytes, family: Family, depth: int) -> Rendering:
    tags, space = tags_of(icc)
    if SPACES.get(space) != family:
        what = space.decode("latin-1").strip()
        return Rendering("same", note=f"the colour profile is for {what}, the picture is {family}: profile dropped")
    if family == "gray":
        return Rendering("same", icc)
    if family == "cmyk":
        return _by_engine(icc, "cmyk")
    if all(tag in tags for tag in MATRIX_TAGS):
        return _matrix(icc, tags)
    if depth > 8:
        return Rendering("same", icc, note="colour profile with tables: 16-bit values are kept as they are")
    return _by_engine(icc, "lut")


def _by_engine(icc: bytes, kind: Literal["lut", "cmyk"]) -> Rendering:
    from restore.io.engine import can_convert

    if can_convert(icc, kind):
        return Rendering(kind, icc)
    if kind == "lut":
        return Rendering(
            "same", icc, note="the colour profile works in one direction only: values are kept as they are"
        )
    return Rendering("same", note="the CMYK profile cannot be used: colours are approximate, written as RGB")


def _matrix(icc: bytes, tags: dict[bytes, bytes]) -> Rendering:
    to_pcs = torch.stack([_xyz(tags[name]) for name in MATRIX_TAGS[:3]], dim=1)
    if not float(torch.linalg.det(to_pcs).abs()) > 1e-6:
        raise ValueError("its primaries lie on a line")
    to_srgb = torch.linalg.solve(SRGB_TO_PCS, to_pcs)
    whites = to_srgb.sum(dim=1, keepdim=True)
    if bool(((whites - 1).abs() < NEUTRAL).all()):
        to_srgb = to_srgb / whites
    curves = (_curve(tags[b"rTRC"]), _curve(tags[b"gTRC"]), _curve(tags[b"bTRC"]))
    if _is_srgb(to_srgb, curves):
        return Rendering("same", icc)
    return Rendering("matrix", icc, curves, to_srgb)


def _is_srgb(to_srgb: Tensor, curves: tuple[Curve, ...]) -> bool:
    codes = torch.linspace(0, 1, 256, dtype=torch.float64)
    apart = max(float((SRGB.encode(curve.decode(codes)) - codes).abs().max()) for curve in curves)
    return apart < SAME_CODE and float((to_srgb - torch.eye(3, dtype=torch.float64)).abs().max()) < SAME_PRIMARY


def _xyz(tag: bytes) -> Tensor:
    if tag[:4] != b"XYZ ":
        raise ValueError("primaries")
    return torch.tensor(struct.unpack_from(">3i", tag, 8), dtype=torch.float64) / 65536


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"para":
        return _parametric(tag)
    if tag[:4] != b"curv":
        raise ValueError("tone curve")
    (count,) = struct.unpack_from(">I", tag, 8)
    if count == 0:
        return gamma_curve(1.0)
    values = struct.unpack_from(f">{count}H", tag, 12)
    if count == 1:
        return _checked_gamma(values[0] / 256)
    return TableCurve.rising(torch.tensor(values, dtype=torch.float64) / 65535)


def _checked_gamma(gamma: float) -> PowerCurve:
    if not 0.1 <= gamma <= 10:
        raise ValueError(f"gamma {gamma:g}")
    return gamma_curve(gamma)


def _parametric(tag: bytes) -> Curve:
    """Types 0 and 3 in closed form, the rarer ones (1, 2, 4) as a fine table."""
    (kind,) = struct.unpack_from(">H", tag, 8)
    names = {0: "g", 1: "gab", 2: "gabc", 3: "gabcd", 4: "gabcdef"}
    if kind not in names:
        raise ValueError(f"tone curve of type {kind}")
    found = struct.unpack_from(f">{len(names[kind])}i", tag, 12)
    p = {name: value / 65536 for name, value in zip(names[kind], found, strict=True)}
    if kind == 0:
        return _checked_gamma(p["g"])
    g = _checked_gamma(p["g"]).g
    if kind == 3 and min(p["a"], p["c"]) > 0 and abs((p["a"] * p["d"] + p["b"]) ** g - p["c"] * p["d"]) < 1e-3:
        return PowerCurve(g, p["a"], p["b"], p["c"], p["d"])
    if p["a"] <= 0:
        raise ValueError("tone curve falls")
    x = torch.linspace(0, 1, 4096, dtype=torch.float64)
    below = {1: 0 * x, 2: 0 * x + p.get("c", 0.0), 3: p.get("c", 0.0) * x, 4: p.get("c", 0.0) * x + p.get("f", 0.0)}
    lift = {1: 0.0, 2: p.get("c", 0.0), 3: 0.0, 4: p.get("e", 0.0)}
    start = p["d"] if "d" in p else -p["b"] / p["a"]
    power = (p["a"] * x + p["b"]).clamp(min=0) ** g + lift[kind]
    return TableCurve.rising(torch.where(x >= start, power, below[kind]))
