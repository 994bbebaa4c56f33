"""The table of losses: every row is zero for equals, has a finite gradient everywhere, and refuses clearly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from skimage import data

from restore.errors import ConfigError
from restore.io import backbone
from restore.losses.features import bundled_features
from restore.losses.table import ROWS, Pictures, Setting, Terms, build_terms
from restore.ops.resize import resize

SETTING = Setting(device=torch.device("cpu"), seed=3)
FROM_FILES = ("own_features", "squeeze_features", "lpips", "lpips_enlarged", "vgg_features")
MISSING = [name for name in FROM_FILES if name != "own_features" or not bundled_features().is_file()]
FREE = [name for name in ROWS if name not in FROM_FILES and not ROWS[name].of_logits]
FOR_HOLES = ("hole", "hole_rmse", "known")


@pytest.fixture(autouse=True)
def _an_empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in (backbone.BACKBONE_VARIABLE, backbone.VGG_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def photo() -> torch.Tensor:
    crop = data.astronaut()[100:164, 150:278]
    return torch.cat(torch.from_numpy(crop.copy()).permute(2, 0, 1)[None].float().div(255).split(64, dim=3))


def seen(name: str, restored: torch.Tensor, target: torch.Tensor, step: int = 0) -> Pictures:
    """What a row looks at; with a hole in the middle for those that need one."""
    small = resize(target, target.shape[-2] // 4, target.shape[-1] // 4)
    mask = hole_in(target) if name in FOR_HOLES else None
    return Pictures(restored=restored, target=target, lq=small, mask=mask, average=target * 0.9, step=step)


def hole_in(target: torch.Tensor) -> torch.Tensor:
    mask = torch.zeros(len(target), 1, *target.shape[-2:])
    mask[..., 10:30, 20:33] = 1
    return mask


def slope(name: str, terms: Terms, restored: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    image = restored.clone().requires_grad_()
    return torch.autograd.grad(terms(seen(name, image, target))[0], image)[0]


@pytest.mark.parametrize("name", FREE)
def test_a_row_is_zero_for_equals_and_positive_for_a_spoilt_photo(name: str) -> None:
    terms, target = build_terms({name: 1.0}, SETTING), photo()
    least = 1e-3 if name in {"charbonnier", "rmse", "hole_rmse"} else 0.0
    assert terms(seen(name, target, target))[0].item() == pytest.approx(least, abs=1e-6)
    grain = torch.randn(target.shape, generator=torch.Generator().manual_seed(0)) * 0.1
    pictures = replace(seen(name, target + grain, target), average=target)
    assert terms(pictures)[0].item() > least + 1e-5


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("shade", [0.0, 0.5, 1.0])
def test_a_row_has_a_finite_gradient_on_equal_and_on_flat_patches(name: str, shade: float) -> None:
    terms, flat = build_terms({name: 1.0}, SETTING), torch.full((2, 3, 48, 48), shade)
    for restored, target in ((photo(), photo()), (flat, flat), (flat + 1 / 255, flat), (flat, photo()[..., :48, :48])):
        assert slope(name, terms, restored, target).isfinite().all()


@pytest.mark.parametrize("name", FREE)
def test_a_row_computes_in_float32_whatever_autocast_is_around(name: str) -> None:
    terms, target = build_terms({name: 1.0}, SETTING), photo()
    plain = terms(seen(name, target * 0.9, target))[0]
    with torch.autocast("cpu", torch.bfloat16):
        cast = terms(seen(name, target * 0.9, target))[0]
    assert cast.dtype == torch.float32
    assert cast.item() == plain.item()


@pytest.mark.parametrize("name", FREE)
def test_a_row_depends_on_seed_and_step_alone(name: str) -> None:
    target = photo()
    first, second = (build_terms({name: 1.0}, SETTING) for _ in range(2))
    for step in (0, 1, 700):
        values = {terms(seen(name, target * 0.9, target, step))[0].item() for terms in (first, second)}
        assert len(values) == 1


def test_the_sum_is_weighted_and_the_parts_are_not() -> None:
    target = photo()
    whole, parts = build_terms({"l1": 2.0, "gradient": 10.0}, SETTING)(seen("l1", target * 0.9, target))
    assert whole.item() == pytest.approx(2 * parts["l1"].item() + 10 * parts["gradient"].item())


def test_only_the_artefact_row_asks_for_the_average() -> None:
    assert [name for name in FREE if build_terms({name: 1.0}, SETTING).needs_average] == ["artefact"]
    with pytest.raises(ConfigError, match="averaged"):
        build_terms({"artefact": 1.0}, SETTING)(Pictures(restored=photo(), target=photo(), lq=photo()))


def test_the_hole_and_what_is_known_around_it_are_weighed_apart_and_other_rows_see_the_hole_alone() -> None:
    target = photo()
    mask = hole_in(target)
    restored = target + torch.where(mask == 1, 0.3, 0.1)
    pictures = Pictures(restored=restored, target=target, lq=target, mask=mask)
    terms = build_terms({"hole": 2.0, "known": 3.0, "l1": 1.0}, SETTING)
    whole, parts = terms(pictures)
    share = float(mask.mean())
    expected = {"hole": 0.3, "known": 0.1, "l1": 0.3 * share}
    assert {name: part.item() for name, part in parts.items()} == pytest.approx(expected, rel=1e-4)
    assert whole.item() == pytest.approx(2 * 0.3 + 3 * 0.1 + 0.3 * share, rel=1e-4)


def test_a_picture_with_a_small_hole_counts_as_much_as_one_with_a_large_hole() -> None:
    target, mask = torch.full((2, 3, 20, 20), 0.5), torch.zeros(2, 1, 20, 20)
    mask[0, :, 3, 4] = 1
    mask[1, :, 5:15, 5:15] = 1
    restored = target + torch.tensor([0.4, 0.2]).view(2, 1, 1, 1)
    pictures = Pictures(restored=restored, target=target, lq=target, mask=mask)
    assert build_terms({"hole": 1.0}, SETTING)(pictures)[0].item() == pytest.approx((0.4 + 0.2) / 2)


def test_without_a_mask_the_rows_for_holes_refuse() -> None:
    assert [name for name in FREE if build_terms({name: 1.0}, SETTING).needs_mask] == list(FOR_HOLES)
    for name in FOR_HOLES:
        with pytest.raises(ConfigError, match="for tasks that fill holes"):
            build_terms({name: 1.0}, SETTING)(Pictures(restored=photo(), target=photo(), lq=photo()))


@pytest.mark.parametrize("name", MISSING)
def test_a_row_without_its_file_says_what_to_do(name: str) -> None:
    with pytest.raises(ConfigError, match="random_features"):
        build_terms({name: 1.0}, SETTING)


@pytest.mark.parametrize(
    ("weights", "message"),
    [({"l3": 1.0}, "unknown loss 'l3'; known: l1"), ({"l1": 0.0}, "must be positive"), ({}, "at least one")],
)
def test_a_wrong_recipe_is_refused(weights: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_terms(weights, SETTING)
