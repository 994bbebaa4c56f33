"""The watch over a run: it warns once per episode, in words that name the setting, and not without reason."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

import pytest

from restore.config.adversarial import AdversarialConfig
from restore.config.train import TrainConfig
from restore.losses.table import ROWS
from restore.training.guards import Alarm, Watch, must_roll_back, not_numbers
from restore.training.journal import Event
from restore.training.limits import LIMITS

EVEN = {
    "loss": 0.05,
    "loss/l1": 0.02,
    "adversarial/weight": 0.1,
    "adversarial/accuracy": 0.75,
    "adversarial/gap": 1.5,
    "adversarial/gradient_ratio": 0.3,
}
GOOD = {"psnr_y": 27.0, "gain_db": 0.8, "lr_psnr": 45.0, "colour": 0.2, "high_frequency": 1.0, "lpips": 0.2}


def steps(watch: Watch, count: int, first: int = 50, **changed: float) -> list[Alarm]:
    """What is said over ``count`` step lines; a name is given with _ for its /."""
    values = EVEN | {name.replace("_", "/", 1): value for name, value in changed.items()}
    return [alarm for line in range(count) for alarm in watch.look(Event("step", first + 50 * line, values))]


def validations(watch: Watch, figures: Iterable[dict[str, float]], first: int = 1000) -> list[Alarm]:
    return [
        alarm
        for number, changed in enumerate(figures)
        for alarm in watch.look(Event("validated", first * (number + 1), GOOD | changed))
    ]


def kinds(alarms: list[Alarm]) -> list[str]:
    return [alarm.kind for alarm in alarms]


def test_an_even_game_with_its_usual_noise_is_left_alone() -> None:
    rng, watch, said = random.Random(0), Watch(), []
    for line in range(400):
        values = {name: value * rng.uniform(0.85, 1.15) for name, value in EVEN.items()}
        said += watch.look(Event("step", 50 * line, values))
        if line % 20 == 0:
            figures = GOOD | {"lpips": 0.3 - line / 4000, "high_frequency": rng.uniform(0.9, 1.1)}
            said += watch.look(Event("validated", 50 * line, figures))
    assert said == []


@pytest.mark.parametrize(
    ("changed", "kind", "words"),
    [
        (
            {"adversarial_accuracy": 0.99, "adversarial_gap": 9.1},
            "discriminator won",
            ("has won (99% right for 500 steps, real-fake gap 9.1)", "lower adversarial.lr", "adversarial.r1"),
        ),
        ({"adversarial_accuracy": 0.5}, "discriminator fooled", ("fools it all the time", "raise adversarial.lr")),
        (
            {"adversarial_gradient_ratio": 8.0},
            "adversarial rules",
            ("gradient is 8.0 times the others", "lower adversarial.weight"),
        ),
        ({"adversarial_gradient_ratio": 0.01}, "adversarial idle", ("only 1.0%", "raise adversarial.weight")),
    ],
)
def test_a_game_out_of_balance_is_told_once_with_its_cure(changed, kind, words) -> None:
    said = steps(Watch(), 200, **changed)
    assert kinds(said) == [kind]
    assert all(word in said[0].text for word in words), said[0].text


def test_it_takes_five_hundred_steps_to_judge_the_game() -> None:
    watch = Watch()
    assert steps(watch, 9, adversarial_accuracy=1.0) == []
    assert validations(watch, [{}], first=450) == []  # no line of the game
    assert kinds(steps(watch, 1, first=500, adversarial_accuracy=1.0)) == ["discriminator won"]


def test_a_warning_comes_back_only_after_all_was_well_in_between() -> None:
    watch = Watch()
    assert kinds(steps(watch, 20, adversarial_accuracy=0.98)) == ["discriminator won"]
    assert steps(watch, 20, adversarial_accuracy=0.95) == []  # a little better is not well
    assert steps(watch, 20, adversarial_accuracy=0.98) == []
    assert steps(watch, 20, adversarial_accuracy=0.75) == []
    assert kinds(steps(watch, 20, adversarial_accuracy=0.98)) == ["discriminator won"]


def test_nothing_is_said_of_the_game_before_it_has_begun_in_earnest() -> None:
    watch = Watch(game_from=1200)
    warming_up = {"adversarial/accuracy": 1.0, "adversarial/gap": 3.0}
    assert [alarm for line in range(20) for alarm in watch.look(Event("step", 50 * line, warming_up))] == []
    assert steps(watch, 3, first=1050, adversarial_accuracy=1.0, adversarial_weight=0.09) == []  # ramp
    assert steps(watch, 9, first=1200, adversarial_accuracy=1.0) == []
    assert kinds(steps(watch, 1, first=1650, adversarial_accuracy=1.0)) == ["discriminator won"]


@pytest.mark.parametrize(
    ("changed", "kind", "words"),
    [
        ({"colour": 1.2}, "colour", ("mean error 1.2 of 255", "add low_pass to losses")),
        ({"high_frequency": 1.6}, "too much grain", ("energy 1.60 times the truth", "lower adversarial.weight")),
        ({"lr_psnr": 38.0}, "inconsistent", ("LR-PSNR 38 dB", "lower adversarial.weight or add consistency to losses")),
    ],
)
def test_a_result_out_of_bounds_is_told_at_the_second_validation(changed, kind, words) -> None:
    watch = Watch()
    steps(watch, 1)
    assert validations(watch, [changed]) == []
    said = validations(watch, [changed] * 5)
    assert kinds(said) == [kind]
    assert all(word in said[0].text for word in words), said[0].text


def test_missing_grain_is_given_time_to_come() -> None:
    watch = Watch()
    steps(watch, 1)
    assert validations(watch, [{"high_frequency": 0.2}] * 3) == []
    (alarm,) = validations(watch, [{"high_frequency": 0.2}])
    assert "energy 0.20 times the truth: raise adversarial.weight" in alarm.text


def test_a_loss_that_is_there_already_is_to_be_raised_and_not_added() -> None:
    watch = Watch()
    steps(watch, 1, loss_low_pass=0.004)
    watch.look(Event("step", 100, {**EVEN, "loss/low_pass": 0.004}))
    (alarm,) = validations(watch, [{"colour": 1.5}] * 2)
    assert "raise low_pass in losses" in alarm.text


def test_smooth_pixel_losses_are_no_fault_where_no_discriminator_plays() -> None:
    watch = Watch()
    watch.look(Event("step", 50, {"loss": 0.02, "lr": 1e-3}))
    figures = [{"high_frequency": 0.5, "lr_psnr": 37.0, "psnr_y": 27 + number} for number in range(5)]
    assert validations(watch, figures) == []


@pytest.mark.parametrize("row", ["loss/l1", "loss/artefact"])
def test_a_jump_of_one_loss_is_told_by_its_name(row) -> None:
    watch, usual = Watch(), {**EVEN, row: 0.02}
    for line in range(20):
        assert watch.look(Event("step", 50 * line, usual)) == []
    (alarm,) = watch.look(Event("step", 1000, {**usual, row: 0.11}))
    assert alarm.kind == "explosion"
    assert f"{row} has jumped to 5.5 times its running median" in alarm.text
    assert watch.look(Event("step", 1050, {**usual, row: 0.12})) == []


def test_a_loss_without_rows_and_one_below_zero_are_watched_without_harm() -> None:
    watch = Watch()
    said = [alarm for line in range(30) for alarm in watch.look(Event("step", 50 * line, {"loss": -1.0}))]
    assert said == []
    watch = Watch()
    for line in range(20):
        watch.look(Event("step", 50 * line, {"loss": 0.1}))
    assert kinds(watch.look(Event("step", 1000, {"loss": 1.0}))) == ["explosion"]


def test_flat_scores_say_that_one_can_stop() -> None:
    watch = Watch()
    watch.look(Event("step", 50, {"loss": 0.02}))
    rising = [{"psnr_y": 30 + 0.1 * number} for number in range(10)]
    assert validations(watch, rising) == []
    said = validations(watch, [{"psnr_y": 30.9 + 0.01 * math.sin(number)} for number in range(20)])
    assert kinds(said) == ["flat"]
    assert "held-out score flat for 8 validations (best PSNR 30.90 dB): you can stop" in said[0].text


@pytest.mark.parametrize(
    ("progress", "ending"), [(0.3, "you can stop, or go on with a lower lr"), (0.9, "you can stop")]
)
def test_early_in_the_run_a_flat_score_may_mean_too_high_a_rate(progress: float, ending: str) -> None:
    watch = Watch()
    watch.look(Event("step", 50, {"loss": 0.02, "progress": progress}))
    (alarm,) = validations(watch, [{}] * 9)
    assert alarm.text.endswith(ending)


def test_in_a_game_lpips_says_whether_it_still_learns() -> None:
    watch = Watch()
    steps(watch, 1)
    falling = [{"psnr_y": 27 - 0.05 * number, "lpips": 0.3 - 0.01 * number} for number in range(10)]
    assert validations(watch, falling) == []
    said = validations(watch, [{"psnr_y": 26.5, "lpips": 0.21}] * 10)
    assert kinds(said) == ["flat"]
    assert "best LPIPS 0.210" in said[0].text


def test_a_held_out_score_that_falls_without_a_game_is_memorising() -> None:
    watch = Watch()
    watch.look(Event("step", 50, {"loss": 0.02}))
    said = validations(watch, [{"psnr_y": score} for score in (30, 31, 30.9, 30.7, 30.7, 30.7)])
    assert kinds(said) == ["falling"]
    assert "0.23 dB below its best over three validations" in said[0].text


def test_no_gain_over_the_input_points_at_the_pairs() -> None:
    watch = Watch()
    watch.look(Event("step", 50, {"loss": 0.02}))
    (alarm,) = validations(watch, [{"psnr_y": 20 + number, "gain_db": -0.5} for number in range(4)])
    assert alarm.kind == "no gain"
    assert "check the pairs" in alarm.text


def test_other_events_say_nothing() -> None:
    assert Watch().look(Event("saved", 100, {"seconds": 5.0})) == []


def test_every_cure_names_settings_that_exist() -> None:
    """A word with a dot names one of the [adversarial] table; losses are rows of the table of losses."""
    known = {f"adversarial.{name}" for name in AdversarialConfig.__dataclass_fields__} | {
        *TrainConfig.__dataclass_fields__
    }
    seen = {**EVEN, **GOOD, "jump/loss": 5.0, "best": 30.0}
    for limit in LIMITS.values():
        words = limit.text(2.0, 500.0, seen).replace(",", " ").replace(":", " ").split()
        assert {word for word in words if word.startswith("adversarial.")} <= known
    assert {"low_pass", "consistency"} <= ROWS.keys()


def test_limits_end_an_episode_on_the_healthy_side_of_where_it_began() -> None:
    for kind, limit in LIMITS.items():
        assert limit.reached(limit.beyond), kind
        assert not limit.left(limit.beyond), kind
        assert limit.left(limit.back), kind
        assert not limit.reached(limit.back), kind


def test_rolling_back_is_for_falls_beyond_the_limit_and_for_what_is_no_number() -> None:
    assert not must_roll_back(-math.inf, 25.0, 1.0)  # the first validation
    assert not must_roll_back(30.0, 29.0, 1.0)
    assert must_roll_back(30.0, 28.99, 1.0)
    assert must_roll_back(30.0, math.nan, 1.0)
    assert must_roll_back(-math.inf, math.nan, 1.0)


def test_what_is_no_number_is_named() -> None:
    assert not_numbers({"loss": 1.0, "loss/l1": -math.inf, "lr": math.nan}) == ["loss/l1", "lr"]
    assert not_numbers({}) == []
