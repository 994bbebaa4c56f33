"""The JPEG round trip against Pillow's."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from restore.errors import ConfigError
from restore.io.codec import jpeg_round_trip


@pytest.mark.parametrize(("subsampling", "code"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
@pytest.mark.parametrize("quality", [10, 60, 95])
def test_pillow_does_the_same_damage(subsampling: str, code: int, quality: int) -> None:
    photo = data.astronaut()[:121, :150]
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality, subsampling=code)
    expected = np.asarray(Image.open(file).convert("RGB")).astype(int)
    ours = jpeg_round_trip(photo, quality, subsampling)  # type: ignore[arg-type]
    assert ours.dtype == np.uint8
    assert np.abs(ours - expected).mean() < 0.5  # two builds of libjpeg may round differently


def test_lower_quality_does_more_damage() -> None:
    photo = data.coffee()[:96, :96]
    harm = [np.abs(jpeg_round_trip(photo, quality).astype(int) - photo).mean() for quality in (90, 50, 10)]
    assert harm[0] < harm[1] < harm[2]


def test_other_arrays_qualities_and_subsamplings_are_refused() -> None:
    photo = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(ConfigError, match="uint8"):
        jpeg_round_trip(photo.astype(np.float32), 50)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="1 to 100"):
        jpeg_round_trip(photo, 0)
    with pytest.raises(ConfigError, match="4:1:1"):
        jpeg_round_trip(photo, 50, "4:1:1")  # type: ignore[arg-type]
