"""Settings: read back as written, refused at the door when they make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from restore.config.toml import load_toml, to_toml
from restore.config.train import TrainConfig, train_config
from restore.errors import ConfigError


def test_settings_survive_a_trip_through_a_file(tmp_path: Path) -> None:
    settings = TrainConfig(hq='C:\\photos "best"', steps=10, widths=(8, 16), encoder=(1,), middle=2, decoder=(1,))
    path = tmp_path / "run.toml"
    path.write_text(to_toml(settings), encoding="utf-8")
    assert train_config(load_toml(path)) == settings


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"stepz": 3}, "unknown setting 'stepz'; did you mean 'steps'"),
        ({"zzz": 3}, "known: adversarial"),
        ({"hq": None}, "give either --hq"),
        ({"pairs_lq": "a"}, "two folders"),
        ({"pairs_lq": "a", "pairs_hq": "b"}, "give either --hq"),
        ({"steps": 5, "budget_s": 5.0}, "not both"),
        ({"lr": float("nan")}, "lr must be positive, got nan"),
        ({"batch": 0}, "batch must be positive"),
        ({"batch": 3, "devices": 2}, "shared evenly"),
        ({"patch_px": 50, "scale": 4}, "multiple of the scale"),
        ({"ema": 1.5}, "ema must be 0 to 1"),
        ({"precision": "float8"}, "auto, float32"),
        ({"noise_max": 80.0}, "noise_max must be 0 to 50"),
        ({"jpeg_share": 0.6}, "noise_share, jpeg_share, blur_share must come to 1 at most, got 1.05"),
        ({"blur_share": -0.1}, "blur_share must be 0 to 1"),
        ({"widths": [8]}, "all of widths, encoder"),
        ({"batch": "many"}, "wrong kind"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        train_config({"hq": "photos", **wrong})


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("steps = = 3")
    with pytest.raises(ConfigError, match=r"run.toml: not valid TOML"):
        load_toml(path)
    with pytest.raises(ConfigError, match=r"gone.toml: cannot be read"):
        load_toml(tmp_path / "gone.toml")
