"""``restore auto``: look at each photo, decide what it needs, and do only that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from restore.cli import options as opt
from restore.cli.common import Asked, over_photos

if TYPE_CHECKING:
    from restore.cli.order import Order


@over_photos
def auto(
    asked: Asked,
    *,
    strength: opt.Strength = 100.0,
    mask: opt.Mask = None,
    protect: opt.Protect = None,
    evidence: opt.Evidence = None,
    weights: opt.WeightsName = None,
    model_size: opt.Size = opt.ModelSize.FAST,
) -> Order:
    """Look, decide, fix: restore auto album/ -o out/

    Takes out JPEG damage, noise and blur where they are found, and says what and why. A photo with nothing wrong is
    copied to the byte. restore inspect tells what would be done; the size stays (restore upscale enlarges).
    """
    from restore.cli.order import Order
    from restore.inference.masks import Masks
    from restore.inference.verbs import Fix

    return Order(
        where=asked.where,
        task="auto",
        what="restored",
        fix=Fix(strength=strength),
        masks=Masks(mask=mask, protect=protect),
        writing=asked.writing,
        machine=asked.machine([weights] if weights else [], model_size),
        evidence=evidence,
        dry_run=asked.dry_run,
        report=asked.report,
    )
