"""Settings of unpaired training: two folders that do not match, damaged photos and good ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, Literal, get_args

from restore.config import check
from restore.errors import ConfigError

DiscriminatorNorm = Literal["spectral", "none"]
Objective = Literal["least-squares", "hinge"]
Precision = Literal["auto", "float32", "bfloat16"]
DEFAULT_STEPS: Final = 20_000
_STEM: Final = 2
"""The generator that repairs works behind a pixel-unshuffle of 2."""
_POSITIVE: Final = (
    *("batch", "patch_px", "discriminator_width", "discriminator_layers", "replay", "lr", "cache_gb"),
    *("checkpoint_every_s", "sample_every_s", "steps", "budget_s", "threads"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleConfig:
    """Everything that decides what an unpaired run does. The defaults are CycleGAN's where it has any.

    Source: Zhu, Park, Isola and Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial
    Networks", ICCV 2017.
    """

    damaged: str
    """Folder of damaged photos: scans, old prints, whatever is to be repaired."""
    good: str
    """Folder of good photos, of other scenes."""
    run: str = "run"
    """Folder for weights, checkpoints, journal and samples."""
    steps: int | None = None
    """Length of the run in steps; a run by steps is reproducible to the bit."""
    budget_s: float | None = None
    """Length of the run in seconds instead; the schedule follows the clock."""
    batch: int = 4
    """Patches per step from each folder."""
    patch_px: int = 128
    """Side of a patch in pixels."""
    widths: tuple[int, ...] = (32, 64)
    """Shape of the generator that repairs: channels per level. The one that spoils has the first level alone."""
    encoder: tuple[int, ...] = (1,)
    """Residual blocks on the way down; the generator that spoils has as many blocks in all."""
    middle: int = 2
    """Residual blocks at the last level."""
    decoder: tuple[int, ...] = (1,)
    """Residual blocks on the way up."""
    discriminator_width: int = 32
    """Channels of the first layer of both discriminators."""
    discriminator_layers: int = 3
    """Strided layers of both: 1, 2, 3 see 16, 34, 70 pixels."""
    objective: Objective = "hinge"
    """What the two play for; see losses.adversarial. The paper's least-squares needs spectral norm here: without, its
    pull grows with the discriminator's own numbers, and the game has run away."""
    discriminator_norm: DiscriminatorNorm = "none"
    """spectral: no layer stretches anything (SN-GAN), which is gentle and slow; or none, held by ``r1``."""
    r1: float = 0.01
    """Weight of the squared gradient of both discriminators at real pictures (R1); 0: none. It keeps a discriminator
    without norm from growing without end."""
    augment: float = 0.0
    """Chance that the discriminators see their patches augmented (DiffAugment); for a few dozen photos."""
    lambda_cycle: float = 10.0
    """Weight of coming back: spoiled and repaired, a photo should be the one it was."""
    lambda_identity: float = 1.0
    """Weight of leaving alone: a good photo needs no repair. Keeps the colours where they are; the paper's 5 also
    keeps the networks where they start, so that nothing is learnt for a long time."""
    hiding_noise: float = 4.0
    """Noise, in grey levels, over spoiled photos before they are repaired again, so that nothing can be hidden in
    them that a real scan would not show."""
    replay: int = 50
    """Made patches of earlier steps that the discriminators are shown again."""
    lr: float = 2e-4
    """Step size of Adam, for all four networks."""
    betas: tuple[float, float] = (0.5, 0.999)
    """Adam's two memories."""
    decay_from: float = 0.5
    """Share of the run after which the step size falls on a line to zero."""
    ema: float = 0.999
    """Share of the old average kept at each step; the averaged weights are what is exported."""
    seed: int = 0
    """All randomness comes from this number and the step."""
    precision: Precision = "auto"
    """Arithmetic of the networks; auto is bfloat16 where the device computes it natively."""
    device: str = "auto"
    """auto, cpu, cuda or mps."""
    threads: int | None = None
    """CPU threads."""
    checkpoint_every_s: float = 180.0
    """Seconds between checkpoints."""
    sample_every_s: float = 300.0
    """Seconds between sample sheets."""
    cache_gb: float = 2.0
    """Decoded photos kept in memory, in gigabytes."""
    resume: bool = False
    """Go on from the checkpoint in ``run``."""

    def __post_init__(self) -> None:
        check.choices(
            self,
            {
                "discriminator_norm": get_args(DiscriminatorNorm),
                "objective": get_args(Objective),
                "precision": get_args(Precision),
            },
        )
        check.positive(self, _POSITIVE)
        check.not_negative(self, ("lambda_cycle", "lambda_identity", "hiding_noise", "r1"))
        check.shares(self, ("augment", "decay_from", "ema"))
        check.betas(self)
        if self.steps is not None and self.budget_s is not None:
            raise ConfigError("give either --steps or --budget, not both")
        multiple = _STEM << (len(self.widths) - 1)
        least = 3 << self.discriminator_layers
        if self.patch_px % multiple or self.patch_px < least:
            raise ConfigError(
                f"patch_px must be a multiple of {multiple}, for generators of {len(self.widths)} levels, and at least "
                f"{least}, for discriminators of {self.discriminator_layers} layers; got {self.patch_px}"
            )

    @property
    def total_steps(self) -> int | None:
        """Length in steps, or None when the clock decides."""
        return None if self.budget_s is not None else self.steps or DEFAULT_STEPS


def cycle_config(values: Mapping[str, object]) -> CycleConfig:
    """Settings from a mapping, as TOML or flags give it; ConfigError for unknown names and unfit values.

    >>> cycle_config({"damaged": "scans", "good": "photos", "stepz": 64})
    Traceback (most recent call last):
    ...
    restore.errors.ConfigError: unknown setting 'stepz'; did you mean 'steps'?
    """
    known = {field.name for field in fields(CycleConfig)}
    for name in values:
        if name not in known:
            raise ConfigError(check.unknown(name, known))
    if missing := sorted({"damaged", "good"} - values.keys()):
        raise ConfigError(f"unpaired training needs two folders; missing: --{' and --'.join(missing)}")
    ready: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    try:
        return CycleConfig(**ready)
    except TypeError as error:
        raise ConfigError(f"a setting has a value of the wrong kind: {error}") from error


def cycle_toml(config: CycleConfig) -> str:
    """The settings as TOML that ``load_toml`` and :func:`cycle_config` read back; those without a value are left out.

    >>> cycle_toml(CycleConfig(damaged="scans", good="photos")).splitlines()[:3]
    ['damaged = "scans"', 'good = "photos"', 'run = "run"']
    """
    told = {name: value for name, value in asdict(config).items() if value is not None}
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in told.items())
