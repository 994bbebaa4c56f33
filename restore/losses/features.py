"""The trunk that this project trained itself: its file, and the loss that looks through it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as save_tensors
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.io.backbone import digest_features
from restore.losses.trunk import Trunk, frozen, layers_of, unit_distance

FORMAT: Final = "restore-features-1"


class OwnFeatures:
    """Distance in the features of the trunk that ``benchmarks/train_features.py`` trained."""

    def __init__(self, device: torch.device, path: Path | None = None) -> None:
        """Load the trunk; ConfigError when there is no such file, WeightsError when it is damaged."""
        self._trunk = frozen(load_trunk(path or bundled_features()), device)

    def __call__(self, restored: Tensor, target: Tensor) -> Tensor:
        """One scalar for two (B,3,H,W) float32 images in [0,1], at least 8 pixels a side; 0 when equal."""
        with torch.no_grad():
            wanted = self._trunk(target)
        return unit_distance(self._trunk(restored), wanted)


def bundled_features() -> Path:
    """Where the package keeps its trunk; the file need not be there."""
    return Path(str(resources.files("restore"))) / "weights" / "features" / "features.safetensors"


def save_trunk(path: Path, trunk: Trunk, facts: Mapping[str, str]) -> None:
    """Write the trunk as float16 with its widths, a SHA-256 and ``facts`` (licence, recipe, data) in the header."""
    halves = {name: value.detach().cpu().half().contiguous() for name, value in sorted(trunk.state_dict().items())}
    widths = [int(layers_of(stage)[0].out_channels) for stage in trunk.stages]
    header = {"format": FORMAT, "widths": json.dumps(widths), "sha256": digest_features(halves), **facts}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(save_tensors(halves, metadata=header))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load_trunk(path: Path) -> Trunk:
    """The trunk in a file of ``save_trunk``, float32; ConfigError when it is missing, WeightsError when damaged."""
    if not path.is_file():
        raise ConfigError(
            f"losses.own_features: {path} is not there; train it with benchmarks/train_features.py, or take "
            "random_features, which needs no file"
        )
    damaged = f"{path}: damaged, or not a file of own features; fetch it again or train it anew"
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is not a mapping)
    except (OSError, SafetensorError) as error:
        raise WeightsError(damaged) from error
    if header.get("format") != FORMAT or digest_features(tensors) != header.get("sha256"):
        raise WeightsError(damaged)
    with torch.random.fork_rng(devices=[]):
        trunk = Trunk(json.loads(header["widths"]))
    trunk.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=True)
    return trunk
