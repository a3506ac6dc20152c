// The head of a run's tab: what happened in a line, each failed task with why, and the button that runs them again.

import { Answers, RunAgain } from "./actions.js";
import { FINISHED, h, runPath, UI } from "./airflow.js";
import { Fold } from "./fold.js";
import { count } from "./format.js";
import { AppLink, Note } from "./parts.js";

/** @typedef {import("../types/responses").Run} RunResponse */
/** @typedef {import("../types/responses").RunHead} RunHead */
/** @typedef {import("../types/responses").FailedTask} FailedTask */

const { Box } = UI;
const LISTED = 10;

/** @type {Partial<Record<string, "info" | "success" | "warning" | "error">>} */
const STATUS = { failed: "error", waiting: "warning", promoted: "success" };

/**
 * A failed task as a link to its log.
 * @param {{runId: string, task: FailedTask}} props
 */
export function TaskLink({ runId, task: { task, map_index: index, label, in_airflow: known } }) {
  const mapped = index >= 0 ? `/mapped/${index}` : "";
  return known
    ? h(AppLink, { to: `${runPath(runId)}/tasks/${encodeURIComponent(task)}${mapped}`, fontWeight: "bold" }, label)
    : h("b", null, label);
}

/** @param {{runId: string, head: RunHead}} props */
function FailedTasks({ runId, head: { failed } }) {
  if (!failed.length) return null;
  return h(
    Box,
    { as: "ul", ps: 5, my: 2, listStyleType: "disc" },
    failed
      .slice(0, LISTED)
      .map((task) =>
        h(
          Box,
          { as: "li", key: `${task.task} ${task.map_index} ${task.label}`, overflowWrap: "anywhere" },
          h(TaskLink, { runId, task }),
          `: ${task.message}`,
        ),
      ),
    failed.length > LISTED
      ? h(Box, { as: "li", key: "more" }, `and ${count(failed.length - LISTED, "task")} more`)
      : null,
  );
}

/** @param {{runId: string, data: Pick<RunResponse, "head" | "state">, reload: () => void}} props */
export function Head({ runId, data: { head, state }, reload }) {
  const again = head.failed.filter((task) => task.in_airflow);
  // The title already says why the only task that failed did.
  return h(
    Box,
    { "data-testid": "run-head" },
    head.warning ? h(Note, { status: "warning", title: "No better than guessing" }, head.warning) : null,
    h(
      Note,
      { status: STATUS[head.outcome] ?? "info", title: head.title },
      head.detail,
      h(FailedTasks, { runId, head }),
      h(RunAgain, { runId, failed: again, ended: FINISHED.has(state), reload }),
    ),
  );
}

/**
 * What the run asks a person, the evidence, and both answers.
 * @param {{runId: string, data: RunResponse, reload: () => void}} props
 */
export function Question({ runId, data: { question, state, asked }, reload }) {
  if (!question || FINISHED.has(state)) return null;
  return h(
    Box,
    { mb: 6 },
    h(
      Note,
      { status: "warning", title: `Waiting for approval: ${question}` },
      "The run is waiting and does not occupy a worker. ",
      h(AppLink, { to: `${runPath(runId)}/tasks/approve/required_actions` }, "Review the evidence and answer"),
      " on Airflow's page, or here.",
    ),
    asked?.evidence
      ? h(
          Fold,
          { label: "Evidence" },
          h(Box, { whiteSpace: "pre-wrap", overflowWrap: "anywhere", fontSize: "sm" }, asked.evidence),
        )
      : null,
    asked ? h(Answers, { runId, subject: question, readyIn: asked.ready_in, reload }) : null,
  );
}
