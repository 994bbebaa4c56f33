"""Names to networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from restore.errors import ConfigError
from restore.models.unet import GeneratorConfig, UNet

SIZES: Final[Mapping[tuple[str, int], GeneratorConfig]] = {
    ("fast", 4): GeneratorConfig(widths=(48,), encoder=(), middle=8, decoder=()),
    ("fast", 2): GeneratorConfig(widths=(48,), encoder=(), middle=4, decoder=()),
    ("base", 4): GeneratorConfig(widths=(64,), encoder=(), middle=20, decoder=()),
    ("base", 2): GeneratorConfig(widths=(64,), encoder=(), middle=12, decoder=()),
}
"""Shapes by size and by scale: a size means seconds per pixel of the *result*, and x4 has a quarter of the pixels to
work on that x2 has, so it can afford more work on each. docs/tournament.md says how they were chosen."""
SIZE_NAMES: Final = ("fast", "base")


def generator_config(size: str, *, scale: int, condition_channels: int) -> GeneratorConfig:
    """The shape called ``size`` for a scale; enlarging runs at low resolution, same-size work behind an unshuffle."""
    if size not in SIZE_NAMES:
        raise ConfigError(f"unknown model size {size!r}; known: {', '.join(SIZE_NAMES)}")
    shape = SIZES[size, 4 if scale >= 3 else 2]
    stem, head = (2, 2) if scale == 1 else (1, scale)
    return replace(shape, stem=stem, head=head, condition_channels=condition_channels)


def build_generator(config: GeneratorConfig) -> UNet:
    """An untrained generator of that shape; its output is bicubic enlargement until it is trained."""
    return UNet(config)
