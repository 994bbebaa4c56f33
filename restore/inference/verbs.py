"""Three verbs for one network: what denoise, dejpeg and deblur tell it about a photo.

What a verb is not for is told as it is or as clean, so that the network leaves it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from restore.errors import ConfigError
from restore.inference.inspect import condition_of
from restore.inference.networks import check_detail
from restore.io.photo import Photo
from restore.ops.grain import check_grain
from restore.ops.strength import FULL, check_strength
from restore.tasks import CLEAN, Condition

Verb = Literal["denoise", "dejpeg", "deblur"]

NOTHING_FOUND: Final[Mapping[Verb | None, str]] = {
    "denoise": "no noise was found, so nothing is changed; --noise N if you see some",
    "dejpeg": "nothing is wrong with a JPEG of quality 100, so nothing is changed",
    "deblur": "the photo is sharp, so nothing is changed; --blur PX if it is not",
    None: "nothing is wrong with it, so nothing is changed",
}
"""What is said where the verb's own damage is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What to do to a photo at its own size."""

    verb: Verb | None = None
    """None: all that is found wrong with it."""
    strength: float = FULL
    """0 (unchanged) to 100, see :mod:`restore.ops.strength`."""
    grain: float = 0.0
    """Gray grain to be added to the result, in grey levels."""
    seed: int | None = None
    """Of the grain; None: by the photo itself, so that a photo always gets the same grain and no two get one."""
    detail: float = 0.0
    """How much texture deblurring invents, 0 to 100; nothing for the other verbs."""

    def __post_init__(self) -> None:
        check_strength(self.strength)
        check_grain(self.grain)
        check_detail(self.detail)
        if self.detail and self.verb != "deblur":
            raise ConfigError(f"detail is for deblur, not for {self.verb or 'what is found by itself'}; leave it out")
        if self.seed is not None and not 0 <= self.seed < 1 << 63:
            raise ConfigError(f"a seed is a whole number from 0 to 2^63 - 1, got {self.seed}")


def told(photo: Photo, verb: Verb | None, asked: Condition) -> Condition:
    """What the network is told about a photo: what was ``asked`` for, the rest as the verb means it.

    denoise: the noise that is measured; JPEG damage as measured, since noise that a JPEG has smoothed is another noise;
    no blur. dejpeg: the quality that is measured or, where nothing is, unknown; no noise and no blur, so both stay.
    deblur: blur as measured, or unknown; noise and JPEG damage as measured, since sharpening would bring them out.
    The one place here that measures a photo.
    """
    if asked.noise is not None and asked.jpeg is not None and asked.blur is not None:
        return asked
    measured = condition_of(photo)
    blur = None if measured.blur == 0 else measured.blur
    quality = None if measured.jpeg == CLEAN.jpeg else measured.jpeg
    meant = {
        "denoise": replace(measured, blur=0.0, angle=None),
        "dejpeg": Condition(noise=0.0, jpeg=quality, blur=0.0),
        "deblur": replace(measured, blur=blur),
        None: measured,
    }[verb]
    return filled(asked, meant)


def filled(known: Condition, rest: Condition) -> Condition:
    """``known``, and what is unknown in it as ``rest`` has it."""
    return Condition(
        noise=rest.noise if known.noise is None else known.noise,
        jpeg=rest.jpeg if known.jpeg is None else known.jpeg,
        blur=rest.blur if known.blur is None else known.blur,
        angle=rest.angle if known.blur is None else known.angle,
    )


def nothing_to_do(verb: Verb | None, condition: Condition) -> bool:
    """Whether the damage that the verb is for is known not to be there."""
    own = {
        "denoise": condition.noise == CLEAN.noise,
        "dejpeg": condition.jpeg == CLEAN.jpeg,
        "deblur": condition.blur == CLEAN.blur,
        None: condition == CLEAN,
    }
    return own[verb]
