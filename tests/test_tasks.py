"""The table of tasks: what a network of each is told, and what is asked of its results."""

from __future__ import annotations

import pytest
import torch

from restore.errors import ConfigError
from restore.models.build import build_generator, generator_config
from restore.tasks import BLIND, CLEAN, TASKS, Condition, condition_maps, find_task


def test_a_photo_to_be_enlarged_is_described_by_four_maps() -> None:
    maps = find_task("upscale").maps(Condition(noise=25, jpeg=40))
    assert maps.shape == (1, 4, 1, 1)
    assert maps.flatten().tolist() == pytest.approx([25 / 50, 1, 1 - 40 / 100, 1])
    assert find_task("upscale").maps(BLIND).flatten().tolist() == [0, 0, 0, 0]


def test_a_photo_to_be_cleaned_is_described_by_six_maps() -> None:
    maps = find_task("clean").maps(Condition(noise=25, blur=1))
    assert maps.flatten().tolist() == pytest.approx([25 / 50, 1, 0, 0, 1 / 4, 1])
    assert find_task("clean").maps(CLEAN).flatten().tolist() == [0, 1, 0, 1, 0, 1]


@pytest.mark.parametrize(("angle", "right", "down"), [(0, 3, 0), (90, 0, -3), (45, 2, -2), (-45, 2, 2)])
def test_a_movement_leaves_a_streak_of_its_length_that_rises_to_the_right(angle: float, right: int, down: int) -> None:
    condition = Condition.of_motion(9, angle)
    kernel = condition.kernel()
    assert kernel is not None
    assert kernel[0, 10 + down, 10 + right] > 0.05
    assert float(kernel[0, 10 + right, 10 - down]) == pytest.approx(0, abs=1e-6)  # a quarter turn further
    spread = (torch.arange(-10, 11).square() * kernel[0].sum(dim=0 if abs(angle) < 90 else 1)).sum()
    if angle % 90 == 0:
        assert float(spread) == pytest.approx(9**2 / 12, rel=0.1)  # the variance of a line of 9 pixels
    assert condition.blur == pytest.approx((9**2 / 24) ** 0.5, abs=0.06)


def test_round_blur_has_a_round_kernel_and_no_blur_has_none() -> None:
    kernel = Condition(blur=1.5).kernel()
    assert kernel is not None
    torch.testing.assert_close(kernel, kernel.mT)
    assert Condition(blur=0.0).kernel() is None
    assert BLIND.kernel() is None


def test_a_translation_is_told_nothing() -> None:
    for condition in (CLEAN, BLIND, Condition(noise=10)):
        assert find_task("translate").maps(condition).shape == (1, 0, 1, 1)


@pytest.mark.parametrize("size", ["fast", "base"])
@pytest.mark.parametrize("name", TASKS)
def test_the_networks_of_every_task_take_its_maps_at_every_scale(name: str, size: str) -> None:
    task = TASKS[name]
    assert task.name == name
    for scale in task.scales:
        network = build_generator(
            generator_config(
                size,
                scale=scale,
                condition_channels=task.condition_channels,
                residual=task.faithful,
                masked=task.masked,
                detects=task.detects,
            )
        )
        with torch.no_grad():
            maps = (torch.rand(2, 1, 16, 32) < 0.5).float() if task.masked else task.maps(CLEAN)
            result = network(torch.rand(2, 3, 16, 32), maps)
        assert result.shape == (2, 1 if task.detects else 3, 16 * scale, 32 * scale)


def test_restoring_is_faithful_and_translating_is_not() -> None:
    assert find_task("upscale").faithful
    assert not find_task("upscale").needs_pairs
    assert not find_task("translate").faithful
    assert find_task("translate").needs_pairs
    assert find_task("translate").scales == (1,)


def test_filling_holes_is_told_a_mask_and_no_condition_stands_for_one() -> None:
    task = find_task("inpaint")
    assert (task.masked, task.condition_channels, task.scales, task.faithful) == (True, 1, (1,), True)
    for refused in (lambda: task.maps(CLEAN), task.pair_maps):
        with pytest.raises(ConfigError, match="inpaint is told a mask for each picture"):
            refused()
    with pytest.raises(ConfigError, match="told a mask, not a condition"):
        condition_maps(BLIND, 1)


def test_finding_damage_is_told_nothing_and_gives_no_picture() -> None:
    task = find_task("scratch")
    assert (task.detects, task.faithful, task.masked, task.scales) == (True, False, False, (1,))
    assert task.maps(BLIND).shape == (1, 0, 1, 1)
    assert [row.name for row in TASKS.values() if row.detects] == ["scratch"]


def test_a_number_of_maps_that_no_task_has_is_refused() -> None:
    with pytest.raises(ConfigError, match="0, 4 or 6 condition maps, not 3"):
        condition_maps(CLEAN, 3)


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown task 'colourise'; known: upscale, clean, inpaint, translate"):
        find_task("colourise")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [({"noise": 51}, "0 to 50"), ({"noise": -1}, "0 to 50"), ({"jpeg": 0}, "1 to 100"), ({"blur": 5}, "0 to 4 pixels")],
)
def test_a_condition_out_of_range_is_refused(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Condition(**wrong)
