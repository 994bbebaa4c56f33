"""Between stored numbers and the house's pixels: upright, scaled to [0,1], colours in sRGB; and back, rounded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from restore.io import engine
from restore.io.curves import SRGB
from restore.io.mapped import Planes, in_memory
from restore.io.profile import Rendering
from restore.io.stored import CHANNELS, Layout, Raster
from restore.room import let_go

STRIP_PX: Final = 1 << 20
"""Pixels converted at a time, so that scratch space stays small beside the photo."""


def into_house(raster: Raster, rendering: Rendering, planes: Planes = in_memory) -> tuple[Tensor, Tensor | None]:
    """Pixels (3,H,W) and alpha (H,W) or None, float32, of numbers that :func:`restore.io.engine.plain` has seen."""
    top = 2.0**raster.depth - 1
    array = raster.array
    alpha = _scaled(array[..., -1:], top, planes, 1)[0] if raster.layout in ("LA", "RGBA") else None
    if raster.family == "gray":
        return _scaled(array[..., :1], top, planes, 3), alpha
    pixels = _scaled(array[..., :3], top, planes, 3)
    if rendering.kind == "matrix":
        _through_matrix(pixels, pixels, rendering, back=False, exact=raster.depth > 8)
    return pixels, alpha


def _scaled(array: NDArray[np.uint8] | NDArray[np.uint16], top: float, planes: Planes, channels: int) -> Tensor:
    """(H,W,C) integers of any strides to float32 (channels,H,W) in [0,1]; C is ``channels``, or 1 for equal ones."""
    height, width = array.shape[:2]
    scaled = planes((channels, height, width))
    for rows in _strips(height, width):
        strip = scaled[:, rows]
        np.copyto(strip, array[rows].transpose(2, 0, 1), casting="unsafe")
        np.divide(strip, np.float32(top), out=strip)
        let_go()
    return torch.from_numpy(scaled)


def _strips(height: int, width: int) -> list[slice]:
    step = max(1, STRIP_PX // max(1, width))
    return [slice(start, start + step) for start in range(0, height, step)]


def _through_matrix(source: Tensor, target: Tensor, rendering: Rendering, *, back: bool, exact: bool) -> None:
    """``target`` gets ``source`` (both (3,H,W), may be one) moved from the profile to sRGB, or back."""
    assert rendering.curves is not None
    assert rendering.to_srgb is not None
    dtype = torch.float64 if exact else torch.float32
    matrix = (torch.linalg.inv(rendering.to_srgb) if back else rendering.to_srgb).to(dtype)
    for rows in _strips(*source.shape[1:]):
        strip = source[:, rows].to(dtype)
        if back:
            linear = SRGB.decode(strip)
        else:
            linear = torch.stack([curve.decode(strip[i]) for i, curve in enumerate(rendering.curves)])
        mixed = torch.einsum("ij,jhw->ihw", matrix, linear)
        if back:
            target[:, rows] = torch.stack([curve.encode(mixed[i]) for i, curve in enumerate(rendering.curves)])
        else:
            target[:, rows] = SRGB.encode(mixed)
        let_go()


def from_house(
    pixels: Tensor,
    alpha: Tensor | None,
    layout: Layout,
    depth: int,
    rendering: Rendering,
    *,
    planes: Planes = in_memory,
) -> Raster:
    """Pixels (3,H,W) and alpha (H,W) as numbers to store, rounded to the nearest level and clipped to the range."""
    height, width = int(pixels.shape[1]), int(pixels.shape[2])
    array = planes((height, width, CHANNELS[layout]), np.uint8 if depth == 8 else np.uint16)
    for top, band in bands_from_house(pixels, alpha, layout, depth, rendering):
        array[top : top + len(band)] = band
    return Raster(array, layout)


def bands_from_house(
    pixels: Tensor, alpha: Tensor | None, layout: Layout, depth: int, rendering: Rendering
) -> Iterator[tuple[int, NDArray[np.uint8] | NDArray[np.uint16]]]:
    """The same in bands of rows from the top: the first row of each, and its numbers (rows,W,C)."""
    for rows in _strips(int(pixels.shape[1]), int(pixels.shape[2])):
        shown = None if alpha is None else alpha[rows]
        yield rows.start, _stored(pixels[:, rows].to("cpu", torch.float32), shown, layout, depth, rendering)
        let_go()


def _stored(
    pixels: Tensor, alpha: Tensor | None, layout: Layout, depth: int, rendering: Rendering
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """One band, (H,W,C)."""
    if rendering.kind in ("lut", "cmyk"):
        return _by_engine(pixels, alpha, layout, depth, rendering)
    array = np.empty((*pixels.shape[1:], CHANNELS[layout]), dtype=np.uint8 if depth == 8 else np.uint16)
    if layout in ("L", "LA"):
        pixels = pixels.mean(dim=0, keepdim=True)
    elif rendering.kind == "matrix":
        moved = torch.empty_like(pixels)
        _through_matrix(pixels, moved, rendering, back=True, exact=depth > 8)
        pixels = moved
    array[..., : len(pixels)] = _rounded(pixels, depth)
    if layout in ("LA", "RGBA"):
        shown = torch.ones_like(pixels[:1]) if alpha is None else alpha[None].to("cpu", torch.float32)
        array[..., -1:] = _rounded(shown, depth)
    return array


def _rounded(strip: Tensor, depth: int) -> NDArray[np.int32]:
    top = 2**depth - 1
    levels: NDArray[np.int32] = (strip * top).add_(0.5).clamp_(0, top).to(torch.int32).permute(1, 2, 0).numpy()
    return levels  # cutting off after adding a half is rounding


def _by_engine(
    pixels: Tensor, alpha: Tensor | None, layout: Layout, depth: int, rendering: Rendering
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    assert rendering.icc is not None
    assert rendering.kind in ("lut", "cmyk")
    plain = Rendering("same")
    rgb = _stored(pixels, None, "RGB", 8, plain)
    image = Image.frombuffer("RGB", rgb.shape[1::-1], rgb.tobytes())
    stored = np.asarray(engine.from_srgb(image, rendering.icc, rendering.kind))
    if depth == 8 and layout != "RGBA":
        return stored
    array = _stored(pixels, alpha, layout, depth, plain)
    array[..., : stored.shape[2]] = stored if depth == 8 else stored.astype(np.uint16) * 257
    return array
