"""A photo that is kept in files because memory is short is restored as one in memory is, to the bit."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from skimage import data
from torch import nn

from restore.inference.chain import Chain
from restore.inference.clean import Cleaner
from restore.inference.device import choose_device
from restore.inference.steps import parse_steps
from restore.inference.upscale import Target, Upscaler
from restore.inference.verbs import Fix
from restore.io.convert import photo_from_array
from restore.io.mapped import planes_for
from restore.io.photo import Photo
from restore.models.unet import GeneratorConfig, UNet
from restore.models.weights import Card, save_weights
from restore.ops import rows
from restore.room import in_file
from restore.tasks import Condition

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files without a name")
LITTLE = 1000
"""Bytes: every picture is too large for that."""
TILE = 40
NOISY = Condition(noise=12, jpeg=100, blur=0)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, paths = tmp_path_factory.mktemp("large"), {}
    for task, scale, maps in (("clean", 1, 6), ("upscale", 2, 4)):
        torch.manual_seed(5)
        levels: dict[str, tuple[int, ...]] = {"widths": (8, 8), "encoder": (1,), "decoder": (1,)}
        config = GeneratorConfig(**levels, middle=1, head=scale, condition_channels=maps)
        network = UNet(config)
        nn.init.normal_(network.head.weight, std=0.02)
        paths[task] = folder / f"{task}.safetensors"
        card = Card(name=task, task=task, scale=scale, size="fast", generator=config)
        save_weights(paths[task], network.state_dict(), card)
    return paths


def picture(kind: str) -> Photo:
    array = data.coffee()[100:231, 200:298]
    if kind == "gray":
        return photo_from_array(array[..., 1])
    photo = photo_from_array(array)
    if kind == "toned":
        light = photo.pixels.mean(dim=0)
        return photo.with_pixels(torch.stack([light**0.9, light, light**1.2]))
    if kind == "clear":
        return photo.with_pixels(photo.pixels, torch.linspace(0, 1, 98).expand(131, 98).contiguous())
    return photo


def on_disk(photo: Photo) -> Photo:
    def moved(tensor: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(planes_for(LITTLE)(tuple(tensor.shape))).copy_(tensor)

    return photo.with_pixels(moved(photo.pixels), None if photo.alpha is None else moved(photo.alpha))


def same(one: Photo, other: Photo) -> bool:
    alphas = (one.alpha is None) == (other.alpha is None)
    if one.alpha is not None and other.alpha is not None:
        alphas = torch.equal(one.alpha, other.alpha)
    return alphas and torch.equal(one.pixels, other.pixels)


@pytest.fixture(autouse=True)
def small_bands(monkeypatch) -> None:
    monkeypatch.setattr(rows, "LEAST_ROWS", 32)
    monkeypatch.setattr(rows, "BAND_PX", 1)


@pytest.mark.parametrize("kind", ["colour", "gray", "toned", "clear"])
@pytest.mark.parametrize("fix", [Fix(verb="denoise"), Fix(verb="denoise", strength=40, grain=4), Fix(strength=0)])
def test_a_cleaned_photo_is_the_same_and_lies_in_a_file_too(kind, fix, weights) -> None:
    photo = picture(kind)
    area = torch.linspace(0, 1, photo.width).expand(1, 1, photo.height, -1) if fix.grain else None
    made = []
    for max_memory, given in ((None, photo), (LITTLE, on_disk(photo))):
        cleaner = Cleaner(device="cpu", weights=weights["clean"], max_memory=max_memory, tile=TILE)
        made.append(cleaner(given, fix, NOISY, area=area))
    (here, told), (there, told_there) = made
    assert in_file(there.pixels.data_ptr())
    assert not in_file(here.pixels.data_ptr())
    assert same(here, there)
    assert told == replace(told_there, seconds=told.seconds)


@pytest.mark.parametrize("scale", [2.0, 1.6, 3.3])
@pytest.mark.parametrize("project", [False, True])
def test_an_enlarged_photo_is_the_same_and_lies_in_a_file_too(scale, project, weights) -> None:
    photo = picture("clear")
    made = []
    for max_memory, given in ((None, photo), (LITTLE, on_disk(photo))):
        upscaler = Upscaler(device="cpu", weights=weights["upscale"], max_memory=max_memory, tile=TILE, project=project)
        made.append(upscaler(given, Target(scale=scale), NOISY)[0])
    assert in_file(made[1].pixels.data_ptr())
    assert same(*made)


def test_a_chain_of_steps_is_the_same(weights) -> None:
    photo, made = picture("colour"), []
    for max_memory, given in ((None, photo), (LITTLE, on_disk(photo))):
        chain = Chain(
            parse_steps("denoise:60,upscale:2,grain:3"),
            device=choose_device("cpu"),
            weights=list(weights.values()),
            max_memory=max_memory,
            tile=TILE,
        )
        made.append(chain(given)[0])
    assert in_file(made[1].pixels.data_ptr())
    assert same(*made)
