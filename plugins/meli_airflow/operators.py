"""The two tasks of `meli_backfill` that are Airflow's own operators, told a little more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.external_task import DagStateTrigger
from airflow.sdk import timezone
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

TRAINING = "meli_training"
SECONDS_BETWEEN_LOOKS = 2
SECONDS_BETWEEN_TURNS = 15
ENDED = ("success", "failed")
TASK_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")


class ApproveBackfill(ApprovalOperator):
    """Shows the preview and waits for Approve or Reject; passes at once where nobody is asked or nothing is to run."""

    def execute(self, context: Any) -> Any:
        """Ask, unless the backfill says not to."""
        asked = context["ti"].xcom_pull(task_ids="preview", key="asked")
        if asked["ask"] and asked["runs"]:
            return super().execute(context)
        self.log.info("Nobody is asked: %s", "nothing is to be run" if asked["ask"] else "that is how it was started")
        return None

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Go on, or skip what follows; a rejection leaves who made it, as what a skipping task returns is not kept."""
        if self.REJECT in event.get("chosen_options", ()):
            user = event.get("responded_by_user") or {}
            context["ti"].xcom_push(key="rejected_by", value=str(user.get("name") or user.get("id") or "somebody"))
        return super().execute_complete(context, event)


class RunOfDate(TriggerDagRunOperator):
    """Starts one date's run of `meli_training` and waits for it without holding a worker.

    A run that is there already is not started anew: one that goes on is waited for, one that failed, or left a set
    untrained or its ensemble unmade, is resumed (what is in the store is not computed again), and one that is done is
    left alone.
    """

    # What a person typed must not be rendered as a template.
    template_fields: Sequence[str] = ()

    def __init__(self, *, date: str, plan: str, place: int, at_once: int | None, **kwargs: Any) -> None:
        """`plan`: its name in the store. `place`: which of the backfill's runs this is, from 0, of which `at_once` at
        most may go on together.
        """
        super().__init__(
            trigger_dag_id=TRAINING,
            logical_date=None,
            reset_dag_run=True,
            wait_for_completion=True,
            deferrable=True,
            fail_when_dag_is_paused=True,
            poke_interval=SECONDS_BETWEEN_LOOKS,
            openlineage_inject_parent_info=False,
            **kwargs,
        )
        self.date = date
        self.plan = plan
        self.place = place
        self.at_once = at_once

    def execute(self, context: Any) -> dict[str, str] | None:
        """Start the run when its turn has come."""
        ti = context["ti"]
        self._wait_for_turn(ti)
        if self._runs_in(ti, ["success"]) and self._is_done():
            self.log.info("%s is done", self.trigger_run_id)
            return {"date": self.date, "run_id": str(self.trigger_run_id)}
        if self._runs_in(ti, ["queued", "running"]):
            self.log.info("%s goes on already: waiting for it", self.trigger_run_id)
            self.defer(
                trigger=DagStateTrigger(
                    dag_id=TRAINING,
                    states=[*ENDED],
                    run_ids=[str(self.trigger_run_id)],
                    poll_interval=SECONDS_BETWEEN_LOOKS,
                ),
                method_name="execute_complete",
            )
        super().execute(context)
        return None

    def execute_complete(self, context: Any, event: tuple[str, dict[str, Any]]) -> dict[str, str]:
        """Tell how the run ended. A failed one is not tried again here: its own tasks were."""
        _, told = event
        run = told["run_ids"][0]
        if told.get(run) != "success":
            raise AirflowFailException(
                f"The run {run} of {TRAINING} failed. Clear this task, or ask for the backfill again, to resume it."
            )
        return {"date": self.date, "run_id": run}

    def _wait_for_turn(self, ti: Any) -> None:
        """Come back later while as many dates before this one as may run together have not ended.

        In order, so that no two of them can take the same turn; without holding the pool's slot, so that a date before
        this one that is tried again gets it.
        """
        if self.at_once is None or self.place < self.at_once:
            return
        states = ti.get_task_states(ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id])[ti.run_id]
        ended = {name for name, state in states.items() if state in TASK_ENDED}
        before = sum(f"{ti.task_id}_{index}" not in ended for index in range(self.place))
        if before >= self.at_once:
            rounds = before // self.at_once
            self.log.info("%d dates before this one have not ended, %d run at once", before, self.at_once)
            raise AirflowRescheduleException(timezone.utcnow() + timedelta(seconds=SECONDS_BETWEEN_TURNS * rounds))

    def _is_done(self) -> bool:
        from meli_tasks.backfill.preview import is_done
        from meli_tasks.planning.plan import Plan
        from meli_tasks.settings import Settings

        store = Settings.from_environment().open_store()
        return is_done(store, Plan.load(store, self.plan))

    def _runs_in(self, ti: Any, states: list[str]) -> int:
        return int(ti.get_dr_count(dag_id=TRAINING, run_ids=[self.trigger_run_id], states=states))
