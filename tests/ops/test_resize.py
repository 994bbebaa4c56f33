"""Bicubic resizing against Pillow, against closed forms, and against pixels worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from restore.ops.resize import resize, taps


def astronaut() -> torch.Tensor:
    return torch.from_numpy(data.astronaut()).permute(2, 0, 1)[None].double() / 255


@pytest.mark.parametrize("size", [(256, 256), (128, 128), (171, 300), (700, 900)])
def test_agrees_with_pillows_antialiased_bicubic_away_from_the_border(size: tuple[int, int]) -> None:
    red = Image.fromarray(data.astronaut()[..., 0].astype(np.float32))  # mode F: Pillow then does not round
    pillow = np.asarray(red.resize((size[1], size[0]), Image.Resampling.BICUBIC))
    ours = resize(astronaut(), *size)[0, 0].numpy() * 255
    assert np.abs(ours - pillow)[10:-10, 10:-10].max() < 0.01


def test_the_same_size_gives_back_every_pixel() -> None:
    photo = astronaut()
    assert torch.equal(resize(photo, 512, 512), photo)


def test_weights_of_every_target_pixel_sum_to_one() -> None:
    for source, target in [(5, 20), (20, 5), (7, 3), (1, 9), (100, 33)]:
        index, weight = taps(source, target)
        assert torch.allclose(weight.sum(1), torch.ones(target, dtype=torch.float64))
        assert set(index.flatten().tolist()) <= set(range(source))


def test_a_slope_stays_a_straight_slope_away_from_the_border() -> None:
    slope = torch.arange(40, dtype=torch.float64).view(1, 1, 1, 40).expand(1, 1, 40, 40)
    enlarged = resize(slope, 40, 160)[0, 0, 0]
    expected = (torch.arange(160, dtype=torch.float64) + 0.5) / 4 - 0.5
    assert torch.allclose(enlarged[12:-12], expected[12:-12], atol=1e-9)


def test_the_enlarging_kernel_has_matlabs_values_at_a_quarter_of_a_pixel() -> None:
    # Keys' kernel with a = -1/2 at distances 1.75, 1.25, 0.75 and 0.25
    impulse = torch.zeros(1, 1, 1, 9, dtype=torch.float64)
    impulse[..., 4] = 1
    answer = resize(impulse, 1, 18)[0, 0, 0]
    assert torch.allclose(answer[5:9], torch.tensor([-0.0234375, -0.0703125, 0.2265625, 0.8671875]).double())


def test_quantising_rounds_halves_up_between_the_passes_as_whole_number_arithmetic_does() -> None:
    grey = torch.tensor([[10.0, 13.0], [10.0, 10.0]], dtype=torch.float64).view(1, 1, 2, 2) / 255
    halved = resize(grey, 1, 1, quantise=True)
    # columns average to 10 and 11.5; rounded up to 12 first, so the row gives 11, not 10.75
    assert halved.item() * 255 == pytest.approx(11.0)


def test_a_size_without_pixels_is_refused() -> None:
    with pytest.raises(ValueError, match="0 x 5"):
        resize(astronaut(), 0, 5)
