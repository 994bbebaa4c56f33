"""What ``restore eval scratch`` measures: a detector of damage, on damaged photos and on good ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from restore.cli.evaluate_files import DataSet, Trial, plan_trials
from restore.errors import WeightsError
from restore.inference.detect import TASK, Detector, Search, detecting_weights
from restore.inference.device import Device
from restore.inference.evaluate import Method
from restore.inference.protocol import is_gray
from restore.inference.scratch_rules import TOP_HAT, ScratchRules
from restore.io.photo import Photo
from restore.models.weights import Weights, bundled_weights


def plan_finding(
    sets: Sequence[DataSet], weights: str | None, *, device: Device
) -> tuple[dict[str, str | None], tuple[Trial, ...], list[tuple[Method, ...]]]:
    """What goes into the report, every set damaged and as it is, and what is measured in each.

    ``weights`` "top-hat" measures the classical way alone. Raises WeightsError.
    """
    facts: dict[str, str | None] = dict.fromkeys(
        ("weights", "sha256", "detail_weights", "detail_sha256", "condition", "device")
    )
    trials = plan_trials(sets, [ScratchRules(damaged=True), ScratchRules(damaged=False)])
    if weights == TOP_HAT:
        return facts, trials, [()] * len(trials)
    found = _found(weights)
    detector = Detector(device=device, weights=found.path)
    facts |= {"weights": found.card.name, "sha256": found.card.sha256, "device": device.name}
    method = Method(name=device.called(found.card.name), restore=_as_the_verb(detector))
    return facts, trials, [(method,)] * len(trials)


def _found(weights: str | None) -> Weights:
    if weights is not None:
        return detecting_weights("fast", weights)
    if all(one.card.task != TASK for one in bundled_weights()):
        raise WeightsError(
            "no weights for scratch are bundled; give your own with --weights FILE (`restore train scratch` makes "
            f"them), or --weights {TOP_HAT} to measure without any"
        )
    return detecting_weights("fast", None)


def _as_the_verb(detector: Detector) -> Callable[[Tensor], Tensor]:
    """What ``restore mask`` finds in a file that keeps every pixel; not grown, so that edges can be right."""

    def find(source: Tensor) -> Tensor:
        gray = is_gray(source)
        photo = Photo(pixels=source[0], alpha=None, gray=gray, depth=8, format="PNG", mode="L" if gray else "RGB")
        return detector.mask(photo, Search(grow=0)).expand(-1, 3, -1, -1)

    return find
