"""Damage found: in tiles as in one piece, more of it when asked to be sensitive, none where nothing is seen."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data
from torch import nn

from restore.errors import ConfigError, WeightsError
from restore.inference.detect import NOTHING_FOUND, Detector, Search, levels_of
from restore.io.convert import photo_from_array
from restore.io.photo import Photo
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights


def save(path: Path, *, task: str = "scratch", bias: float = 0.0, head: float = 0.3) -> Path:
    torch.manual_seed(3)
    shape = GeneratorConfig(
        widths=(8, 8),
        encoder=(1,),
        middle=1,
        decoder=(1,),
        stem=2,
        head=2,
        condition_channels=0,
        residual=False,
        out_channels=1,
    )
    network = UNet(shape)
    nn.init.normal_(network.head.weight, std=head)
    nn.init.constant_(network.head.bias, bias)
    card = Card(name="scratch", task=task, scale=1, size="fast", generator=shape)
    save_weights(path, network.state_dict(), card)
    return path


def save_bright(path: Path) -> Path:
    """A network that is sure of what is bright and of nothing else: it only looks at the very pixel."""
    shape = GeneratorConfig(
        widths=(4,),
        encoder=(),
        middle=0,
        decoder=(),
        stem=2,
        head=2,
        condition_channels=0,
        residual=False,
        out_channels=1,
    )
    network = UNet(shape)
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        for place in range(4):  # a pixel of each place of the unshuffle through a channel of its own
            network.stem.weight[place, place, 1, 1] = 20.0  # of red; the first 4 planes are its 4 places
            network.head.weight[place, place, 1, 1] = 1.0
        network.head.bias.fill_(-18.0)  # stem and its skip: twice 20 times red
    save_weights(path, network.state_dict(), Card(name="b", task="scratch", scale=1, size="fast", generator=shape))
    return path


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("scratch") / "mine.safetensors")


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return Detector(device="cpu", weights=save_bright(tmp_path_factory.mktemp("scratch") / "bright.safetensors"))


def coffee(height: int = 101, width: int = 133) -> Photo:
    return photo_from_array(data.coffee()[100 : 100 + height, 200 : 200 + width])


def dark(height: int, width: int, *spots: tuple[int, int, int, int]) -> Photo:
    """A dark grey photo with white rectangles of (top, left, height, width)."""
    pixels = np.full((height, width, 3), 40, np.uint8)
    for top, left, tall, wide in spots:
        pixels[top : top + tall, left : left + wide] = 255
    return photo_from_array(pixels)


def test_tiles_find_what_is_found_in_one_piece(weights: Path) -> None:
    photo = coffee()
    whole = Detector(device="cpu", weights=weights, tile=512).probability(photo)
    tiled = Detector(device="cpu", weights=weights, tile=16).probability(photo)
    assert whole.shape == (1, 1, 101, 133)
    assert 0 <= float(whole.min()) < float(whole.max()) <= 1
    assert float(whole.std()) > 0.01
    assert torch.allclose(whole, tiled, atol=1e-5)


def test_the_mask_is_where_the_network_is_sure_and_however_small(bright: Detector) -> None:
    photo = dark(40, 60, (5, 7, 1, 1), (20, 10, 3, 30))
    mask = bright.mask(photo, Search(grow=0))
    assert torch.equal(mask[0, 0] > 0, photo.pixels[0] > 0.5)


def test_the_mask_is_grown_by_so_many_pixels(bright: Detector) -> None:
    photo = dark(40, 60, (20, 30, 2, 5))
    distance = ndimage.distance_transform_edt(photo.pixels[0].numpy() < 0.5)
    assert np.array_equal(bright.mask(photo)[0, 0].numpy() > 0, distance <= 2)
    assert np.array_equal(bright.mask(photo, Search(grow=5))[0, 0].numpy() > 0, distance <= 5)


def test_more_sensitive_finds_all_that_less_sensitive_finds_and_more(weights: Path) -> None:
    detector = Detector(device="cpu", weights=weights)
    masks = [detector.mask(coffee(), Search(sensitivity=value, grow=0)) for value in (0, 30, 50, 70, 100)]
    shares = [float(mask.mean()) for mask in masks]
    assert shares == sorted(shares)
    assert shares[0] < shares[-1]
    assert all(bool((more >= less).all()) for less, more in pairwise(masks))


def test_sensitivity_is_told_in_logits_around_one_half() -> None:
    assert Search().threshold == 0.5
    assert Search(sensitivity=0).threshold == pytest.approx(1 / (1 + np.exp(-4)))
    assert Search(sensitivity=75).threshold == pytest.approx(1 / (1 + np.exp(2)))


def test_what_is_transparent_is_no_damage_and_makes_none_at_its_edge(bright: Detector, weights: Path) -> None:
    photo = dark(40, 60, (0, 0, 40, 20), (30, 50, 2, 2))  # the white part is cut out
    alpha = torch.ones(40, 60)
    alpha[:, :20] = 0
    mask = bright.mask(replace(photo, alpha=alpha), Search(grow=0))
    assert mask.sum() == 4
    plain = dark(40, 60)
    cut = photo_from_array(np.where(alpha.numpy()[..., None] == 0, 255, 40).repeat(3, axis=2).astype(np.uint8))
    detector = Detector(device="cpu", weights=weights)
    seen = detector.probability(replace(cut, alpha=alpha))
    assert torch.allclose(seen[..., 20:], detector.probability(plain)[..., 20:], atol=1e-5)
    assert not seen[..., :20].any()


def test_large_photos_are_looked_at_in_smaller_sizes_too(bright: Detector) -> None:
    assert [levels_of(*size) for size in ((1000, 2000), (1001, 2000), (2829, 2829), (9000, 9000))] == [1, 2, 3, 3]
    photo = dark(1200, 1700, (600, 800, 40, 40))
    sizes: list[int] = []
    restore = bright._restorer.restore

    def watched(image: torch.Tensor, **words: object) -> torch.Tensor:
        sizes.append(image.shape[-2])
        return restore(image, **words)  # type: ignore[arg-type]

    bright._restorer.restore = watched  # type: ignore[method-assign]
    try:
        shares: list[float] = []
        found = bright.probability(photo, progress=shares.append)
    finally:
        bright._restorer.restore = restore  # type: ignore[method-assign]
    assert sizes == [1200, 600]
    assert found.shape == (1, 1, 1200, 1700)
    assert bool((found[0, 0, 602:638, 802:838] > 0.5).all())
    assert found[0, 0, 700:, :].max() < 0.5
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1)


def test_the_report_tells_the_share_and_that_nothing_was_found(bright: Detector) -> None:
    mask, report = bright(dark(40, 60, (10, 10, 4, 6)), Search(grow=0))
    assert (mask.gray, mask.mode, mask.depth, mask.alpha) == (True, "L", 8, None)
    assert report.covered == pytest.approx(24 / (40 * 60))
    assert (report.task, report.weights) == ("mask", ("bright",))
    mask, report = bright(dark(40, 60))
    assert not mask.pixels.any()
    assert NOTHING_FOUND in report.notes
    own = torch.zeros(1, 1, 40, 60)
    own[..., 3, 3] = 1
    mask, report = bright(dark(40, 60), own=own)
    assert mask.pixels.sum() == 3
    assert report.covered == pytest.approx(1 / 2400)


def test_numbers_out_of_range_are_refused() -> None:
    for wrong in ({"sensitivity": 101.0}, {"sensitivity": -1.0}, {"grow": 101}, {"grow": -1}):
        with pytest.raises(ConfigError, match=r"0 to 100( pixels)?, got"):
            Search(**wrong)  # type: ignore[arg-type]


def test_weights_of_another_task_are_refused_and_so_are_bundled_ones_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsError, match="for 'translate', and find no damage"):
        Detector(weights=save(tmp_path / "other.safetensors", task="translate"))
    monkeypatch.setattr("restore.models.weights._bundled_folder", lambda: tmp_path / "none")
    with pytest.raises(WeightsError, match=r"brings no scratch weights.*restore train scratch"):
        Detector()
