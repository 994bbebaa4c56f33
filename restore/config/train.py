"""Settings of a training run: defaults here, then a TOML file, then flags; checked at the door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, cast, get_args

from restore.config import check
from restore.config.adversarial import AdversarialConfig
from restore.errors import ConfigError

Precision = Literal["auto", "float32", "bfloat16"]
_POSITIVE: Final = (
    *("batch", "patch_px", "scale", "lr", "clip", "devices", "cache_gb", "checkpoint_every_s", "validate_every_s"),
    *("steps", "budget_s", "threads", "max_drop_db"),
)
_CLEAN_SHARES: Final = ("noise_share", "jpeg_share", "blur_share")
_SHARES: Final = (
    *("ema", "clean_chance", "hidden_chance", "half_size_chance", "gray_chance", "coarse_chance"),
    *_CLEAN_SHARES,
)
DEFAULT_STEPS: Final = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Everything that decides what a training run does."""

    task: str = "upscale"
    """Which row of the task table to train."""
    scale: int = 4
    """Output size / input size: 2, 3 or 4; 1 for tasks that keep the size."""
    size: str = "fast"
    """Shape of the generator: fast or base; light for clean, pix2pix for translate."""
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
    shards: str | None = None
    """Tar shards (webdataset) of good photos or of pairs: a path or URL, with {000..012} for many."""
    align: bool = False
    """Shift damaged photos onto their partners where they are a little off."""
    init: str | None = None
    """Weights (name or file) to start from; parts that fit are taken, those of a narrower network lie in a corner of a
    wider one (see models.widen), a head of another scale is left fresh."""
    steps: int | None = None
    """Length of the run in steps; a run by steps is reproducible to the bit."""
    budget_s: float | None = None
    """Length of the run in seconds instead; the schedule follows the clock."""
    batch: int = 16
    """Patches per step, over all devices."""
    patch_px: int = 192
    """Side of a good patch in pixels; a multiple of the scale."""
    losses: Mapping[str, float] = field(default_factory=lambda: {"l1": 1.0})
    """What the generator minimises: rows of the table of losses, each with its weight."""
    adversarial: AdversarialConfig = field(default_factory=AdversarialConfig)
    """The discriminator and the game; off unless it has a weight."""
    backbone: str | None = None
    """File of pretrained features for the losses that need them; default: as for LPIPS."""
    max_drop_db: float = 1.0
    """How far the held-out PSNR (scratch: IoU in percent) may fall below its best before the run goes back to its last
    good state."""
    lr: float = 1e-3
    """Step size of AdamW at its peak."""
    betas: tuple[float, float] = (0.9, 0.99)
    """AdamW's two memories."""
    warmup_steps: int = 200
    """Steps over which the step size rises from zero."""
    clip: float = 0.5
    """Gradients are scaled down to this norm."""
    ema: float = 0.999
    """Share of the old average kept at each step; the averaged weights are what is exported."""
    clean_chance: float = 0.5
    """Share of patches that are only shrunk (clean: left as they are), with no noise or JPEG."""
    hidden_chance: float = 0.3
    """How often each part of the condition is hidden from the network, so that it also works blind."""
    half_size_chance: float = 0.0
    """Share of patches cut from a copy of half the size, whose colour and edges are cleaner than the file's."""
    gray_chance: float = 0.0
    """Share of patches whose colour is taken away, so that gray photos stay gray and are restored as well."""
    turns: bool = True
    """Turn patches by quarters too, not only mirror them; off where up and down matter."""
    noise_max: float = 25.0
    """Strongest noise made, in grey levels."""
    jpeg_min: int = 30
    """Worst JPEG quality made."""
    blur_max: float = 3.0
    """Strongest Gaussian blur made, as standard deviation in pixels (clean only)."""
    coarse_chance: float = 0.0
    """How often noise is coarse, as in photos that were scaled or developed in a camera (clean only)."""
    noise_share: float = 0.32
    """Of the patches that are spoilt, the share with noise alone (clean only); what the shares leave has a little of
    everything."""
    jpeg_share: float = 0.46
    """Likewise with JPEG damage alone, once or twice."""
    blur_share: float = 0.13
    """Likewise blurred, under light noise."""
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
    dilations: tuple[int, ...] = ()
    """Own shape: how far apart the taps of each block at the last level lie; empty: 1 for all."""

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
        if self.dilations and self.widths is None:
            raise ConfigError(
                "dilations belong to an own generator shape: give widths, encoder, middle and decoder too"
            )

    def _check_photos(self) -> None:
        if (self.pairs_lq is None) != (self.pairs_hq is None):
            raise ConfigError("--pairs needs two folders: the damaged photos and the good ones")
        if sum(source is not None for source in (self.hq, self.pairs_lq, self.shards)) != 1:
            raise ConfigError("training needs photos: give either --hq FOLDER, --pairs LQ_FOLDER HQ_FOLDER or --shards")

    def _check_ranges(self) -> None:
        check.choices(self, {"precision": get_args(Precision)})
        check.positive(self, _POSITIVE)
        check.shares(self, _SHARES)
        check.betas(self)
        if not 0 <= self.blur_max <= 4:
            raise ConfigError(f"blur_max must be 0 to 4 pixels, got {self.blur_max}")
        if (total := sum(getattr(self, name) for name in _CLEAN_SHARES)) > 1 + 1e-9:
            raise ConfigError(f"{', '.join(_CLEAN_SHARES)} must come to 1 at most, got {total:g}")
        if not 0 <= self.noise_max <= 50 or not 1 <= self.jpeg_min <= 100:
            raise ConfigError(f"noise_max must be 0 to 50 and jpeg_min 1 to 100, got {self.noise_max}, {self.jpeg_min}")

    @property
    def total_steps(self) -> int | None:
        """Length in steps, or None when the clock decides."""
        return None if self.budget_s is not None else self.steps or DEFAULT_STEPS


_TUPLES: Final = ("widths", "encoder", "decoder", "dilations", "betas")


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
            raise ConfigError(check.unknown(name, known))
    try:
        return TrainConfig(**{name: _ready(name, value) for name, value in values.items()})
    except TypeError as error:
        raise ConfigError(f"a setting has a value of the wrong kind: {error}") from error


def _ready(name: str, value: object) -> Any:
    """A value as TOML or a flag gives it, as the setting holds it."""
    if name in _TUPLES and value is not None:
        return tuple(cast(list[int], value))
    if name == "adversarial" and isinstance(value, Mapping):
        known = {field.name for field in fields(AdversarialConfig)}
        for inner in value:
            if inner not in known:
                raise ConfigError(f"[adversarial] {check.unknown(inner, known)}")
        return AdversarialConfig(**{inner: _ready(inner, given) for inner, given in value.items()})
    return value
