"""Settings of the discriminator and of the game between the two networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from restore.config import check
from restore.errors import ConfigError

Objective = Literal["non-saturating", "minimax", "least-squares", "hinge", "wasserstein", "relativistic"]
DiscriminatorKind = Literal["patch", "unet"]
DiscriminatorNorm = Literal["spectral", "batch", "none"]
_CHOICES: Final = {
    "objective": get_args(Objective),
    "discriminator": get_args(DiscriminatorKind),
    "norm": get_args(DiscriminatorNorm),
}
_PREFIX: Final = "adversarial."


@dataclass(frozen=True, slots=True, kw_only=True)
class AdversarialConfig:
    """The ``[adversarial]`` table of a recipe; with a ``weight`` of 0 there is no discriminator at all."""

    weight: float = 0.0
    """Share of the adversarial loss in the generator's loss (with ``adaptive``: of its gradient)."""
    objective: Objective = "hinge"
    """What the two play for; see losses.adversarial."""
    discriminator: DiscriminatorKind = "patch"
    """patch: a verdict per patch (PatchGAN); unet: a verdict per pixel."""
    width: int = 64
    """Channels of the discriminator's first layer."""
    layers: int = 3
    """Strided layers of a patch discriminator: 1, 2, 3, 5 see 16, 34, 70, 286 pixels."""
    scales: int = 1
    """Patch discriminators at full, half and quarter size: 1 to 3."""
    norm: DiscriminatorNorm = "spectral"
    """spectral: no layer stretches anything (SN-GAN); batch: as in pix2pix; none."""
    residual: bool = True
    """Show the discriminator what was added to the input rather than the whole picture (restoration tasks only)."""
    lr: float = 1e-4
    """Step size of the discriminator; it falls with the generator's, and may differ from it (TTUR)."""
    betas: tuple[float, float] = (0.9, 0.99)
    """Adam's two memories for the discriminator."""
    warmup_steps: int = 200
    """Steps in which only the discriminator learns."""
    ramp_steps: int = 1000
    """Steps after the warm-up over which the adversarial and matching weights rise from zero."""
    feature_matching: float = 0.0
    """Weight of the distance between the discriminator's features of result and truth (pix2pixHD)."""
    adaptive: bool = False
    """Scale the adversarial loss so that its gradient is ``weight`` times that of the other losses (VQGAN)."""
    r1: float = 0.0
    """Weight of the squared gradient at real pictures (R1); 0: none."""
    r1_every: int = 16
    """Steps between R1 penalties (lazy regularisation; each counts for all of them)."""
    gradient_penalty: float = 10.0
    """Weight of WGAN-GP's penalty; only for the Wasserstein objective."""
    augment: float = 0.0
    """Chance that the discriminator sees a batch augmented (DiffAugment); for small data."""
    augment_target: float = 0.0
    """Above 0: ``augment`` is moved so that this share of real verdicts is right (ADA; 0.6 is usual)."""
    lecam: float = 0.0
    """Weight of the LeCam regulariser; for small data."""
    flat_share: float = 1.0
    """How much of the adversarial loss flat areas get; below 1 keeps invented grain out of skies."""

    def __post_init__(self) -> None:
        check.choices(self, _CHOICES, prefix=_PREFIX)
        check.positive(self, ("width", "layers", "scales", "lr", "r1_every"), prefix=_PREFIX)
        check.not_negative(
            self,
            ("weight", "warmup_steps", "ramp_steps", "feature_matching", "r1", "gradient_penalty", "lecam"),
            prefix=_PREFIX,
        )
        check.shares(self, ("augment", "augment_target", "flat_share"), prefix=_PREFIX)
        check.betas(self, prefix=_PREFIX)
        if self.objective == "wasserstein" and self.norm == "batch":
            raise ConfigError("adversarial.norm batch cannot go with wasserstein: its penalty is per picture")
        if self.scales > 3:
            raise ConfigError(f"adversarial.scales must be 1 to 3, got {self.scales}")

    @property
    def on(self) -> bool:
        """Whether a discriminator is trained at all."""
        return self.weight > 0 or self.feature_matching > 0
