"""The weights format: safetensors with the model card in the header, checked by hash when loaded."""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import asdict, dataclass, field, fields
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from restore.errors import ConfigError, WeightsError
from restore.models.build import Network, Shape, build_generator, shape_from_values, shape_to_values

FORMAT = "restore-1"
_SUFFIX = ".safetensors"
_HEADER_LIMIT = 1_000_000
"""Bytes; a longer header is not one of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a weights file says about itself."""

    name: str
    task: str
    scale: int
    size: str
    generator: Shape
    licence: str = "MIT"
    data: str = ""
    recipe: str = ""
    steps: int = 0
    seconds: float = 0.0
    note: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    deconvolves: bool = False
    """Whether they were trained on pictures whose told blur a linear filter had undone (ops.deconvolve)."""
    sha256: str = ""
    """Of the tensor bytes; filled in when the file is written."""


@dataclass(frozen=True, slots=True)
class Weights:
    """A weights file whose header has been read and understood, its tensors not yet."""

    path: Path
    card: Card


def bundled_weights() -> tuple[Weights, ...]:
    """The weights that ship in the package, by name."""
    folder = _bundled_folder()
    return tuple(read_card(path) for path in sorted(folder.glob(f"*{_SUFFIX}")))


def find_weights(name_or_path: str | Path) -> Weights:
    """Weights by bundled name (``upscale-x4``) or by path; WeightsError lists what there is."""
    path = Path(name_or_path)
    if path.suffix == _SUFFIX or path.parent != Path():
        if not path.is_file():
            raise WeightsError(f"{path}: no such weights file; see `restore models list` for the bundled ones")
        return read_card(path)
    bundled = _bundled_folder() / f"{path}{_SUFFIX}"
    if not bundled.is_file():
        known = ", ".join(found.stem for found in sorted(_bundled_folder().glob(f"*{_SUFFIX}"))) or "none"
        raise WeightsError(
            f"no weights named {str(path)!r}; bundled: {known}. Give one of these or the path of a {_SUFFIX} file"
        )
    return read_card(bundled)


def read_card(path: Path) -> Weights:
    """The card in a file's header; WeightsError when it is not one of our files."""
    try:
        with path.open("rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            if length > _HEADER_LIMIT:
                raise WeightsError(_damaged(path))
            metadata = json.loads(file.read(length)).get("__metadata__", {})
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})") from error
    except (struct.error, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise WeightsError(_damaged(path)) from error
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path}: not a restore weights file (no {FORMAT} card in its header)")
    try:
        return Weights(path, _card_from_json(metadata["card"]))
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise WeightsError(f"{path}: its model card cannot be understood ({error}); use a newer restore") from error


def load_network(weights: Weights, device: torch.device | str = "cpu") -> Network:
    """The network in inference form: hash checked, float32, channels-last, no gradients."""
    tensors = _checked_tensors(weights)
    network = build_generator(weights.card.generator)
    try:
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=True)
    except RuntimeError as error:
        raise WeightsError(f"{weights.path}: its tensors do not fit the shape on its card; {_CURE}") from error
    return network.to(device=device, memory_format=torch.channels_last).eval().requires_grad_(False)  # type: ignore[call-overload, no-any-return]


def load_tensors_of(weights: Weights) -> dict[str, Tensor]:
    """The tensors by name in float32, hash checked: a start for training."""
    return {name: tensor.float() for name, tensor in _checked_tensors(weights).items()}


def verify_weights(weights: Weights) -> None:
    """WeightsError unless the tensors are the ones that the card was written for."""
    _checked_tensors(weights)


def save_weights(path: Path, tensors: dict[str, Tensor], card: Card) -> Card:
    """Write tensors as float16 with the card; whole file or none. Gives the card with its hash."""
    halves = {name: tensor.detach().cpu().half().contiguous() for name, tensor in sorted(tensors.items())}
    values = asdict(card) | {"generator": shape_to_values(card.generator), "sha256": tensor_hash(halves)}
    metadata = {"format": FORMAT, "card": json.dumps(values, sort_keys=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    try:
        temporary.write_bytes(save_tensors(halves, metadata=metadata))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return read_card(path).card


def tensor_hash(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over names, shapes, types and bytes, in order of name."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}:{tuple(tensor.shape)}:{tensor.dtype}:".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


_CURE = "reinstall restore, or fetch the file again"


def _checked_tensors(weights: Weights) -> dict[str, Tensor]:
    try:
        tensors = load_tensors(weights.path.read_bytes())
    except OSError as error:
        raise WeightsError(f"{weights.path}: cannot be read ({error.strerror})") from error
    except SafetensorError as error:
        raise WeightsError(_damaged(weights.path)) from error
    if tensor_hash(tensors) != weights.card.sha256:
        raise WeightsError(f"{weights.path}: the hash of its tensors is not the one on its card; {_CURE}")
    return tensors


def _damaged(path: Path) -> str:
    return f"{path}: damaged or not a safetensors file; {_CURE}"


def _bundled_folder() -> Path:
    return Path(str(resources.files("restore"))) / "weights"


def _card_from_json(text: str) -> Card:
    values: dict[str, Any] = json.loads(text)
    shape = shape_from_values(values.pop("generator"))
    known = {item.name for item in fields(Card)}
    return Card(generator=shape, **{name: value for name, value in values.items() if name in known})
