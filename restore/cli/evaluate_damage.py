"""The damage that ``restore eval`` makes before it measures: from the words after the options to the rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, TypeVar

from restore.errors import ConfigError
from restore.inference.protocol import Damage
from restore.inference.rules import CleanRules, Rules, UpscaleRules

_NEEDED: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "upscale": (),
    "denoise": (("noise", "--noise 15,25,50"),),
    "dejpeg": (("jpeg", "--jpeg 10,20,40"),),
    "deblur": (("blur", "--blur 1.6"), ("motion", "--motion 9")),
    "inpaint": (),
    "scratch": (),
}
"""What of the damage must be said for a task, and an example; one of these is enough."""
_MOST_DETAIL: Final = 100.0

Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class DamageWords:
    """What was typed about the damage; lists with commas between the values, None where nothing was typed."""

    noise: str | None = None
    jpeg: str | None = None
    first_jpeg: str | None = None
    blur: str | None = None
    motion: str | None = None
    gray: bool = False
    as_file: bool = False


def check_words(
    task: str, words: DamageWords, enlarging: Mapping[str, bool], *, masks: bool = False, told: bool = False
) -> None:
    """ConfigError for options that mean nothing for the task, or when its damage is not said.

    ``enlarging`` has the options that are about an enlargement, and whether each was given; ``masks`` and ``told``:
    whether --masks and --condition were.
    """
    same_size = {
        "--blur": words.blur,
        "--motion": words.motion,
        "--first-jpeg": words.first_jpeg,
        "--gray": words.gray,
        "--as-file": words.as_file,
    }
    every = {"--noise": words.noise, "--jpeg": words.jpeg, "--condition": told}
    foreign = {
        "upscale": {**same_size, "--masks": masks},
        "inpaint": {**same_size, **every, **enlarging},
        "scratch": {**same_size, **every, **enlarging, "--masks": masks},
    }.get(task, {**enlarging, "--masks": masks})
    for option, given in foreign.items():
        if given:
            raise ConfigError(f"{option} means nothing for {task}; leave it out")
    if task == "inpaint" and not masks:
        raise ConfigError("inpaint must be told the holes to cut; add --masks FOLDER (datasets/masks has some)")
    needed = _NEEDED[task]
    if needed and all(getattr(words, name) is None for name, _ in needed):
        raise ConfigError(
            f"{task} must be told the damage to make; add {' or '.join(example for _, example in needed)}"
        )
    if words.first_jpeg is not None and words.jpeg is None:
        raise ConfigError("--first-jpeg is the file before the last one; say that one's quality with --jpeg")
    if words.as_file and (words.noise is None or words.jpeg is not None):
        raise ConfigError("--as-file says how noise is kept: it needs --noise, and a JPEG is a file in any case")


def plan_damages(task: str, words: DamageWords) -> tuple[Damage, ...]:
    """One damage for each value, or combination of values, in the order in which they were typed.

    Noise of ``upscale`` is always rounded to 8 bits, that of the other tasks only ``--as-file``. Raises ConfigError.
    """
    rounded = task == "upscale" or words.as_file
    parts = product(
        parse_list("--blur", words.blur, float, "1,1.6"),
        parse_list("--motion", words.motion, float, "5,9"),
        parse_list("--noise", words.noise, float, "15,25,50"),
        parse_list("--first-jpeg", words.first_jpeg, int, "10,30"),
        parse_list("--jpeg", words.jpeg, int, "10,20,40"),
    )
    return tuple(
        Damage(blur=blur or 0.0, motion=motion or 0.0, noise=noise or 0.0, first_jpeg=first, jpeg=last, rounded=rounded)
        for blur, motion, noise, first, last in parts
    )


def plan_rules(task: str, scale: int, damages: Sequence[Damage], *, gray: bool) -> tuple[Rules, ...]:
    """The rules of the task for each damage."""
    if task == "upscale":
        return tuple(UpscaleRules(scale=scale, damage=damage) for damage in damages)
    return tuple(CleanRules(damage=damage, gray=gray) for damage in damages)


def parse_list(
    option: str, text: str | None, kind: Callable[[str], Number], example: str
) -> tuple[Number, ...] | tuple[None]:
    """One or more different numbers with commas between them; (None,) for None.

    >>> parse_list("--jpeg", "10, 20", int, "10,20,40")
    (10, 20)
    """
    if text is None:
        return (None,)
    try:
        numbers = tuple(kind(word) for word in text.split(","))
    except ValueError:
        numbers = ()
    if not numbers or len(set(numbers)) < len(numbers):
        raise ConfigError(f"{option} is one or more different numbers, like {example}; got {text!r}")
    return numbers


def parse_details(text: str | None, option: str = "--detail") -> tuple[float, ...] | None:
    """One or more numbers from 0 to 100 with commas between them, each once; None for None.

    >>> parse_details("0,25, 50")
    (0.0, 25.0, 50.0)
    """
    if text is None:
        return None
    numbers = tuple(number for number in parse_list(option, text, float, "0,50,100") if number is not None)
    if not all(0 <= number <= _MOST_DETAIL for number in numbers):
        raise ConfigError(f"{option} is one or more numbers from 0 to 100, like 0,50,100; got {text!r}")
    return numbers
