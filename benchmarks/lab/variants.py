"""The table of the lab: each row changes one thing, and says against what, by which figure, and whose idea it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from torch import Tensor, nn

from lab import holes, same_size
from lab.bench import Bench
from lab.layers import add_attention, add_batch_norm, add_spectral_norm, orthogonality, start_as_dcgan
from lab.probe import probe
from lab.upscale import GAME, Game, best_blend, game_figures, pixel_figures, played
from restore.config.adversarial import AdversarialConfig

Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number that decides."""

    name: str
    higher: bool
    """Whether more is better."""
    worth: float
    """The least difference for which a setting is worth having."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One row; without ``baseline`` it is what others are compared with."""

    change: str
    paper: str
    run: Callable[[Bench, int], Figures]
    figure: Figure
    baseline: str | None = None


LPIPS: Final = Figure(name="lpips", higher=False, worth=0.002)
PSNR: Final = Figure(name="psnr_y", higher=True, worth=0.02)
HOLE: Final = Figure(name="hole_psnr", higher=True, worth=0.05)
GAIN: Final = Figure(name="gain_db", higher=True, worth=0.05)
DENOISED: Final = Figure(name="psnr", higher=True, worth=0.05)
APART: Final = Figure(name="grey_levels_apart", higher=True, worth=2.0)
NAMED: Final = Figure(name="damage_named", higher=True, worth=0.03)
CONSISTENT: Final = Figure(name="lr_psnr", higher=True, worth=1.0)
_ORTHOGONAL = 1e-4
"""BigGAN's weight."""
_SMALL, _USUAL, _LARGE = (32, 32), (64, 8), (128, 2)
"""Side and number of patches: as many pixels in a step each time."""


def _orthogonal(network: nn.Module) -> Tensor:
    return _ORTHOGONAL * orthogonality(network)


def _start_discriminator(network: nn.Module) -> None:
    """DCGAN's start, before spectral norm divides by the norm: the raw weights are what is drawn."""
    for name, parameter in network.named_parameters():
        if name.endswith("original"):
            nn.init.normal_(parameter, 0.0, 0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)


BASE_GAME: Final = Game(name="game")
PICTURE: Final = Game(name="whole picture", config=replace(GAME, residual=False))
UNCONDITIONAL: Final = Game(name="unconditional D", config=PICTURE.config, conditional=False)


def _game(change: str, paper: str, game: Game, figure: Figure = LPIPS, baseline: str = "game") -> Variant:
    return Variant(
        change=change,
        paper=paper,
        run=lambda bench, seed: game_figures(bench, seed, game),
        figure=figure,
        baseline=baseline,
    )


def _settings(change: str, paper: str, name: str, config: AdversarialConfig) -> Variant:
    """A game with other settings of the library."""
    return _game(change, paper, Game(name=name, config=config))


def _raw(bench: Bench, seed: int) -> Figures:
    end = played(bench, seed, BASE_GAME)
    return best_blend(bench, end.start, end.raw)


def _pixel(change: str, paper: str, run: Callable[[Bench, int], Figures], baseline: str | None = "pixels") -> Variant:
    return Variant(change=change, paper=paper, run=run, figure=PSNR, baseline=baseline)


def _hole(change: str, paper: str, run: Callable[[Bench, int], Figures], figure: Figure = HOLE) -> Variant:
    return Variant(change=change, paper=paper, run=run, figure=figure, baseline="holes")


_OBJECTIVES: Final[Mapping[str, tuple[str, AdversarialConfig]]] = {
    "non-saturating": ("GAN 2014", replace(GAME, objective="non-saturating")),
    "minimax": ("GAN 2014", replace(GAME, objective="minimax")),
    "least-squares": ("LSGAN", replace(GAME, objective="least-squares")),
    "relativistic": ("ESRGAN", replace(GAME, objective="relativistic")),
    "wasserstein": ("WGAN-GP", replace(GAME, objective="wasserstein", norm="none")),
}

VARIANTS: Final[Mapping[str, Variant]] = {
    "game": Variant(
        change="L1, then L1 + hinge game", paper="", run=lambda b, s: game_figures(b, s, BASE_GAME), figure=LPIPS
    ),
    "L1 only": _game("no game, L1 for as many steps", "GAN, pix2pix", Game(name="L1 only", config=AdversarialConfig())),
    "whole picture": _game("D sees the picture, not the change", "", PICTURE),
    "unconditional D": _game("D sees the picture alone", "CGAN, pix2pix", UNCONDITIONAL, baseline="whole picture"),
    **{name: _settings(f"objective {name}", paper, name, config) for name, (paper, config) in _OBJECTIVES.items()},
    "no EMA": Variant(
        change="raw weights after the same game", paper="BigGAN, ProGAN", run=_raw, figure=LPIPS, baseline="game"
    ),
    "orthogonal": _game("orthogonal regularisation of G, 1e-4", "BigGAN", Game(name="orthogonal", penalty=_orthogonal)),
    "spectral norm in G": _game(
        "spectral norm in G too", "SAGAN", Game(name="spectral norm in G", change=add_spectral_norm)
    ),
    "no spectral norm": _settings("D without spectral norm", "SN-GAN", "no spectral norm", replace(GAME, norm="none")),
    "TTUR": _settings("D learns four times as fast", "SAGAN", "TTUR", replace(GAME, lr=4 * GAME.lr)),
    "beta1 0.5": _settings("Adam's beta1 0.5 in D", "DCGAN", "beta1 0.5", replace(GAME, betas=(0.5, 0.99))),
    "DCGAN start of D": _game(
        "D's weights from N(0, 0.02)", "DCGAN", Game(name="DCGAN start of D", start_discriminator=_start_discriminator)
    ),
    "consistency": _game(
        "the row consistency, weight 1",
        "MirrorGAN",
        Game(name="consistency", losses={"l1": 1.0, "consistency": 1.0}),
        CONSISTENT,
    ),
    "feature matching": _settings(
        "feature matching, weight 0.1", "pix2pixHD", "feature matching", replace(GAME, feature_matching=0.1)
    ),
    "two scales": _settings("D at full and at half size", "pix2pixHD", "two scales", replace(GAME, scales=2)),
    "34 px": _settings("D sees 34 px instead of 70", "pix2pix", "34 px", replace(GAME, layers=2)),
    "R1": _settings("R1, weight 1, every 16 steps", "StyleGAN, LaMa", "R1", replace(GAME, r1=1.0)),
    "from scratch": _game(
        "the game from the first step, as many steps in all",
        "SRGAN",
        Game(name="from scratch", pixels_first=False),
    ),
    "probe of a random D": Variant(
        change="linear probe of D's features, D untrained",
        paper="",
        run=lambda b, s: probe(b, s, played(b, s, UNCONDITIONAL).untrained),
        figure=NAMED,
    ),
    "probe": Variant(
        change="the same after the game",
        paper="O-GAN",
        run=lambda b, s: probe(b, s, played(b, s, UNCONDITIONAL).discriminator),
        figure=NAMED,
        baseline="probe of a random D",
    ),
    "pixels": _pixel("L1, 64 px patches", "", pixel_figures, None),
    "large patches": _pixel("128 px patches, as many pixels", "", lambda b, s: pixel_figures(b, s, phases=(_LARGE,))),
    "growing patches": _pixel(
        "patches of 32, then 64, then 128 px",
        "ProGAN",
        lambda b, s: pixel_figures(b, s, phases=(_SMALL, _USUAL, _LARGE)),
        "large patches",
    ),
    "batch norm in G": _pixel(
        "batch norm in G's blocks", "DCGAN, SRResNet", lambda b, s: pixel_figures(b, s, change=add_batch_norm)
    ),
    "DCGAN start of G": _pixel(
        "G's weights from N(0, 0.02)", "DCGAN", lambda b, s: pixel_figures(b, s, change=start_as_dcgan)
    ),
    "spectral norm, L1": _pixel(
        "spectral norm in G", "SAGAN", lambda b, s: pixel_figures(b, s, change=add_spectral_norm)
    ),
    "holes": Variant(change="L1 in wide holes", paper="", run=holes.fill, figure=HOLE),
    "attention": _hole(
        "self-attention at the bottleneck", "SAGAN", lambda b, s: holes.fill(b, s, change=add_attention)
    ),
    "coarse to fine": _hole("L1 at quarter size too, weight 0.5", "StackGAN", holes.fill_coarse_too),
    "code, not recovered": Variant(
        change="code beside the picture, nothing asked of it",
        paper="",
        run=lambda b, s: holes.fill_by_code(b, s, recovered=False),
        figure=APART,
    ),
    "code, recovered": Variant(
        change="a head must read the code from the fill",
        paper="InfoGAN",
        run=lambda b, s: holes.fill_by_code(b, s, recovered=True),
        figure=APART,
        baseline="code, not recovered",
    ),
    "three networks": Variant(
        change="a network for each of three tasks",
        paper="",
        run=lambda b, s: same_size.three_tasks(b, s, shared=False),
        figure=GAIN,
    ),
    "three narrow networks": Variant(
        change="a narrower network for each, a third of the parameters",
        paper="",
        run=lambda b, s: same_size.three_tasks(b, s, shared=False, widths=same_size.NARROW),
        figure=GAIN,
        baseline="three networks",
    ),
    "shared trunk": Variant(
        change="one trunk, own stems and heads, about as many parameters",
        paper="CoGAN",
        run=lambda b, s: same_size.three_tasks(b, s, shared=True),
        figure=GAIN,
        baseline="three narrow networks",
    ),
    "noise not told": Variant(
        change="one network for noise of 0 to 50, told nothing",
        paper="",
        run=lambda b, s: same_size.noise(b, s, told=False),
        figure=DENOISED,
    ),
    "noise told": Variant(
        change="the level in a condition map",
        paper="CGAN",
        run=lambda b, s: same_size.noise(b, s, told=True),
        figure=DENOISED,
        baseline="noise not told",
    ),
}


def with_baselines(names: list[str]) -> list[str]:
    """``names`` and all that they are compared with, in the table's order."""
    wanted = set(names)
    for name in names:
        while (baseline := VARIANTS[name].baseline) is not None:
            wanted.add(baseline)
            name = baseline  # noqa: PLW2901 - walks up to the first
    return [name for name in VARIANTS if name in wanted]
