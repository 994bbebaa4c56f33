"""Which of two figures is better."""

from __future__ import annotations

import pytest

from restore.metrics.table import METRICS


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [
        ("psnr", 31.0, 30.9),
        ("consistency", 45.0, 40.0),
        ("lpips", 0.1, 0.2),
        ("drift", 0.0, 0.4),
        ("grid", 1.1, 4.0),
        ("high_frequency", 0.95, 0.5),
        ("high_frequency", 1.1, 1.3),
        ("high_frequency", 1.2, 0.7),
    ],
)
def test_each_figure_knows_which_way_is_better(name: str, better: float, worse: float) -> None:
    assert METRICS[name].prefers(better, worse)
    assert not METRICS[name].prefers(worse, better)
    assert not METRICS[name].prefers(better, better)
