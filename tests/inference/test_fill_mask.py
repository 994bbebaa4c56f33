"""What is to be filled: masks, transparency, rectangles and paint, and what is refused."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from skimage import data

from restore.errors import ConfigError, ImageError
from restore.inference.fill_mask import Area, FillMask, mask_picture, parse_area, parse_colour
from restore.io.convert import photo_from_array
from restore.io.photo import Photo
from restore.io.read import read_photo


def photo(height: int = 40, width: int = 60) -> Photo:
    return photo_from_array(data.coffee()[100 : 100 + height, 200 : 200 + width])


def save(path: Path, area: np.ndarray) -> Path:
    Image.fromarray(area.astype(np.uint8)).save(path)
    return path


def spot(top: int, left: int, height: int, width: int) -> np.ndarray:
    area = np.zeros((40, 60))
    area[top : top + height, left : left + width] = 255
    return area


def found(hole: FillMask, opened: Photo | None = None) -> np.ndarray:
    mask = hole.of(opened or photo())
    assert mask.dtype == torch.float32
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    return mask[0, 0].numpy() > 0


def test_white_is_filled_and_half_white_is_the_limit(tmp_path) -> None:
    ramp = np.tile(np.linspace(0, 255, 60).round(), (40, 1))
    assert np.array_equal(found(FillMask(mask=save(tmp_path / "m.png", ramp))), ramp >= 128)
    assert np.array_equal(found(FillMask(mask=save(tmp_path / "m.png", ramp), invert=True)), ramp < 128)


def test_several_sources_fill_what_any_of_them_names(tmp_path) -> None:
    masked, boxed = spot(2, 3, 5, 6), spot(20, 30, 10, 8)
    hole = FillMask(mask=save(tmp_path / "m.png", masked), areas=(Area(30, 20, 8, 10), Area(0, 0, 1, 1)))
    assert np.array_equal(found(hole), (masked + boxed + spot(0, 0, 1, 1)) > 0)


def test_a_box_is_cut_at_the_border_and_refused_when_nothing_of_it_is_left() -> None:
    assert np.array_equal(found(FillMask(areas=(Area(-5, 35, 10, 50),))), spot(35, 0, 5, 5) > 0)
    for area in (Area(60, 0, 5, 5), Area(0, 40, 5, 5), Area(-5, 0, 5, 5)):
        hole = FillMask(areas=(area,))
        with pytest.raises(ConfigError, match=r"--box .* lies outside the photo, which has 60x40"):
            hole.of(photo())
        with pytest.raises(ConfigError, match="outside"):
            hole.check(40, 60)


def test_growing_makes_everything_larger_as_the_crow_flies() -> None:
    rows, columns = np.mgrid[:40, :60]
    grown = found(FillMask(areas=(Area(30, 20, 1, 1),), grow=6))
    assert np.array_equal(grown, (rows - 20) ** 2 + (columns - 30) ** 2 <= 36)


def test_paint_is_found_by_its_colour_and_grown_by_two_unless_told() -> None:
    painted = data.coffee()[100:140, 200:260].copy()
    painted[10:20, 30:40] = (255, 0, 0)
    opened = photo_from_array(painted)
    assert np.array_equal(found(FillMask(colours=((255, 0, 0),), grow=0), opened), spot(10, 30, 10, 10) > 0)
    usual = found(FillMask(colours=((255, 0, 0),)), opened)
    assert usual[8:22, 32:38].all()
    assert usual.sum() == 10 * 10 + 4 * 2 * 10 + 4  # the sides, and (1,1) of a disc of radius 2 at each corner
    assert found(FillMask(colours=((255, 0, 0), (9, 9, 9)), tolerance=0, grow=0), opened).sum() == 100


def test_paint_survives_a_jpeg_with_the_usual_tolerance() -> None:
    picture = Image.fromarray(data.astronaut())
    drawn = Image.new("L", picture.size)
    for image, ink in ((picture, (255, 0, 0)), (drawn, 255)):
        ImageDraw.Draw(image).line([(50, 60), (300, 200), (120, 420)], fill=ink, width=6)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=80)
    hit = found(FillMask(colours=((255, 0, 0),)), read_photo(file.getvalue()))
    line = np.asarray(drawn) > 0
    assert hit[line].mean() > 0.99
    assert hit.sum() < 2.2 * line.sum()


def test_what_is_more_transparent_than_not_is_filled() -> None:
    array = np.dstack([data.coffee()[100:140, 200:260], np.tile(np.linspace(0, 255, 60).round(), (40, 1))])
    opened = photo_from_array(array.astype(np.uint8))
    assert np.array_equal(found(FillMask(alpha=True), opened), array[..., 3] < 127.5)
    with pytest.raises(ConfigError, match="no transparency"):
        FillMask(alpha=True).of(photo())


def test_a_mask_of_another_size_is_refused_or_stretched(tmp_path) -> None:
    small = np.zeros((20, 30))
    small[5:8, 10:20] = 255
    path = save(tmp_path / "m.png", small)
    with pytest.raises(ConfigError, match=r"30x20 pixels and the photo 60x40.*--fit-mask"):
        FillMask(mask=path).of(photo())
    with pytest.raises(ConfigError, match="--fit-mask"):
        FillMask(mask=path).check(40, 60)
    FillMask(mask=path, fit=True).check(40, 60)
    assert np.array_equal(found(FillMask(mask=path, fit=True)), small.repeat(2, 0).repeat(2, 1) > 0)


def test_a_folder_holds_a_mask_for_each_photo_by_name(tmp_path) -> None:
    opened = read_photo(save(tmp_path / "a.png", data.coffee()[100:140, 200:260]))
    (tmp_path / "masks").mkdir()
    hole = FillMask(mask=tmp_path / "masks")
    with pytest.raises(ImageError, match=r"no mask called 'a' for a\.png"):
        hole.of(opened)
    save(tmp_path / "masks" / "a.bmp", spot(1, 2, 3, 4))
    assert np.array_equal(found(hole, opened), spot(1, 2, 3, 4) > 0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "say what to fill"),
        ({"areas": (Area(0, 0, 1, 1),), "invert": True}, "--invert is for a mask"),
        ({"alpha": True, "fit": True}, "--fit-mask is for a mask"),
        ({"alpha": True, "grow": -1}, "0 to 100"),
        ({"alpha": True, "grow": 101}, "0 to 100"),
        ({"colours": ((0, 0, 0),), "tolerance": float("nan")}, "0 to 255"),
    ],
)
def test_what_makes_no_sense_is_refused(values, message) -> None:
    with pytest.raises(ConfigError, match=message):
        FillMask(**values)


def test_a_mask_that_is_not_there_is_named() -> None:
    with pytest.raises(ImageError, match=r"--mask nowhere\.png: there is no such file"):
        FillMask(mask=Path("nowhere.png"))


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,0", "1,2,-3,4", "a,b,c,d", "1.5,2,3,4", "", "1,2,3,4,5"])
def test_a_box_is_four_whole_numbers(text) -> None:
    with pytest.raises(ConfigError, match="like 120,40,60,30"):
        parse_area(text)
    assert parse_area(" -3, 4,5 ,6") == Area(-3, 4, 5, 6)


@pytest.mark.parametrize("text", ["red", "#ff00", "#gg0000", "", "#ff000000"])
def test_a_colour_is_hexadecimal(text) -> None:
    with pytest.raises(ConfigError, match="#ff0000"):
        parse_colour(text)


def test_the_picture_of_a_mask_gives_the_mask_again(tmp_path) -> None:
    mask = torch.from_numpy(spot(3, 4, 5, 6) / 255).float()[None, None]
    picture = mask_picture(mask)
    assert picture.gray
    Image.fromarray((picture.pixels[0] * 255).byte().numpy()).save(tmp_path / "m.png")
    assert torch.equal(FillMask(mask=tmp_path / "m.png").of(photo()), mask)
