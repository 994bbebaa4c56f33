"""Names to networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, Final, overload

from restore.errors import ConfigError
from restore.models.pix2pix import Pix2Pix, Pix2PixConfig
from restore.models.unet import GeneratorConfig, UNet

Shape = GeneratorConfig | Pix2PixConfig
"""Shape of a generator of any family."""
Network = UNet | Pix2Pix
"""A generator of any family: called with an image and condition maps; has ``config``, ``multiple`` and ``radius``."""
FAMILIES: Final[Mapping[str, type[Shape]]] = {"unet": GeneratorConfig, "pix2pix": Pix2PixConfig}
"""Families by the name on a weights file's card; cards without one are of the first."""
_FIRST_FAMILY: Final = "unet"

SIZES: Final[Mapping[tuple[str, int], GeneratorConfig]] = {
    ("fast", 4): GeneratorConfig(widths=(48,), encoder=(), middle=8, decoder=()),
    ("fast", 2): GeneratorConfig(widths=(48,), encoder=(), middle=4, decoder=()),
    ("fast", 1): GeneratorConfig(widths=(64, 96), encoder=(2,), middle=3, decoder=(2,)),
    ("light", 1): GeneratorConfig(widths=(32, 64), encoder=(1,), middle=3, decoder=(1,)),
    ("base", 4): GeneratorConfig(widths=(64,), encoder=(), middle=20, decoder=()),
    ("base", 2): GeneratorConfig(widths=(64,), encoder=(), middle=12, decoder=()),
    ("base", 1): GeneratorConfig(widths=(64, 128), encoder=(3,), middle=3, decoder=(3,)),
}
"""Shapes by size and by scale: a size means seconds per pixel of the *result*, and x4 has a quarter of the pixels to
work on that x2 has, so it can afford more work on each. docs/tournament.md says how they were chosen. Cleaning needs
two levels: strong noise and blur are seen from further away than the pixels that an enlargement goes by. Its light
shape takes less time than the classical filters that people use instead (docs/cleaning.md)."""
WIDE_SIZES: Final[Mapping[str, GeneratorConfig]] = {
    "fast": GeneratorConfig(widths=(32, 64, 128, 192), encoder=(1, 1, 1), middle=4, decoder=(1, 1, 1), residual=False),
    "base": GeneratorConfig(widths=(48, 96, 192, 288), encoder=(1, 1, 1), middle=6, decoder=(1, 1, 1), residual=False),
}
"""Shapes for making another picture of the input: four levels, since what a thing is to become depends on what it is,
and that is seen from afar only; docs/translate.md has the comparison."""
HOLE_SIZES: Final[Mapping[str, GeneratorConfig]] = {
    "fast": GeneratorConfig(
        widths=(48, 64, 96, 128), encoder=(2, 1, 1), middle=3, dilations=(1, 2, 4), decoder=(2, 1, 1)
    ),
    "base": GeneratorConfig(
        widths=(40, 80, 144, 192), encoder=(1, 1, 1), middle=5, dilations=(1, 2, 4, 2, 1), decoder=(1, 1, 1)
    ),
}
"""Shapes for filling holes: what is to be there is told by things far away, which dilated blocks see where pixels are
coarse. Three levels of (32, 64, 112) with five such blocks learnt less in the same time (0.19 dB for 0.22)."""
DETECTOR_SIZES: Final[Mapping[str, GeneratorConfig]] = {
    "fast": GeneratorConfig(
        widths=(24, 48, 64),
        encoder=(1, 1),
        middle=4,
        dilations=(1, 2, 4, 1),
        decoder=(1, 1),
        residual=False,
        out_channels=1,
    ),
    "base": GeneratorConfig(
        widths=(32, 64, 112),
        encoder=(1, 1),
        middle=5,
        dilations=(1, 2, 4, 8, 1),
        decoder=(1, 1),
        residual=False,
        out_channels=1,
    ),
}
"""Shapes for finding damage: thin at full size, where a scratch is seen, and dilated below, since whether a line is a
scratch or a wire is seen from where it leads."""
PIX2PIX: Final = "pix2pix"
"""The size that means the paper's own network, for translating only."""


def generator_config(
    size: str,
    *,
    scale: int,
    condition_channels: int,
    residual: bool = True,
    masked: bool = False,
    detects: bool = False,
) -> Shape:
    """The shape called ``size``: enlarging runs at low resolution, same-size work behind an unshuffle.

    ``residual`` off: a network that makes another picture of its input, at scale 1. ``masked``: one that fills holes,
    at scale 1. ``detects``: one that gives a map of logits, at scale 1. ConfigError for another size.
    """
    translates = not residual and not detects
    if size == PIX2PIX and translates and scale == 1 and condition_channels == 0:
        return Pix2PixConfig()
    sizes = HOLE_SIZES if masked else DETECTOR_SIZES if detects else WIDE_SIZES if translates else _sizes(scale)
    if size not in sizes:
        known = (*sizes, PIX2PIX) if translates else sizes
        raise ConfigError(f"unknown model size {size!r} for this task; known: {', '.join(known)}")
    shape = sizes[size]
    stem, head = (2, 2) if scale == 1 else (1, scale)
    return replace(shape, stem=stem, head=head, condition_channels=condition_channels)


def _sizes(scale: int) -> dict[str, GeneratorConfig]:
    """Shapes by size, for a residual of that scale."""
    near = 4 if scale == 3 else scale
    return {size: shape for (size, each), shape in SIZES.items() if each == near}


@overload
def build_generator(config: GeneratorConfig) -> UNet: ...
@overload
def build_generator(config: Pix2PixConfig) -> Pix2Pix: ...
@overload
def build_generator(config: Shape) -> Network: ...
def build_generator(config: Shape) -> Network:
    """An untrained generator of that shape; a U-Net with ``residual`` is bicubic enlargement until it is trained."""
    return Pix2Pix(config) if isinstance(config, Pix2PixConfig) else UNet(config)


def shape_to_values(shape: Shape) -> dict[str, Any]:
    """The shape as plain values, with its family; ``shape_from_values`` gives it back."""
    return {"family": next(name for name, kind in FAMILIES.items() if isinstance(shape, kind)), **asdict(shape)}


def shape_from_values(values: Mapping[str, Any]) -> Shape:
    """The shape that such values describe; ConfigError or TypeError when they describe none.

    >>> shape_from_values({"family": "pix2pix", "width": 8})
    Pix2PixConfig(width=8, levels=8)
    """
    rest: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    family = rest.pop("family", _FIRST_FAMILY)
    if family not in FAMILIES:
        raise ConfigError(f"unknown family of networks {family!r}; known: {', '.join(FAMILIES)}")
    return FAMILIES[family](**rest)
