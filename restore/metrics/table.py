"""What is measured: one row per figure, with its unit and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """How one figure is shown and compared."""

    label: str
    """Name in tables, complete enough to know the variant."""

    better: Literal["higher", "lower", "nearer to 1"]
    """Which way is better."""

    unit: str = ""
    """Unit, empty for pure numbers."""

    digits: int = 2
    """Decimals that mean something."""

    def prefers(self, one: float, other: float) -> bool:
        """Whether ``one`` is strictly better than ``other``.

        >>> METRICS["psnr"].prefers(34.0, 33.0), METRICS["lpips"].prefers(0.3, 0.2)
        (True, False)
        >>> METRICS["high_frequency"].prefers(1.2, 0.5)
        True
        """
        if self.better == "nearer to 1":
            return abs(one - 1) < abs(other - 1)
        return one > other if self.better == "higher" else one < other


LPIPS_LABEL: Final = "LPIPS squeeze v0.1"

METRICS: Final[Mapping[str, Metric]] = {
    "psnr": Metric(label="PSNR-Y", better="higher", unit="dB"),
    "ssim": Metric(label="SSIM-Y", better="higher", digits=4),
    "psnr_hole": Metric(label="PSNR in holes", better="higher", unit="dB"),
    "psnr_rgb": Metric(label="PSNR-RGB", better="higher", unit="dB"),
    "ssim_rgb": Metric(label="SSIM-RGB", better="higher", digits=4),
    "psnr_b": Metric(label="PSNR-B", better="higher", unit="dB"),
    "lpips": Metric(label=LPIPS_LABEL, better="lower", digits=4),
    "consistency": Metric(label="LR-PSNR", better="higher", unit="dB"),
    "drift": Metric(label="colour drift", better="lower", unit="/255", digits=3),
    "high_frequency": Metric(label="fine detail", better="nearer to 1"),
    "grid": Metric(label="grid", better="lower"),
    "iou": Metric(label="IoU", better="higher", unit="%", digits=1),
    "recall": Metric(label="recall", better="higher", unit="%", digits=1),
    "precision": Metric(label="precision", better="higher", unit="%", digits=1),
    "false_positives": Metric(label="found in vain", better="lower", unit="%", digits=3),
}
"""All figures there are, in the order in which they are shown; which of them a task has, ``inference.rules`` says."""
