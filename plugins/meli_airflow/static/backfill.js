// The tab on a run of meli_backfill: its preview, the progress of each date, and the button that cancels it.
import { CancelBackfill } from "./actions.js";
import { FINISHED, formatDateTime, h, runPath, runTab, UI } from "./airflow.js";
import { Part } from "./boundary.js";
import { count, duration, formatDecimal, formatNumber } from "./format.js";
import {
  AppLink,
  EmptyState,
  LabeledValue,
  LoadError,
  Loading,
  Muted,
  Note,
  Panel,
  ProgressBar,
  Section,
  StateBadge,
  Tab,
} from "./parts.js";
import { SECONDS_AFTER_THE_END, useServer } from "./server.js";
import { table } from "./table.js";

/** @typedef {import("../types/responses").Backfill} BackfillResponse */
/** @typedef {import("../types/responses").BackfillDate} BackfillDate */
/** @typedef {import("../types/responses").BackfillReportDate} BackfillReportDate */
/** @typedef {NonNullable<BackfillResponse["preview"]>} Preview */
/** @typedef {{data: BackfillResponse, preview: Preview}} Props */
/** @typedef {import("react").ReactNode} ReactNode */

const { Box, Flex, SimpleGrid } = UI;
const DAG = "meli_backfill";
const SECONDS = 3;
const UNFINISHED = new Set(["running", "queued", "to compute"]);

/** @param {{runId: string}} props */
export function Backfill({ runId }) {
  /** @type {import("./server.js").Loaded<BackfillResponse>} */
  const { data, error, reload } = useServer(`backfills/${encodeURIComponent(runId)}`, ({ state }) =>
    state && !FINISHED.has(state) ? SECONDS : SECONDS_AFTER_THE_END,
  );
  if (data === undefined) {
    if (error?.status === 404)
      return h(Tab, null, h(EmptyState, { title: "There is no such backfill" }, error.message));
    return h(Tab, null, error ? h(LoadError, { error, reload }) : h(Loading, { lines: 8 }));
  }
  const { preview } = data;
  if (!preview) {
    return h(
      Tab,
      null,
      h(
        EmptyState,
        { title: "There is no preview" },
        FINISHED.has(data.state)
          ? "The task preview did not write one. Its log has the reason."
          : "The task preview writes it first. It appears here without a reload.",
      ),
    );
  }
  return h(
    Tab,
    { "data-testid": "meli-backfill" },
    error ? h(LoadError, { error, reload }) : null,
    h(Part, { title: "What needs attention" }, h(Notes, { data, preview, runId })),
    h(Part, { title: "The summary" }, h(Totals, { data, preview })),
    h(Part, { title: "The list of dates" }, h(Dates, { data, preview, runId, reload })),
  );
}

/** @param {Props & {runId: string}} props */
function Notes({ data: { report, approval }, preview, runId }) {
  const approve = `${runPath(runId, DAG)}/tasks/approve/required_actions`;
  return h(
    Box,
    null,
    approval === "awaiting_input" || approval === "deferred"
      ? h(
          Note,
          { status: "warning", title: "Waiting for approval" },
          "Nothing runs until somebody has approved the preview below. ",
          h(AppLink, { to: approve }, "Approve or reject it"),
          ".",
        )
      : null,
    report?.state === "rejected"
      ? h(Note, { title: "Rejected" }, `${report.rejected_by || "Somebody"} rejected the preview, so nothing ran.`)
      : null,
    preview.warnings.map((warning) => h(Note, { key: warning }, warning)),
  );
}

/** @param {Props} props */
function Totals({ data: { report }, preview }) {
  const { request: requested } = preview;
  const overrides = Object.entries(requested.overrides ?? {})
    .map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
    .join(", ");
  const planned = preview.dates.filter((day) => !day.done && !day.problem).length;
  const reused = `${formatNumber(preview.cached)} reused`;
  return h(
    Panel,
    { mb: 6 },
    h(
      SimpleGrid,
      { columns: { base: 1, sm: 2, md: 5 }, gap: 4 },
      h(
        LabeledValue,
        { label: "Sets" },
        requested.sets.join(", "),
        h(Muted, { display: "block" }, overrides || "no overrides"),
      ),
      h(LabeledValue, { label: "Source" }, requested.source),
      h(
        LabeledValue,
        { label: "Dates" },
        `${formatNumber(preview.dates.length)}, ${formatNumber(planned)} to run`,
        h(Muted, { display: "block" }, `promotion: ${requested.promotion}`),
      ),
      h(
        LabeledValue,
        { label: "Steps" },
        `${formatNumber(preview.computed)} to compute`,
        h(
          Muted,
          { display: "block" },
          preview.saved_seconds ? `${reused}, ${duration(preview.saved_seconds)} saved` : reused,
        ),
      ),
      report
        ? h(
            LabeledValue,
            { label: "Result" },
            `${formatNumber(report.computed)} computed, ${formatNumber(report.reused)} reused`,
            h(Muted, { display: "block" }, `${duration(report.seconds)} of computation`),
          )
        : h(LabeledValue, { label: "Estimate" }, duration(preview.estimate_seconds) || "none: there is no past run"),
    ),
  );
}

/**
 * The state to display for a date.
 * @param {BackfillDate} day
 * @param {BackfillResponse} data
 */
function dayState(day, { runs, report }) {
  if (day.empty) return "not run";
  if (day.problem) return "failed";
  const reported = report?.dates.find(({ date }) => date === day.date);
  if (reported) return reported.state;
  if (day.done) return "reused";
  const state = runs[day.run_id] ?? "";
  return { success: "done", failed: "failed", running: "running", queued: "queued" }[state] ?? "to compute";
}

/**
 * The scores of a date once it is reported; what there is to do before that.
 * @param {{day: BackfillDate, reported: BackfillReportDate | undefined}} props
 */
function Scores({ day, reported }) {
  if (day.empty) return h(Muted, null, day.problem);
  if (day.problem) return h(Box, { color: "fg.error" }, day.problem);
  if (!reported) {
    const estimate = day.estimate_seconds ? `, about ${duration(day.estimate_seconds)}` : "";
    return h(Muted, null, day.computed ? count(day.computed, "step") + estimate : "");
  }
  const ranked = Object.entries(reported.scores).sort(
    ([, one], [, other]) => other.balanced_accuracy - one.balanced_accuracy,
  );
  return h(
    Box,
    null,
    ranked.map(([name, { balanced_accuracy: score }]) =>
      h(Box, { key: name, whiteSpace: "nowrap" }, `${name} `, h("b", null, formatDecimal(score))),
    ),
    Object.entries(reported.failed).map(([name, reason]) =>
      h(Box, { key: `failed ${name}`, color: "fg.error" }, name ? `${name}: ${reason}` : reason),
    ),
  );
}

/** @param {Props & {runId: string, reload: () => void}} props */
function Dates({ data, preview, runId, reload }) {
  const states = new Map(preview.dates.map((day) => [day.date, dayState(day, data)]));
  const running = Object.values(data.runs).filter((state) => state === "running" || state === "queued").length;
  const finished = [...states.values()].filter((state) => !UNFINISHED.has(state)).length;
  const done = preview.dates.length ? finished / preview.dates.length : 1;
  const reported = new Map(data.report?.dates.map((day) => [day.date, day]));
  return h(
    Section,
    { title: "Dates", beside: h(CancelBackfill, { runId, running, ended: FINISHED.has(data.state), reload }) },
    h(
      Flex,
      { align: "center", gap: 3, mb: 3 },
      h(ProgressBar, { label: "Dates done", done, flex: 1 }),
      h(Muted, { "aria-live": "polite" }, `${finished} of ${preview.dates.length} dates done`),
    ),
    table({
      label: "Dates",
      rows: preview.dates,
      rowKey: (day) => day.date,
      columns: [
        { key: "date", title: "Date", cell: (day) => h("b", null, day.date), props: { whiteSpace: "nowrap" } },
        { key: "state", title: "State", cell: (day) => h(StateBadge, { of: states.get(day.date) ?? "" }) },
        {
          key: "cached",
          title: "Steps reused",
          numeric: true,
          cell: (day) => (day.problem ? "" : formatNumber(day.cached)),
        },
        {
          key: "scores",
          title: data.report ? "Balanced accuracy" : "To do",
          cell: (day) => h(Scores, { day, reported: reported.get(day.date) }),
        },
        {
          key: "run",
          title: "Run",
          cell: (day) =>
            data.runs[day.run_id] ? h(AppLink, { to: runTab(day.run_id) }, day.run_id) : h(Muted, null, day.run_id),
          props: { wordBreak: "break-word" },
        },
      ],
    }),
    h(
      Muted,
      { display: "block", mt: 2 },
      `Preview of ${formatDateTime(preview.at)}. To resume, clear a failed date or start the same backfill again: results that are already computed are reused.`,
    ),
  );
}
