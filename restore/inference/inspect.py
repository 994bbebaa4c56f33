"""What is wrong with a photo, measured from its file and its pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor

from restore.inference.kinds import as_photo
from restore.inference.measure_blur import blur_of, edge_width, is_one_sided
from restore.inference.measure_jpeg import Trace, find_traces, worst_quality
from restore.inference.measure_movement import Movement, movement
from restore.inference.measure_noise import CODED_BELOW, measure_noise
from restore.inference.measure_tone import Tone, clipped_shares, has_bands, has_few_colours, tone_of
from restore.inference.samples import sample
from restore.io.photo import Photo
from restore.tasks import LONGEST_MOTION, Condition

NO_NOISE: Final = 3.0
"""Grey levels; less hardly shows and cannot be told from fine texture: a network is told that there is none."""
LEAST_NOISE: Final = 0.5
"""Grey levels, in a blurred photo: fine texture is gone there, and what is left is noise that sharpening brings out."""
NO_BLUR: Final = 0.9
"""Pixels; photos that nobody would call blurred differ by so much: a network is told that there is none."""
FAINT_JPEG: Final = 90
"""Above this quality, the traces of a JPEG in a picture that is none any more count as nothing."""
DENOISE_FROM: Final = 5.0
"""Grey levels from which on denoising is suggested."""
CODED_DOUBT: Final = 2.0
"""Grey levels more where a JPEG has smoothed the noise: texture it has smoothed looks the same."""
DEJPEG_BELOW: Final = 80
"""Quality below which undoing JPEG damage is suggested."""
DEBLUR_FROM: Final = 1.2
"""Pixels of blur from which on sharpening is suggested."""
_VERY_SOFT: Final = 2.0
_QUALITY_SLACK: Final = 6
"""Tables of cameras and of Photoshop are compared with the standard ones by their sums: so far they may be off."""
_LOSSY: Final = ("JPEG", "WEBP", "AVIF", "HEIF")
_ALWAYS: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a photo's file and pixels tell."""

    noise: float
    """Standard deviation of the noise in grey levels, 0 to 50; below 3, fine texture looks the same."""
    file_quality: int | None
    """Of a JPEG, 1 to 100, by the tables in its file."""
    seen_quality: int | None
    """The lowest JPEG quality that the pixels show, 1 to 100; None where they show no JPEG."""
    twice: bool
    """Whether the photo was a JPEG before it became the one it is (or the last one that it was)."""
    blur: float | None
    """Gaussian-equivalent standard deviation in pixels, 0 to 4; None where it cannot be told."""
    movement: Movement | None = None
    """How the camera moved, where that is what blurred the photo; ``blur`` is its spread then."""
    shaken: bool = False
    """Whether the camera moved on a way that cannot be told: too far, or unevenly; ``blur`` is None then."""
    coarse: bool = False
    """Whether the noise is coarser than white noise, as scaling and cameras make it; seen from 5 grey levels on."""
    tone: Tone = "colour"
    """What the pixels show, whatever the type of the file."""
    black: float = 0.0
    """Share of pixels that are wholly black, 0 to 1."""
    white: float = 0.0
    bands: bool = False
    """Whether smooth tones are broken into bands, and not by a JPEG."""
    few_colours: bool = False
    """Whether it is drawn or dithered: its dots and strokes are no noise, and nothing is suggested."""

    @property
    def quality(self) -> int | None:
        """The lowest JPEG quality that the photo has been through, by its file and its pixels; None: never a JPEG."""
        return min((part for part in (self.file_quality, self.seen_quality) if part is not None), default=None)

    @property
    def condition(self) -> Condition:
        """What a network is told is wrong."""
        faint = self.file_quality is None and self.quality is not None and self.quality > FAINT_JPEG
        soft = self.movement is not None or (self.blur is not None and self.blur >= NO_BLUR)
        return Condition(
            noise=self.noise if self.noise >= (LEAST_NOISE if soft else NO_NOISE) else 0.0,
            jpeg=_ALWAYS if self.quality is None or faint else float(self.quality),
            blur=None if self.shaken else self.blur if soft else 0.0,
            angle=None if self.movement is None else round(self.movement.angle, 1),
        )

    @property
    def suggested(self) -> tuple[str, ...]:
        """Steps that would help, as ``restore run --steps`` takes them; none for a photo with nothing much wrong."""
        return (
            *(["dejpeg"] if self.quality is not None and self.quality < DEJPEG_BELOW else []),
            *(["denoise"] if self.noise >= DENOISE_FROM + self._doubt else []),
            *(["deblur"] if self.movement or (self.blur is not None and self.blur >= DEBLUR_FROM) else []),
        )

    @property
    def words(self) -> str:
        """All of it in a line for people."""
        return ", ".join(
            [
                self._noise_words(),
                self._jpeg_words(),
                self._blur_words(),
                f"gray: {({'colour': 'no', 'gray': 'yes'}).get(self.tone, self.tone)}",
                f"clipped: {self.black + self.white:.0%}".replace("%", " %"),
                *(["bands"] if self.bands else []),
                *(["few colours: drawn or dithered"] if self.few_colours else []),
            ]
        )

    @property
    def _doubt(self) -> float:
        sure = self.coarse or self.quality is None or self.quality >= CODED_BELOW
        return 0.0 if sure else CODED_DOUBT

    def _noise_words(self) -> str:
        if self.noise < NO_NOISE:
            return "no noise"
        return f"{'coarse ' if self.coarse else ''}noise {self.noise:.0f}"

    def _jpeg_words(self) -> str:
        if self.quality is None:
            return "no JPEG"
        former = "" if self.file_quality is not None else "former "
        return f"{former}JPEG q {self.quality}{' (twice)' if self.twice else ''}"

    def _blur_words(self) -> str:
        if self.shaken:
            return "shaken"
        if self.blur is None:
            return "no edges"
        if self.movement is not None:
            return f"moved ({self.movement.length:.0f} px at {self.movement.angle:.0f}°)"
        if self.blur < DEBLUR_FROM:
            return "sharp"
        return f"{'slightly soft' if self.blur < _VERY_SOFT else 'blurred'} ({self.blur:.1f} px)"


@torch.no_grad()
def inspect(photo: object) -> Findings:
    """Measure what is wrong with a photo: a path, bytes, a PIL image, a numpy array or a :class:`Photo`.

    Large photos are measured by parts. Raises ImageError for what is no picture, ConfigError for other things.
    """
    opened = as_photo(photo)
    parts = sample(opened.pixels).clamp(0, 1)
    black, white = clipped_shares(parts)
    damage = _damage(parts, _file_quality(opened), halved=_halves_colour(opened))
    blocks = damage.quality is not None and damage.quality < DEJPEG_BELOW  # the blocks of a JPEG are bands, too
    return replace(
        damage, tone=tone_of(parts, damage.noise), black=black, white=white, bands=not blocks and has_bands(parts)
    )


def condition_of(photo: Photo, *, blur: bool = True) -> Condition:
    """What is wrong with a photo, as a network is told; the blur is left unknown unless it is wanted.

    Of a JPEG its file tells the quality, unless the pixels show that it was once a worse one.
    """
    return _condition(photo.pixels, _file_quality(photo), halved=_halves_colour(photo), blur=blur)


def condition_of_pixels(pixels: Tensor, *, blur: bool = True) -> Condition:
    """What (3,H,W) pixels in [0,1] show to be wrong with them."""
    return _condition(pixels, None, halved=False, blur=blur)


@torch.no_grad()
def estimate_noise(pixels: Tensor) -> float:
    """Standard deviation of the noise in (3,H,W) pixels in [0,1], in grey levels of 255: 0, or 3 to 50."""
    parts = sample(pixels).clamp(0, 1)
    noise = measure_noise(parts, next(iter(find_traces(parts)), None)).level
    return noise if noise >= NO_NOISE else 0.0


@torch.no_grad()
def round_blur(pixels: Tensor) -> float | None:
    """Standard deviation in pixels, 0 to 4, of the round blur of (3,H,W) pixels in [0,1], whatever moved; None where
    there are no edges to tell by.
    """
    parts = sample(pixels).clamp(0, 1)
    return blur_of(edge_width(parts, measure_noise(parts, next(iter(find_traces(parts)), None)).level))


@torch.no_grad()
def shows_jpeg_grid(pixels: Tensor) -> bool:
    """Whether (3,H,W) pixels in [0,1] were once a JPEG, seen by its blocks wherever they begin.

    Finds qualities up to about 95; not a picture that was resized since.
    """
    return bool(find_traces(sample(pixels).clamp(0, 1)))


def _halves_colour(photo: Photo) -> bool:
    """Whether the file may have kept colours at half size, as lossy formats do."""
    return photo.format in _LOSSY and not photo.lossless


def _file_quality(photo: Photo) -> int | None:
    return photo.quality if photo.format == "JPEG" else None


@torch.no_grad()
def _condition(pixels: Tensor, file_quality: int | None, *, halved: bool, blur: bool) -> Condition:
    told = _damage(sample(pixels).clamp(0, 1), file_quality, halved=halved, blur=blur).condition
    return told if blur else replace(told, blur=None)


def _damage(parts: Tensor, file_quality: int | None, *, halved: bool = False, blur: bool = True) -> Findings:
    """Noise, JPEG damage and blur of (N,3,h,w) in [0,1]."""
    if file_quality is None and has_few_colours(parts):
        blank = Findings(noise=0.0, file_quality=None, seen_quality=None, twice=False, blur=0.0 if blur else None)
        return replace(blank, few_colours=True)
    traces = find_traces(parts)
    unseen = None if file_quality is None else Trace(file_quality, 0, 0, 0.0)
    noise = measure_noise(parts, next(iter(traces), unseen), halved=halved)
    moved = movement(parts) if blur else None
    shaken = blur and moved is None and is_one_sided(parts, noise.level)
    if moved is not None:
        moved = replace(moved, length=min(moved.length, LONGEST_MOTION))
        width = Condition.of_motion(moved.length, moved.angle).blur
    else:
        width = blur_of(edge_width(parts, noise.level)) if blur and not shaken else None
    return Findings(
        noise=noise.level,
        coarse=noise.coarse,
        file_quality=file_quality,
        seen_quality=worst_quality(traces),
        twice=len(traces) > 1 or _was_worse(file_quality, traces),
        blur=width,
        movement=moved,
        shaken=shaken,
    )


def _was_worse(file_quality: int | None, traces: tuple[Trace, ...]) -> bool:
    """Whether the one JPEG that the pixels show cannot be the file's own."""
    return file_quality is not None and bool(traces) and traces[0].quality < file_quality - _QUALITY_SLACK
