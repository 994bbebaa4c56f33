"""The kinds of pictures Python programs hold: Pillow images and numpy arrays, to a Photo and back."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from restore.errors import ConfigError
from restore.io.alpha import bleed
from restore.io.decode import check_size, raster_of
from restore.io.decoded import Decoded
from restore.io.encode import image_of
from restore.io.engine import plain
from restore.io.metadata import metadata_of
from restore.io.photo import Photo
from restore.io.profile import Rendering, rendering_of
from restore.io.quality import Compression
from restore.io.raster import from_house
from restore.io.read import photo_of
from restore.io.stored import FAMILIES, Layout

PilImage = Image.Image
"""Pillow's picture, for modules that may not import Pillow."""
LAYOUTS: Final[dict[int, Layout]] = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
ONE_CHANNEL: Final = "HW1"
"""The mode of photos from arrays (H,W,1), so that they go back into such; from (H,W) it is L."""
ROUNDING: Final = 1e-3
"""How far a float array may leave [0,1] by rounding before we take its scale for a mistake."""


def photo_from_pil(image: object) -> Photo:
    """A Photo of a Pillow picture, which stays as it is: upright, in sRGB, with its profile, EXIF, XMP and DPI.

    ConfigError for something else; ImageError for modes that hold no photo.
    """
    if not isinstance(image, Image.Image):
        raise ConfigError(f"expected a Pillow image, got {type(image).__name__}")
    name = str(getattr(image, "filename", "") or "<image>")
    check_size(image, float("inf"), name)
    image.load()
    photo_format = "JPEG" if image.format == "MPO" else image.format or "PNG"
    raster, icc = raster_of(image, name), image.info.get("icc_profile")
    icc = icc if isinstance(icc, bytes) else None
    return photo_of(
        Decoded(
            raster=plain(raster, icc),
            family=raster.family,
            metadata=metadata_of(image, None),
            compression=Compression(photo_format),
            mode=image.mode,
            icc=icc,
            name=name,
        )
    )


def photo_to_pil(photo: Photo) -> Image.Image:
    """A Pillow picture in the photo's own colours, with ``info`` holding icc_profile, exif, xmp and dpi.

    Its mode is L, LA, RGB, RGBA, CMYK (where it came so with a profile) or I;16. Pillow has no other pictures of 16
    bits: colour and transparency come with 8.
    """
    layout: Layout = "L" if photo.gray else "RGB"
    if photo.mode == "CMYK" and photo.icc and photo.alpha is None:
        layout = "CMYK"
    elif photo.alpha is not None:
        layout = "LA" if photo.gray else "RGBA"
    depth = 16 if photo.depth == 16 and layout == "L" else 8
    fits = photo.icc is not None and (photo.mode == "CMYK") == (layout == "CMYK")
    rendering = rendering_of(photo.icc, FAMILIES[layout], photo.depth) if fits else Rendering("same")
    image = image_of(from_house(photo.pixels.detach(), photo.alpha, layout, depth, rendering))
    blocks = {"icc_profile": rendering.icc, "exif": photo.exif, "xmp": photo.xmp, "dpi": photo.dpi}
    image.info |= {name: block for name, block in blocks.items() if block}
    return image


def photo_from_array(array: object) -> Photo:
    """A Photo of an array (H,W) or (H,W,C): gray, gray with alpha, RGB or RGBA for C = 1..4.

    The numbers are uint8, uint16, or float in [0,1]; anything else is a ConfigError. The array is not changed.
    """
    if not isinstance(array, np.ndarray):
        raise ConfigError(f"expected a numpy array, got {type(array).__name__}")
    flat = array.ndim == 2
    if array.ndim not in (2, 3) or min(array.shape) < 1 or (not flat and array.shape[2] not in LAYOUTS):
        raise ConfigError(f"expected an array of shape HxW or HxWxC with C = 1 to 4, got {array.shape}")
    channels = _unit_floats(array[..., None] if flat else array).permute(2, 0, 1).contiguous()
    gray = len(channels) <= 2
    alpha = channels[-1].clone() if len(channels) in (2, 4) else None
    pixels = channels[:1].repeat(3, 1, 1) if gray else channels[:3].clone()
    return Photo(
        pixels=pixels if alpha is None else bleed(pixels, alpha),
        alpha=alpha,
        gray=gray,
        depth=8 if array.dtype == np.uint8 else 16,
        format="PNG",
        mode=ONE_CHANNEL if not flat and len(channels) == 1 else LAYOUTS[len(channels)],
        lossless=True,
        name="<array>",
    )


def _unit_floats(array: NDArray[np.generic]) -> torch.Tensor:
    if array.dtype in (np.uint8, np.uint16):
        return torch.from_numpy(array.astype(np.float32)).div_(2.0 ** (8 * array.dtype.itemsize) - 1)
    if not np.issubdtype(array.dtype, np.floating):
        raise ConfigError(f"expected uint8, uint16 or float in [0,1], got {array.dtype}")
    low, high = float(array.min()), float(array.max())
    if not (low >= -ROUNDING and high <= 1 + ROUNDING):  # also refuses NaN
        raise ConfigError(f"a float array must lie in [0,1], this one goes from {low:g} to {high:g}; divide by 255?")
    return torch.from_numpy(array.astype(np.float32)).clamp_(0, 1)


def photo_to_array(photo: Photo, dtype: np.dtype[np.generic] | type[np.generic]) -> NDArray[np.generic]:
    """The pixels in uint8, uint16 or a float type: (H,W) for a gray photo unless it came as (H,W,1), else (H,W,C).

    Integers are rounded to the nearest and clipped, floats are clipped to [0,1].
    """
    kind = np.dtype(dtype)
    layout: Layout = "L" if photo.gray else "RGB"
    if photo.alpha is not None:
        layout = "LA" if photo.gray else "RGBA"
    if kind in (np.uint8, np.uint16):
        plain = Rendering("same")
        array: NDArray[np.generic] = from_house(photo.pixels, photo.alpha, layout, kind.itemsize * 8, plain).array
    elif np.issubdtype(kind, np.floating):
        colour = photo.pixels.mean(dim=0, keepdim=True) if photo.gray else photo.pixels
        parts = [colour] if photo.alpha is None else [colour, photo.alpha[None]]
        array = torch.cat(parts).clamp(0, 1).permute(1, 2, 0).cpu().numpy().astype(kind)
    else:
        raise ConfigError(f"expected uint8, uint16 or a float type, got {kind}")
    return array[..., 0] if array.shape[2] == 1 and photo.mode != ONE_CHANNEL else array
