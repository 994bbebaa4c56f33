"""Weights as an ONNX file for other programs: height and width stay open, and torch says the same, or it does not stay.

The only module that touches onnx and its runtime, which are an extra. What is exported is the network alone: tiles, the
colour lock, masks and strengths are code of this package (docs/engines.md says what a program of its own has to do).
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import torch
from torch import Tensor, nn

from restore.errors import ConfigError, ImageError, OutputError, WeightsError
from restore.io.whole import write_whole
from restore.models.build import Network
from restore.models.pix2pix import Pix2Pix
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, Weights, load_network
from restore.ops.resize import resize

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET: Final = 20
"""Of the ai.onnx operators; what ONNX Runtime 1.17 and OpenVINO 2024 know."""
IMAGE, CONDITION, RESTORED = "image", "condition", "restored"
"""Names of the inputs and of the output."""
AGREEMENT: Final = 1 / 255
"""An exported network that differs by more from torch is not left on the disk."""
PACKAGES: Final = ("onnx", "onnxscript", "onnxruntime")
CURE: Final = 'pip install "restore-photos[onnx]"'
LARGEST_SIDE: Final = 1 << 15
"""Pixels: sizes that the file promises to take."""
CONDITION_MEANING: Final = (
    "noise: standard deviation in grey levels / 50, 0 where it is unknown",
    "1 where the noise is known, else 0",
    "JPEG damage: (100 - quality) / 100, 0 where it is unknown",
    "1 where the JPEG quality is known, else 0",
    "blur: standard deviation in pixels / 4, 0 where it is unknown",
    "1 where the blur is known, else 0",
)
"""Of the condition's channels, in order; each the same number everywhere in the picture."""
MASK_MEANING: Final = (
    "the mask: exactly 1 where the picture is to be filled, exactly 0 elsewhere; the image is filled smoothly before",
)
DECONVOLVES: Final = (
    "where the blur is told, the image must have been deconvolved by a Wiener filter first, as restore does "
    "(restore/ops/deconvolve.py); tell no blur (0, 1) for an image as it is"
)


@dataclass(frozen=True, slots=True)
class Exported:
    """An ONNX file that was written and checked."""

    path: Path
    bytes: int
    difference: float
    """The largest difference from torch on the pictures it was checked with, in [0,1] units."""
    multiple: int
    """Height and width must be multiples of this."""
    condition_channels: int


def export_onnx(weights: Weights, path: Path, *, overwrite: bool = False) -> Exported:
    """Write the network of ``weights`` as ONNX under ``path``, whole and checked, or not at all.

    Inputs: ``image`` (1,3,H,W) float32 in [0,1], and ``condition`` (1,C,H,W) where the network takes one; H and W any
    multiples of the network's. Output: ``restored`` (1,3,scale*H,scale*W), not clipped; (1,1,H,W) logits of a network
    that finds damage. Raises ConfigError without the packages or for another suffix, OutputError for a file that is
    there, WeightsError for damaged weights or where ONNX Runtime's pixels differ from torch's by more than 1/255.
    """
    if path.suffix.lower() != ".onnx":
        raise ConfigError(f"{path}: an exported network is an .onnx file; give -o a name that ends so")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: this file exists already; add --overwrite to replace it, or choose another name")
    if missing := [package for package in PACKAGES if find_spec(package) is None]:
        raise ConfigError(f"writing ONNX needs {', '.join(missing)}, which {_are(missing)} not installed: {CURE}")
    network = load_network(weights).to(memory_format=torch.contiguous_format)
    model = onnx_of(network, weights.card)
    differences: list[float] = []

    def ready(temporary: Path) -> None:
        differences.append(_difference(temporary, network))
        if not differences[-1] <= AGREEMENT:  # NaN too
            raise WeightsError(
                f"{weights.path}: exported to ONNX it differs from torch by {differences[-1] * 255:.2f} grey levels, "
                f"more than 1, so {path} was not written; try other versions of {', '.join(PACKAGES)}"
            )

    data = model.SerializeToString()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, [data], ready)
    except OSError as error:
        raise ImageError(
            f"{path}: cannot be written ({error.strerror or error}); choose another place with -o"
        ) from error
    return Exported(path, len(data), max(differences), network.multiple, network.config.condition_channels)


def onnx_of(network: Network, card: Card) -> ModelProto:
    """The network as an ONNX model with its card inside, checked by onnx's own rules and not yet run."""
    import onnx

    height, width = (network.multiple * count for count in _traced(network.multiple))
    image, condition = _pictures(network, height, width)
    batch = (image,) if condition is None else (image, condition)
    names = (IMAGE,) if condition is None else (IMAGE, CONDITION)
    most = max(LARGEST_SIDE // network.multiple, 8)
    sides = {
        axis: network.multiple * torch.export.Dim(name, min=1, max=most) for axis, name in ((2, "rows"), (3, "columns"))
    }
    with _quietly():
        program = torch.onnx.export(
            _Exported(network).eval(),
            batch,
            dynamo=True,
            opset_version=OPSET,
            input_names=list(names),
            output_names=[RESTORED],
            dynamic_shapes=(sides,) * len(batch),
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for name, value in metadata(network, card).items():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, value
    model.doc_string = f"{card.name}: {card.task}, x{card.scale}"
    onnx.checker.check_model(model, full_check=True)
    return cast("ModelProto", model)


def metadata(network: Network, card: Card) -> dict[str, str]:
    """What the file says about itself, all of it text: the card, and what the numbers mean."""
    channels = network.config.condition_channels
    meaning = MASK_MEANING if channels == 1 else CONDITION_MEANING[:channels]
    detects = isinstance(network.config, GeneratorConfig) and network.config.out_channels == 1
    values = {
        "name": card.name,
        "task": card.task,
        "scale": str(card.scale),
        "size": card.size,
        "licence": card.licence,
        "sha256": card.sha256,
        "data": card.data,
        "note": card.note,
        "figures": json.dumps(card.figures, sort_keys=True) if card.figures else "",
        "multiple": str(network.multiple),
        "radius": "" if network.radius is None else str(network.radius),
        "image": "sRGB-encoded RGB in [0,1], float32, (1,3,H,W); H and W multiples of `multiple`",
        "restored": "logits of damage, (1,1,H,W)" if detects else "as the image, scale times as large, not clipped",
        **{f"condition {number}": text for number, text in enumerate(meaning)},
        "deconvolves": DECONVOLVES if card.deconvolves else "",
    }
    return {name: value for name, value in values.items() if value}


class _Exported(nn.Module):
    """A network in the form that the exporter understands, with or without a condition."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        if isinstance(network, UNet):
            self.network = _ExportedUNet(network.config)
            self.network.load_state_dict(network.state_dict())

    def forward(self, image: Tensor, condition: Tensor | None = None) -> Tensor:
        """(1,3,H,W) and (1,C,H,W) to the network's result."""
        result: Tensor = self.network(image, image[:, :0] if condition is None else condition)
        return result


class _ExportedUNet(UNet):
    """The same network; its enlargement is written without the remainder of an index, which the exporter lacks."""

    def enlarged(self, image: Tensor) -> Tensor:
        """(1,3,H,W) enlarged by the bicubic kernel."""
        scale = self.config.scale
        if scale == 1:
            return image
        reach = self.enlarge.shape[-1] // 2
        for axis in (-2, -1):
            size = image.shape[axis]
            place = torch.arange(-reach, size + reach)
            place = torch.where(place < 0, -1 - place, torch.where(place >= size, 2 * size - 1 - place, place))
            image = image.index_select(axis, place.clamp(0, size - 1))
        return nn.functional.pixel_shuffle(nn.functional.conv2d(image, self.enlarge), scale)


def _difference(path: Path, network: Network) -> float:
    """The largest difference between ONNX Runtime on the file and torch, over pictures of sizes not seen by tracing."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found = []
    for rows, columns in _checked(network.multiple):
        image, condition = _pictures(network, rows * network.multiple, columns * network.multiple)
        told = image[:, :0] if condition is None else condition
        fed = {IMAGE: image.numpy()} | ({} if condition is None else {CONDITION: condition.numpy()})
        (ours,) = session.run([RESTORED], fed)
        with torch.no_grad():
            theirs = network(image, told).numpy()
        if ours.shape != theirs.shape:
            return float("inf")
        found.append(float(np.abs(ours - theirs).max()))
    return float(np.max(found))  # NaN stays NaN


def _traced(multiple: int) -> tuple[int, int]:
    """Rows and columns, in multiples, that the exporter sees: over 1 and unequal, or it would take them for fixed."""
    return (2, 3) if multiple > 16 else (5, 7)


def _checked(multiple: int) -> tuple[tuple[int, int], ...]:
    """Rows and columns, in multiples, of the pictures that a file is checked with: the least, and odd ones."""
    largest = max(96 // multiple, 2)
    return (1, 1), (3, 2), (largest, largest + 1)


def _pictures(network: Network, height: int, width: int) -> tuple[Tensor, Tensor | None]:
    """A drawn (1,3,H,W) with slopes, edges and grain, and condition maps of its size, a mask where there is one."""
    rng = torch.Generator().manual_seed(height * LARGEST_SIDE + width)
    coarse = torch.rand(1, 3, 4, 5, generator=rng)
    image = resize(coarse, height, width)
    image[..., height // 3 :, width // 2 :] = 1 - image[..., height // 3 :, width // 2 :]
    image = (image + 0.04 * torch.randn(image.shape, generator=rng)).clamp(0, 1)
    channels = network.config.condition_channels
    if channels == 0 or isinstance(network, Pix2Pix):
        return image, None
    if channels == 1:
        return image, (torch.rand(1, 1, height, width, generator=rng) < 0.1).float()
    told = torch.rand(1, channels, 1, 1, generator=rng)
    return image, told.expand(-1, -1, height, width).contiguous()


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the exporter's warnings and log lines about its own inner workings."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _are(things: list[str]) -> str:
    return "is" if len(things) == 1 else "are"
