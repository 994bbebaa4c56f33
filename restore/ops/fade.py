"""Faded prints: black that has become grey, white that has become dull, and the cast that dyes leave as they go.

All of it in linear light, where fading and a veil are a factor and a sum for each colour. Nothing is ever cut off: what
lies beyond the black and the white point is drawn together, so each curve rises everywhere, and ends where it ended.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn import functional as F

from restore.ops.color import luma

AUTO_STRENGTH: Final = 75.0
"""Of what could be done, when nobody asks for more: what is left is what a print may keep of its age."""
BLACK_FROM: Final = 0.17
"""From here on black counts as faded; of 206 good photos one in ten has none darker, most of them of fog or snow."""
WHITE_BELOW: Final = 0.62
"""Below this white counts as faded; of those photos one in fifty has none brighter."""
CAST_FROM: Final = (0.06, 0.15)
"""Differences between the colours' black points, and between their white points, that together are a strong cast."""
_NEUTRAL: Final = 0.06
"""Difference between the channels of a pixel that counts as gray."""
_NEUTRAL_SHARE: Final = 0.02
"""Where more pixels than this, of the dark, the middle or the bright third, are gray, nothing has a cast."""
_BORDER: Final = 0.08
"""Share of each side that is not looked at: the border of the print, its worn edge, the lid of the scanner."""
_TAIL: Final = 0.005
"""Share of the pixels that are darker than the black point, and brighter than the white point: dust, glints, noise."""
_BLACK, _WHITE = 0.04, 0.98
"""Where the points are taken to; one that is beyond already stays."""
_MOST_GAIN: Final = 1.6
"""Factor by which the white point rises at most, in linear light: a photo need not hold anything white."""
_WHITE_SHARE: Final = 0.5
"""How much of the difference between the white points counts as cast: the brightest thing may have a colour."""
_LEAST_PX: Final = 1000
_MOST_PX: Final = 1_000_000
"""About so many pixels are looked at."""
_BAND_ROWS: Final = 256
"""So many rows are worked on at once."""
_LEAST_GAP: Final = 0.1
"""Black and white that are nearer are no print."""
_SEEN: Final = 0.5
_CELL_PX: Final = 4
"""Tones are judged by the means of squares of this side: grain has colours of its own."""
_BRIGHTNESSES: Final = 16
_TONE_SHARE: Final = 0.8
"""So many of the squares of a toned print have its tone; the others are stains, or where its tone changes."""
_TONE_OFF: Final = 0.045
"""How far off their tone they are at most, against the contrast. Measured: four sepia prints have 0.007 to 0.034, of
179 good photos one in twenty has less than about 0.03, and colour photos usually 0.1."""

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Fade:
    """Where black and white of a photo lie, 0 to 1 as stored in sRGB, for red, green and blue."""

    black: Colour
    white: Colour
    toned: bool
    """Whether it has one tone, like sepia, which is to stay: all colours are told as the strongest of each pixel."""
    gray_share: float
    """Of the dark, the middle and the bright third of the pixels, the share that is gray in the one that has most."""

    @property
    def faded(self) -> bool:
        """Whether black is far from black, or white from white."""
        return _gray(self.black) > BLACK_FROM or _gray(self.white) < WHITE_BELOW

    @property
    def cast(self) -> bool:
        """Whether everything has a colour, down to what should be black, white or gray. Not so in a toned photo."""
        apart = (max(points) - min(points) for points in (self.black, self.white))
        strong = all(difference >= least for difference, least in zip(apart, CAST_FROM, strict=True))
        return strong and not self.toned and self.gray_share < _NEUTRAL_SHARE

    @property
    def strength(self) -> float:
        """How much of it to undo where nobody said: 0 for a photo that is well exposed."""
        return AUTO_STRENGTH if self.faded or self.cast else 0.0


def fade_of(image: Tensor, known: Tensor | None = None) -> Fade | None:
    """The fade of (1,3,H,W) in [0,1], or None where there is too little to tell by.

    ``known`` (1,1,H,W) is 1 where the picture may be looked at and 0 in holes, and where it is transparent. The border
    of the picture, 8 % of each side, is not looked at either.
    """
    height, width = image.shape[-2:]
    rows, columns = (slice(round(_BORDER * side), side - round(_BORDER * side)) for side in (height, width))
    inner = image[..., rows, columns]
    seen = torch.ones_like(inner[:, :1]) if known is None else (known[..., rows, columns] >= _SEEN).to(inner)
    step = max(1, round(math.sqrt(height * width / _MOST_PX)))
    pixels = inner[0, :, ::step, ::step].flatten(1)[:, seen[0, 0, ::step, ::step].flatten() > 0]
    if pixels.shape[1] < _LEAST_PX:
        return None
    toned = _has_one_tone(inner, seen)
    black, white = _points(pixels.amax(dim=0, keepdim=True).expand(3, -1) if toned else pixels)
    if min(high - low for low, high in zip(black, white, strict=True)) < _LEAST_GAP:
        return None
    gray = pixels.amax(dim=0) - pixels.amin(dim=0) < _NEUTRAL
    thirds = luma(pixels[None, :, None]).flatten().argsort().tensor_split(3)
    return Fade(black, white, toned, max(float(gray[third].float().mean()) for third in thirds))


def _points(pixels: Tensor) -> tuple[Colour, Colour]:
    """Black and white point of each channel of (3,n)."""
    values = pixels.sort(dim=1).values
    first = round(_TAIL * (values.shape[1] - 1))
    return _colour(values[:, first].tolist()), _colour(values[:, -1 - first].tolist())


def _has_one_tone(image: Tensor, seen: Tensor) -> bool:
    """Whether nearly all of (1,3,H,W) has the colour that its brightness has elsewhere, where ``seen`` is 1.

    More forgiving than :func:`restore.ops.tone.tone_of`, which has to be right for every single pixel.
    """
    whole = F.avg_pool2d(seen, _CELL_PX).flatten() == 1
    cells = F.avg_pool2d(image, _CELL_PX)[0].flatten(1)[:, whole]
    if cells.shape[1] < _BRIGHTNESSES:
        return bool((image.amax(dim=1) - image.amin(dim=1)).max() == 0)
    gray = luma(cells[None, :, None]).flatten()
    order = gray.sort().values
    first = round(_TAIL * (len(order) - 1))
    low, high = float(order[first]), float(order[-1 - first])
    colour = torch.stack([cells[0] - cells[1], cells[1] - cells[2]])
    off = torch.zeros_like(gray)
    place = ((gray - low) / max(high - low, 1e-6) * _BRIGHTNESSES).long().clamp(0, _BRIGHTNESSES - 1)
    for brightness in range(_BRIGHTNESSES):
        here = place == brightness
        if bool(here.any()):
            usual = colour[:, here].median(dim=1, keepdim=True).values
            off[here] = (colour[:, here] - usual).abs().amax(dim=0)
    most = off.sort().values[round(_TONE_SHARE * (len(off) - 1))]
    return float(most) <= _TONE_OFF * (high - low)


def unfaded(image: Tensor, fade: Fade, strength: float) -> Tensor:
    """(1,3,H,W) of any range with so much of the fade undone, 0 (the same) to 100; a tensor of its own.

    Each colour goes through a rising curve of its own; in a toned photo all go through the one of the strongest, and
    keep their proportions in linear light. 0 and 1 stay where they are, and what lies outside [0,1] stays.
    """
    points = list(zip(fade.black, aims(fade, strength)[0], fade.white, aims(fade, strength)[1], strict=True))
    result = image.clone()
    for top in range(0, image.shape[-2], _BAND_ROWS):
        band = result[..., top : top + _BAND_ROWS, :]
        inside = (band > 0) & (band < 1)
        band.copy_(torch.where(inside, _unfaded(band.clamp(0, 1), points, toned=fade.toned), band))
    return result


def _unfaded(image: Tensor, points: Sequence[tuple[float, float, float, float]], *, toned: bool) -> Tensor:
    """(1,3,h,w) in [0,1] through the curves of its colours."""
    light = decoded(image)
    if toned:
        strongest = light.amax(dim=1, keepdim=True)
        return encoded(light * torch.where(strongest > 0, _curve(strongest, *points[0]) / strongest, 1.0))
    return encoded(torch.stack([_curve(light[:, place], *points[place]) for place in range(3)], dim=1))


def aims(fade: Fade, strength: float) -> tuple[Colour, Colour]:
    """Where the black and the white points go to, as stored.

    All black points go to one; of the difference between the white points a share stays, as photos have things of
    bright colours.
    """
    share = strength / 100
    top = max(fade.white)
    most = float(encoded(decoded(torch.tensor(top)) * _MOST_GAIN))
    whites = [min(_WHITE, most) * (white / top) ** (1 - _WHITE_SHARE) for white in fade.white]
    black = [point + share * (min(_BLACK, point) - point) for point in fade.black]
    white = [point + share * (max(aim, point) - point) for point, aim in zip(fade.white, whites, strict=True)]
    return _colour(black), _colour(white)


def decoded(stored: Tensor) -> Tensor:
    """Linear light of sRGB values in [0,1]."""
    return torch.where(stored <= 0.04045, stored / 12.92, ((stored.clamp(min=0) + 0.055) / 1.055).pow(2.4))


def encoded(light: Tensor) -> Tensor:
    """sRGB values of linear light in [0,1]; inverse of :func:`decoded`."""
    root = light.clamp(min=0).pow(1 / 2.4)
    return torch.where(light <= 0.0031308, light * 12.92, root * 1.055 - 0.055)


def _curve(light: Tensor, black: float, black_to: float, white: float, white_to: float) -> Tensor:
    """Straight through (0,0), the black point, the white point and (1,1), all given as stored; rising."""
    ends = torch.tensor([0.0, black, white, 1.0, 0.0, black_to, white_to, 1.0], dtype=torch.float64)
    light_of_ends: list[list[float]] = decoded(ends).view(2, 4).tolist()
    (_, low, high, _), (_, low_to, high_to, _) = light_of_ends
    result = low_to + (light - low) * ((high_to - low_to) / (high - low))
    if low > 0:
        result = torch.where(light < low, light * (low_to / low), result)
    if high < 1:
        result = torch.where(light > high, 1 - (1 - light) * ((1 - high_to) / (1 - high)), result)
    return result


def _gray(colour: Colour) -> float:
    return float(luma(torch.tensor(colour).view(1, 3, 1, 1)))


def _colour(values: Sequence[float]) -> Colour:
    red, green, blue = values
    return red, green, blue
