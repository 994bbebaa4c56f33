"""Room for large pictures in files: the same numbers, and only where memory is told to be short."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from PIL import Image

from restore.io.mapped import in_memory, planes_for
from restore.io.read import read_photo

SHAPE = (3, 40, 60)


@pytest.mark.skipif(os.name != "posix", reason="files without a name")
def test_only_what_takes_more_than_an_eighth_of_the_memory_is_in_a_file() -> None:
    size = 4 * 3 * 40 * 60
    assert isinstance(planes_for(8 * size - 8)(SHAPE), np.memmap)
    for max_memory in (8 * size, None):
        assert not isinstance(planes_for(max_memory)(SHAPE), np.memmap)


def test_room_is_writable_and_of_its_own() -> None:
    first, second = (planes_for(100)(SHAPE) for _ in range(2))
    first[:], second[:] = 1, 2
    assert (first == 1).all()
    assert first.dtype == np.float32
    assert first.shape == SHAPE


def test_a_disk_without_room_is_none_to_fail_by(monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    assert not isinstance(planes_for(100)(SHAPE), np.memmap)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
def test_a_photo_is_the_same_wherever_its_pixels_are(mode, tmp_path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 4), dtype=np.uint8)
    Image.fromarray(pixels).convert(mode).save(tmp_path / "a.png")
    here, there = (read_photo(tmp_path / "a.png", planes=planes) for planes in (in_memory, planes_for(100)))
    assert torch.equal(here.pixels, there.pixels)
    assert (here.alpha is None) == ("A" not in mode)
    if here.alpha is not None and there.alpha is not None:
        assert torch.equal(here.alpha, there.alpha)
