"""restore brings photographs back.

>>> import restore
>>> sorted(restore.__all__)[:3]
['BLIND', 'CLEAN', 'Cleaner']

``restore.upscale(photo, scale=2)`` takes a path, bytes, a PIL image or a numpy array and gives back the same kind (a
path gives a PIL image); so do ``auto``, ``denoise``, ``dejpeg`` and ``deblur(photo, strength=100)``.
``restore.inspect(photo)`` says what is wrong with one. ``restore.Restorer("upscale-x4")`` keeps one network for reuse
on tensors. Names are loaded when first used, so that ``import restore`` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from restore.errors import (
    ConfigError,
    DeviceError,
    ImageError,
    OutputError,
    PairingError,
    RestoreError,
    TrainingError,
    WeightsError,
)

if TYPE_CHECKING:
    from restore.inference.api import upscale
    from restore.inference.clean import Cleaner
    from restore.inference.clean_api import auto, deblur, dejpeg, denoise
    from restore.inference.fill_api import inpaint
    from restore.inference.inspect import Findings, inspect
    from restore.inference.repair_api import repair
    from restore.inference.restorer import Restorer
    from restore.inference.upscale import Upscaler
    from restore.io.photo import Photo
    from restore.tasks import BLIND, CLEAN, Condition

__version__ = "0.1.0"

__all__ = [
    "BLIND",
    "CLEAN",
    "Cleaner",
    "Condition",
    "ConfigError",
    "DeviceError",
    "Findings",
    "ImageError",
    "OutputError",
    "PairingError",
    "Photo",
    "RestoreError",
    "Restorer",
    "TrainingError",
    "Upscaler",
    "WeightsError",
    "auto",
    "deblur",
    "dejpeg",
    "denoise",
    "inpaint",
    "inspect",
    "repair",
    "upscale",
]

_HOMES = {
    "upscale": "restore.inference.api",
    "auto": "restore.inference.clean_api",
    "denoise": "restore.inference.clean_api",
    "dejpeg": "restore.inference.clean_api",
    "deblur": "restore.inference.clean_api",
    "inpaint": "restore.inference.fill_api",
    "repair": "restore.inference.repair_api",
    "Cleaner": "restore.inference.clean",
    "Findings": "restore.inference.inspect",
    "inspect": "restore.inference.inspect",
    "Restorer": "restore.inference.restorer",
    "Upscaler": "restore.inference.upscale",
    "Photo": "restore.io.photo",
    "BLIND": "restore.tasks",
    "CLEAN": "restore.tasks",
    "Condition": "restore.tasks",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'restore' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
