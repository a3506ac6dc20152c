"""What a run says of the time that is left."""

from __future__ import annotations

from meli_tasks.planning.preview import Preview, PreviewStep
from meli_tasks.planning.remaining import Remaining


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def step(stage: str, name: str, estimate: float | None = None, *, cached: bool = False) -> PreviewStep:
    return PreviewStep(stage=stage, name=name, key=f"{stage}{name}", cached=cached, estimate=estimate)


def remaining(*steps: PreviewStep) -> tuple[Remaining, Clock]:
    clock = Clock()
    return Remaining(Preview(steps=steps), clock), clock


def test_the_training_run_is_counted_among_all_of_them() -> None:
    run, clock = remaining(step("ingest", "a", cached=True), *(step("train", f"set_{i}", 60.0) for i in range(31)))
    run.started("ingest", "a")
    assert run.text() == "about 31 min left"
    run.finished("ingest", "a", 0.1, computed=False)
    for number in range(6):
        run.started("train", f"set_{number}")
        run.finished("train", f"set_{number}", 60.0, computed=True)
    run.started("train", "set_6")
    clock.now = 59.0
    assert run.text() == "training 7 of 31, about 24 min left"


def test_what_was_computed_corrects_the_estimates_of_the_rest() -> None:
    run, _ = remaining(step("embed", "v", 10.0), step("train", "mlp", 20.0), step("train", "cnn", 40.0))
    run.finished("embed", "v", 15.0, computed=True)
    assert run.seconds() == 90.0


def test_what_the_step_reports_itself_counts_more_than_past_runs() -> None:
    run, _ = remaining(step("train", "mlp", 20.0), step("train", "cnn", 40.0))
    run.started("train", "mlp")
    assert run.text(seconds_left_of_step=50.0) == "training 1 of 2, about 1 min 30 s left"


def test_finished_training_runs_stand_in_for_a_missing_estimate() -> None:
    run, _ = remaining(step("train", "mlp"), step("train", "cnn"), step("train", "other"))
    run.started("train", "mlp")
    assert run.text() == "training 1 of 3"
    run.finished("train", "mlp", 12.0, computed=True)
    run.started("train", "cnn")
    assert run.text() == "training 2 of 3, about 24 s left"


def test_a_step_that_takes_longer_than_estimated_never_counts_negatively() -> None:
    run, clock = remaining(step("train", "mlp", 20.0), step("train", "cnn", 40.0))
    run.started("train", "mlp")
    clock.now = 500.0
    assert run.seconds() == 40.0


def test_without_an_estimate_and_with_a_single_training_run_nothing_is_said() -> None:
    run, _ = remaining(step("train", "mlp"))
    run.started("train", "mlp")
    assert run.text() == ""


def test_the_ensembles_of_all_folds_end_together_whichever_sets_they_combine() -> None:
    run, _ = remaining(
        step("ensemble", "cnn, mlp", 5.0), step("ensemble", "cnn, mlp, fold 1", 5.0), step("train", "mlp", 20.0)
    )
    run.finished("ensemble", "mlp, cnn", 20.0, computed=True)
    assert run.seconds() == 40.0
