"""The filters that our network is measured beside do what they are there for, and by the same rules."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import denoisers
import numpy as np
import pytest
import torch
from denoisers import CLASSICS, as_method, fitted, timed
from PIL import Image
from skimage import data

from restore.inference.evaluate import Method, evaluate
from restore.inference.protocol import Damage
from restore.inference.rules import INPUT, CleanRules


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A colour and a gray photo."""
    folder = tmp_path_factory.mktemp("photos")
    for name in ("astronaut", "camera"):
        Image.fromarray(getattr(data, name)()[60:140, 180:270]).save(folder / f"{name}.png")
    return sorted(folder.iterdir())


@pytest.mark.parametrize(
    ("name", "damage", "strength", "gain_db"),
    [
        ("nlm", Damage(noise=25, rounded=False), 20, 3),
        ("tv", Damage(noise=25, rounded=False), 0.1, 3),
        ("rl", Damage(blur=1.6), 15, 1),
        ("rl", Damage(motion=9), 15, 1),
    ],
)
def test_each_filter_undoes_its_damage_in_colour_and_in_gray(
    name: str, damage: Damage, strength: float, gain_db: float, photos: list[Path]
) -> None:
    method = as_method(CLASSICS[name], strength, damage)
    found = evaluate([method], photos, CleanRules(damage=damage), lpips=None)
    for before, after in zip(found.rows[::2], found.rows[1::2], strict=True):
        assert (before.method, after.method) == (INPUT, method.name)
        assert after.figures["psnr_rgb"] > before.figures["psnr_rgb"] + gain_db


def test_stronger_noise_is_fitted_with_a_stronger_filter(photos: list[Path]) -> None:
    names = [fitted(CLASSICS["tv"], CleanRules(damage=Damage(noise=sigma)), photos).name for sigma in (10, 40)]
    weak, strong = (float(name.rsplit(" ", 1)[1]) for name in names)
    assert weak < strong
    assert names[0].startswith("scikit-image TV, weight")


def test_the_strongest_and_the_weakest_that_were_tried_are_said_to_be_so(
    photos: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    fitted(CLASSICS["tv"], CleanRules(damage=Damage()), photos)  # nothing to take away: the least is the best
    assert "may lie beyond" in capsys.readouterr().err


def test_a_filter_for_another_damage_is_refused(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    words = ["denoisers.py", "deblur", "--data", "nowhere", "--blur", "1.6", "--beside", "nlm"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as end:
        denoisers.main()
    assert end.value.code == 2
    assert "for deblur there are rl" in capsys.readouterr().err


def test_the_table_has_a_row_for_the_input_and_each_filter(
    photos: list[Path], monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path
) -> None:
    monkeypatch.delenv("RESTORE_LPIPS_BACKBONE", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setitem(denoisers.CLASSICS, "tv", replace(CLASSICS["tv"], strengths=(0.05, 0.1, 0.2)))
    place = photos[0].parent
    monkeypatch.setattr(
        sys, "argv", ["denoisers.py", "denoise", "--data", str(place), "--noise", "15,25", "--beside", "tv"]
    )
    assert denoisers.main() == 0
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if "noise" in line]
    assert [(row[1], row[2].split(",")[0]) for row in rows] == [
        (f"noise {sigma}", method) for sigma in (15, 25) for method in ("input", "scikit-image TV")
    ]
    for row, sigma in zip(rows[::2], (15, 25), strict=True):
        assert float(row[3]) == pytest.approx(20 * np.log10(255 / sigma), abs=0.2)
        assert row[-1].strip(" |") == ""
    assert all(float(row[-1].strip(" |")) > 0 for row in rows[1::2])


def test_seconds_are_those_of_the_processor_and_add_up_over_the_photos() -> None:
    def work(image: torch.Tensor) -> torch.Tensor:
        started = time.process_time()
        while time.process_time() - started < 0.05:
            pass
        time.sleep(0.2)  # the processor is somebody else's
        return image

    spent: dict[str, float] = {}
    method = timed(Method(name="slow", restore=work), spent)
    for _ in range(2):
        method.restore(torch.zeros(1))
    assert 0.1 <= spent["slow"] < 0.3
