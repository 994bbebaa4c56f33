"""What a JPEG says for certain is kept: a result is moved to where it could have become that file, and no farther."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.fft import dctn
from skimage import data

from restore.ops.quantised import keep_to_steps
from restore.tasks import Condition

PHOTO = data.astronaut()[:203, 60:307]


def tensor(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.copy()).permute(2, 0, 1)[None].float() / 255


def as_jpeg(quality: int, array: np.ndarray = PHOTO) -> tuple[torch.Tensor, torch.Tensor]:
    """The decoded file and its steps, both from Pillow."""
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=quality)
    opened = Image.open(file)
    steps = torch.tensor(opened.quantization[0]).view(8, 8).float()
    return tensor(np.asarray(opened.convert("RGB"))), steps


def coefficients(image: torch.Tensor) -> np.ndarray:
    """Of the whole blocks of brightness, by SciPy."""
    grey = (image[0].permute(1, 2, 0).double().numpy() @ np.array([0.299, 0.587, 0.114])) * 255 - 128
    height, width = (side // 8 * 8 for side in grey.shape)
    blocks = grey[:height, :width].reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3)
    return dctn(blocks, axes=(2, 3), norm="ortho")


def spoilt(image: torch.Tensor, seed: int = 0, strength: float = 0.05) -> torch.Tensor:
    return image + torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)) * strength


@pytest.mark.parametrize("quality", [10, 40, 75])
def test_afterwards_most_coefficients_round_to_the_file_s(quality: int) -> None:
    source, steps = as_jpeg(quality)
    whole = coefficients(source) / steps.numpy()
    image = spoilt(source, strength=0.2)
    before, after = (
        (np.abs(coefficients(image) / steps.numpy() - whole.round()) > 0.501).mean()
        for image in (image, keep_to_steps(image.clone(), source, steps))
    )
    assert before > 0.05
    assert after < 0.15 * before


@pytest.mark.parametrize("quality", [10, 40, 75])
def test_no_result_gets_farther_from_the_truth(quality: int) -> None:
    source, steps = as_jpeg(quality)
    truth = tensor(PHOTO)
    for image in (spoilt(truth), spoilt(source, seed=1), source * 0.9):
        off = (image - truth).square().mean()
        assert (keep_to_steps(image.clone(), source, steps) - truth).square().mean() < off


def test_the_photo_that_was_compressed_stays_what_it_is() -> None:
    source, steps = as_jpeg(30)
    kept = keep_to_steps(tensor(PHOTO), source, steps)
    assert float((kept - tensor(PHOTO)).abs().mean() * 255) < 0.02


def test_colours_are_moved_alike_and_blocks_that_are_cut_at_the_edge_not_at_all() -> None:
    source, steps = as_jpeg(20)
    image = spoilt(source)
    moved = keep_to_steps(image.clone(), source, steps) - image
    assert torch.allclose(moved[:, 0], moved[:, 1], atol=1e-6)
    assert torch.allclose(moved[:, 0], moved[:, 2], atol=1e-6)
    assert torch.count_nonzero(moved[..., :200, :240]) > 0
    assert torch.count_nonzero(moved[..., 200:, :]) == torch.count_nonzero(moved[..., 240:]) == 0


@pytest.mark.parametrize("why", ["never a JPEG", "cut off its grid", "noise since", "other steps"])
def test_a_photo_that_does_not_consist_of_such_steps_is_left_alone(why: str) -> None:
    source, steps = as_jpeg(30)
    source = {
        "never a JPEG": tensor(PHOTO),
        "cut off its grid": source.roll((3, 5), (2, 3)),
        "noise since": spoilt(source),
        "other steps": as_jpeg(47)[0],
    }[why]
    image = spoilt(source, seed=2)
    share = float((keep_to_steps(image.clone(), source, steps) != image).double().mean())
    whole = float((keep_to_steps(image.clone(), as_jpeg(30)[0], steps) != image).double().mean())
    assert share < 0.1
    assert whole > 0.5


def test_finer_steps_than_can_be_told_change_nothing() -> None:
    source, steps = as_jpeg(99)
    image = spoilt(source)
    assert torch.equal(keep_to_steps(image.clone(), source, steps), image)


def test_a_condition_gives_the_steps_only_where_compression_is_known_to_be_all() -> None:
    known = Condition(noise=0, jpeg=30, blur=0).steps()
    assert known is not None
    assert torch.equal(known, as_jpeg(30)[1])
    for other in (
        Condition(),
        Condition(noise=0, jpeg=100, blur=0),
        Condition(noise=4, jpeg=30, blur=0),
        Condition(jpeg=30, blur=0),
        Condition(noise=0, jpeg=30, blur=1.0),
    ):
        assert other.steps() is None
