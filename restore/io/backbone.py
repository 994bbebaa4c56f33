"""Pretrained ImageNet features: where they are looked for, and how a genuine file is told from another.

Nothing here downloads anything. SqueezeNet 1.1 (for LPIPS and for the losses that use its features) is looked for in
this order: a path given by the caller, the environment variable RESTORE_LPIPS_BACKBONE, torch's own checkpoint folder.
What is checked is not the file but every tensor in it (names, shapes and float32 values), so torchvision's whole
checkpoint and a file of its ``features`` alone pass the same test. VGG19 is looked for likewise; its file is checked by
the digits of its SHA-256 that torchvision puts into the file's name. Other weights would give figures that look right
and mean nothing: they are refused.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import Tensor

from restore.errors import WeightsError

BACKBONE_VARIABLE: Final = "RESTORE_LPIPS_BACKBONE"
"""Environment variable that may name the file of SqueezeNet's features."""

HUB_PATTERN: Final = "squeezenet1_1-*.pth"
"""How torchvision names its checkpoint in torch's folder."""

CHECKPOINT: Final = "squeezenet1_1-b8a52dc0.pth"
"""The one that torchvision offers today."""

FEATURES_DIGEST: Final = "eafb94b5c7ba34d6651b8b74b84f006a6efcbcec71f3b7efacd8f40884e13bb9"
"""``digest_features`` of torchvision's ImageNet features of SqueezeNet 1.1, taken from the file with sha256
435cedb387e95bc8291893f61a3a64f0345b8c23a05139aceef43947efb3d52d, with which LPIPS gives the values that torchmetrics
documents."""

VGG_VARIABLE: Final = "RESTORE_VGG_BACKBONE"
"""Environment variable that may name torchvision's checkpoint of VGG19."""

VGG_CHECKPOINT: Final = "vgg19-dcbb9e9d.pth"
VGG_DIGITS: Final = "dcbb9e9d"
"""First digits of the SHA-256 of that file, as torchvision promises them in its name."""


def checkpoint_folder() -> Path:
    """The folder in which torch keeps checkpoints."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def find_backbone(explicit: Path | None = None) -> Path | None:
    """The file of SqueezeNet's features: ``explicit``, or what the environment names, or torch's checkpoint; else None.

    Nothing is opened; a file that was named but is not there is found out by ``read_features``.
    """
    if explicit is not None:
        return explicit
    if named := os.environ.get(BACKBONE_VARIABLE):
        return Path(named)
    stored = sorted(checkpoint_folder().glob(HUB_PATTERN))
    return stored[0] if stored else None


def find_vgg(explicit: Path | None = None) -> Path | None:
    """The file of VGG19, looked for as ``find_backbone`` does; an ``explicit`` file counts if its name begins vgg19."""
    if explicit is not None and explicit.name.startswith("vgg19"):
        return explicit
    if named := os.environ.get(VGG_VARIABLE):
        return Path(named)
    stored = checkpoint_folder() / VGG_CHECKPOINT
    return stored if stored.is_file() else None


def read_features(path: Path) -> dict[str, Tensor]:
    """SqueezeNet's ``features`` from its own state dict or from the whole checkpoint, checked tensor by tensor.

    Raises WeightsError if the file is missing, is not a state dict, or holds other values.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such LPIPS backbone file")
    features = _features_in(path)
    if not features or digest_features(features) != FEATURES_DIGEST:
        raise WeightsError(
            f"{path}: not torchvision's ImageNet features of SqueezeNet 1.1, so its LPIPS would mean nothing; "
            f"take {CHECKPOINT} from torchvision"
        )
    return features


def read_vgg(path: Path) -> dict[str, Tensor]:
    """VGG19's ``features`` from torchvision's checkpoint, whose SHA-256 must begin dcbb9e9d; WeightsError otherwise."""
    if not path.is_file():
        raise WeightsError(f"{path}: no such VGG19 file")
    with path.open("rb") as file:
        digits = hashlib.file_digest(file, "sha256").hexdigest()
    if not digits.startswith(VGG_DIGITS):
        raise WeightsError(
            f"{path}: its SHA-256 begins {digits[: len(VGG_DIGITS)]}, not {VGG_DIGITS}; "
            f"take {VGG_CHECKPOINT} from torchvision"
        )
    return _features_in(path)


def digest_features(features: Mapping[str, Tensor]) -> str:
    """sha256 over name, shape and little-endian float32 values of every tensor, in order of names."""
    digest = hashlib.sha256()
    for name in sorted(features):
        value = features[name].detach().to(torch.float32).contiguous()
        digest.update(name.encode())
        digest.update(str(tuple(value.shape)).encode())
        digest.update(value.numpy().astype("<f4").tobytes())
    return digest.hexdigest()


def _features_in(path: Path) -> dict[str, Tensor]:
    """The tensors below ``features.`` in a checkpoint, or all if there is no such part; {} for other content."""
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, pickle.UnpicklingError) as problem:
        raise WeightsError(f"{path}: not a file of tensors ({type(problem).__name__}); fetch it again") from problem
    tensors = {str(name): value for name, value in dict(stored).items()} if isinstance(stored, Mapping) else {}
    inner = {name.removeprefix("features."): value for name, value in tensors.items() if name.startswith("features.")}
    features = inner or tensors
    return features if all(isinstance(value, Tensor) for value in features.values()) else {}
