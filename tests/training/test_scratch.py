"""Training of a detector of damage: it learns, is measured by what it finds, and refuses what it cannot learn from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.config.train import TrainConfig
from restore.errors import ConfigError
from restore.inference.restorer import Restorer
from restore.models.weights import find_weights
from restore.training.journal import Event
from restore.training.run import train
from restore.training.validate import Held
from restore.training.validate_detector import load_held_prints, validate_detector

TINY = {"widths": (8, 8), "encoder": (1,), "middle": 1, "decoder": (1,), "precision": "float32", "threads": 1}
LOSSES = {"bce": 1.0, "dice": 0.5}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, photo in enumerate([data.astronaut(), data.coffee(), data.rocket()]):
        Image.fromarray(photo[100:300, 100:300]).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def unseen(tmp_path: Path) -> Path:
    folder = tmp_path / "unseen"
    folder.mkdir()
    for number, photo in enumerate([data.astronaut(), data.coffee(), data.rocket()]):
        Image.fromarray(photo[150:278, 300:428]).save(folder / f"{number}.png")
    return folder


def config(photos: Path, run: Path, **settings: object) -> TrainConfig:
    values: dict[str, object] = {
        **TINY,
        "task": "scratch",
        "scale": 1,
        "hq": str(photos),
        "run": str(run),
        "batch": 4,
        "patch_px": 64,
        "clean_chance": 0.2,
        "losses": LOSSES,
        "max_drop_db": 100.0,
    }
    return TrainConfig(**{**values, **settings})  # type: ignore[arg-type]


class _Told:
    """What a detector of known results is: the maps that it will give, one after the other."""

    def __init__(self, *maps: torch.Tensor) -> None:
        self.maps = list(maps)

    def restore(self, _image: torch.Tensor) -> torch.Tensor:
        return self.maps.pop(0)


def test_a_short_run_learns_and_leaves_weights_that_give_one_map(photos: Path, unseen: Path, tmp_path: Path) -> None:
    events: list[Event] = []
    run = tmp_path / "run"
    settings = {"steps": 150, "lr": 5e-3, "warmup_steps": 10, "val": str(unseen), "ema": 0.9}
    path = train(config(photos, run, **settings), events.append)
    losses = [event.values["loss"] for event in events if event.kind == "step"]
    assert losses[-1] < losses[0]
    first, last = (next(event for event in events if event.kind == kind).values for kind in ("validated", "done"))
    assert {"iou", "recall", "precision", "false_positives"} <= set(last)
    assert first["iou"] == 0  # nothing is found before anything is learnt
    assert all(0 <= last[name] <= 100 for name in ("iou", "recall", "precision", "false_positives"))
    card = find_weights(path).card
    assert (card.task, card.name, card.generator.out_channels) == ("scratch", "scratch", 1)  # type: ignore[union-attr]
    logits = Restorer(path, device="cpu").restore(torch.rand(1, 3, 50, 70))
    assert logits.shape == (1, 1, 50, 70)
    with Image.open(run / "samples" / "0000150.png") as sheet:
        assert sheet.size == (3 * 128, 3 * 128)  # picture, probability and truth of three photos


def test_held_out_prints_are_the_same_every_time_half_of_them_damaged(unseen: Path) -> None:
    examples = [_Example(path) for path in sorted(unseen.iterdir())]
    one, two = load_held_prints(examples), load_held_prints(examples)
    assert all(torch.equal(a.lq, b.lq) and torch.equal(a.hq, b.hq) for a, b in zip(one, two, strict=True))
    assert [bool(item.hq.any()) for item in one] == [True, False] * 3
    grays = [bool((item.lq[:, 0] == item.lq[:, 1]).all()) for item in one]
    assert len(one) == 6
    assert not grays[0]


class _Example:
    def __init__(self, hq: Path) -> None:
        self.hq, self.lq = hq, None


def test_the_figures_are_those_of_found_and_true_pixels(tmp_path: Path) -> None:
    truth = torch.zeros(1, 1, 8, 8)
    truth[..., :2, :4] = 1  # 8 pixels
    found = torch.full((1, 1, 8, 8), -1.0)
    found[..., 1:3, :4] = 1  # 8 pixels, of which 4 are right
    nothing, wrong = torch.zeros(1, 1, 8, 8), torch.full((1, 1, 8, 8), -1.0)
    wrong[..., 0, 0] = 1
    picture = torch.rand(1, 3, 8, 8)
    held = [Held(picture, truth, picture), Held(picture, nothing, picture)]
    figures = validate_detector(_Told(found, wrong), held, tmp_path / "sheet.png")  # type: ignore[arg-type]
    assert figures["iou"] == pytest.approx(100 * 4 / 12)
    assert (figures["recall"], figures["precision"]) == (50, 50)
    assert figures["false_positives"] == pytest.approx(100 / 64)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (8, 24, 3)
    assert np.array_equal(sheet[:, 16:, 0], (truth[0, 0] * 255).numpy())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"losses": {"l1": 1.0}}, "scratch is learnt with bce and dice, not with l1"),
        ({"task": "clean", "losses": LOSSES}, "clean is learnt with losses of pictures, not with bce, dice"),
        ({"hq": None, "pairs_lq": "photos", "pairs_hq": "photos"}, "makes its own damage: give good photos"),
        ({"scale": 2}, "can be trained for x1, not x2"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(
    photos: Path, tmp_path: Path, wrong: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        train(config(photos, tmp_path / "run", **wrong), lambda _: None)
