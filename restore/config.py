"""Settings of a training run: defaults here, then a TOML file, then flags; checked at the door."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, cast, get_args

from restore.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16"]
Loss = Literal["l1", "charbonnier"]
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {"precision": get_args(Precision), "loss": get_args(Loss)}
_POSITIVE: Final = (
    *("batch", "patch_px", "scale", "lr", "clip", "devices", "cache_gb", "checkpoint_every_s", "validate_every_s"),
    *("steps", "budget_s", "threads"),
)
_SHARES: Final = ("ema", "clean_chance", "hidden_chance")
DEFAULT_STEPS: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Everything that decides what a training run does."""

    task: str = "upscale"
    """Which row of the task table to train."""
    scale: int = 4
    """Output size / input size: 2, 3 or 4."""
    size: str = "fast"
    """Shape of the generator: fast or base."""
    hq: str | None = None
    """Folder of good photos; the damage is made on the fly."""
    pairs_lq: str | None = None
    """Folder of damaged photos, each with a partner of the same name in ``pairs_hq``."""
    pairs_hq: str | None = None
    """Folder of the good photos of ``pairs_lq``."""
    val: str | None = None
    """Folder of good photos to validate on; without one, a few of the training photos are held out."""
    run: str = "run"
    """Folder for weights, checkpoints, journal and samples."""
    init: str | None = None
    """Weights (name or file) to start from; parts that fit are taken, a head of another scale is left fresh."""
    steps: int | None = None
    """Length of the run in steps; a run by steps is reproducible to the bit."""
    budget_s: float | None = None
    """Length of the run in seconds instead; the schedule follows the clock."""
    batch: int = 16
    """Patches per step, over all devices."""
    patch_px: int = 192
    """Side of a good patch in pixels; a multiple of the scale."""
    loss: Loss = "l1"
    """Pixel loss."""
    lr: float = 1e-3
    """Step size of AdamW at its peak."""
    warmup_steps: int = 200
    """Steps over which the step size rises from zero."""
    clip: float = 0.5
    """Gradients are scaled down to this norm."""
    ema: float = 0.999
    """Share of the old average kept at each step; the averaged weights are what is exported."""
    clean_chance: float = 0.5
    """Share of patches that are only shrunk, with no noise or JPEG."""
    hidden_chance: float = 0.3
    """How often each part of the condition is hidden from the network, so that it also works blind."""
    noise_max: float = 25.0
    """Strongest noise made, in grey levels."""
    jpeg_min: int = 30
    """Worst JPEG quality made."""
    seed: int = 0
    """All randomness comes from this number and the step."""
    precision: Precision = "auto"
    """Arithmetic of the network; auto is bfloat16 where the device computes it natively."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    devices: int = 1
    """How many of them (processes on a CPU)."""
    threads: int | None = None
    """CPU threads for each process."""
    checkpoint_every_s: float = 180.0
    """Seconds between checkpoints."""
    validate_every_s: float = 300.0
    """Seconds between validations."""
    cache_gb: float = 2.0
    """Decoded photos kept in memory, in gigabytes."""
    tensorboard: bool = False
    """Also write TensorBoard events (needs the tensorboard extra)."""
    resume: bool = False
    """Go on from the checkpoint in ``run``."""
    widths: tuple[int, ...] | None = None
    """Own generator shape instead of ``size``: channels per level."""
    encoder: tuple[int, ...] | None = None
    """Own shape: residual blocks on the way down."""
    middle: int | None = None
    """Own shape: residual blocks at the last level."""
    decoder: tuple[int, ...] | None = None
    """Own shape: residual blocks on the way up."""

    def __post_init__(self) -> None:
        self._check_photos()
        self._check_ranges()
        if self.steps is not None and self.budget_s is not None:
            raise ConfigError("give either --steps or --budget, not both")
        if self.batch % self.devices:
            raise ConfigError(f"batch {self.batch} cannot be shared evenly by {self.devices} devices")
        if self.patch_px % self.scale:
            raise ConfigError(f"patch_px {self.patch_px} must be a multiple of the scale {self.scale}")
        own = (self.widths, self.encoder, self.middle, self.decoder)
        if any(part is None for part in own) != all(part is None for part in own):
            raise ConfigError("an own generator shape needs all of widths, encoder, middle and decoder")

    def _check_photos(self) -> None:
        if (self.pairs_lq is None) != (self.pairs_hq is None):
            raise ConfigError("--pairs needs two folders: the damaged photos and the good ones")
        if (self.hq is None) == (self.pairs_lq is None):
            raise ConfigError("training needs photos: give either --hq FOLDER or --pairs LQ_FOLDER HQ_FOLDER")

    def _check_ranges(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ConfigError(f"{name} must be one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name in _POSITIVE:
            if (value := getattr(self, name)) is not None and not value > 0:  # also refuses NaN
                raise ConfigError(f"{name} must be positive, got {value}")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must be 0 to 1, got {getattr(self, name)}")
        if not 0 <= self.noise_max <= 50 or not 1 <= self.jpeg_min <= 100:
            raise ConfigError(f"noise_max must be 0 to 50 and jpeg_min 1 to 100, got {self.noise_max}, {self.jpeg_min}")

    @property
    def total_steps(self) -> int | None:
        """Length in steps, or None when the clock decides."""
        return None if self.budget_s is not None else self.steps or DEFAULT_STEPS


_TUPLES: Final = ("widths", "encoder", "decoder")


def train_config(values: Mapping[str, object]) -> TrainConfig:
    """Settings from a mapping; unknown names are refused with the known ones listed.

    >>> train_config({"hq": "photos", "stepz": 10})
    Traceback (most recent call last):
    ...
    restore.errors.ConfigError: unknown setting 'stepz'; did you mean 'steps'?
    """
    known = {field.name for field in fields(TrainConfig)}
    for name in values:
        if name not in known:
            raise ConfigError(_unknown(name, known))
    ready: dict[str, Any] = {
        name: tuple(cast(list[int], value)) if name in _TUPLES and value is not None else value
        for name, value in values.items()
    }
    try:
        return TrainConfig(**ready)
    except TypeError as error:
        raise ConfigError(f"a setting has a value of the wrong kind: {error}") from error


def _unknown(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, sorted(known), n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    return f"unknown setting {name!r}; {hint}"


def load_toml(path: Path) -> dict[str, object]:
    """The settings in a TOML file; ConfigError names the file and the line that cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML ({error})") from error


def to_toml(config: TrainConfig) -> str:
    """The settings as TOML that ``load_toml`` reads back; settings without a value are left out.

    >>> to_toml(TrainConfig(hq="photos")).splitlines()[:3]
    ['task = "upscale"', 'scale = 4', 'size = "fast"']
    """
    return "".join(f"{name} = {_literal(value)}\n" for name, value in asdict(config).items() if value is not None)


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)
