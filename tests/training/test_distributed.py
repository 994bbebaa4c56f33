"""Processes under torchrun: they learn what one process learns, agree to the bit, and only the first one speaks."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from skimage import data

from restore.config.cycle import CycleConfig
from restore.config.toml import to_toml
from restore.config.train import TrainConfig, train_config
from restore.errors import ConfigError
from restore.training import loop
from restore.training.cycle_loop import train_unpaired
from restore.training.journal import Event
from restore.training.processes import Processes, find_processes, is_first
from restore.training.run import train

PATIENCE_S = 240
SETTINGS: dict[str, Any] = {
    **{"widths": (8, 8), "encoder": (1,), "middle": 1, "decoder": (1,), "precision": "float32", "threads": 1},
    **{"scale": 2, "batch": 4, "patch_px": 48, "device": "cpu"},
}
GAME: dict[str, Any] = {
    **{"weight": 0.1, "width": 8, "layers": 2, "warmup_steps": 2, "ramp_steps": 2},
    # With hinge, the gradient of the last bias is zero but for rounding at the start, and Adam makes steps of rounding.
    **{"objective": "non-saturating", "norm": "spectral", "feature_matching": 1.0},
}


@pytest.fixture
def pairs(tmp_path: Path) -> dict[str, str]:
    """Settings that name two folders: nothing is made up while training, so any split of a batch is the same batch."""
    for number, photo in enumerate([data.astronaut(), data.coffee(), data.rocket()]):
        good = Image.fromarray(photo[100:300, 100:300])
        for folder, picture in (("hq", good), ("lq", good.resize((100, 100), Image.Resampling.BICUBIC))):
            (tmp_path / folder).mkdir(exist_ok=True)
            picture.save(tmp_path / folder / f"{number}.png")
    return {"pairs_lq": str(tmp_path / "lq"), "pairs_hq": str(tmp_path / "hq")}


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment in which nothing has been started by torchrun, for processes that are."""
    for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return dict(os.environ)


def quiet(event: Event) -> None:
    assert all(math.isfinite(value) for value in event.values.values())


def curve(run: Path) -> list[dict[str, float]]:
    """All numbers of the run's step lines but its speed."""
    lines = [json.loads(line) for line in (run / "journal.jsonl").read_text().splitlines()]
    return [
        {name: value for name, value in line.items() if name not in ("kind", "steps_per_s")}
        for line in lines
        if line["kind"] == "step"
    ]


def numbers_in(state: object, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Every tensor and number in a nest of dictionaries and lists, with its way there."""
    if isinstance(state, dict):
        for key, value in state.items():
            yield from numbers_in(value, f"{name}/{key}")
    elif isinstance(state, (list, tuple)):
        for place, value in enumerate(state):
            yield from numbers_in(value, f"{name}/{place}")
    elif isinstance(state, (int, float, torch.Tensor)):
        yield name, torch.as_tensor(state, dtype=torch.float64)


def everything(path: Path) -> dict[str, torch.Tensor]:
    state = torch.load(path, weights_only=True)
    return dict(numbers_in({name: state[name] for name in ("generator", "average", "optimizer", "adversary")}))


@contextmanager
def torchrun(processes: int, *arguments: str, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes), *arguments]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.terminate()  # ends its processes too; nothing happens if all is over


def said_by(running: subprocess.Popen[str]) -> str:
    """What was printed on stdout, once all has gone well."""
    out, errors = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, errors
    return out


@pytest.mark.slow
def test_two_processes_under_torchrun_give_the_curve_and_the_weights_of_one(
    pairs: dict[str, str], tmp_path: Path, alone: dict[str, str]
) -> None:
    settings = {**SETTINGS, **pairs, "steps": 60}
    train(TrainConfig(**settings, run=str(tmp_path / "one")), quiet)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(to_toml(TrainConfig(**settings, run=str(tmp_path / "two"))))
    command = ["-m", "restore", "train", "upscale", "--config", str(recipe)]
    with torchrun(2, "--standalone", *command, env=alone) as both:
        said = said_by(both)
    assert said.splitlines() == [str(tmp_path / "two" / "weights.safetensors")]
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert [line["step"] for line in two] == [50, 60]
    for here, there in zip(one, two, strict=True):
        assert there == pytest.approx(here, rel=1e-4)
    whole, shared = (everything(tmp_path / run / "checkpoint.pt") for run in ("one", "two"))
    for name, value in whole.items():
        if not name.startswith("/optimizer"):  # the sign of an L1 gradient near zero is a matter of rounding
            assert torch.allclose(value, shared[name], atol=1e-4), name


SCRIPT = """
import sys
from pathlib import Path

import torch

from restore.config.toml import load_toml
from restore.config.train import train_config
from restore.training import loop
from restore.training.journal import Event
from restore.training.run import train

learn = loop.Run.loop
loop._LOG_EVERY_STEPS = 1


def learn_and_keep(run, *arguments):
    learn(run, *arguments)
    run.state.save(Path(sys.argv[2]) / f"process{run.fabric.global_rank}")


loop.Run.loop = learn_and_keep
train(train_config(load_toml(Path(sys.argv[1]))), lambda event: None)
"""


@pytest.mark.slow
def test_two_machines_play_the_same_game_as_one_and_agree_to_the_bit(
    pairs: dict[str, str], tmp_path: Path, alone: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_LOG_EVERY_STEPS", 1)
    settings = {**SETTINGS, **pairs, "steps": 10, "adversarial": GAME}
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(to_toml(train_config({**settings, "run": str(tmp_path / "two")})))
    (tmp_path / "script.py").write_text(SCRIPT)
    for number in (0, 1):
        (tmp_path / f"process{number}").mkdir()
    place = ["--nnodes", "2", "--master-addr", "127.0.0.1", "--master-port", str(free_port())]
    arguments = [str(tmp_path / "script.py"), str(recipe), str(tmp_path)]
    with (
        torchrun(1, *place, "--node-rank", "0", *arguments, env=alone) as one_machine,
        torchrun(1, *place, "--node-rank", "1", *arguments, env=alone) as another,
    ):
        train(train_config({**settings, "run": str(tmp_path / "one")}), quiet)
        said_by(one_machine)
        said_by(another)
    one, two = curve(tmp_path / "one"), curve(tmp_path / "two")
    assert [line["step"] for line in two] == list(range(1, 11))
    for here, there in zip(one, two, strict=True):
        assert there == pytest.approx(here, rel=1e-3, abs=1e-6)
    whole = everything(tmp_path / "one" / "checkpoint.pt")
    first, second = (everything(tmp_path / f"process{number}" / "checkpoint.pt") for number in (0, 1))
    assert any(name.endswith("._u") for name in whole)  # of the power iteration of spectral norm
    assert any("adversary/optimizer/state" in name for name in whole)
    for name, value in whole.items():
        assert torch.equal(first[name], second[name]), name
        if not name.startswith("/optimizer"):  # as above: the generator's
            assert torch.allclose(value, first[name], atol=1e-5), name


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def started_by_torchrun(monkeypatch: pytest.MonkeyPatch, here: int, everywhere: int, rank: int = 0) -> None:
    values = {"RANK": rank, "LOCAL_RANK": rank % here, "LOCAL_WORLD_SIZE": here, "WORLD_SIZE": everywhere}
    for name, value in {**values, "TORCHELASTIC_RUN_ID": "none"}.items():
        monkeypatch.setenv(name, str(value))


def test_torchrun_says_how_many_processes_there_are(monkeypatch: pytest.MonkeyPatch, alone: dict[str, str]) -> None:
    assert find_processes(1, batch=16) == Processes(1, 1)
    assert find_processes(2, batch=16) == Processes(2, 1)
    assert is_first()
    started_by_torchrun(monkeypatch, here=4, everywhere=8, rank=5)
    assert find_processes(1, batch=16) == find_processes(4, batch=16) == Processes(4, 2)
    assert find_processes(1, batch=16).count == 8
    assert not is_first()


def test_what_cannot_be_shared_is_refused(monkeypatch: pytest.MonkeyPatch, alone: dict[str, str]) -> None:
    started_by_torchrun(monkeypatch, here=4, everywhere=8)
    with pytest.raises(ConfigError, match="--devices 3, but torchrun started 4 here; leave --devices out"):
        find_processes(3, batch=16)
    with pytest.raises(ConfigError, match="batch 12 cannot be shared evenly by 8 processes"):
        find_processes(1, batch=12)
    started_by_torchrun(monkeypatch, here=2, everywhere=5)
    with pytest.raises(ConfigError, match="equally many processes on each machine, not 2 of 5"):
        find_processes(1, batch=16)


def test_unpaired_training_by_several_processes_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started_by_torchrun(monkeypatch, here=2, everywhere=2)
    settings = CycleConfig(damaged=str(tmp_path), good=str(tmp_path), run=str(tmp_path / "run"), batch=2)
    with pytest.raises(ConfigError, match="one device: start it without torchrun"):
        train_unpaired(settings, lambda _: None)
    assert not (tmp_path / "run").exists()
