"""Padding and tiling: every pixel exactly once, and memory that runs out."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from restore.errors import DeviceError
from restore.ops.pad import mirror_pad, mirrored, pad_to_multiple
from restore.ops.tile import run_tiled, spans


def test_padding_then_cropping_gives_back_every_pixel() -> None:
    for height, width in [(1, 1), (5, 7), (8, 8), (3, 100)]:
        photo = torch.rand(1, 3, height, width)
        padded = pad_to_multiple(photo, 8)
        assert padded.shape[-2] % 8 == padded.shape[-1] % 8 == 0
        assert torch.equal(padded[..., :height, :width], photo)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (9, 4)])
def test_mirroring_is_numpys_symmetric_padding_at_any_amount(shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).random((1, 2, *shape))
    ours = mirror_pad(torch.from_numpy(photo), 3, 5, 11, 2)
    assert np.array_equal(ours.numpy(), np.pad(photo, [(0, 0), (0, 0), (3, 5), (11, 2)], mode="symmetric"))


@pytest.mark.parametrize(("size", "core", "overlap"), [(1, 4, 2), (10, 10, 3), (37, 8, 5), (64, 7, 0)])
def test_cores_cover_every_pixel_exactly_once_and_lie_inside_their_windows(size: int, core: int, overlap: int) -> None:
    covered = np.zeros(size, dtype=int)
    for span in spans(size, core, overlap):
        assert 0 <= span.start <= span.core_start < span.core_stop <= span.stop <= size
        assert span.core_start - span.start == min(overlap, span.core_start)
        covered[span.core_start : span.core_stop] += 1
    assert (covered == 1).all()


def _blur_and_double(tile: Tensor) -> Tensor:
    blurred = F.conv2d(tile, torch.full((1, 1, 5, 5), 1 / 25), padding=2)
    return F.interpolate(blurred, scale_factor=2, mode="nearest")


def test_tiles_with_enough_surroundings_equal_the_whole_picture() -> None:
    photo = torch.rand(1, 1, 50, 70)
    tiled = run_tiled(photo, _blur_and_double, scale=2, core=16, overlap=2, multiple=2)
    assert torch.allclose(tiled, _blur_and_double(photo), atol=1e-6)


def test_progress_rises_tile_by_tile_to_one() -> None:
    shares: list[float] = []
    run_tiled(
        torch.rand(1, 1, 50, 70), _blur_and_double, scale=2, core=16, overlap=2, multiple=2, progress=shares.append
    )
    assert len(shares) == 4 * 5
    assert shares == sorted(shares)
    assert shares[-1] == 1


class _SmallMemory:
    """Refuses tiles of more than a number of pixels, as a small GPU does."""

    def __init__(self, limit: int, error: BaseException) -> None:
        self.limit, self.error, self.largest = limit, error, 0

    def __call__(self, tile: Tensor) -> Tensor:
        if tile.numel() > self.limit:
            raise self.error
        self.largest = max(self.largest, tile.numel())
        return _blur_and_double(tile)


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate")],
)
def test_running_out_of_memory_halves_the_tile_and_still_gives_the_whole_picture(error: BaseException) -> None:
    photo = torch.rand(1, 1, 64, 64)
    memory = _SmallMemory(30 * 30, error)
    tiled = run_tiled(photo, memory, scale=2, core=64, overlap=2, multiple=2)
    assert torch.allclose(tiled, _blur_and_double(photo), atol=1e-6)
    assert 0 < memory.largest <= 30 * 30


def test_a_device_too_small_for_one_tile_is_said_plainly() -> None:
    with pytest.raises(DeviceError, match="not enough memory for one tile"):
        run_tiled(torch.rand(1, 1, 8, 8), _SmallMemory(0, MemoryError()), scale=2, core=8, overlap=2, multiple=2)


def test_an_error_that_is_not_about_memory_is_not_swallowed() -> None:
    def broken(tile: Tensor) -> Tensor:
        raise RuntimeError("illegal instruction")

    with pytest.raises(RuntimeError, match="illegal instruction"):
        run_tiled(torch.rand(1, 1, 8, 8), broken, scale=2, core=8, overlap=2, multiple=2)


@pytest.mark.parametrize("frame", [0, 3, 30])
def test_a_part_of_a_mirrored_picture_is_that_part_of_the_whole_one(frame) -> None:
    rng = torch.Generator().manual_seed(frame)
    for _ in range(40):
        height, width, multiple = (int(torch.randint(1, top, (1,), generator=rng)) for top in (30, 30, 17))
        image = torch.rand(1, 2, height, width, generator=rng)
        whole = pad_to_multiple(mirror_pad(image, *(frame,) * 4), multiple)
        (top, bottom), (left, right) = (
            sorted(torch.randint(0, side + 1, (2,), generator=rng).tolist()) for side in whole.shape[-2:]
        )
        assert torch.equal(mirrored(image, (top, bottom), (left, right), frame), whole[..., top:bottom, left:right])


@pytest.mark.parametrize(("frame", "scale"), [(0, 1), (0, 2), (8, 1), (5, 2)])
def test_tiles_of_a_picture_that_goes_on_mirrored_equal_the_whole_one_padded(frame, scale) -> None:
    image = torch.rand(1, 3, 37, 53, generator=torch.Generator().manual_seed(1))

    def run(tile: torch.Tensor) -> torch.Tensor:
        """Looks one pixel far, and to the picture's border as networks do."""
        blurred = F.avg_pool2d(F.pad(tile, (1, 1, 1, 1)), 3, stride=1)
        return blurred.repeat_interleave(scale, -1).repeat_interleave(scale, -2)

    padded = pad_to_multiple(mirror_pad(image, *(frame,) * 4), 4)
    expected = run(padded)[..., scale * frame : scale * (frame + 37), scale * frame : scale * (frame + 53)]
    shares: list[float] = []
    made: list[tuple[int, ...]] = []

    def empty(shape: tuple[int, ...]) -> torch.Tensor:
        made.append(shape)
        return torch.full(shape, torch.nan)

    for core in (4, 16, 100):
        found = run_tiled(
            image,
            run,
            scale=scale,
            core=core,
            overlap=2,
            multiple=4,
            frame=frame,
            empty=empty,
            progress=shares.append,
        )
        assert torch.allclose(found, expected, atol=1e-6)
        assert shares[-1] == 1.0
    assert set(made) == {(1, 3, scale * 37, scale * 53)}
