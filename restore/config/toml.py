"""Settings to and from TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from restore.config.adversarial import AdversarialConfig
from restore.config.train import TrainConfig
from restore.errors import ConfigError


def load_toml(path: Path) -> dict[str, object]:
    """The settings in a TOML file; ConfigError names the file and the line that cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error})") from error


def to_toml(config: TrainConfig) -> str:
    """The settings as TOML that ``load_toml`` reads back; settings without a value are left out.

    Of the discriminator only what differs from its defaults is written.

    >>> to_toml(TrainConfig(hq="photos")).splitlines()[:3]
    ['task = "upscale"', 'scale = 4', 'size = "fast"']
    """
    values = asdict(config)
    game = values.pop("adversarial")
    plain: dict[str, Any] = asdict(AdversarialConfig())
    told = {name: value for name, value in game.items() if value != plain[name]}
    return _lines(values) + (f"\n[adversarial]\n{_lines(told)}" if told else "")


def _lines(values: Mapping[str, object]) -> str:
    return "".join(f"{name} = {_literal(value)}\n" for name, value in values.items() if value is not None)


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name} = {_literal(inner)}" for name, inner in value.items()) + "}"
    return str(value)
