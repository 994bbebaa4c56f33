"""What can be wrong with pairs of which both are to show the same: one function for each symptom."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from restore.datasets.align import alignment, is_beside, is_unrelated
from restore.datasets.findings import Checked, Finding, Plan, Rule, count_of, found, found_in
from restore.ops.shift import Shift

NOTHING_TO_LEARN_DB: Final = 50.0
"""Less than a grey level apart almost everywhere."""
OTHER_COLOUR: Final = 3.0
"""Grey levels between the mean colours of partners; noise and JPEG move them by less than one."""


def unrelated(seen: Sequence[Checked], _: Plan) -> Finding | None:
    """Partners that do not show the same picture."""
    looks = [item.lq for item in seen if item.lq is not None and _is_unrelated(item)]
    cure = "nothing can be learnt from such; check the names, and whether one of the two is turned, mirrored or zoomed"
    pairs = count_of(len(looks), "pair does", "pairs do")
    return found_in(looks, f"{pairs} not seem to show the same picture: {cure}")


def beside(seen: Sequence[Checked], plan: Plan) -> Finding | None:
    """Pairs that are shifted, as long as nothing is going to put them in place."""
    files = [(path, words) for path, words, curable in _shifted(seen, plan) if not (curable and plan.align)]
    if plan.align:
        pairs = count_of(len(files), "pair is", "pairs are")
        return found(files, f"{pairs} shifted too far to be aligned with a whole patch left: take them out")
    photos = count_of(len(files), "damaged photo does", "damaged photos do")
    cure = "edges are learnt blurred or double; --align puts them in place"
    return found(files, f"{photos} not lie exactly on the partner: {cure}")


def nothing_to_learn(seen: Sequence[Checked], plan: Plan) -> Finding | None:
    """Partners that are equal."""
    files = [
        (item.lq.path, "equal" if math.isinf(item.pair.sameness_db) else f"{item.pair.sameness_db:.0f} dB alike")
        for item in seen
        if item.lq is not None and item.pair is not None and item.pair.sameness_db >= NOTHING_TO_LEARN_DB
    ]
    why = "" if plan.scale == 1 else " (the good one is the damaged one enlarged)"
    pairs = count_of(len(files), "pair is", "pairs are")
    return found(files, f"{pairs} nearly identical{why}: there is nothing to learn; take them out")


def gray_partners(seen: Sequence[Checked], _: Plan) -> Finding | None:
    """Gray damaged photos of coloured good ones."""
    looks = [item.lq for item in seen if item.lq is not None and item.lq.gray and not item.hq.gray]
    photos = count_of(len(looks), "damaged photo is gray and its partner", "damaged photos are gray and their partners")
    return found_in(looks, f"{photos} in colour: the network will guess colours; take them out if that is not meant")


def other_colours(seen: Sequence[Checked], _: Plan) -> Finding | None:
    """Partners of different brightness or colour."""
    files = []
    for item in seen:
        if item.lq is None or (item.lq.gray and not item.hq.gray) or _is_unrelated(item):
            continue
        apart = [low - high for low, high in zip(item.lq.mean, item.hq.mean, strict=True)]
        if max(abs(part) for part in apart) > OTHER_COLOUR:
            files.append((item.lq.path, "red {:+d}, green {:+d}, blue {:+d} of 255".format(*map(round, apart))))
    photos = count_of(len(files), "damaged photo has", "damaged photos have")
    cure = "the network will learn to change colours; match them, or leave them if that is the damage to be mended"
    return found(files, f"{photos} another brightness or colour than the good one: {cure}")


PAIR_RULES: Final[tuple[Rule, ...]] = (unrelated, beside, nothing_to_learn, gray_partners, other_colours)


def aligned_count(seen: Sequence[Checked], plan: Plan) -> int:
    """How many pairs are going to be put in place."""
    return sum(curable for _, _, curable in _shifted(seen, plan)) if plan.align else 0


def _shifted(seen: Sequence[Checked], plan: Plan) -> Iterator[tuple[Path, str, bool]]:
    """Damaged photos beside their partners, the shift in words, and whether aligning leaves enough of them."""
    for item in seen:
        if item.lq is None or item.pair is None or (shift := item.pair.shift) is None or not is_beside(shift):
            continue
        cut = alignment(shift, (item.lq.height, item.lq.width), plan.scale, least_px=plan.patch_px)
        yield item.lq.path, _words(shift), cut is not None


def _words(shift: Shift) -> str:
    down = f"{abs(shift.down):.1f} px too {'low' if shift.down > 0 else 'high'}"
    across = f"{abs(shift.right):.1f} px too far {'right' if shift.right > 0 else 'left'}"
    return f"{down}, {across} (pixels of the good one)"


def _is_unrelated(item: Checked) -> bool:
    return item.pair is not None and is_unrelated(item.pair.shift)
