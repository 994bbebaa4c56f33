"""The kinds of things that people hold photos in, to a Photo and back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from restore.errors import ConfigError
from restore.io.convert import PilImage, photo_from_array, photo_from_pil, photo_to_array, photo_to_pil
from restore.io.photo import Photo
from restore.io.read import read_photo
from restore.io.write import WriteOptions, encode_photo
from restore.ops.resize import resize
from restore.ops.rows import row_bands


def as_photo(photo: object) -> Photo:
    """A path, bytes, PIL image, array or Photo as a Photo; ConfigError for anything else."""
    if isinstance(photo, Photo):
        return photo
    if isinstance(photo, str | Path | bytes):
        return read_photo(photo)
    if isinstance(photo, np.ndarray):
        return photo_from_array(photo)
    if isinstance(photo, PilImage):
        return photo_from_pil(photo)
    raise ConfigError(f"a photo is a path, bytes, a PIL image or a numpy array, not {type(photo).__name__}")


def like(original: object, result: Photo) -> object:
    """``result`` as the kind of thing that ``original`` is."""
    if isinstance(original, Photo):
        return result
    if isinstance(original, bytes):
        return encode_photo(result, WriteOptions())[0]
    if isinstance(original, np.ndarray):
        return photo_to_array(result, original.dtype)
    return photo_to_pil(result)


def with_result(photo: Photo, pixels: Tensor) -> Photo:
    """The photo with restored pixels (1,3,h,w) of any size: gray stays gray, alpha grows along, no colour is cut off.

    Takes ``pixels`` over and changes them in place, since a large result should not be in memory twice. Colours end at
    black and white, or where the photo's own colours ended if they lay outside (a wide profile).
    """
    low, high = 0.0, 1.0
    for rows in row_bands(photo.height, photo.width):
        least, most = torch.aminmax(photo.pixels[:, rows])
        low, high = min(low, float(least)), max(high, float(most))
    for rows in row_bands(*pixels.shape[-2:]):
        band = pixels[..., rows, :].clamp_(low, high)
        if photo.gray:
            band.copy_(band.mean(dim=1, keepdim=True))
    alpha = photo.alpha
    if alpha is not None and alpha.shape != pixels.shape[-2:]:
        alpha = resize(alpha[None, None], *pixels.shape[-2:])[0, 0].clamp(0, 1)
    return photo.with_pixels(pixels[0], alpha)
