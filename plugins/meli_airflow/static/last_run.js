// What the last run did, and why: one sentence with a link to the run.
import { formatDateTime, h, runPath, runTab, UI } from "./airflow.js";
import { Fold } from "./fold.js";
import { AppLink, Muted, StateBadge } from "./parts.js";

/** @typedef {import("../types/responses").RunOutcome} RunOutcome */

const { Box, Flex, Text } = UI;

/** The colour of each outcome, by a state that has it; an outcome without one is a state itself. */
/** @type {Record<string, string>} */
const STATES = { promoted: "promote", kept: "keep", evaluated: "keep" };

/**
 * An outcome as a badge.
 * @param {{outcome: string}} props
 */
export const OutcomeBadge = ({ outcome }) => h(StateBadge, { of: STATES[outcome] ?? outcome }, outcome);

/**
 * @param {{run: RunOutcome, linked: Set<string>}} props
 */
export function LastRun({ run, linked }) {
  const known = linked.has(run.run_id);
  const task = run.map_index < 0 ? run.task : `${run.task}/mapped/${run.map_index}`;
  return h(
    Box,
    { "data-testid": "last-run", borderTopWidth: 1, borderColor: "border", pt: 3, fontSize: "sm" },
    h(
      Flex,
      { align: "center", gap: 2, wrap: "wrap", mb: 1 },
      h(Text, { fontWeight: "semibold" }, "Last run"),
      h(OutcomeBadge, { outcome: run.outcome }),
      h(Muted, null, formatDateTime(run.at)),
      known
        ? h(AppLink, { to: runTab(run.run_id), overflowWrap: "anywhere" }, run.run_id)
        : h(Muted, { overflowWrap: "anywhere" }, run.run_id),
      known && run.task ? h(AppLink, { to: `${runPath(run.run_id)}/tasks/${task}` }, `log of ${run.task}`) : null,
    ),
    h(Text, { overflowWrap: "anywhere" }, run.sentence),
    run.detail && run.detail !== run.sentence
      ? h(Fold, { label: h(Muted, null, "The whole reason") }, h(Muted, { display: "block" }, run.detail))
      : null,
  );
}
