"""An exported network: what ONNX Runtime makes of it is what torch makes, at any size, and the file says what it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from restore.errors import ConfigError, OutputError, WeightsError
from restore.models import export as exporting
from restore.models.build import Shape, build_generator
from restore.models.export import AGREEMENT, CONDITION_MEANING, OPSET, export_onnx
from restore.models.pix2pix import Pix2PixConfig
from restore.models.unet import GeneratorConfig
from restore.models.weights import Card, Weights, load_network, read_card, save_weights
from restore.tasks import CONDITION_CHANNELS, TASKS

Save = Callable[..., Weights]
ONE_LEVEL = GeneratorConfig(widths=(8,), encoder=(), middle=1, decoder=(), head=2)
SHAPES = {
    "upscale": ONE_LEVEL,
    "clean": GeneratorConfig(widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), stem=2, head=2, condition_channels=6),
    "inpaint": GeneratorConfig(
        widths=(8, 8, 8), encoder=(1, 1), middle=1, dilations=(2,), decoder=(1, 1), stem=2, head=2, condition_channels=1
    ),
    "scratch": GeneratorConfig(
        widths=(8, 8), encoder=(1,), middle=1, decoder=(1,), stem=2, head=2, condition_channels=0, residual=False,
        out_channels=1,
    ),
    "translate": Pix2PixConfig(width=4, levels=4),
}  # fmt: skip


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Weights of a tiny network whose output is no zero."""

    def make(task: str, **card: object) -> Weights:
        torch.manual_seed(0)
        shape: Shape = SHAPES[task]
        network = build_generator(shape)
        nn.init.normal_(network.head.weight, std=0.05)
        path = tmp_path / f"{task}.safetensors"
        row = Card(name=f"tiny-{task}", task=task, scale=shape.scale, size="fast", generator=shape)
        save_weights(path, network.state_dict(), replace(row, **card))  # type: ignore[arg-type]
        return read_card(path)

    return make


@pytest.mark.parametrize("task", SHAPES)
def test_the_file_gives_torchs_pixels_at_every_size_that_the_network_takes(task: str, save: Save, tmp_path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    weights = save(task)
    made = export_onnx(weights, tmp_path / "deep" / "made.onnx")
    assert made.difference <= AGREEMENT
    network = load_network(weights)
    session = onnxruntime.InferenceSession(str(made.path), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    channels = network.config.condition_channels
    assert names == (["image", "condition"] if channels else ["image"])
    for rows, columns in [(1, 1), (1, 4), (5, 2), (8, 11)]:
        height, width = rows * network.multiple, columns * network.multiple
        image, maps = torch.rand(1, 3, height, width), torch.rand(1, channels, height, width)
        fed = {"image": image.numpy()} | ({"condition": maps.numpy()} if channels else {})
        (ours,) = session.run(["restored"], fed)
        with torch.no_grad():
            theirs = network(image, maps).numpy()
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_file_says_what_it_is_and_what_its_numbers_mean(save: Save, tmp_path) -> None:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    weights = save("clean", licence="CC0", deconvolves=True, figures={"CBSD68": 31.5})
    made = export_onnx(weights, tmp_path / "made.onnx")
    model = onnx.load(str(made.path))
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert (told["name"], told["task"], told["scale"], told["licence"]) == ("tiny-clean", "clean", "1", "CC0")
    assert (told["sha256"], told["multiple"]) == (weights.card.sha256, "4")
    assert told["figures"] == '{"CBSD68": 31.5}'
    assert "noise" in told["condition 0"]
    assert "blur" in told["condition 4"]
    assert "condition 6" not in told
    assert "deconvolved" in told["deconvolves"]
    assert [one.version for one in model.opset_import if one.domain in ("", "ai.onnx")] == [OPSET]
    sides = [dim.dim_param for dim in model.graph.input[0].type.tensor_type.shape.dim]
    assert sides[2] != sides[3] != ""
    plain = export_onnx(save("scratch"), tmp_path / "plain.onnx")
    told = {entry.key: entry.value for entry in onnx.load(str(plain.path)).metadata_props}
    assert "deconvolves" not in told
    assert "logits" in told["restored"]


def test_a_file_that_differs_from_torch_is_not_left_there(save: Save, tmp_path, monkeypatch) -> None:
    for package in exporting.PACKAGES:
        pytest.importorskip(package)
    weights, whole = save("clean"), exporting.onnx_of

    def spoilt(network, card):
        with torch.no_grad():
            network.head.bias.add_(2 / 255)
        model = whole(network, card)
        with torch.no_grad():
            network.head.bias.sub_(2 / 255)
        return model

    monkeypatch.setattr(exporting, "onnx_of", spoilt)
    older = tmp_path / "made.onnx"
    older.write_bytes(b"an older file")
    with pytest.raises(WeightsError, match=r"differs from torch by 2\.0. grey levels.*made.onnx was not written"):
        export_onnx(weights, older, overwrite=True)
    assert older.read_bytes() == b"an older file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clean.safetensors", "made.onnx"]


def test_without_the_packages_it_says_how_to_get_them(save: Save, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(ConfigError, match=r"onnxscript, which is not installed: pip install .restore-photos\[onnx\]"):
        export_onnx(save("clean"), tmp_path / "made.onnx")
    assert not (tmp_path / "made.onnx").exists()


def test_it_refuses_other_names_files_that_are_there_and_damaged_weights(save: Save, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(exporting, "find_spec", lambda _: object())
    weights = save("clean")
    with pytest.raises(ConfigError, match=r"made\.pb: an exported network is an \.onnx file"):
        export_onnx(weights, tmp_path / "made.pb")
    there = tmp_path / "there.onnx"
    there.write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"there\.onnx: this file exists already"):
        export_onnx(weights, there)
    assert there.read_bytes() == b"mine"
    data = bytearray(weights.path.read_bytes())
    data[-3] ^= 1
    weights.path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    with pytest.raises(WeightsError, match="hash"):
        export_onnx(weights, tmp_path / "made.onnx")
    assert hashlib.sha256(weights.path.read_bytes()).hexdigest() == digest
    assert not (tmp_path / "made.onnx").exists()


def test_every_number_of_condition_maps_has_its_meaning() -> None:
    most = max(CONDITION_CHANNELS)
    assert len(CONDITION_MEANING) == most == max(task.condition_channels for task in TASKS.values())
