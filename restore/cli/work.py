"""Who does what an order asks for: one row per task, so that every verb shares the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from restore import __version__
from restore.cli.evidence import evidence_of
from restore.errors import ConfigError, WeightsError
from restore.inference.again import Repeater
from restore.inference.auto import auto_restore
from restore.inference.chain import Chain
from restore.inference.clean import Cleaner
from restore.inference.detect import Detector
from restore.inference.device import Device
from restore.inference.fill import Filler
from restore.inference.fill_mask import FillMask, mask_picture
from restore.inference.inspect import condition_of
from restore.inference.repair import Mend, Mender
from restore.inference.translate import Translator
from restore.inference.upscale import Enlargement, Report, Upscaler
from restore.io.photo import Photo
from restore.io.recipe import Recipe
from restore.ops.tile import Progress
from restore.tasks import TASKS, Condition

if TYPE_CHECKING:
    from restore.cli.machine import Machine
    from restore.cli.order import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What is filled, how its border fades, and where a picture of it goes."""

    hole: FillMask
    feather: int = 0
    regrain: float
    save_mask: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What is to be repeated, and whether other weights will do."""

    recipe: Recipe
    anyway: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """How a print is mended, what a person has marked, and where a picture of what was filled goes."""

    mend: Mend
    own: FillMask | None = None
    save_mask: str | None = None


Restored = tuple[Photo, Report, Callable[[], Photo]]
"""A result, what was done, and what draws the picture that may be written beside it."""
Worker = TypeVar("Worker")


@dataclass(frozen=True, slots=True)
class Work:
    """What can be done to photos, ready to begin."""

    plan: Callable[[int, int], Enlargement]
    """Says what will become of a photo of that height and width."""
    restore: Callable[[Photo, Progress], Restored]
    """Does it."""


def work_for(order: Order, device: Device) -> Work:
    """The one for the order's task; ConfigError, WeightsError or DeviceError if that cannot be."""
    if order.task not in _WORKERS:
        known = ", ".join(name for name in _WORKERS if name in TASKS)
        weights = ", ".join(order.machine.weights)
        raise WeightsError(f"{weights}: weights for the task {order.task!r}; this restore knows {known}")
    return _WORKERS[order.task](order, device)


def _upscaling(order: Order, device: Device) -> Work:
    look = order.look
    upscaler = _with_one_network(Upscaler, order.machine, device, detail=look.detail, project=look.project)
    return Work(
        lambda height, width: upscaler.plan(height, width, order.target),
        _with_evidence(
            lambda photo, progress: upscaler(photo, order.target, told(photo, order.condition), progress),
        ),
    )


def _translating(order: Order, device: Device) -> Work:
    machine = order.machine
    weights = _one(machine.weights)
    if weights is None:
        raise WeightsError("there are no bundled weights to translate with; train some, see docs/translate.md")
    translator = Translator(weights, device=device, max_memory=machine.max_memory, tile=machine.tile)
    return Work(translator.plan, _with_evidence(translator))


def _cleaning(order: Order, device: Device) -> Work:
    fix = order.fix
    cleaner = _with_one_network(Cleaner, order.machine, device, detail=fix.detail)

    def plan(height: int, width: int) -> Enlargement:
        order.masks.check(height, width)
        wanted = ([f"strength {fix.strength:g}"] if fix.verb else []) + ([f"grain {fix.grain:g}"] if fix.grain else [])
        return replace(cleaner.plan(height, width), notes=tuple(wanted), detail=fix.detail)

    def restore(photo: Photo, progress: Progress) -> tuple[Photo, Report]:
        return cleaner(photo, fix, order.condition, area=order.masks.area(photo), progress=progress)

    return Work(plan, _with_evidence(restore))


def _deciding(order: Order, device: Device) -> Work:
    fix, cleaner = order.fix, _with_one_network(Cleaner, order.machine, device)

    def plan(height: int, width: int) -> Enlargement:
        order.masks.check(height, width)
        return replace(cleaner.plan(height, width), notes=("is looked at first, then decided",))

    def restore(photo: Photo, progress: Progress) -> tuple[Photo, Report]:
        return auto_restore(cleaner, photo, fix.strength, area=order.masks.area(photo), progress=progress)

    return Work(plan, _with_evidence(restore))


def _filling(order: Order, device: Device) -> Work:
    machine, filling = order.machine, order.filling
    if filling is None:
        name = _one(machine.weights)
        raise ConfigError(f"{name}: these weights fill holes; restore inpaint PHOTO --mask FILE --weights {name}")
    filler = _with_one_network(Filler, machine, device)

    def plan(height: int, width: int) -> Enlargement:
        filling.hole.check(height, width)
        return filler.plan(height, width)

    def restore(photo: Photo, progress: Progress) -> Restored:
        hole = filling.hole
        mask = hole.of(photo)
        result, report = filler(
            photo,
            mask,
            feather=filling.feather,
            regrain=filling.regrain,
            opaque=hole.alpha,
            doubt=hole.doubt,
            progress=progress,
        )
        return result, report, partial(mask_picture, mask)

    return Work(plan, restore)


def _mending(order: Order, device: Device) -> Work:
    machine, mending = order.machine, order.mending
    assert mending is not None
    mender = Mender(
        mending.mend,
        device=device,
        size=machine.size,
        weights=machine.weights,
        max_memory=machine.max_memory,
        tile=machine.tile,
    )

    def plan(height: int, width: int) -> Enlargement:
        if mending.own is not None:
            mending.own.check(height, width)
        return mender.plan(height, width)

    def restore(photo: Photo, progress: Progress) -> Restored:
        own = None if mending.own is None else mending.own.of(photo)
        result, report, mask = mender(photo, own, progress=progress)
        return result, report, partial(mask_picture, mask)

    return Work(plan, restore)


def _finding(order: Order, device: Device) -> Work:
    machine, search = order.machine, order.search
    if search is None:
        name = _one(machine.weights)
        raise ConfigError(f"{name}: these weights find damage; restore mask PHOTO --weights {name}")
    detector = _with_one_network(Detector, machine, device)

    def plan(height: int, width: int) -> Enlargement:
        order.masks.check(height, width)
        return detector.plan(height, width)

    def restore(photo: Photo, progress: Progress) -> tuple[Photo, Report]:
        return detector(photo, search, own=order.masks.area(photo), progress=progress)

    return Work(plan, _with_evidence(restore))


def _stepping(order: Order, device: Device) -> Work:
    machine = order.machine
    chain = Chain(
        order.steps,
        device=device,
        size=machine.size,
        weights=machine.weights,
        max_memory=machine.max_memory,
        tile=machine.tile,
    )

    def plan(height: int, width: int) -> Enlargement:
        order.masks.check(height, width)
        return chain.plan(height, width)

    def restore(photo: Photo, progress: Progress) -> tuple[Photo, Report]:
        return chain(photo, progress, area=order.masks.area(photo))

    return Work(plan, _with_evidence(restore))


def _repeating(order: Order, device: Device) -> Work:
    machine, again = order.machine, order.again
    assert again is not None
    repeater = Repeater(
        again.recipe,
        device=device,
        weights=machine.weights,
        anyway=again.anyway,
        max_memory=machine.max_memory,
        tile=machine.tile,
    )

    def plan(height: int, width: int) -> Enlargement:
        order.masks.check(height, width)
        return repeater.plan(height, width)

    def restore(photo: Photo, progress: Progress) -> tuple[Photo, Report]:
        return repeater(photo, progress, area=order.masks.area(photo), version=__version__)

    return Work(plan, _with_evidence(restore))


def _with_one_network(kind: Callable[..., Worker], machine: Machine, device: Device, **more: Any) -> Worker:
    """A worker of that kind, as the machine's options want it."""
    return kind(
        device=device,
        size=machine.size,
        weights=_one(machine.weights),
        max_memory=machine.max_memory,
        tile=machine.tile,
        **more,
    )


def _with_evidence(
    restore: Callable[[Photo, Progress], tuple[Photo, Report]],
) -> Callable[[Photo, Progress], Restored]:
    """The same, with the picture of what the photo does not support."""

    def restore_and_draw(photo: Photo, progress: Progress) -> Restored:
        result, report = restore(photo, progress)
        return result, report, partial(evidence_of, photo, result)

    return restore_and_draw


def _one(weights: tuple[str, ...]) -> str | None:
    """The one network that was named, if any was."""
    return weights[0] if weights else None


_WORKERS: Final[Mapping[str, Callable[[Order, Device], Work]]] = {
    "upscale": _upscaling,
    "translate": _translating,
    "clean": _cleaning,
    "auto": _deciding,
    "inpaint": _filling,
    "repair": _mending,
    "mask": _finding,
    "scratch": _finding,
    "steps": _stepping,
    "again": _repeating,
}


def told(photo: Photo, asked: Condition) -> Condition:
    """What the network is told about this photo: what was asked for, and of the rest what the file itself tells."""
    if asked.noise is not None and asked.jpeg is not None:
        return asked
    own = condition_of(photo, blur=False)
    return Condition(
        noise=own.noise if asked.noise is None else asked.noise, jpeg=own.jpeg if asked.jpeg is None else asked.jpeg
    )
