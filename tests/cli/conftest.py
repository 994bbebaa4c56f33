"""A command with tiny networks in place of the bundled ones, and photos to give it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from typer.testing import CliRunner

from restore.cli.app import app
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, load_tensors_of, read_card, save_weights

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # the browser that looks at pages is there

NETWORKS = (("upscale-x2", 2, "fast"), ("upscale-x4", 4, "fast"), ("upscale-x2-base", 2, "base"))
"""Name, scale and size of each stand-in."""


@dataclass(frozen=True)
class Outcome:
    """What a person sees of one run of the command."""

    code: int
    out: str
    err: str
    picture: bytes


Run = Callable[..., Outcome]
MakePhoto = Callable[..., Path]


def save_tiny(path: Path, scale: int, *, name: str = "tiny", task: str = "upscale", size: str = "fast") -> Path:
    """A network of a few channels whose residual is not zero, so that its condition and its name make a difference."""
    torch.manual_seed(scale + len(name))
    shape = GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), head=scale)
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=0.02)
    card = Card(name=name, task=task, scale=scale, size=size, generator=shape, figures={"Set5 PSNR": 30.0})
    save_weights(path, network.state_dict(), card)
    return path


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of stand-ins, as the package has one of the real weights."""
    folder = tmp_path_factory.mktemp("weights")
    for name, scale, size in NETWORKS:
        save_tiny(folder / f"{name}.safetensors", scale, name=name, size=size)
    return folder


@pytest.fixture
def tiny_weights(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-ins in place of the bundled weights."""
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tiny_folder)
    return tiny_folder


@pytest.fixture
def detail_weights(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The stand-ins with detail weights for x2 beside them, fine-tuned by a few random steps."""
    folder = tmp_path / "package"
    folder.mkdir()
    for path in tiny_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    fidelity = read_card(folder / "upscale-x2.safetensors")
    tensors = load_tensors_of(fidelity)
    rng = torch.Generator().manual_seed(0)
    tensors["head.weight"] = tensors["head.weight"] + 0.02 * torch.randn(tensors["head.weight"].shape, generator=rng)
    card = replace(fidelity.card, name="upscale-x2-detail", figures={"Set5 PSNR": 28.0})
    save_weights(folder / "upscale-x2-detail.safetensors", tensors, card)
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: folder)
    return folder


@pytest.fixture
def run(tiny_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs the command in an empty folder, with the tiny networks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def invoke(*words: str | Path, feed: bytes | None = None) -> Outcome:
        result = CliRunner().invoke(app, [str(word) for word in words], input=feed)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        out = result.stdout_bytes.decode("utf-8", "replace")
        return Outcome(result.exit_code, out, result.stderr, result.stdout_bytes)

    return invoke


@pytest.fixture
def make_photo(tmp_path: Path) -> MakePhoto:
    """Draws a photo below the test's folder: a slope of colours with some grain; gives its relative path."""

    def draw(name: str = "photo.png", width: int = 48, height: int = 32, **saving: object) -> Path:
        down, right = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
        grain = np.random.default_rng(0).normal(0, 0.02, (height, width, 3))
        pixels = np.stack([down, right, 1 - down], axis=2) * 0.6 + 0.2 + grain
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8)).save(path, **saving)  # type: ignore[arg-type]
        return path.relative_to(tmp_path)

    return draw


@pytest.fixture
def tiny_file(tmp_path: Path) -> Callable[..., Path]:
    """Saves another tiny network under the test's folder: ``tiny_file("mine.safetensors", 2, task="upscale")``."""
    return lambda file, scale, **card: save_tiny(tmp_path / file, scale, **card)
