"""Tasks that extend Airflow's own operators: those that wait for a person, and the runs that other DAGs start."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.providers.standard.triggers.external_task import DagStateTrigger
from airflow.sdk import Param, timezone
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException, AirflowSkipException
from typing_extensions import override

from meli_airflow.failures import plain_failures
from meli_tasks.concealed import restored

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

    from meli_airflow.xcom import Approval, DateRun, PromotionAnswer

TRAINING = "meli_training"
ANSWER = "approval"
"""The XCom key under which `ApprovePromotion` leaves a person's answer."""
SECONDS_BETWEEN_POLLS = 2
SECONDS_PER_TURN = 15
ENDED = ("success", "failed")
TASK_ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")


class ApproveBackfill(ApprovalOperator):
    """Displays the preview and waits for Approve or Reject; continues immediately if no approval is needed."""

    @override
    def execute(self, context: Context) -> Any:
        approval: Approval = context["ti"].xcom_pull(task_ids="preview", key="approval")
        if approval["ask"] and approval["runs"]:
            return super().execute(context)
        why = "there is nothing to run" if approval["ask"] else "the backfill was started without it"
        self.log.info("No approval needed: %s", why)
        return None

    @override
    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        # Airflow drops what a task that skips others returns, so the name of the person who rejected it is pushed.
        if self.REJECT in event.get("chosen_options", ()):
            user = event.get("responded_by_user") or {}
            context["ti"].xcom_push(key="rejected_by", value=str(user.get("name") or user.get("id") or "somebody"))
        return super().execute_complete(context, event)


class ApprovePromotion(ApprovalOperator):
    """Displays the evidence and waits for Approve or Reject; continues immediately if no person is to decide.

    The task after it runs whatever the answer is, and records it. Without an answer in time the champion stays.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(defaults=self.REJECT, **kwargs)
        reason = Param(
            "",
            type=["string", "null"],
            title="Reason",
            description="Why you approve or reject it; it is recorded with the decision.",
        )
        self.params = ParamsDict({"reason": reason})  # as an argument, Airflow would add the DAG's own

    @override
    def execute(self, context: Context) -> Any:
        decided = context["ti"].xcom_pull(task_ids="decide")
        # The answer of an earlier try, or from before the run was cleared, is to another question.
        context["ti"].xcom_push(key=ANSWER, value=None)
        if decided["verdict"] == "ask":
            return super().execute(context)
        self.log.info("No approval needed, the verdict is to %s: %s", decided["verdict"], decided["reason"])
        return None

    @override
    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        # Airflow's own method skips the task after a rejection, and fails on form fields that it does not know.
        if "error" in event:
            self.process_trigger_event_error(event)
        user = event.get("responded_by_user") or {}
        answer: PromotionAnswer = {
            "by": str(user.get("name") or user.get("id") or ""),
            "at": event["responded_at"].isoformat(),
            "approved": event["chosen_options"] == [self.APPROVE],
            "reason": str((event.get("params_input") or {}).get("reason") or ""),
            "timed_out": bool(event.get("timedout")),
        }
        self.log.info("%s", answer)
        context["ti"].xcom_push(key=ANSWER, value=answer)


class RetrainIfAdvised(TriggerDagRunOperator):
    """Starts a run of `meli_training` if the task `monitor` has a reason, which becomes the run's note."""

    template_fields: Sequence[str] = ()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            trigger_dag_id=TRAINING,
            logical_date=None,
            skip_when_already_exists=True,  # a retry of this task, or a monitoring run that was cleared
            fail_when_dag_is_paused=True,
            openlineage_inject_parent_info=False,
            **kwargs,
        )

    @override
    def execute(self, context: Context) -> None:
        reason = (context["ti"].xcom_pull(task_ids="monitor") or {}).get("retrain")
        if not reason:
            raise AirflowSkipException("Monitoring gives no reason to retrain.")
        self.trigger_run_id = f"monitoring__{context['run_id']}"
        self.note = reason
        super().execute(context)


class RunOfDate(TriggerDagRunOperator):
    """Starts one date's run of `meli_training` and waits for it without occupying a worker.

    A run that exists is not started again. If it has not ended, this task waits for it. If it failed, did not
    train every set or make its ensemble, it is resumed and reuses existing results. If it is complete, nothing happens.
    """

    # User input must not be rendered as a template.
    template_fields: Sequence[str] = ()

    def __init__(self, *, date: str, plan: str, position: int, at_once: int | None, **kwargs: Any) -> None:
        """Set up the run of one date.

        Args:
            date: The date, as text: also the name of the mapped task instance.
            plan: The name of the run's plan in the store.
            position: Which of the backfill's runs this is, from 0.
            at_once: How many of them may run at the same time; None leaves that to the pool.
            **kwargs: Arguments of the operator.
        """
        super().__init__(
            trigger_dag_id=TRAINING,
            logical_date=None,
            reset_dag_run=True,
            wait_for_completion=True,
            deferrable=True,
            fail_when_dag_is_paused=True,
            poke_interval=SECONDS_BETWEEN_POLLS,
            openlineage_inject_parent_info=False,
            **kwargs,
        )
        self.date = date
        self.plan = plan
        self.position = position
        self.at_once = at_once

    @override
    def execute(self, context: Context) -> DateRun | None:
        ti = context["ti"]
        self._wait_for_turn(ti)
        if self._runs_in(ti, "success") and self._is_done():
            self.log.info("%s is done", self.trigger_run_id)
            return {"date": self.date, "run_id": str(self.trigger_run_id)}
        if self._runs_in(ti, "queued", "running"):
            self.log.info("%s has not ended: waiting for it", self.trigger_run_id)
            self.defer(
                trigger=DagStateTrigger(
                    dag_id=TRAINING,
                    states=[*ENDED],  # type: ignore[list-item]  # the trigger is stored as JSON
                    run_ids=[str(self.trigger_run_id)],
                    poll_interval=SECONDS_BETWEEN_POLLS,
                ),
                method_name="execute_complete",
            )
        # What was typed into the form of the backfill; what passed from task to task is without its secrets.
        self.conf = restored(self.conf, dict(context["params"]))
        super().execute(context)
        return None

    @override
    def execute_complete(self, context: Context, event: tuple[str, dict[str, Any]]) -> DateRun:
        # A failed run is not retried here, because its own tasks have been retried.
        _, states = event
        run = states["run_ids"][0]
        if states.get(run) != "success":
            raise AirflowFailException(
                f"The run {run} of {TRAINING} failed. To resume it, clear this task or start the same backfill again."
            )
        return {"date": self.date, "run_id": run}

    def _wait_for_turn(self, ti: RuntimeTaskInstanceProtocol) -> None:
        """Reschedule this task while `at_once` earlier dates have not ended.

        Dates run in order, so two of them never take the same turn. A waiting date releases its pool slot, so that the
        retry of an earlier date can use it.
        """
        if self.at_once is None or self.position < self.at_once:
            return
        states = ti.get_task_states(ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id])[ti.run_id]
        ended = {name for name, state in states.items() if state in TASK_ENDED}
        before = sum(f"{ti.task_id}_{index}" not in ended for index in range(self.position))
        if before >= self.at_once:
            self.log.info(
                "%d dates before this one have not ended, and at most %d run concurrently", before, self.at_once
            )
            rounds = before // self.at_once
            later = timezone.utcnow() + timedelta(seconds=SECONDS_PER_TURN * rounds)
            raise AirflowRescheduleException(later)  # type: ignore[no-untyped-call]

    def _is_done(self) -> bool:
        from meli_tasks.backfill.preview import is_done, plan_of_run
        from meli_tasks.settings import Settings

        with plain_failures():
            store = Settings.from_environment().open_store()
            plan = plan_of_run(store, self.plan, str(self.trigger_run_id))
            return plan is not None and is_done(store, plan)

    def _runs_in(self, ti: RuntimeTaskInstanceProtocol, *states: str) -> int:
        return int(ti.get_dr_count(dag_id=TRAINING, run_ids=[str(self.trigger_run_id)], states=[*states]))
