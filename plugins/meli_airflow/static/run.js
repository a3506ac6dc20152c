// The tab on a DAG run: which steps it computed and which it reused, its leaderboard, its decision.
import { FINISHED, formatDateTime, h, runTab, UI } from "./airflow.js";
import { Backfill } from "./backfill.js";
import { Part } from "./boundary.js";
import { Gates } from "./decisions.js";
import { count, duration, formatNumber } from "./format.js";
import {
  AppLink,
  EmptyState,
  ExternalLink,
  LabeledValue,
  LoadError,
  Loading,
  Muted,
  Note,
  Panel,
  Section,
  SkippedNote,
  StateBadge,
  Tab,
} from "./parts.js";
import { PromotableModels } from "./promotable.js";
import { Head, Question } from "./run_head.js";
import { reportUrl, SECONDS_AFTER_THE_END, useServer } from "./server.js";
import { table } from "./table.js";

/** @typedef {import("../types/responses").Run} RunResponse */
/** @typedef {import("../types/responses").Step} Step */
/** @typedef {{data: RunResponse}} Props */

const { Box, Flex, SimpleGrid, Text } = UI;
const SECONDS = 3;
const PRUNED =
  "Files of this run were deleted to save space. Its figures, decision and report stay, and running it again computes it again.";

/** @param {{dagId: string, runId: string}} props as Airflow passes them */
export function RunTab({ dagId, runId }) {
  if (dagId === "meli_training") return h(Run, { runId });
  if (dagId === "meli_backfill") return h(Backfill, { runId });
  return h(
    Tab,
    null,
    h(
      EmptyState,
      { title: "Nothing to show here" },
      "This tab is for runs of ",
      h(AppLink, { to: "/dags/meli_training" }, "meli_training"),
      ".",
    ),
  );
}

/** @param {{runId: string}} props */
function Run({ runId }) {
  /** @type {import("./server.js").Loaded<RunResponse>} */
  const { data, error, reload } = useServer(`runs/${encodeURIComponent(runId)}`, ({ state }) =>
    state && !FINISHED.has(state) ? SECONDS : SECONDS_AFTER_THE_END,
  );
  if (data === undefined) {
    if (error?.status === 404) return h(Tab, null, h(EmptyState, { title: "There is no such run" }, error.message));
    return h(Tab, null, error ? h(LoadError, { error, reload }) : h(Loading, { lines: 8 }));
  }
  if (!data.plan) {
    return h(
      Tab,
      { "data-testid": "meli-run" },
      error ? h(LoadError, { error, reload }) : null,
      h(Head, { runId, data, reload }),
      FINISHED.has(data.state)
        ? null
        : h(
            EmptyState,
            { title: "There is no plan yet" },
            "The task plan writes it first. It appears here without a reload.",
          ),
    );
  }
  return h(
    Tab,
    { "data-testid": "meli-run" },
    error ? h(LoadError, { error, reload }) : null,
    h(Part, { title: "What happened" }, h(Head, { runId, data, reload })),
    data.nothing_new ? h(Note, { title: nothingNew(data) }, data.nothing_new) : null,
    data.pruned ? h(Note, { title: `Pruned on ${data.pruned}` }, PRUNED) : null,
    h(SkippedNote, { skipped: data.skipped }),
    h(Part, { title: "The question" }, h(Question, { data, runId, reload })),
    h(Part, { title: "The summary" }, h(Totals, { data })),
    h(Part, { title: "The decision" }, h(Decision, { data })),
    h(Part, { title: "The leaderboard" }, h(Results, { data, reload })),
    h(Part, { title: "The plan" }, h(Steps, { data })),
  );
}

/** @param {RunResponse} data */
const nothingNew = ({ saved_seconds: saved, evaluated }) =>
  saved && !evaluated ? `Nothing new, saved ${duration(saved)}` : "Nothing new";

/** @param {Props} props */
function Totals({ data }) {
  const reused = data.steps.filter((step) => step.state === "already there");
  const computed = data.steps.filter((step) => step.state === "computed");
  const left = data.steps.length - reused.length - computed.length;
  const seconds = (/** @type {Step[]} */ steps) => steps.reduce((total, step) => total + (step.seconds ?? 0), 0);
  return h(
    Panel,
    { mb: 6 },
    h(
      SimpleGrid,
      { columns: { base: 1, sm: 2, md: 5 }, gap: 4 },
      h(
        LabeledValue,
        { label: "Data" },
        data.source,
        h(Muted, { display: "block" }, data.as_of ? `as of ${data.as_of}` : ""),
      ),
      h(LabeledValue, { label: "Sets" }, data.sets.join(", ")),
      h(
        LabeledValue,
        { label: "Computed" },
        count(computed.length, "step"),
        h(Muted, { display: "block" }, duration(seconds(computed))),
      ),
      h(
        LabeledValue,
        { label: "Reused" },
        count(reused.length, "step"),
        h(Muted, { display: "block" }, reused.length ? `${duration(seconds(reused))} saved` : ""),
      ),
      h(
        LabeledValue,
        { label: left ? "To do" : "Estimate" },
        left ? count(left, "step") : duration(data.estimate_seconds) || "none",
        h(
          Muted,
          { display: "block" },
          left && data.estimate_seconds ? `${duration(data.estimate_seconds)} estimated in total` : "",
        ),
      ),
    ),
  );
}

/** @param {Props} props */
function Decision({ data: { decision } }) {
  if (!decision) return null;
  return h(
    Section,
    { title: "Decision" },
    h(
      Panel,
      null,
      h(
        Flex,
        { gap: 3, align: "center", wrap: "wrap", mb: decision.gates.length ? 3 : 0 },
        h(StateBadge, { of: decision.action }),
        h(Text, { fontSize: "sm" }, decision.reason),
        h(Muted, null, `decision ${decision.number}, ${formatDateTime(decision.at)}`),
      ),
      decision.gates.length ? h(Gates, { gates: decision.gates }) : null,
    ),
  );
}

/** @param {Props & {reload: () => void}} props */
function Results({ data, reload }) {
  if (!data.evaluated && data.nothing_new) {
    return h(
      Section,
      { title: "Leaderboard" },
      h(
        EmptyState,
        { title: nothingNew(data) },
        "The same models were evaluated on the same titles before: the page ",
        h(AppLink, { to: "/plugin/models" }, "Models"),
        " has their scores.",
      ),
    );
  }
  if (!data.evaluated) {
    const failed = data.state === "failed";
    return h(
      Section,
      { title: "Leaderboard" },
      h(
        EmptyState,
        { title: failed ? "No model was evaluated" : "No model is evaluated yet" },
        failed
          ? "The run failed before evaluate. The failed task's log has the reason."
          : "When all sets are trained, the task evaluate scores every model on the same test titles.",
      ),
    );
  }
  const [best, second] = data.rows
    .filter((row) => row.balanced_accuracy !== null)
    .sort((one, other) => Number(other.balanced_accuracy) - Number(one.balanced_accuracy));
  const compare =
    best && second
      ? h(
          AppLink,
          { fontSize: "sm", to: `/plugin/models?${new URLSearchParams({ left: second.id, right: best.id })}` },
          "Compare the best two",
        )
      : null;
  return h(
    Section,
    {
      title: "Leaderboard",
      beside: h(
        Flex,
        { gap: 4, wrap: "wrap", fontSize: "sm" },
        data.has_report && data.run_id ? h(ExternalLink, { href: reportUrl(data.run_id) }, "Report") : null,
        compare,
      ),
    },
    data.test_titles
      ? h(
          Muted,
          { display: "block", mb: 2 },
          data.folds > 1
            ? `On the ${count(data.test_titles, "title")} of this run, cross-validated over ${data.folds} folds.`
            : `On the ${count(data.test_titles, "test title")} of this run.`,
        )
      : null,
    h(PromotableModels, { rows: data.rows, last: data.last_decision, reload }),
  );
}

/**
 * What a running or failed step last reported.
 * @param {{step: Step}} props
 */
function Progress({ step: { progress } }) {
  if (progress.error) return h(Box, { color: "fg.error", whiteSpace: "pre-wrap" }, progress.error);
  const parts = [
    progress.epoch && `epoch ${progress.epoch}${progress.epochs ? ` of ${progress.epochs}` : ""}`,
    progress.titles_per_second && `${formatNumber(Math.round(progress.titles_per_second))} titles/s`,
    progress.seconds_left && `${duration(progress.seconds_left)} left`,
  ];
  return h(Muted, null, parts.filter(Boolean).join(", "));
}

/** @param {{step: Step}} props */
function Made({ step }) {
  if (step.state === "already there" && step.by) {
    return h(
      Muted,
      null,
      `on ${formatDateTime(step.at)} by `,
      h(AppLink, { to: runTab(step.by), fontSize: "sm" }, step.by),
    );
  }
  if (Object.keys(step.progress).length) return h(Progress, { step });
  return step.at ? h(Muted, null, formatDateTime(step.at)) : null;
}

/** @type {import("./table.js").Column<Step>[]} */
const STEP_COLUMNS = [
  { key: "stage", title: "Stage", cell: (step) => step.stage },
  {
    key: "name",
    title: "Step",
    cell: (step) =>
      h(
        Box,
        { minW: { md: "160px" }, wordBreak: "break-word" },
        step.name,
        h(Muted, { display: "block", fontFamily: "mono", fontSize: "xs", title: step.key }, step.key.slice(0, 12)),
      ),
  },
  { key: "state", title: "State", cell: (step) => h(StateBadge, { of: step.state }) },
  {
    key: "seconds",
    title: "Duration",
    numeric: true,
    wide: true,
    cell: (step) => duration(step.seconds) || "–",
    props: { whiteSpace: "nowrap" },
  },
  {
    key: "estimate",
    title: "Estimate",
    numeric: true,
    wide: true,
    cell: (step) => duration(step.estimate) || "–",
    props: { whiteSpace: "nowrap" },
  },
  { key: "made", title: "Computed", wide: true, cell: (step) => h(Box, { minW: "180px" }, h(Made, { step })) },
];

/** @param {Props} props */
const Steps = ({ data: { steps } }) =>
  h(
    Section,
    { title: "Plan" },
    table({ label: "Plan", rows: steps, rowKey: (step) => `${step.stage} ${step.key}`, columns: STEP_COLUMNS }),
  );
