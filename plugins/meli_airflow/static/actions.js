// What a person can do about runs: answer one, run it again, stop a training run, cancel a backfill, repair MLflow's alias.
import { h, UI, useState } from "./airflow.js";
import { Deciding, Done, useMay } from "./deciding.js";
import { count } from "./format.js";

/** @typedef {import("./deciding.js").Action} Action */
/** @typedef {import("../types/responses").FailedTask} FailedTask */

const { Box, Flex } = UI;
const IN_AUDIT_LOG = "Recorded in Airflow's audit log";

/**
 * A button that asks first, for users who may; below it what it did.
 * @param {{may: Parameters<typeof useMay>[0], label: string, action: Action, reload: () => void, hidden?: boolean}} props `hidden`: it is too late
 */
function Act({ may, label, action, reload, hidden = false }) {
  const [done, setDone] = useState("");
  const allowed = useMay(may) && !hidden;
  if (!allowed && !done) return null;
  return h(
    Box,
    { my: 2 },
    allowed ? h(Deciding, { label, action, onDone: setDone, reload }) : null,
    h(Done, null, done),
  );
}

/**
 * Both answers to what a run asks. In the first seconds they are greyed: Airflow would lose an answer.
 * @param {{runId: string, subject: string, readyIn: number, reload: () => void}} props
 */
export function Answers({ runId, subject, readyIn, reload }) {
  const [done, setDone] = useState("");
  const allowed = useMay("answer");
  if (!allowed) return null;
  /** @type {(approve: boolean) => Action} */
  const action = (approve) => ({
    path: "answer",
    body: { run_id: runId, approve },
    title: approve ? `Approve? ${subject}` : `Reject? ${subject}`,
    explanation: approve
      ? "The run continues, and the model becomes the champion, here and in MLflow."
      : "The champion stays. The run ends and records your answer.",
    confirm: approve ? "Approve" : "Reject",
    ...(approve ? {} : { palette: "danger" }),
  });
  const disabled = readyIn > 0;
  return h(
    Box,
    { mt: 2 },
    done
      ? null
      : h(
          Flex,
          { gap: 2, wrap: "wrap" },
          h(Deciding, { key: "approve", label: "Approve …", action: action(true), onDone: setDone, reload, disabled }),
          h(Deciding, { key: "reject", label: "Reject …", action: action(false), onDone: setDone, reload, disabled }),
        ),
    h(Done, null, done || (disabled ? "The question is new: it can be answered in a few seconds." : "")),
  );
}

/** @param {{runId: string, taskId: string, mapIndex: string, set: string, reload: () => void}} props */
export const StopTraining = ({ runId, taskId, mapIndex, set, reload }) =>
  h(Act, {
    may: "stop-training",
    label: "Stop this training …",
    reload,
    action: {
      path: "stop-training",
      body: { run_id: runId, task_id: taskId, map_index: Number(mapIndex) },
      title: `Stop training ${set}?`,
      explanation:
        "It ends within seconds, as early stopping would end it: the best epoch so far becomes the model, and the run " +
        "continues with it.",
      confirm: "Stop it",
      palette: "danger",
      stored: "Stored with the model",
    },
  });

/**
 * Clears the failed tasks of a run with all that come after them. Who may stop a training run may also clear tasks:
 * both need Airflow's right to edit task instances.
 * @param {{runId: string, failed: FailedTask[], ended: boolean, reload: () => void}} props
 */
export const RunAgain = ({ runId, failed, ended, reload }) =>
  h(Act, {
    may: "stop-training",
    hidden: !ended || !failed.length,
    label: "Clear and run again …",
    reload,
    action: {
      path: "dags/meli_training/clearTaskInstances",
      body: {
        dag_run_id: runId,
        dry_run: false,
        only_failed: false,
        include_downstream: true,
        reset_dag_runs: true,
        prevent_running_task: true, // a second press changes nothing
        task_ids: failed.map(({ task, map_index: index }) => (index >= 0 ? [task, index] : task)),
      },
      title: "Clear the failed tasks and run them again?",
      explanation:
        `${count(failed.length, "failed task")} and all tasks after ${failed.length === 1 ? "it" : "them"} run again, ` +
        "and the run decides again whether a model becomes the champion. Results that are already computed are reused.",
      confirm: "Clear and run",
      stored: "Stored as a note on the tasks",
      airflow: {
        did: "The tasks were cleared. They run again as soon as Airflow's scheduler starts the run.",
        conflict: "At least one of these tasks is running again already. Nothing was changed.",
      },
    },
  });

/** @param {{runId: string, running: number, ended: boolean, reload: () => void}} props */
export const CancelBackfill = ({ runId, running, ended, reload }) =>
  h(Act, {
    may: "cancel-backfill",
    hidden: ended,
    label: "Cancel the backfill",
    reload,
    action: {
      path: "cancel-backfill",
      body: { run_id: runId },
      title: "Cancel the backfill?",
      explanation:
        (running ? `This also stops ${count(running, "run")} of meli_training. ` : "") +
        "Results that are already computed are kept.",
      confirm: "Cancel it",
      palette: "danger",
      stored: "Stored as a note on the backfill",
    },
  });

/** @param {{reload: () => void}} props */
export const RepairAlias = ({ reload }) =>
  h(Act, {
    may: "decide",
    label: "Repair the alias",
    reload,
    action: {
      path: "repair-alias",
      body: {},
      title: "Repair MLflow's alias?",
      explanation:
        "The alias champion in MLflow is pointed at the champion of the ledger. The champion does not change.",
      confirm: "Repair it",
      stored: IN_AUDIT_LOG,
    },
  });
