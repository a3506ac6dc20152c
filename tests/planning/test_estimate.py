from __future__ import annotations

import pytest

from meli_tasks.execution.runner import Step
from meli_tasks.planning.estimate import Estimate, PastRun, PastStep, RunShape, seconds_with_slots, wording


def training(epochs: int = 5, **more: object) -> Step:
    return Step("train", "mlp", {"epochs": epochs, "seed": 1, **more}, {})  # type: ignore[dict-item]


def trained(seconds: float, titles: int | None = None, epochs: int = 5, **more: object) -> PastStep:
    return PastStep(training(epochs, **more), seconds, titles)


def test_an_estimate_is_the_median_of_steps_with_the_same_parameters() -> None:
    estimate = Estimate([trained(seconds) for seconds in (10.0, 90.0, 20.0)] + [trained(1_000.0, epochs=9)])
    assert estimate.seconds(training()) == 20.0


def test_only_the_newest_steps_count_so_that_another_machine_is_soon_learned() -> None:
    estimate = Estimate([trained(10.0)] * 5 + [trained(99.0)] * 20)
    assert estimate.seconds(training()) == 10.0


def test_a_seed_changes_no_duration() -> None:
    estimate = Estimate([trained(20.0, seed=1), trained(900.0, architecture="cnn")])
    assert estimate.seconds(training(seed=77)) == 20.0


def test_without_such_a_step_the_epochs_are_scaled() -> None:
    estimate = Estimate([trained(21.0, epochs=4), trained(900.0, epochs=4, architecture="cnn")])
    assert estimate.seconds(training(epochs=8)) == pytest.approx(32.0)  # 10 s whatever the epochs


def test_without_such_a_set_it_is_that_of_the_stage() -> None:
    estimate = Estimate([trained(seconds, architecture=str(seconds)) for seconds in (10.0, 30.0, 20.0, 400.0)])
    assert estimate.seconds(training(architecture="new")) == 25.0
    assert estimate.seconds(Step("embed", "vectors", {}, {})) is None


def test_one_past_step_is_scaled_by_its_titles() -> None:
    estimate = Estimate([trained(70.0, titles=1_000)])
    assert estimate.seconds(training(), titles=4_000) == pytest.approx(250.0)


def test_a_short_step_is_taken_for_start_up_until_another_amount_of_titles_tells() -> None:
    estimate = Estimate([trained(9.0, titles=1_000)])
    assert estimate.seconds(training(), titles=4_000) == pytest.approx(9.0)


def test_two_amounts_of_titles_tell_what_a_step_takes_without_any() -> None:
    estimate = Estimate([trained(12.0, titles=1_000), trained(21.0, titles=10_000)])
    assert estimate.seconds(training(), titles=20_000) == pytest.approx(31.0)
    assert estimate.seconds(training(), titles=3_000) == pytest.approx(14.0)


def test_one_slow_night_does_not_bend_the_line() -> None:
    nights = [trained(2.0 + titles / 1_000, titles=titles) for titles in (1_000, 2_000, 4_000, 8_000, 16_000)]
    estimate = Estimate([*nights, trained(500.0, titles=4_100)])
    assert estimate.seconds(training(), titles=40_000) == pytest.approx(42.0, rel=0.1)


def test_titles_that_take_less_time_give_no_negative_estimate() -> None:
    estimate = Estimate([trained(30.0, titles=1_000), trained(3.0, titles=10_000)])
    assert 0 < (estimate.seconds(training(), titles=1_000_000) or 0) <= 30


def test_steps_on_another_device_than_the_newest_do_not_count() -> None:
    on_gpu = PastStep(training(), 3.0, 1_000, ("cuda", 1))
    estimate = Estimate([on_gpu, trained(90.0, titles=1_000), trained(90.0, titles=1_000)])
    assert estimate.seconds(training(), titles=1_000) == 3.0


def test_an_evaluation_takes_as_long_as_its_models_whose_figures_differ_each_time() -> None:
    def evaluation(models: int, figure: float) -> Step:
        return Step("evaluate", "", {"validation": {"mlp": figure}}, {f"model:{place}": "" for place in range(models)})

    estimate = Estimate([PastStep(evaluation(2, 0.9), 30.0, 1_000)])
    assert estimate.seconds(evaluation(2, 0.8), titles=1_000) == 30.0
    assert estimate.seconds(evaluation(4, 0.8), titles=1_000) == 50.0


SHAPE = RunShape(in_airflow=True, sets=("mlp",), steps=10)


def test_a_run_takes_its_steps_and_what_runs_of_its_kind_took_besides() -> None:
    estimate = Estimate([], [PastRun(SHAPE, seconds, 30.0) for seconds in (80.0, 70.0, 900.0)])
    found = estimate.run(SHAPE, 32.0)
    assert found is not None
    assert (found.seconds, found.runs) == (82.0, 3)


def test_a_run_whose_results_exist_still_starts_its_tasks() -> None:
    found = Estimate([], [PastRun(SHAPE, 70.0, 30.0)]).run(SHAPE, 0.0)
    assert found is not None
    assert found.seconds == 40.0


def test_a_run_of_a_new_kind_is_a_guess_by_the_number_of_its_steps() -> None:
    other = RunShape(in_airflow=True, sets=("cnn", "mlp"), steps=20)
    local = PastRun(RunShape(in_airflow=False, sets=("cnn", "mlp"), steps=20), 31.0, 30.0)
    found = Estimate([], [PastRun(SHAPE, 70.0, 30.0), local]).run(other, 60.0)
    assert found is not None
    assert (found.seconds, found.runs) == (140.0, 0)


def test_a_run_with_an_unknown_step_has_no_estimate_and_none_is_zero_or_negative() -> None:
    estimate = Estimate([], [PastRun(SHAPE, 10.0, 90.0)])
    assert estimate.run(SHAPE, None) is None
    assert estimate.run(SHAPE, 0.0) is None
    found = estimate.run(SHAPE, 60.0)
    assert found is not None
    assert found.seconds == 30.0
    assert Estimate([]).run(SHAPE, 0.0) is None


@pytest.mark.parametrize(
    ("seconds", "runs", "text"),
    [
        (None, None, "no estimate yet: no run of this kind so far"),
        (70.0, 1, "about 1 min 10 s by 1 run of this kind"),
        (70.0, 3, "about 1 min 10 s by 3 runs of this kind"),
        (70.0, 0, "roughly 1 min 10 s, a guess from other runs: no run of this kind so far"),
        (70.0, None, "about 1 min 10 s by past runs"),
    ],
)
def test_an_estimate_says_how_sure_it_is(seconds: float | None, runs: int | None, text: str) -> None:
    assert wording(seconds, runs) == text


@pytest.mark.parametrize(
    ("slots", "seconds"),
    [
        (1, 5.0 + 7.0 + 60.0),  # one after another
        (2, 5.0 + 7.0 + 30.0),  # an even split over two slots
        (4, 5.0 + 7.0 + 28.0),  # no less than the longest training
    ],
)
def test_trainings_share_the_slots_and_other_steps_run_one_after_another(slots: int, seconds: float) -> None:
    steps = [("ingest", 5.0), ("embed", 7.0), ("train", 28.0), ("train", 20.0), ("train", 12.0)]
    assert seconds_with_slots(steps, slots) == pytest.approx(seconds)


def test_a_step_that_takes_no_time_adds_none() -> None:
    assert seconds_with_slots([("ingest", 0.0), ("train", 0.0), ("train", 8.0)], 1) == 8.0


def test_a_run_without_trainings_takes_as_long_as_its_other_steps() -> None:
    assert seconds_with_slots([("ingest", 0.25), ("embed", 0.5)], 2) == 0.75


def test_a_run_has_no_estimate_if_one_of_its_steps_has_none() -> None:
    assert seconds_with_slots([("ingest", 5.0), ("train", None)], 1) is None
