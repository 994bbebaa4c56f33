"""Every error that this package raises on purpose.

RestoreError
├── ConfigError            a setting or an option is unknown, missing or out of range
├── OutputError            a result has no safe place: the target exists, collides, or is its own input
├── ImageError             a file cannot be read or written as a picture
├── WeightsError           weights are absent, damaged, or for another task
├── PairingError           a training folder has a photo without its partner, or photos too small
├── TrainingError          training cannot go on: not a number, or nothing to resume from
└── DeviceError            the device asked for is not there, or too small even for one tile

A message names the file or the setting, what is wrong with it, and what to do next.
"""

from __future__ import annotations


class RestoreError(Exception):
    """Root of the tree: catch this to catch whatever restore raises on purpose."""


class ConfigError(RestoreError):
    """A setting or an option is unknown, missing or out of range."""


class OutputError(RestoreError):
    """A result has no safe place: the target exists, collides, or is its own input."""


class ImageError(RestoreError):
    """A file cannot be read or written as a picture."""


class WeightsError(RestoreError):
    """Weights are absent, damaged, or for another task."""


class PairingError(RestoreError):
    """A training folder has a photo without its partner, or photos that are too small."""


class TrainingError(RestoreError):
    """Training cannot go on: a loss is not a number, or there is nothing to resume from."""


class DeviceError(RestoreError):
    """The device asked for is not there, or too small even for one tile."""
