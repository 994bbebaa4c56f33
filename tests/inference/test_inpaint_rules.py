"""How filling is measured: which mask goes with which photo, and what the figures are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.metrics import peak_signal_noise_ratio

from restore.errors import ConfigError, ImageError
from restore.inference.evaluate import Method, evaluate
from restore.inference.inpaint_rules import find_masks, inpaint_rules, read_hole
from restore.ops.prefill import prefill


def save_mask(path: Path, share: float, size: tuple[int, int] = (40, 50)) -> Path:
    """White in the first rows, so many that about that share is white."""
    area = np.zeros(size, bool)
    area.flat[: round(share * area.size)] = True
    Image.fromarray(area).save(path)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "coffee.png"
    Image.fromarray(data.coffee()[100:140, 200:250]).save(path)
    return path


def test_photo_i_gets_mask_i_modulo_n_of_each_bin() -> None:
    photos = [Path(f"{number}.jpg") for number in range(5)]
    masks = [(Path(name), share) for name, share in (("a", 0.05), ("b", 0.099), ("c", 0.1), ("d", 0.39), ("e", 0.4))]
    rules = inpaint_rules(photos, [*masks, (Path("f"), 0.009)])
    assert [one.words for one in rules] == ["holes 1-10 %", "holes 10-20 %", "holes 30-40 %"]
    assert [[one.masks[photo].name for photo in photos] for one in rules] == [
        list("ababa"),
        list("ccccc"),
        list("ddddd"),
    ]
    with pytest.raises(ConfigError, match=r"none of the 1 masks.*white is the hole"):
        inpaint_rules(photos, [(Path("all"), 0.95)])


def test_masks_are_found_by_name_with_their_share(tmp_path) -> None:
    save_mask(tmp_path / "b.png", 0.25)
    save_mask(tmp_path / "a.png", 0.05)
    (tmp_path / "notes.txt").write_text("no mask")
    assert [(path.name, share) for path, share in find_masks(tmp_path)] == [
        ("a.png", pytest.approx(0.05)),
        ("b.png", pytest.approx(0.25)),
    ]
    (tmp_path / "none").mkdir()
    with pytest.raises(ImageError, match="no pictures"):
        find_masks(tmp_path / "none")
    with pytest.raises(ImageError, match="cannot be opened"):
        find_masks(tmp_path / "nowhere")


def test_a_mask_of_another_size_is_stretched_by_whole_pixels(tmp_path) -> None:
    path = save_mask(tmp_path / "m.png", 0.5, (10, 20))
    assert torch.equal(read_hole(path, (30, 40)), read_hole(path).repeat_interleave(3, -2).repeat_interleave(2, -1))


def test_the_source_knows_nothing_of_the_holes_and_the_rest_exactly(photo, tmp_path) -> None:
    mask = save_mask(tmp_path / "m.png", 0.15)
    (rules,) = inpaint_rules([photo], [(mask, 0.15)])
    target, source = rules.prepare(photo)
    hole = np.array(Image.open(mask))
    assert np.array_equal((target[0] * 255).round().permute(1, 2, 0).numpy(), data.coffee()[100:140, 200:250])
    assert source.shape == (1, 4, 40, 50)
    assert np.array_equal(source[0, 3].numpy(), ~hole)
    assert float(source[0, :, hole].abs().max()) == 0
    assert torch.equal(source[0, :3, ~hole], target[0, :, ~hole])


def test_the_figures_are_psnr_of_the_holes_and_of_the_whole(photo, tmp_path) -> None:
    mask = save_mask(tmp_path / "m.png", 0.3)
    (rules,) = inpaint_rules([photo], [(mask, 0.3)])
    target, source = rules.prepare(photo)
    black = rules.measure(source[:, :3], target, source, None)
    array, hole = data.coffee()[100:140, 200:250], np.asarray(Image.open(mask))
    spoilt = np.where(hole[..., None], 0, array)
    assert black["psnr_rgb"] == pytest.approx(peak_signal_noise_ratio(array, spoilt), abs=1e-6)
    assert black["psnr_hole"] == pytest.approx(peak_signal_noise_ratio(array[hole], spoilt[hole]), abs=1e-6)
    assert set(black) == {"psnr_hole", "psnr_rgb"}


def test_the_row_beside_the_methods_is_the_smooth_filling(photo, tmp_path) -> None:
    mask = save_mask(tmp_path / "m.png", 0.2)
    (rules,) = inpaint_rules([photo], [(mask, 0.2)])
    seen = []
    smooth = Method(
        name="smooth",
        restore=lambda source: seen.append(source.shape) or prefill(source[:, :3], 1 - source[:, 3:]),  # type: ignore[func-returns-value]
    )
    found = evaluate([smooth], [photo], rules, lpips=None)
    assert found.methods == ("input", "smooth")
    assert seen == [(1, 4, 40, 50)]
    assert found.means("smooth")["psnr_hole"] == pytest.approx(found.means("input")["psnr_hole"], abs=0.02)


def test_at_another_scale_nothing_is_filled(photo) -> None:
    with pytest.raises(ConfigError, match="must be 1"):
        type(inpaint_rules([photo], [(photo, 0.2)])[0])(scale=2, share=(1, 10), masks={})
