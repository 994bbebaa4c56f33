"""Each module imports strictly lower floors and its own folder, and the fences of ARCHITECTURE.md hold."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import restore

HOUSE = Path(restore.__file__).parent
FLOORS = {
    **{"errors": -1, "config": 0, "room": 0},  # the ground floor; settings may refuse, errors know nothing
    **dict.fromkeys(("io", "ops"), 1),
    **dict.fromkeys(("models", "losses", "metrics", "tasks"), 2),
    **{"datasets": 3, "inference": 4, "training": 5, "__init__": 5, "cli": 6, "__main__": 7},
}
FENCES = {
    **dict.fromkeys(("PIL", "cv2", "tifffile", "pillow_heif"), ("io/",)),
    **dict.fromkeys(("spandrel", "basicsr"), ("models/foreign.py",)),
    **dict.fromkeys(("onnx", "onnxruntime", "onnxscript"), ("models/export.py",)),
    **dict.fromkeys(("skimage", "lpips"), ("metrics/", "losses/")),
    **dict.fromkeys(("typer", "rich"), ("cli/",)),
    **{"ray": ("inference/fleet.py",), "fsspec": ("io/remote.py", "datasets/fetch.py")},
    **{"kornia": ("ops/",), "lightning": ("training/",), "lightning_fabric": ("training/",)},
}
LONGEST_MODULE = 300


def imports(code: str) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported anywhere in the code, inside functions too."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module or ''}.{name.name}") for name in node.names)


def trespasses(module: str, code: str) -> list[str]:
    """Every import in ``module`` (its path below restore/) that a floor or a fence forbids."""
    own = module.partition("/")[0].removesuffix(".py")
    found = []
    for line, name in imports(code):
        package, part = [*name.split("."), "__init__"][:2]
        floor = FLOORS.get(part, FLOORS["__init__"])
        if package == "" or (package == "restore" and part != own and floor >= FLOORS[own]):
            found.append(f"restore/{module}:{line} (floor {FLOORS[own]}) imports {name}")
        if package in FENCES and not module.startswith(FENCES[package]):
            found.append(f"restore/{module}:{line} imports {name}, which only {' and '.join(FENCES[package])} may")
        if package == "torch" and FLOORS[own] <= 0:
            found.append(f"restore/{module}:{line} is plain Python and must not import {name}")
    return found


MODULES = sorted(path.relative_to(HOUSE).as_posix() for path in HOUSE.rglob("*.py"))


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_lower_floors_and_stays_outside_foreign_fences(module: str) -> None:
    assert trespasses(module, (HOUSE / module).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_can_be_read_at_one_sitting(module: str) -> None:
    assert len((HOUSE / module).read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize(
    ("module", "code", "culprit"),
    [
        ("io/read.py", "from restore.models.unet import UNet", "imports restore.models.unet.UNet"),
        ("losses/pixel.py", "import restore.metrics.psnr", "imports restore.metrics.psnr"),
        ("inference/device.py", "def f():\n    from restore.training import run", "imports restore.training.run"),
        ("ops/pad.py", "from restore import upscale", "imports restore.upscale"),
        ("ops/pad.py", "from . import tile", "imports ..tile"),
        ("ops/color.py", "import cv2", "which only io/ may"),
        ("cli/far.py", "import ray", "which only inference/fleet.py may"),
        ("models/unet.py", "import spandrel", "which only models/foreign.py may"),
        ("config.py", "import torch.nn", "plain Python"),
    ],
)
def test_the_test_itself_catches_each_kind_of_trespass(module: str, code: str, culprit: str) -> None:
    (message,) = trespasses(module, code)
    assert culprit in message
    assert f"restore/{module}:" in message


def test_the_test_itself_lets_lower_floors_and_the_own_folder_pass() -> None:
    code = "from restore.io.photo import Photo\nfrom restore.inference.device import Device\nimport torch\n"
    assert trespasses("inference/batch.py", code) == []
    assert trespasses("io/write.py", "import cv2\nfrom PIL import Image\n") == []
