"""How settings are refused: by name, with the value and what would do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from restore.errors import ConfigError


def choices(settings: object, allowed: Mapping[str, tuple[str, ...]], prefix: str = "") -> None:
    """ConfigError unless each named setting is one of its words."""
    for name, words in allowed.items():
        if getattr(settings, name) not in words:
            raise ConfigError(f"{prefix}{name} must be one of {', '.join(words)}, got {getattr(settings, name)!r}")


def positive(settings: object, names: Iterable[str], prefix: str = "") -> None:
    """ConfigError unless each named setting is above zero, or None."""
    for name in names:
        if (value := getattr(settings, name)) is not None and not value > 0:  # also refuses NaN
            raise ConfigError(f"{prefix}{name} must be positive, got {value}")


def not_negative(settings: object, names: Iterable[str], prefix: str = "") -> None:
    """ConfigError unless each named setting is zero or above."""
    for name in names:
        if not (value := getattr(settings, name)) >= 0:
            raise ConfigError(f"{prefix}{name} must not be negative, got {value}")


def shares(settings: object, names: Iterable[str], prefix: str = "") -> None:
    """ConfigError unless each named setting lies in [0,1]."""
    for name in names:
        if not 0 <= (value := getattr(settings, name)) <= 1:
            raise ConfigError(f"{prefix}{name} must be 0 to 1, got {value}")


def betas(settings: object, prefix: str = "") -> None:
    """ConfigError unless ``settings.betas`` are two numbers from 0 up to below 1."""
    value = settings.betas  # type: ignore[attr-defined]
    if len(value) != 2 or not all(0 <= beta < 1 for beta in value):
        raise ConfigError(f"{prefix}betas must be two numbers of 0 to below 1, got {value}")


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say to a name that is not known: the nearest one that is, or all of them.

    >>> unknown("stepz", ["steps", "scale"])
    "unknown setting 'stepz'; did you mean 'steps'?"
    """
    from difflib import get_close_matches

    close = get_close_matches(name, sorted(known), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    return f"unknown setting {name!r}; {hint}"
