"""Memory of a job does not grow with its photos, nor, where it is limited, much with the size of one."""

from __future__ import annotations

import sys

import memory
import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc tells the peaks")
MEGABYTE = 1e6


@pytest.mark.slow
def test_200_photos_take_no_more_memory_than_5(tmp_path) -> None:
    memory.save_network(tmp_path / "tiny.safetensors")
    width, height = 192, 128
    memory.draw_album(tmp_path / "few", 5, width, height)
    memory.draw_album(tmp_path / "many", 200, width, height)
    runs = [memory.denoise("few", "a/", "-q"), memory.denoise("many", "b/", "-q")]
    few, many = memory.peaks_in_turn(runs, tmp_path)
    assert len(list((tmp_path / "b").glob("*.jpg"))) == 200
    one_copy_each = 200 * width * height * 3 * 4  # float32, as pixels are inside
    assert one_copy_each > 50 * MEGABYTE
    assert many - few < one_copy_each / 2
    assert many < 1.05 * few


def test_what_is_measured_is_the_process_that_ran_and_a_failure_is_told(tmp_path) -> None:
    memory.draw_album(tmp_path / "few", 1, 64, 48)
    with pytest.raises(RuntimeError, match=r"ended with 6: .*nowhere.safetensors"):
        memory.peak(["denoise", "few", "-o", "a/", "--weights", "nowhere.safetensors"], tmp_path)
    memory.save_network(tmp_path / "tiny.safetensors")
    found = memory.peak(memory.denoise("few/000.jpg", "a.jpg", "--timeout", "60s"), tmp_path)
    assert 100 * MEGABYTE < found.fixed <= found.own
    assert 10 * MEGABYTE < found.decoder < found.own


@pytest.mark.slow
def test_a_large_picture_takes_little_more_memory_than_a_small_one_where_memory_is_short(tmp_path) -> None:
    memory.save_network(tmp_path / "tiny.safetensors")
    short = ("-q", "--max-memory", "40M")
    memory.draw(tmp_path / "small.jpg", 2400, 1000)  # as wide as the large one: a band of rows takes as much
    memory.draw(tmp_path / "large.jpg", 2400, 5000)
    runs = [memory.denoise(f"{name}.jpg", f"{name}.tif", *short) for name in ("small", "large")]
    small, large = memory.peaks_in_turn(runs, tmp_path)
    for_each_pixel = (large - small) / (2400 * 4000)
    assert for_each_pixel < 16  # Pillow has 4 while it decodes; photo and result as floats alone would be 24
